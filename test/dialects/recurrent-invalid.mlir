// RUN: aicc-opt %s -split-input-file -verify-diagnostics

func.func @weights(%g: tensor<?x2x16xf32>, %r: tensor<12x4xf32>) {
  %n = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.lstm' op operand 'r' has shape f32[12, 4], expected [16, 4]}}
  %0:3 = "aicc.lstm"(%g, %r, %n, %n, %n, %n, %n) {activations = ["sigmoid", "tanh", "tanh"], alphas = array<f64: 0.0, 0.0, 0.0>, betas = array<f64: 0.0, 0.0, 0.0>, reverse = true, input_forget = false} : (tensor<?x2x16xf32>, tensor<12x4xf32>, none, none, none, none, none) -> (tensor<?x2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>)
  return
}

// -----

func.func @activation(%g: tensor<?x2x4xf32>, %r: tensor<4x4xf32>) {
  %n = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.rnn' op attribute 'activations' is 'gelu', expected one of}}
  %0:2 = "aicc.rnn"(%g, %r, %n, %n, %n) {activations = ["gelu"], alphas = array<f64: 0.0>, betas = array<f64: 0.0>, reverse = false} : (tensor<?x2x4xf32>, tensor<4x4xf32>, none, none, none) -> (tensor<?x2x4xf32>, tensor<2x4xf32>)
  return
}

// -----

func.func @bytes_without_scale(%g: tensor<?x2x4xf32>, %r: tensor<4x4xi8>) {
  %n = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.rnn' op recurrent weights must be f32, got i8[4, 4]}}
  %0:2 = "aicc.rnn"(%g, %r, %n, %n, %n) {activations = ["tanh"], alphas = array<f64: 0.0>, betas = array<f64: 0.0>, reverse = false} : (tensor<?x2x4xf32>, tensor<4x4xi8>, none, none, none) -> (tensor<?x2x4xf32>, tensor<2x4xf32>)
  return
}

// -----

func.func @scale(%g: tensor<?x2x4xf32>, %r: tensor<4x4xi8>, %s: tensor<1xf32>) {
  %n = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.rnn' op operand 'scale' has shape f32[1], expected [4]}}
  %0:2 = "aicc.rnn"(%g, %r, %n, %n, %s) {activations = ["tanh"], alphas = array<f64: 0.0>, betas = array<f64: 0.0>, reverse = false} : (tensor<?x2x4xf32>, tensor<4x4xi8>, none, none, tensor<1xf32>) -> (tensor<?x2x4xf32>, tensor<2x4xf32>)
  return
}
