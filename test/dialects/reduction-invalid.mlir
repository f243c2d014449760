// RUN: aicc-opt %s -split-input-file -verify-diagnostics

func.func @order(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{'aicc.reduce_max' op attribute 'axes' is [1, 0]; expected distinct ascending axes of rank 2}}
  %0 = "aicc.reduce_max"(%x) {axes = array<i64: 1, 0>, keepdims = false} : (tensor<2x3xf32>) -> tensor<f32>
  return
}

// -----

func.func @range(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{'aicc.softmax' op attribute 'axis' is 2; expected 0 to 1}}
  %0 = "aicc.softmax"(%x) {axis = 2 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @shape(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{'aicc.reduce_prod' op result 0 has type tensor<3xf32>, expected f32[2]}}
  %0 = "aicc.reduce_prod"(%x) {axes = array<i64: 1>, keepdims = false} : (tensor<2x3xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @position(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{'aicc.arg_min' op attribute 'axis' is -1; expected 0 to 1}}
  %0 = "aicc.arg_min"(%x) {axis = -1 : i64, keepdims = false, select_last_index = false} : (tensor<2x3xf32>) -> tensor<2xi64>
  return
}
