// RUN: aicc-opt %s --pack-weights -split-input-file | filecheck %s

// Bytes with a scale for each column stay bytes: one block, the whole column.
// CHECK-LABEL: func.func @main
// CHECK-NOT: aicc.dequantize
// CHECK: "aicc.packed_matmul"(%arg0, %{{.*}}, %{{.*}}, %{{.*}}) : (tensor<3x16xf32>, tensor<1x16x2xi8>, tensor<1x2xf32>, none) -> tensor<3x2xf32>
func.func @main(%x: tensor<3x16xf32>) -> tensor<3x2xf32> {
  %none = "aicc.none"() : () -> none
  %w = "aicc.constant"() {value = dense<3> : tensor<16x2xi8>} : () -> tensor<16x2xi8>
  %s = "aicc.constant"() {value = dense<[0.5, 1.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %d = "aicc.dequantize"(%w, %s, %none) {axis = 1 : i64} : (tensor<16x2xi8>, tensor<2xf32>, none) -> tensor<16x2xf32>
  %y = "aicc.matmul"(%x, %d) {trans_a = false, trans_b = false} : (tensor<3x16xf32>, tensor<16x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// -----

// Blocks along the summed dim, of a transposed weight.
// CHECK-LABEL: func.func @main
// CHECK: "aicc.packed_matmul"(%arg0, %{{.*}}, %{{.*}}, %{{.*}}) : (tensor<3x32xf32>, tensor<2x16x2xi8>, tensor<2x2xf32>, none) -> tensor<3x2xf32>
func.func @main(%x: tensor<3x32xf32>) -> tensor<3x2xf32> {
  %none = "aicc.none"() : () -> none
  %w = "aicc.constant"() {value = dense<3> : tensor<2x32xi8>} : () -> tensor<2x32xi8>
  %s = "aicc.constant"() {value = dense<0.5> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %d = "aicc.dequantize_blocks"(%w, %s, %none) {axis = 1 : i64, block = 16 : i64} : (tensor<2x32xi8>, tensor<2x2xf32>, none) -> tensor<2x32xf32>
  %y = "aicc.matmul"(%x, %d) {trans_a = false, trans_b = true} : (tensor<3x32xf32>, tensor<2x32xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// -----

// Blocks along the columns are no sums' blocks: they stay.
// CHECK-LABEL: func.func @main
// CHECK: "aicc.matmul"
func.func @main(%x: tensor<3x2xf32>) -> tensor<3x32xf32> {
  %none = "aicc.none"() : () -> none
  %w = "aicc.constant"() {value = dense<3> : tensor<2x32xi8>} : () -> tensor<2x32xi8>
  %s = "aicc.constant"() {value = dense<0.5> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %d = "aicc.dequantize_blocks"(%w, %s, %none) {axis = 1 : i64, block = 16 : i64} : (tensor<2x32xi8>, tensor<2x2xf32>, none) -> tensor<2x32xf32>
  %y = "aicc.matmul"(%x, %d) {trans_a = false, trans_b = false} : (tensor<3x2xf32>, tensor<2x32xf32>) -> tensor<3x32xf32>
  return %y : tensor<3x32xf32>
}
