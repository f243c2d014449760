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

// -----

// Recurrent weights in bytes, without their zero point: 131 - 128.
// CHECK-LABEL: func.func @main
// CHECK-NOT: aicc.dequantize
// CHECK: dense<3> : tensor<8x2xi8>
// CHECK: "aicc.lstm"(%arg0, {{.*}}) {{.*}} : (tensor<5x1x8xf32>, tensor<8x2xi8>, none, none, none, none, tensor<8xf32>)
func.func @main(%g: tensor<5x1x8xf32>) -> tensor<5x1x2xf32> {
  %none = "aicc.none"() : () -> none
  %w = "aicc.constant"() {value = dense<131> : tensor<8x2xui8>} : () -> tensor<8x2xui8>
  %s = "aicc.constant"() {value = dense<0.5> : tensor<8xf32>} : () -> tensor<8xf32>
  %z = "aicc.constant"() {value = dense<128> : tensor<8xui8>} : () -> tensor<8xui8>
  %r = "aicc.dequantize"(%w, %s, %z) {axis = 0 : i64} : (tensor<8x2xui8>, tensor<8xf32>, tensor<8xui8>) -> tensor<8x2xf32>
  %y, %h, %c = "aicc.lstm"(%g, %r, %none, %none, %none, %none, %none) {activations = ["sigmoid", "tanh", "tanh"], alphas = array<f64: 0.0, 0.0, 0.0>, betas = array<f64: 0.0, 0.0, 0.0>, reverse = false, input_forget = false} : (tensor<5x1x8xf32>, tensor<8x2xf32>, none, none, none, none, none) -> (tensor<5x1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>)
  return %y : tensor<5x1x2xf32>
}
