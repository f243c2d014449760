// RUN: aicc-opt %s -split-input-file -verify-diagnostics

func.func @sizes(%x: tensor<2x3xf32>, %y: tensor<2xf32>) {
  // expected-error @+1 {{'aicc.add' op operands do not broadcast: sizes 3 and 2 differ and neither is 1}}
  %0 = "aicc.add"(%x, %y) : (tensor<2x3xf32>, tensor<2xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @dtypes(%x: tensor<2xf32>, %y: tensor<2xi32>) {
  // expected-error @+1 {{'aicc.mul' op operand 'b' has dtype i32, expected f32}}
  %0 = "aicc.mul"(%x, %y) : (tensor<2xf32>, tensor<2xi32>) -> tensor<2xf32>
  return
}

// -----

func.func @not_a_float(%x: tensor<2xi32>) {
  // expected-error @+1 {{'aicc.exp' op operand 'x' has dtype i32; allowed: f32, f16, f64, bf16}}
  %0 = "aicc.exp"(%x) : (tensor<2xi32>) -> tensor<2xi32>
  return
}

// -----

func.func @result(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{'aicc.neg' op result 0 has type tensor<3x2xf32>, expected f32[2, 3]}}
  %0 = "aicc.neg"(%x) : (tensor<2x3xf32>) -> tensor<3x2xf32>
  return
}

// -----

func.func @direction(%x: tensor<2xui8>) {
  // expected-error @+1 {{'aicc.bit_shift' op attribute 'direction' is 'up'; expected 'left' or 'right'}}
  %0 = "aicc.bit_shift"(%x, %x) {direction = "up"} : (tensor<2xui8>, tensor<2xui8>) -> tensor<2xui8>
  return
}

// -----

func.func @attribute(%x: tensor<2xf32>) {
  // expected-error @+1 {{'aicc.elu' op attribute 'alpha' is missing}}
  %0 = "aicc.elu"(%x) : (tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @attribute_kind(%x: tensor<2xf32>) {
  // expected-error @+1 {{'aicc.elu' op attribute 'alpha' must be a float}}
  %0 = "aicc.elu"(%x) {alpha = "one"} : (tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @bounds(%x: tensor<2xf32>) {
  // expected-error @+1 {{'aicc.clip' op bounds must be scalars, got f32[2]}}
  %0 = "aicc.clip"(%x, %x, %x) : (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @condition(%x: tensor<2xf32>) {
  // expected-error @+1 {{'aicc.where' op operand 'condition' has dtype f32; allowed: i1}}
  %0 = "aicc.where"(%x, %x, %x) : (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return
}
