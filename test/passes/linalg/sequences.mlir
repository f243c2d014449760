// RUN: aicc-opt %s --lower-to-linalg | filecheck %s

// Sizes are asked for before the elements; one function of the runtime for all element types.
// CHECK-LABEL: func.func @main
// CHECK: call @aicc_sequence_insert.f32(
// CHECK-SAME: aicc.message = "node 'append'"
// CHECK: %[[DIMS:.*]] = call @aicc_sequence_dims(
// CHECK: %[[N:.*]] = tensor.extract
// CHECK: call @aicc_sequence_get.f32(
func.func @main(%s: tensor<i64> {aicc.dims = [], aicc.name = "s"}, %x: tensor<?xf32> {aicc.dims = ["n"], aicc.name = "x"}, %p: tensor<i64> {aicc.dims = [], aicc.name = "p"}) -> (tensor<?xf32> {aicc.dims = ["m"], aicc.name = "y"}) {
  %none = "aicc.none"() : () -> none
  %0 = "aicc.sequence_insert"(%s, %x, %none) : (tensor<i64>, tensor<?xf32>, none) -> tensor<i64> loc("append")
  %1 = "aicc.sequence_at"(%0, %p) {dtype = f32, shape = array<i64: -1>} : (tensor<i64>, tensor<i64>) -> tensor<?xf32>
  return %1 : tensor<?xf32>
}
