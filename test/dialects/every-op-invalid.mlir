// RUN: aicc-opt %s -split-input-file -verify-diagnostics

// Every op checks its results against its type rule.

func.func @abs(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.abs' op result 0 has type}}
  %0 = "aicc.abs"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @sign(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.sign' op result 0 has type}}
  %0 = "aicc.sign"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @reciprocal(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.reciprocal' op result 0 has type}}
  %0 = "aicc.reciprocal"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @floor(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.floor' op result 0 has type}}
  %0 = "aicc.floor"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @ceil(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.ceil' op result 0 has type}}
  %0 = "aicc.ceil"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @round(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.round' op result 0 has type}}
  %0 = "aicc.round"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @sqrt(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.sqrt' op result 0 has type}}
  %0 = "aicc.sqrt"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @log(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.log' op result 0 has type}}
  %0 = "aicc.log"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @erf(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.erf' op result 0 has type}}
  %0 = "aicc.erf"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @sin(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.sin' op result 0 has type}}
  %0 = "aicc.sin"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @cos(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.cos' op result 0 has type}}
  %0 = "aicc.cos"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @tan(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.tan' op result 0 has type}}
  %0 = "aicc.tan"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @asin(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.asin' op result 0 has type}}
  %0 = "aicc.asin"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @acos(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.acos' op result 0 has type}}
  %0 = "aicc.acos"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @atan(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.atan' op result 0 has type}}
  %0 = "aicc.atan"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @sinh(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.sinh' op result 0 has type}}
  %0 = "aicc.sinh"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @cosh(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.cosh' op result 0 has type}}
  %0 = "aicc.cosh"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @tanh(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.tanh' op result 0 has type}}
  %0 = "aicc.tanh"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @asinh(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.asinh' op result 0 has type}}
  %0 = "aicc.asinh"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @acosh(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.acosh' op result 0 has type}}
  %0 = "aicc.acosh"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @atanh(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.atanh' op result 0 has type}}
  %0 = "aicc.atanh"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @bitwise_not(%arg0: tensor<2x3xi64>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.bitwise_not' op result 0 has type}}
  %0 = "aicc.bitwise_not"(%arg0) : (tensor<2x3xi64>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @sub(%arg0: tensor<2x3xf32>, %arg1: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.sub' op result 0 has type}}
  %0 = "aicc.sub"(%arg0, %arg1) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @div(%arg0: tensor<2x3xf32>, %arg1: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.div' op result 0 has type}}
  %0 = "aicc.div"(%arg0, %arg1) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @mod(%arg0: tensor<2x3xf32>, %arg1: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.mod' op result 0 has type}}
  %0 = "aicc.mod"(%arg0, %arg1) {fmod = false} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @max(%arg0: tensor<2x3xf32>, %arg1: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.max' op result 0 has type}}
  %0 = "aicc.max"(%arg0, %arg1) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @min(%arg0: tensor<2x3xf32>, %arg1: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.min' op result 0 has type}}
  %0 = "aicc.min"(%arg0, %arg1) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @bitwise_and(%arg0: tensor<2x3xi64>, %arg1: tensor<2x3xi64>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.bitwise_and' op result 0 has type}}
  %0 = "aicc.bitwise_and"(%arg0, %arg1) : (tensor<2x3xi64>, tensor<2x3xi64>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @bitwise_or(%arg0: tensor<2x3xi64>, %arg1: tensor<2x3xi64>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.bitwise_or' op result 0 has type}}
  %0 = "aicc.bitwise_or"(%arg0, %arg1) : (tensor<2x3xi64>, tensor<2x3xi64>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @bitwise_xor(%arg0: tensor<2x3xi64>, %arg1: tensor<2x3xi64>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.bitwise_xor' op result 0 has type}}
  %0 = "aicc.bitwise_xor"(%arg0, %arg1) : (tensor<2x3xi64>, tensor<2x3xi64>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @pow(%arg0: tensor<2x3xf32>, %arg1: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.pow' op result 0 has type}}
  %0 = "aicc.pow"(%arg0, %arg1) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @relu(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.relu' op result 0 has type}}
  %0 = "aicc.relu"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @leaky_relu(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.leaky_relu' op result 0 has type}}
  %0 = "aicc.leaky_relu"(%arg0) {alpha = 1.000000e-02 : f64} : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @sigmoid(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.sigmoid' op result 0 has type}}
  %0 = "aicc.sigmoid"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @hard_sigmoid(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.hard_sigmoid' op result 0 has type}}
  %0 = "aicc.hard_sigmoid"(%arg0) {alpha = 2.000000e-01 : f64, beta = 5.000000e-01 : f64} : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @hard_swish(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.hard_swish' op result 0 has type}}
  %0 = "aicc.hard_swish"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @silu(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.silu' op result 0 has type}}
  %0 = "aicc.silu"(%arg0) {alpha = 1.000000e+00 : f64} : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @celu(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.celu' op result 0 has type}}
  %0 = "aicc.celu"(%arg0) {alpha = 1.000000e+00 : f64} : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @selu(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.selu' op result 0 has type}}
  %0 = "aicc.selu"(%arg0) {alpha = 1.6732631921768188 : f64, gamma = 1.0507010221481323 : f64} : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @thresholded_relu(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.thresholded_relu' op result 0 has type}}
  %0 = "aicc.thresholded_relu"(%arg0) {alpha = 1.000000e+00 : f64} : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @softplus(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.softplus' op result 0 has type}}
  %0 = "aicc.softplus"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @softsign(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.softsign' op result 0 has type}}
  %0 = "aicc.softsign"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @mish(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.mish' op result 0 has type}}
  %0 = "aicc.mish"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @shrink(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.shrink' op result 0 has type}}
  %0 = "aicc.shrink"(%arg0) {bias = 0.000000e+00 : f64, lambd = 5.000000e-01 : f64} : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @gelu(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.gelu' op result 0 has type}}
  %0 = "aicc.gelu"(%arg0) {approximate = "none"} : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @prelu(%arg0: tensor<2x3xf32>, %arg1: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.prelu' op result 0 has type}}
  %0 = "aicc.prelu"(%arg0, %arg1) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @attention_scores(%arg0: tensor<1x2x3x4xf32>, %arg1: tensor<1x2x3x4xf32>) -> tensor<7x7x7x7x7xf64> {
  %0 = "aicc.none"() : () -> none
  %1 = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.attention_scores' op result 0 has type}}
  %2 = "aicc.attention_scores"(%arg0, %arg1, %0, %1) {align = "top_left", causal = false, left_window = -1 : i64, right_window = -1 : i64, softcap = 0.000000e+00 : f64, stage = "softmax"} : (tensor<1x2x3x4xf32>, tensor<1x2x3x4xf32>, none, none) -> tensor<7x7x7x7x7xf64>
  return %2 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @cast(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.cast' op result 0 has type}}
  %0 = "aicc.cast"(%arg0) {to = f32} : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @equal(%arg0: tensor<2x3xf32>, %arg1: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.equal' op result 0 has type}}
  %0 = "aicc.equal"(%arg0, %arg1) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @less(%arg0: tensor<2x3xf32>, %arg1: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.less' op result 0 has type}}
  %0 = "aicc.less"(%arg0, %arg1) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @less_equal(%arg0: tensor<2x3xf32>, %arg1: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.less_equal' op result 0 has type}}
  %0 = "aicc.less_equal"(%arg0, %arg1) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @is_nan(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.is_nan' op result 0 has type}}
  %0 = "aicc.is_nan"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @is_inf(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.is_inf' op result 0 has type}}
  %0 = "aicc.is_inf"(%arg0) {negative = true, positive = true} : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @weight() -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.weight' op result 0 has type}}
  %0 = "aicc.weight"() {dtype = f32, shape = array<i64: 1>, sym = "x"} : () -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @eye() -> tensor<7x7x7x7x7xf64> {
  %0 = "aicc.constant"() {value = dense<[2, 3]> : tensor<2xi64>} : () -> tensor<2xi64>
  // expected-error @+1 {{'aicc.eye' op result 0 has type}}
  %1 = "aicc.eye"(%0) {dtype = f32, k = 0 : i64} : (tensor<2xi64>) -> tensor<7x7x7x7x7xf64>
  return %1 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @trilu(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  %0 = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.trilu' op result 0 has type}}
  %1 = "aicc.trilu"(%arg0, %0) {upper = true} : (tensor<2x3xf32>, none) -> tensor<7x7x7x7x7xf64>
  return %1 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @gather_elements(%arg0: tensor<2x3xf32>, %arg1: tensor<2x3xi64>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.gather_elements' op result 0 has type}}
  %0 = "aicc.gather_elements"(%arg0, %arg1) {axis = 1 : i64} : (tensor<2x3xf32>, tensor<2x3xi64>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @part(%arg0: tensor<4x2x3xf32>, %arg1: tensor<1xi64>) -> tensor<2x3xf32> {
  // expected-error @+1 {{expected a dim to choose along, and a scalar}}
  %0 = "aicc.part"(%arg0, %arg1) : (tensor<4x2x3xf32>, tensor<1xi64>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// -----

func.func @cache_write(%arg0: tensor<2x1x3x4xf32>, %arg1: tensor<2x2x1x4xf32>, %arg2: tensor<2xi64>, %arg3: tensor<1xi64>) -> tensor<2x1x?x4xf32> {
  // expected-error @+1 {{do not fit}}
  %0 = "aicc.cache_write"(%arg0, %arg1, %arg2, %arg3) : (tensor<2x1x3x4xf32>, tensor<2x2x1x4xf32>, tensor<2xi64>, tensor<1xi64>) -> tensor<2x1x?x4xf32>
  return %0 : tensor<2x1x?x4xf32>
}

// -----

func.func @gather_nd(%arg0: tensor<2x3xf32>, %arg1: tensor<2x1xi64>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.gather_nd' op result 0 has type}}
  %0 = "aicc.gather_nd"(%arg0, %arg1) {batch_dims = 0 : i64} : (tensor<2x3xf32>, tensor<2x1xi64>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @scatter_elements(%arg0: tensor<2x3xf32>, %arg1: tensor<2x3xi64>, %arg2: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.scatter_elements' op result 0 has type}}
  %0 = "aicc.scatter_elements"(%arg0, %arg1, %arg2) {axis = 1 : i64, reduction = "none"} : (tensor<2x3xf32>, tensor<2x3xi64>, tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @one_hot(%arg0: tensor<3xi64>, %arg1: tensor<2xf32>) -> tensor<7x7x7x7x7xf64> {
  %0 = "aicc.constant"() {value = dense<4> : tensor<i64>} : () -> tensor<i64>
  // expected-error @+1 {{'aicc.one_hot' op result 0 has type}}
  %1 = "aicc.one_hot"(%arg0, %0, %arg1) {axis = -1 : i64} : (tensor<3xi64>, tensor<i64>, tensor<2xf32>) -> tensor<7x7x7x7x7xf64>
  return %1 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @and(%arg0: tensor<2x3xi1>, %arg1: tensor<2x3xi1>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.and' op result 0 has type}}
  %0 = "aicc.and"(%arg0, %arg1) : (tensor<2x3xi1>, tensor<2x3xi1>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @or(%arg0: tensor<2x3xi1>, %arg1: tensor<2x3xi1>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.or' op result 0 has type}}
  %0 = "aicc.or"(%arg0, %arg1) : (tensor<2x3xi1>, tensor<2x3xi1>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @xor(%arg0: tensor<2x3xi1>, %arg1: tensor<2x3xi1>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.xor' op result 0 has type}}
  %0 = "aicc.xor"(%arg0, %arg1) : (tensor<2x3xi1>, tensor<2x3xi1>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @not(%arg0: tensor<2x3xi1>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.not' op result 0 has type}}
  %0 = "aicc.not"(%arg0) : (tensor<2x3xi1>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @expand(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  %0 = "aicc.constant"() {value = dense<[4, 2, 3]> : tensor<3xi64>} : () -> tensor<3xi64>
  // expected-error @+1 {{'aicc.expand' op result 0 has type}}
  %1 = "aicc.expand"(%arg0, %0) : (tensor<2x3xf32>, tensor<3xi64>) -> tensor<7x7x7x7x7xf64>
  return %1 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @tile(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  %0 = "aicc.constant"() {value = dense<2> : tensor<2xi64>} : () -> tensor<2xi64>
  // expected-error @+1 {{'aicc.tile' op result 0 has type}}
  %1 = "aicc.tile"(%arg0, %0) : (tensor<2x3xf32>, tensor<2xi64>) -> tensor<7x7x7x7x7xf64>
  return %1 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @slice(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  %0 = "aicc.constant"() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %1 = "aicc.constant"() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %2 = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.slice' op result 0 has type}}
  %3 = "aicc.slice"(%arg0, %0, %1, %2) {axes = array<i64: 1>} : (tensor<2x3xf32>, tensor<1xi64>, tensor<1xi64>, none) -> tensor<7x7x7x7x7xf64>
  return %3 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @depth_to_space(%arg0: tensor<1x8x2x2xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.depth_to_space' op result 0 has type}}
  %0 = "aicc.depth_to_space"(%arg0) {block = 2 : i64, layout = "NCHW", mode = "DCR"} : (tensor<1x8x2x2xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @space_to_depth(%arg0: tensor<1x2x4x4xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.space_to_depth' op result 0 has type}}
  %0 = "aicc.space_to_depth"(%arg0) {block = 2 : i64, layout = "NCHW", mode = "DCR"} : (tensor<1x2x4x4xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @batch_norm(%arg0: tensor<1x2x3xf32>, %arg1: tensor<2xf32>, %arg2: tensor<2xf32>, %arg3: tensor<2xf32>, %arg4: tensor<2xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.batch_norm' op result 0 has type}}
  %0 = "aicc.batch_norm"(%arg0, %arg1, %arg2, %arg3, %arg4) {epsilon = 1.000000e-05 : f64} : (tensor<1x2x3xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @layer_norm(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  %0 = "aicc.none"() : () -> none
  %1 = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.layer_norm' op result 0 has type}}
  %2 = "aicc.layer_norm"(%arg0, %0, %1) {axis = 1 : i64, epsilon = 1.000000e-05 : f64} : (tensor<2x3xf32>, none, none) -> tensor<7x7x7x7x7xf64>
  return %2 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @pad(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  %0 = "aicc.constant"() {value = dense<1> : tensor<2xi64>} : () -> tensor<2xi64>
  %1 = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.pad' op result 0 has type}}
  %2 = "aicc.pad"(%arg0, %0, %1) {axes = array<i64: 1>, mode = "constant"} : (tensor<2x3xf32>, tensor<2xi64>, none) -> tensor<7x7x7x7x7xf64>
  return %2 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @max_pool_indices(%arg0: tensor<1x2x4x4xf32>) -> (tensor<7x7x7x7x7xf64>, tensor<1x2x3x3xi64>) {
  // expected-error @+1 {{'aicc.max_pool_indices' op result 0 has type}}
  %0:2 = "aicc.max_pool_indices"(%arg0) {auto_pad = "NOTSET", ceil_mode = false, column_major = false, dilations = array<i64: 1, 1>, kernel = array<i64: 2, 2>, layout = "NCHW", pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x2x4x4xf32>) -> (tensor<7x7x7x7x7xf64>, tensor<1x2x3x3xi64>)
  return %0#0, %0#1 : tensor<7x7x7x7x7xf64>, tensor<1x2x3x3xi64>
}

// -----

func.func @lp_pool(%arg0: tensor<1x2x4x4xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.lp_pool' op result 0 has type}}
  %0 = "aicc.lp_pool"(%arg0) {auto_pad = "NOTSET", ceil_mode = false, dilations = array<i64: 1, 1>, kernel = array<i64: 2, 2>, layout = "NCHW", p = 2 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x2x4x4xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @lrn(%arg0: tensor<1x4x2x2xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.lrn' op result 0 has type}}
  %0 = "aicc.lrn"(%arg0) {alpha = 1.000000e-04 : f64, axis = 1 : i64, beta = 7.500000e-01 : f64, bias = 1.000000e+00 : f64, size = 1 : i64} : (tensor<1x4x2x2xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @gru(%arg0: tensor<5x2x12xf32>, %arg1: tensor<8x4xf32>, %arg2: tensor<4x4xf32>) -> (tensor<7x7x7x7x7xf64>, tensor<2x4xf32>) {
  %0 = "aicc.none"() : () -> none
  %1 = "aicc.none"() : () -> none
  %2 = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.gru' op result 0 has type}}
  %3:2 = "aicc.gru"(%arg0, %arg1, %arg2, %0, %1, %2, %2) {activations = ["sigmoid", "tanh"], alphas = array<f64: 0.000000e+00, 0.000000e+00>, betas = array<f64: 0.000000e+00, 0.000000e+00>, linear_before_reset = false, reverse = false} : (tensor<5x2x12xf32>, tensor<8x4xf32>, tensor<4x4xf32>, none, none, none, none) -> (tensor<7x7x7x7x7xf64>, tensor<2x4xf32>)
  return %3#0, %3#1 : tensor<7x7x7x7x7xf64>, tensor<2x4xf32>
}

// -----

func.func @reduce_sum(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.reduce_sum' op result 0 has type}}
  %0 = "aicc.reduce_sum"(%arg0) {axes = array<i64: 1>, keepdims = true} : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @reduce_mean(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.reduce_mean' op result 0 has type}}
  %0 = "aicc.reduce_mean"(%arg0) {axes = array<i64: 1>, keepdims = true} : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @reduce_min(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.reduce_min' op result 0 has type}}
  %0 = "aicc.reduce_min"(%arg0) {axes = array<i64: 1>, keepdims = true} : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @reduce_l1(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.reduce_l1' op result 0 has type}}
  %0 = "aicc.reduce_l1"(%arg0) {axes = array<i64: 1>, keepdims = true} : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @reduce_l2(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.reduce_l2' op result 0 has type}}
  %0 = "aicc.reduce_l2"(%arg0) {axes = array<i64: 1>, keepdims = true} : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @reduce_sum_square(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.reduce_sum_square' op result 0 has type}}
  %0 = "aicc.reduce_sum_square"(%arg0) {axes = array<i64: 1>, keepdims = true} : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @reduce_log_sum(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.reduce_log_sum' op result 0 has type}}
  %0 = "aicc.reduce_log_sum"(%arg0) {axes = array<i64: 1>, keepdims = true} : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @reduce_log_sum_exp(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.reduce_log_sum_exp' op result 0 has type}}
  %0 = "aicc.reduce_log_sum_exp"(%arg0) {axes = array<i64: 1>, keepdims = true} : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @arg_max(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.arg_max' op result 0 has type}}
  %0 = "aicc.arg_max"(%arg0) {axis = 1 : i64, keepdims = true, select_last_index = false} : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @reduce_at(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  %0 = "aicc.constant"() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  // expected-error @+1 {{'aicc.reduce_at' op result 0 has type}}
  %1 = "aicc.reduce_at"(%arg0, %0) {keepdims = true, kind = "sum"} : (tensor<2x3xf32>, tensor<1xi64>) -> tensor<7x7x7x7x7xf64>
  return %1 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @cumsum(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.cumsum' op result 0 has type}}
  %0 = "aicc.cumsum"(%arg0) {axis = 1 : i64, exclusive = false, reverse = false} : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @reverse_sequence(%arg0: tensor<2x3xf32>, %arg1: tensor<3xi64>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.reverse_sequence' op result 0 has type}}
  %0 = "aicc.reverse_sequence"(%arg0, %arg1) {batch_axis = 1 : i64, time_axis = 0 : i64} : (tensor<2x3xf32>, tensor<3xi64>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @shape(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.shape' op result 0 has type}}
  %0 = "aicc.shape"(%arg0) {start = 0 : i64} : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @size(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.size' op result 0 has type}}
  %0 = "aicc.size"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @required(%arg0: tensor<?x3xf32>) -> tensor<?x3xf32> {
  // expected-error @+1 {{'aicc.required' op operand 'x' is f32[%d0, 3]; there are columns}}
  %0 = "aicc.required"(%arg0) {relation = "unequal", sizes = array<i64: -1, 3>, what = "there are columns"} : (tensor<?x3xf32>) -> tensor<?x3xf32>
  return %0 : tensor<?x3xf32>
}

// -----

func.func @sized(%arg0: tensor<?x3xf32>) -> tensor<?x4xf32> {
  // expected-error @+1 {{'aicc.sized' op operand 'x' is}}
  %0 = "aicc.sized"(%arg0) {sizes = array<i64: -1, 4>} : (tensor<?x3xf32>) -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// -----

func.func @unsqueeze(%arg0: tensor<3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.unsqueeze' op result 0 has type}}
  %0 = "aicc.unsqueeze"(%arg0) {axes = array<i64: 0>} : (tensor<3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @constant_of_shape() -> tensor<7x7x7x7x7xf64> {
  %0 = "aicc.constant"() {value = dense<[2, 3]> : tensor<2xi64>} : () -> tensor<2xi64>
  // expected-error @+1 {{'aicc.constant_of_shape' op result 0 has type}}
  %1 = "aicc.constant_of_shape"(%0) {value = dense<0.000000e+00> : tensor<1xf32>} : (tensor<2xi64>) -> tensor<7x7x7x7x7xf64>
  return %1 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @range() -> tensor<7x7x7x7x7xf64> {
  %0 = "aicc.constant"() {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  %1 = "aicc.constant"() {value = dense<4> : tensor<i64>} : () -> tensor<i64>
  %2 = "aicc.constant"() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  // expected-error @+1 {{'aicc.range' op result 0 has type}}
  %3 = "aicc.range"(%0, %1, %2) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<7x7x7x7x7xf64>
  return %3 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @log_softmax(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.log_softmax' op result 0 has type}}
  %0 = "aicc.log_softmax"(%arg0) {axis = 1 : i64} : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @hardmax(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.hardmax' op result 0 has type}}
  %0 = "aicc.hardmax"(%arg0) {axis = 1 : i64} : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @bitcast(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.bitcast' op result 0 has type}}
  %0 = "aicc.bitcast"(%arg0) {to = i32} : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @cumprod(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.cumprod' op result 0 has type}}
  %0 = "aicc.cumprod"(%arg0) {axis = 1 : i64, exclusive = false, reverse = true} : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @nonzero(%arg0: tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.nonzero' op result 0 has type}}
  %0 = "aicc.nonzero"(%arg0) : (tensor<2x3xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @non_max_suppression(%arg0: tensor<1x6x4xf32>, %arg1: tensor<1x2x6xf32>, %arg2: tensor<1xi64>, %arg3: tensor<1xf32>, %arg4: tensor<1xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.non_max_suppression' op result 0 has type}}
  %0 = "aicc.non_max_suppression"(%arg0, %arg1, %arg2, %arg3, %arg4) {center = false} : (tensor<1x6x4xf32>, tensor<1x2x6xf32>, tensor<1xi64>, tensor<1xf32>, tensor<1xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @sample(%arg0: tensor<1x2x4x5xf32>, %arg1: tensor<1x3x6x2xf32>) -> tensor<7x7x7x7x7xf64> {
  // expected-error @+1 {{'aicc.sample' op result 0 has type}}
  %0 = "aicc.sample"(%arg0, %arg1) {corners = false, mode = "linear", padding = "zeros"} : (tensor<1x2x4x5xf32>, tensor<1x3x6x2xf32>) -> tensor<7x7x7x7x7xf64>
  return %0 : tensor<7x7x7x7x7xf64>
}

// -----

func.func @unique_rows(%arg0: tensor<6x2xf32>) -> tensor<?xi64> {
  // expected-error @+1 {{'aicc.unique_rows' op result 1 has type}}
  %0:3 = "aicc.unique_rows"(%arg0) {sorted = true} : (tensor<6x2xf32>) -> (tensor<?xi64>, tensor<7xi64>, tensor<?xi64>)
  return %0#0 : tensor<?xi64>
}

// -----

func.func @bitcast_width(%arg0: tensor<2x3xf32>) -> tensor<2x3xi64> {
  // expected-error @+1 {{'aicc.bitcast' op operand 'x' has dtype f32, which has other bits than i64}}
  %0 = "aicc.bitcast"(%arg0) {to = i64} : (tensor<2x3xf32>) -> tensor<2x3xi64>
  return %0 : tensor<2x3xi64>
}

// -----

func.func @determinant(%arg0: tensor<2x3x4xf32>) -> tensor<2xf32> {
  // expected-error @+1 {{'aicc.determinant' op operand 'x' must hold square matrices}}
  %0 = "aicc.determinant"(%arg0) : (tensor<2x3x4xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

func.func @image_decode_pixels(%arg0: tensor<?xui8>) -> tensor<?x?x3xui8> {
  // expected-error @+1 {{'aicc.image_decode' op attribute 'pixels' is 'yuv', expected rgb, bgr, grayscale}}
  %0 = "aicc.image_decode"(%arg0) {pixels = "yuv"} : (tensor<?xui8>) -> tensor<?x?x3xui8>
  return %0 : tensor<?x?x3xui8>
}

// -----

func.func @image_decode_rank(%arg0: tensor<2x3xui8>) -> tensor<?x?x3xui8> {
  // expected-error @+1 {{'aicc.image_decode' op operand 'x' must have rank 1}}
  %0 = "aicc.image_decode"(%arg0) {pixels = "rgb"} : (tensor<2x3xui8>) -> tensor<?x?x3xui8>
  return %0 : tensor<?x?x3xui8>
}
