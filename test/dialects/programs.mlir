// RUN: aicc-opt %s | filecheck %s
// RUN: aicc-opt %s --eliminate-common --eliminate-dead | filecheck %s --check-prefix=TIDY

// Branches and bodies are modules of their own; a pass sees each by itself.
// CHECK: module @if_0_then
// CHECK: func.func @main(%{{.*}}: tensor<?x4xf32> {aicc.dims = ["n", 4]
// CHECK: call @if_0(%{{.*}}, %{{.*}}) {aicc.control = "if", aicc.programs = ["if_0_then", "if_0_else"]
// TIDY: module @if_0_then
// TIDY: aicc.exp
// TIDY-NOT: aicc.exp
// TIDY: aicc.mul
module {
  module @if_0_then {
    func.func @main(%x: tensor<?x4xf32> {aicc.dims = ["n", 4], aicc.name = "x"}) -> tensor<?x4xf32> {
      %0 = "aicc.exp"(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
      %1 = "aicc.exp"(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
      %2 = "aicc.mul"(%0, %1) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
      return %2 : tensor<?x4xf32>
    }
  }
  module @if_0_else {
    func.func @main(%x: tensor<?x4xf32> {aicc.dims = ["n", 4], aicc.name = "x"}) -> tensor<?x4xf32> {
      return %x : tensor<?x4xf32>
    }
  }
  func.func private @if_0(tensor<i1>, tensor<?x4xf32>) -> tensor<?x4xf32>
  func.func @main(%c: tensor<i1> {aicc.dims = [], aicc.name = "c"}, %x: tensor<?x4xf32> {aicc.dims = ["n", 4], aicc.name = "x"}) -> tensor<?x4xf32> {
    %0 = call @if_0(%c, %x) {aicc.control = "if", aicc.programs = ["if_0_then", "if_0_else"], aicc.result_dims = [["1:0", 4]]} : (tensor<i1>, tensor<?x4xf32>) -> tensor<?x4xf32>
    return %0 : tensor<?x4xf32>
  }
}
