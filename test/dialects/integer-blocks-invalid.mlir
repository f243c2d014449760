// RUN: aicc-opt %s -split-input-file -verify-diagnostics

func.func @rows(%x: tensor<3x30xf32>) -> tensor<2x3x16xi8> {
  // expected-error @+1 {{'aicc.quantize_rows' op operand 'x' is f32[3, 30]; its last dim must be a multiple of 'block', 16}}
  %q, %t, %m = "aicc.quantize_rows"(%x) {block = 16 : i64} : (tensor<3x30xf32>) -> (tensor<2x3x16xi8>, tensor<2x3xf32>, tensor<2x3xf32>)
  return %q : tensor<2x3x16xi8>
}

// -----

func.func @bits(%q: tensor<2x3x16xi8>, %t: tensor<2x3xf32>, %w: tensor<2x2x5xui32>, %s: tensor<2x5xf32>) -> tensor<3x5xf32> {
  %none = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.block_integer_matmul' op attribute 'bits' is 2; expected 4 or 8}}
  %0 = "aicc.block_integer_matmul"(%q, %t, %t, %w, %s, %none) {bits = 2 : i64} : (tensor<2x3x16xi8>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x2x5xui32>, tensor<2x5xf32>, none) -> tensor<3x5xf32>
  return %0 : tensor<3x5xf32>
}

// -----

func.func @depth(%q: tensor<2x3x16xi8>, %t: tensor<2x3xf32>, %w: tensor<2x2x5xui32>, %s: tensor<2x5xf32>) -> tensor<3x5xf32> {
  %none = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.block_integer_matmul' op operand 'q' is i8[2, 3, 16]; expected shape [2, ..., 8]}}
  %0 = "aicc.block_integer_matmul"(%q, %t, %t, %w, %s, %none) {bits = 8 : i64} : (tensor<2x3x16xi8>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x2x5xui32>, tensor<2x5xf32>, none) -> tensor<3x5xf32>
  return %0 : tensor<3x5xf32>
}

// -----

func.func @means(%q: tensor<2x3x16xi8>, %t: tensor<2x3xf32>, %m: tensor<4x3xf32>, %w: tensor<2x2x5xui32>, %s: tensor<2x5xf32>) -> tensor<3x5xf32> {
  %none = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.block_integer_matmul' op operand 'mean' is f32[4, 3], which does not fit i8[2, 3, 16]}}
  %0 = "aicc.block_integer_matmul"(%q, %t, %m, %w, %s, %none) {bits = 4 : i64} : (tensor<2x3x16xi8>, tensor<2x3xf32>, tensor<4x3xf32>, tensor<2x2x5xui32>, tensor<2x5xf32>, none) -> tensor<3x5xf32>
  return %0 : tensor<3x5xf32>
}
