// RUN: aicc-opt %s -split-input-file -verify-diagnostics

func.func @perm(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{'aicc.transpose' op attribute 'perm' is [0, 0], no permutation of rank 2}}
  %0 = "aicc.transpose"(%x) {perm = array<i64: 0, 0>} : (tensor<2x3xf32>) -> tensor<2x2xf32>
  return
}

// -----

func.func @elements(%x: tensor<2x3xf32>) {
  %s = "aicc.constant"() {value = dense<[4, 2]> : tensor<2xi64>} : () -> tensor<2xi64>
  // expected-error @+1 {{'aicc.reshape' op 6 elements of f32[2, 3] do not fill shape [4, 2]}}
  %0 = "aicc.reshape"(%x, %s) {allowzero = false} : (tensor<2x3xf32>, tensor<2xi64>) -> tensor<4x2xf32>
  return
}

// -----

func.func @rank(%x: tensor<2x3xf32>, %s: tensor<?xi64>) {
  // expected-error @+1 {{'aicc.reshape' op operand 'shape' must be 1-D of static size}}
  %0 = "aicc.reshape"(%x, %s) {allowzero = false} : (tensor<2x3xf32>, tensor<?xi64>) -> tensor<4x2xf32>
  return
}

// -----

func.func @unit(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{'aicc.squeeze' op dim 0 of f32[2, 3] is not 1}}
  %0 = "aicc.squeeze"(%x) {axes = array<i64: 0>} : (tensor<2x3xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @reduction(%x: tensor<2x3xf32>, %i: tensor<1x1xi64>, %u: tensor<1x3xf32>) {
  // expected-error @+1 {{'aicc.scatter_nd' op attribute 'reduction' is 'sub', expected one of none, add, mul, max, min}}
  %0 = "aicc.scatter_nd"(%x, %i, %u) {reduction = "sub"} : (tensor<2x3xf32>, tensor<1x1xi64>, tensor<1x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @dtype(%x: tensor<2x3xf32>, %i: tensor<2xf32>) {
  // expected-error @+1 {{'aicc.gather' op operand 'indices' has dtype f32; allowed: i32, i64}}
  %0 = "aicc.gather"(%x, %i) {axis = 0 : i64} : (tensor<2x3xf32>, tensor<2xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @k(%x: tensor<2x3xf32>) {
  %k = "aicc.constant"() {value = dense<4> : tensor<i64>} : () -> tensor<i64>
  // expected-error @+1 {{'aicc.topk' op operand 'k' is 4, but dim 1 of f32[2, 3] has 3 elements}}
  %0:2 = "aicc.topk"(%x, %k) {axis = 1 : i64, largest = true} : (tensor<2x3xf32>, tensor<i64>) -> (tensor<2x4xf32>, tensor<2x4xi64>)
  return
}
