// RUN: aicc-opt %s -split-input-file -verify-diagnostics

func.func @channels(%x: tensor<2x6x4xf32>, %c: tensor<5xf32>) {
  // expected-error @+1 {{'aicc.instance_norm' op operand 'scale' has 5 channels, x has 6}}
  %0 = "aicc.instance_norm"(%x, %c, %c) {epsilon = 1.0e-5 : f64} : (tensor<2x6x4xf32>, tensor<5xf32>, tensor<5xf32>) -> tensor<2x6x4xf32>
  return
}

// -----

func.func @groups(%x: tensor<2x6x4xf32>, %c: tensor<6xf32>) {
  // expected-error @+1 {{'aicc.group_norm' op attribute 'num_groups' is 4, which does not divide 6 channels}}
  %0 = "aicc.group_norm"(%x, %c, %c) {epsilon = 1.0e-5 : f64, num_groups = 4 : i64, per_group = false} : (tensor<2x6x4xf32>, tensor<6xf32>, tensor<6xf32>) -> tensor<2x6x4xf32>
  return
}

// -----

func.func @scale(%x: tensor<2x6x4xf32>, %c: tensor<3xf32>) {
  // expected-error @+1 {{'aicc.rms_norm' op operand 'scale' of shape [3] does not broadcast to [2, 6, 4]}}
  %0 = "aicc.rms_norm"(%x, %c) {axis = 2 : i64, epsilon = 1.0e-5 : f64} : (tensor<2x6x4xf32>, tensor<3xf32>) -> tensor<2x6x4xf32>
  return
}
