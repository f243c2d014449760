// RUN: aicc-opt %s -split-input-file -verify-diagnostics

func.func @insert(%s: tensor<1xi64>, %x: tensor<4xf32>, %p: tensor<i64>) {
  // expected-error @+1 {{'aicc.sequence_insert' op takes scalars, got}}
  %0 = "aicc.sequence_insert"(%s, %x, %p) : (tensor<1xi64>, tensor<4xf32>, tensor<i64>) -> tensor<i64>
  return
}

// -----

func.func @erase(%s: tensor<f32>, %p: tensor<i64>) {
  // expected-error @+1 {{'aicc.sequence_erase' op operand 'seq' has dtype f32; allowed: i64}}
  %0 = "aicc.sequence_erase"(%s, %p) : (tensor<f32>, tensor<i64>) -> tensor<i64>
  return
}

// -----

func.func @length(%s: tensor<2xi64>) {
  // expected-error @+1 {{'aicc.sequence_length' op takes scalars, got}}
  %0 = "aicc.sequence_length"(%s) : (tensor<2xi64>) -> tensor<i64>
  return
}

// -----

func.func @at(%s: tensor<i64>, %p: tensor<i64>) {
  // expected-error @+1 {{'aicc.sequence_at' op result 0 has type}}
  %0 = "aicc.sequence_at"(%s, %p) {dtype = f32, shape = array<i64: 3>} : (tensor<i64>, tensor<i64>) -> tensor<2xf32>
  return
}

// -----

func.func @concat(%s: tensor<i64>) {
  // expected-error @+1 {{'aicc.sequence_concat' op attribute 'axis' is 1, for a result of rank 1}}
  %0 = "aicc.sequence_concat"(%s) {axis = 1 : i64, dtype = f32, shape = array<i64: -1>, stacks = false} : (tensor<i64>) -> tensor<?xf32>
  return
}

// -----

func.func @split(%x: tensor<4xf32>, %sizes: tensor<2xi64>) {
  // expected-error @+1 {{'aicc.sequence_split' op cannot split rank 1 along 1 by sizes of rank 1}}
  %0 = "aicc.sequence_split"(%x, %sizes) {axis = 1 : i64, keepdims = true} : (tensor<4xf32>, tensor<2xi64>) -> tensor<i64>
  return
}

// -----

func.func @pack(%s: tensor<i64>) {
  // expected-error @+1 {{'aicc.sequence_pack' op attribute 'rank' is -1}}
  %0:2 = "aicc.sequence_pack"(%s) {dtype = f32, rank = -1 : i64} : (tensor<i64>) -> (tensor<?x2xi64>, tensor<?xf32>)
  return
}

// -----

func.func @unpack(%sizes: tensor<?x2xi64>, %elements: tensor<?xf32>) {
  // expected-error @+1 {{are no sizes and elements of tensors of rank 1}}
  %0 = "aicc.sequence_unpack"(%sizes, %elements) {shape = array<i64: 3>} : (tensor<?x2xi64>, tensor<?xf32>) -> tensor<i64>
  return
}
