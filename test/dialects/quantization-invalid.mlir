// RUN: aicc-opt %s -split-input-file -verify-diagnostics

func.func @wide(%x: tensor<4xf32>, %s: tensor<f32>) {
  %none = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.quantize' op attribute 'to' is i32; expected an integer of 8 or 16 bits}}
  %0 = "aicc.quantize"(%x, %s, %none) {to = i32, axis = 0 : i64} : (tensor<4xf32>, tensor<f32>, none) -> tensor<4xi32>
  return
}

// -----

func.func @other_zero(%x: tensor<4xf32>, %s: tensor<f32>, %z: tensor<i8>) {
  // expected-error @+1 {{'aicc.quantize' op operand 'zero' has dtype i8, expected ui8}}
  %0 = "aicc.quantize"(%x, %s, %z) {to = ui8, axis = 0 : i64} : (tensor<4xf32>, tensor<f32>, tensor<i8>) -> tensor<4xui8>
  return
}

// -----

func.func @entries(%x: tensor<4x5xi8>, %s: tensor<4xf32>) {
  %none = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.dequantize' op operand 'scale' has 4 entries for 5 of dim 1}}
  %0 = "aicc.dequantize"(%x, %s, %none) {axis = 1 : i64} : (tensor<4x5xi8>, tensor<4xf32>, none) -> tensor<4x5xf32>
  return
}

// -----

func.func @inner(%a: tensor<2x3xui8>, %b: tensor<2x3xi8>) {
  %none = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.integer_matmul' op inner sizes differ: 3 of a, 2 of b}}
  %0 = "aicc.integer_matmul"(%a, %b, %none, %none) : (tensor<2x3xui8>, tensor<2x3xi8>, none, none) -> tensor<2x3xi32>
  return
}

// -----

func.func @pad_value(%x: tensor<1x2x5x5xui8>, %w: tensor<3x2x3x3xi8>) {
  %none = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.integer_conv' op attribute 'pad_value' is -1, which no ui8 is}}
  %0 = "aicc.integer_conv"(%x, %w, %none, %none) {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, group = 1 : i64, auto_pad = "NOTSET", layout = "NCHW", kernel_layout = "OIHW", pad_value = -1 : i64} : (tensor<1x2x5x5xui8>, tensor<3x2x3x3xi8>, none, none) -> tensor<1x3x5x5xi32>
  return
}
