// RUN: aicc-opt %s -split-input-file -verify-diagnostics

func.func @inner(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{'aicc.matmul' op inner sizes differ: 3 of a, 2 of b}}
  %0 = "aicc.matmul"(%x, %x) {trans_a = false, trans_b = false} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @scalar(%x: tensor<f32>, %y: tensor<2xf32>) {
  // expected-error @+1 {{'aicc.matmul' op operand 'a' has rank 0; expected a vector or a matrix}}
  %0 = "aicc.matmul"(%x, %y) {trans_a = false, trans_b = false} : (tensor<f32>, tensor<2xf32>) -> tensor<f32>
  return
}

// -----

func.func @transposed_vector(%x: tensor<2xf32>) {
  // expected-error @+1 {{'aicc.matmul' op attribute 'trans_a' needs a matrix, got f32[2]}}
  %0 = "aicc.matmul"(%x, %x) {trans_a = true, trans_b = false} : (tensor<2xf32>, tensor<2xf32>) -> tensor<f32>
  return
}

// -----

func.func @equation(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{'aicc.einsum' op attribute 'equation' is 'ij'; expected terms of letters and an output}}
  %0 = "aicc.einsum"(%x, %x) {equation = "ij"} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @term(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{'aicc.einsum' op term 'ijk' does not fit an operand of rank 2}}
  %0 = "aicc.einsum"(%x, %x) {equation = "ijk,ij->k"} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<3xf32>
  return
}
