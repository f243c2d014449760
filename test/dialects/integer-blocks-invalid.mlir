// RUN: aicc-opt %s -split-input-file -verify-diagnostics

func.func @rows(%x: tensor<3x30xf32>) -> tensor<3x30xi8> {
  // expected-error @+1 {{'aicc.quantize_rows' op operand 'x' is f32[3, 30]; its last dim must be a multiple of 'block', 16}}
  %q, %t, %m = "aicc.quantize_rows"(%x) {block = 16 : i64} : (tensor<3x30xf32>) -> (tensor<3x30xi8>, tensor<3x2xf32>, tensor<3x2xf32>)
  return %q : tensor<3x30xi8>
}

// -----

func.func @bits(%q: tensor<3x32xi8>, %t: tensor<3x2xf32>, %w: tensor<2x2x5xui32>, %s: tensor<2x5xf32>) -> tensor<3x5xf32> {
  %none = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.block_integer_matmul' op attribute 'bits' is 2; expected 4 or 8}}
  %0 = "aicc.block_integer_matmul"(%q, %t, %t, %w, %s, %none) {bits = 2 : i64} : (tensor<3x32xi8>, tensor<3x2xf32>, tensor<3x2xf32>, tensor<2x2x5xui32>, tensor<2x5xf32>, none) -> tensor<3x5xf32>
  return %0 : tensor<3x5xf32>
}

// -----

func.func @depth(%q: tensor<3x32xi8>, %t: tensor<3x2xf32>, %w: tensor<2x2x5xui32>, %s: tensor<2x5xf32>) -> tensor<3x5xf32> {
  %none = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.block_integer_matmul' op operand 'q' is i8[3, 32]; its last dim must be 16}}
  %0 = "aicc.block_integer_matmul"(%q, %t, %t, %w, %s, %none) {bits = 8 : i64} : (tensor<3x32xi8>, tensor<3x2xf32>, tensor<3x2xf32>, tensor<2x2x5xui32>, tensor<2x5xf32>, none) -> tensor<3x5xf32>
  return %0 : tensor<3x5xf32>
}

// -----

func.func @means(%q: tensor<3x32xi8>, %t: tensor<3x2xf32>, %m: tensor<3x4xf32>, %w: tensor<2x2x5xui32>, %s: tensor<2x5xf32>) -> tensor<3x5xf32> {
  %none = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.block_integer_matmul' op operand 'mean' is f32[3, 4]; its last dim must be 2}}
  %0 = "aicc.block_integer_matmul"(%q, %t, %m, %w, %s, %none) {bits = 4 : i64} : (tensor<3x32xi8>, tensor<3x2xf32>, tensor<3x4xf32>, tensor<2x2x5xui32>, tensor<2x5xf32>, none) -> tensor<3x5xf32>
  return %0 : tensor<3x5xf32>
}
