// RUN: aicc-opt %s -split-input-file -verify-diagnostics

func.func @depth(%x: tensor<3x30xf32>, %w: tensor<2x2x5xui32>, %s: tensor<2x5xf32>) {
  %none = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.packed_matmul' op operand 'x' is f32[3, 30]; its last dim must be 32}}
  %0 = "aicc.packed_matmul"(%x, %w, %s, %none) : (tensor<3x30xf32>, tensor<2x2x5xui32>, tensor<2x5xf32>, none) -> tensor<3x5xf32>
  return
}

// -----

func.func @no_scale(%x: tensor<3x32xf32>, %w: tensor<2x2x5xui32>) {
  %none = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.packed_matmul' op integers have a scale, floats have none}}
  %0 = "aicc.packed_matmul"(%x, %w, %none, %none) : (tensor<3x32xf32>, tensor<2x2x5xui32>, none, none) -> tensor<3x5xf32>
  return
}

// -----

func.func @blocks(%x: tensor<6x5xi8>, %s: tensor<2x5xf32>) {
  %none = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.dequantize_blocks' op operand 'scale' is f32[2, 5], which does not fit i8[6, 5]}}
  %0 = "aicc.dequantize_blocks"(%x, %s, %none) {axis = 0 : i64, block = 2 : i64} : (tensor<6x5xi8>, tensor<2x5xf32>, none) -> tensor<6x5xf32>
  return
}

// -----

func.func @level(%x: tensor<3x32xf32>, %w: tensor<2x2x5xui32>, %s: tensor<2x5xf32>) -> tensor<3x5xf32> {
  %none = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.packed_matmul' op attribute 'accuracy_level' is 7; expected one of (0, 1, 2, 3, 4)}}
  %0 = "aicc.packed_matmul"(%x, %w, %s, %none) {accuracy_level = 7 : i64} : (tensor<3x32xf32>, tensor<2x2x5xui32>, tensor<2x5xf32>, none) -> tensor<3x5xf32>
  return %0 : tensor<3x5xf32>
}
