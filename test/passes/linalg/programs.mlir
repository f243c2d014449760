// RUN: aicc-opt %s --lower-to-linalg | filecheck %s

// A call of programs becomes one on storage types; sizes of its results that follow from those of operands are theirs.
// CHECK: module @loop_0_body
// CHECK: func.func @main(%{{.*}}: tensor<i64>{{.*}}, %[[C:.*]]: tensor<i8>
// CHECK: linalg.generic
// CHECK: func.func private @loop_0(tensor<i64>, tensor<i8>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?x?xf32>)
// CHECK: func.func @main
// CHECK: %[[R:.*]]:2 = call @loop_0(%{{.*}}, %{{.*}}, %{{.*}}) {aicc.carried = 1 : i64, aicc.control = "loop"
// CHECK: linalg.generic
module {
  module @loop_0_body {
    func.func @main(%i: tensor<i64> {aicc.dims = [], aicc.name = "round"}, %c: tensor<i1> {aicc.dims = [], aicc.name = "condition"}, %x: tensor<?xf32> {aicc.dims = ["n"], aicc.name = "carried_0"}) -> (tensor<i1>, tensor<?xf32>, tensor<?xf32>) {
      %0 = "aicc.exp"(%x) : (tensor<?xf32>) -> tensor<?xf32>
      return %c, %0, %0 : tensor<i1>, tensor<?xf32>, tensor<?xf32>
    }
  }
  func.func private @loop_0(tensor<i64>, tensor<i1>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?x?xf32>)
  func.func @main(%t: tensor<i64> {aicc.dims = [], aicc.name = "t"}, %c: tensor<i1> {aicc.dims = [], aicc.name = "c"}, %x: tensor<?xf32> {aicc.dims = ["n"], aicc.name = "x"}) -> (tensor<?xf32>, tensor<?x?xf32>) {
    %0:2 = call @loop_0(%t, %c, %x) {aicc.carried = 1 : i64, aicc.control = "loop", aicc.programs = ["loop_0_body"], aicc.result_dims = [["2:0"], [-1, "2:0"]]} : (tensor<i64>, tensor<i1>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?x?xf32>)
    %1 = "aicc.add"(%0#0, %x) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    return %1, %0#1 : tensor<?xf32>, tensor<?x?xf32>
  }
}
