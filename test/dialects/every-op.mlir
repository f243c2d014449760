// RUN: aicc-opt %s | aicc-opt | filecheck %s

// Every op that has no file of its own here: it verifies, prints, and parses back.

// CHECK-LABEL: func.func @neg(
// CHECK: "aicc.neg"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @neg(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.neg"(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @abs(
// CHECK: "aicc.abs"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @abs(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.abs"(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @sign(
// CHECK: "aicc.sign"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @sign(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.sign"(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @reciprocal(
// CHECK: "aicc.reciprocal"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @reciprocal(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.reciprocal"(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @floor(
// CHECK: "aicc.floor"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @floor(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.floor"(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @ceil(
// CHECK: "aicc.ceil"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @ceil(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.ceil"(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @round(
// CHECK: "aicc.round"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @round(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.round"(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @sqrt(
// CHECK: "aicc.sqrt"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @sqrt(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.sqrt"(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @log(
// CHECK: "aicc.log"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @log(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.log"(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @erf(
// CHECK: "aicc.erf"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @erf(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.erf"(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @sin(
// CHECK: "aicc.sin"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @sin(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.sin"(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @cos(
// CHECK: "aicc.cos"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @cos(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.cos"(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @tan(
// CHECK: "aicc.tan"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @tan(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.tan"(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @asin(
// CHECK: "aicc.asin"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @asin(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.asin"(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @acos(
// CHECK: "aicc.acos"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @acos(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.acos"(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @atan(
// CHECK: "aicc.atan"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @atan(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.atan"(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @sinh(
// CHECK: "aicc.sinh"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @sinh(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.sinh"(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @cosh(
// CHECK: "aicc.cosh"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @cosh(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.cosh"(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @tanh(
// CHECK: "aicc.tanh"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @tanh(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.tanh"(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @asinh(
// CHECK: "aicc.asinh"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @asinh(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.asinh"(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @acosh(
// CHECK: "aicc.acosh"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @acosh(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.acosh"(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @atanh(
// CHECK: "aicc.atanh"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @atanh(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.atanh"(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @bitwise_not(
// CHECK: "aicc.bitwise_not"(
// CHECK-SAME: (tensor<2x3xi64>) -> tensor<2x3xi64>
func.func @bitwise_not(%arg0: tensor<2x3xi64>) -> tensor<2x3xi64> {
  %0 = "aicc.bitwise_not"(%arg0) : (tensor<2x3xi64>) -> tensor<2x3xi64>
  return %0 : tensor<2x3xi64>
}

// CHECK-LABEL: func.func @sub(
// CHECK: "aicc.sub"(
// CHECK-SAME: (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @sub(%arg0: tensor<2x3xf32>, %arg1: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.sub"(%arg0, %arg1) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @mul(
// CHECK: "aicc.mul"(
// CHECK-SAME: (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @mul(%arg0: tensor<2x3xf32>, %arg1: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.mul"(%arg0, %arg1) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @div(
// CHECK: "aicc.div"(
// CHECK-SAME: (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @div(%arg0: tensor<2x3xf32>, %arg1: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.div"(%arg0, %arg1) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @max(
// CHECK: "aicc.max"(
// CHECK-SAME: (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @max(%arg0: tensor<2x3xf32>, %arg1: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.max"(%arg0, %arg1) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @min(
// CHECK: "aicc.min"(
// CHECK-SAME: (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @min(%arg0: tensor<2x3xf32>, %arg1: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.min"(%arg0, %arg1) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @bitwise_and(
// CHECK: "aicc.bitwise_and"(
// CHECK-SAME: (tensor<2x3xi64>, tensor<2x3xi64>) -> tensor<2x3xi64>
func.func @bitwise_and(%arg0: tensor<2x3xi64>, %arg1: tensor<2x3xi64>) -> tensor<2x3xi64> {
  %0 = "aicc.bitwise_and"(%arg0, %arg1) : (tensor<2x3xi64>, tensor<2x3xi64>) -> tensor<2x3xi64>
  return %0 : tensor<2x3xi64>
}

// CHECK-LABEL: func.func @bitwise_or(
// CHECK: "aicc.bitwise_or"(
// CHECK-SAME: (tensor<2x3xi64>, tensor<2x3xi64>) -> tensor<2x3xi64>
func.func @bitwise_or(%arg0: tensor<2x3xi64>, %arg1: tensor<2x3xi64>) -> tensor<2x3xi64> {
  %0 = "aicc.bitwise_or"(%arg0, %arg1) : (tensor<2x3xi64>, tensor<2x3xi64>) -> tensor<2x3xi64>
  return %0 : tensor<2x3xi64>
}

// CHECK-LABEL: func.func @bitwise_xor(
// CHECK: "aicc.bitwise_xor"(
// CHECK-SAME: (tensor<2x3xi64>, tensor<2x3xi64>) -> tensor<2x3xi64>
func.func @bitwise_xor(%arg0: tensor<2x3xi64>, %arg1: tensor<2x3xi64>) -> tensor<2x3xi64> {
  %0 = "aicc.bitwise_xor"(%arg0, %arg1) : (tensor<2x3xi64>, tensor<2x3xi64>) -> tensor<2x3xi64>
  return %0 : tensor<2x3xi64>
}

// CHECK-LABEL: func.func @pow(
// CHECK: "aicc.pow"(
// CHECK-SAME: (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @pow(%arg0: tensor<2x3xf32>, %arg1: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.pow"(%arg0, %arg1) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @relu(
// CHECK: "aicc.relu"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @relu(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.relu"(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @leaky_relu(
// CHECK: "aicc.leaky_relu"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @leaky_relu(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.leaky_relu"(%arg0) {alpha = 1.000000e-02 : f64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @sigmoid(
// CHECK: "aicc.sigmoid"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @sigmoid(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.sigmoid"(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @hard_sigmoid(
// CHECK: "aicc.hard_sigmoid"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @hard_sigmoid(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.hard_sigmoid"(%arg0) {alpha = 2.000000e-01 : f64, beta = 5.000000e-01 : f64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @hard_swish(
// CHECK: "aicc.hard_swish"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @hard_swish(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.hard_swish"(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @silu(
// CHECK: "aicc.silu"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @silu(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.silu"(%arg0) {alpha = 1.000000e+00 : f64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @elu(
// CHECK: "aicc.elu"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @elu(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.elu"(%arg0) {alpha = 1.000000e+00 : f64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @celu(
// CHECK: "aicc.celu"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @celu(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.celu"(%arg0) {alpha = 1.000000e+00 : f64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @selu(
// CHECK: "aicc.selu"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @selu(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.selu"(%arg0) {alpha = 1.6732631921768188 : f64, gamma = 1.0507010221481323 : f64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @thresholded_relu(
// CHECK: "aicc.thresholded_relu"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @thresholded_relu(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.thresholded_relu"(%arg0) {alpha = 1.000000e+00 : f64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @softplus(
// CHECK: "aicc.softplus"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @softplus(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.softplus"(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @softsign(
// CHECK: "aicc.softsign"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @softsign(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.softsign"(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @mish(
// CHECK: "aicc.mish"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @mish(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.mish"(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @shrink(
// CHECK: "aicc.shrink"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @shrink(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.shrink"(%arg0) {bias = 0.000000e+00 : f64, lambd = 5.000000e-01 : f64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @prelu(
// CHECK: "aicc.prelu"(
// CHECK-SAME: (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @prelu(%arg0: tensor<2x3xf32>, %arg1: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.prelu"(%arg0, %arg1) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @equal(
// CHECK: "aicc.equal"(
// CHECK-SAME: (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xi1>
func.func @equal(%arg0: tensor<2x3xf32>, %arg1: tensor<2x3xf32>) -> tensor<2x3xi1> {
  %0 = "aicc.equal"(%arg0, %arg1) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xi1>
  return %0 : tensor<2x3xi1>
}

// CHECK-LABEL: func.func @less_equal(
// CHECK: "aicc.less_equal"(
// CHECK-SAME: (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xi1>
func.func @less_equal(%arg0: tensor<2x3xf32>, %arg1: tensor<2x3xf32>) -> tensor<2x3xi1> {
  %0 = "aicc.less_equal"(%arg0, %arg1) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xi1>
  return %0 : tensor<2x3xi1>
}

// CHECK-LABEL: func.func @is_nan(
// CHECK: "aicc.is_nan"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xi1>
func.func @is_nan(%arg0: tensor<2x3xf32>) -> tensor<2x3xi1> {
  %0 = "aicc.is_nan"(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xi1>
  return %0 : tensor<2x3xi1>
}

// CHECK-LABEL: func.func @is_inf(
// CHECK: "aicc.is_inf"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xi1>
func.func @is_inf(%arg0: tensor<2x3xf32>) -> tensor<2x3xi1> {
  %0 = "aicc.is_inf"(%arg0) {negative = true, positive = true} : (tensor<2x3xf32>) -> tensor<2x3xi1>
  return %0 : tensor<2x3xi1>
}

// CHECK-LABEL: func.func @eye(
// CHECK: "aicc.eye"(
// CHECK-SAME: (tensor<2xi64>) -> tensor<2x3xf32>
func.func @eye() -> tensor<2x3xf32> {
  %0 = "aicc.constant"() {value = dense<[2, 3]> : tensor<2xi64>} : () -> tensor<2xi64>
  %1 = "aicc.eye"(%0) {dtype = f32, k = 0 : i64} : (tensor<2xi64>) -> tensor<2x3xf32>
  return %1 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @trilu(
// CHECK: "aicc.trilu"(
// CHECK-SAME: (tensor<2x3xf32>, none) -> tensor<2x3xf32>
func.func @trilu(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.none"() : () -> none
  %1 = "aicc.trilu"(%arg0, %0) {upper = true} : (tensor<2x3xf32>, none) -> tensor<2x3xf32>
  return %1 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @gather_elements(
// CHECK: "aicc.gather_elements"(
// CHECK-SAME: (tensor<2x3xf32>, tensor<2x3xi64>) -> tensor<2x3xf32>
func.func @gather_elements(%arg0: tensor<2x3xf32>, %arg1: tensor<2x3xi64>) -> tensor<2x3xf32> {
  %0 = "aicc.gather_elements"(%arg0, %arg1) {axis = 1 : i64} : (tensor<2x3xf32>, tensor<2x3xi64>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @part(
// CHECK: "aicc.part"(
// CHECK-SAME: (tensor<4x2x3xf32>, tensor<i64>) -> tensor<2x3xf32>
func.func @part(%arg0: tensor<4x2x3xf32>, %arg1: tensor<i64>) -> tensor<2x3xf32> {
  %0 = "aicc.part"(%arg0, %arg1) : (tensor<4x2x3xf32>, tensor<i64>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @cache_write(
// CHECK: "aicc.cache_write"(
// CHECK-SAME: (tensor<2x1x3x4xf32>, tensor<2x1x1x4xf32>, tensor<2xi64>, tensor<1xi64>) -> tensor<2x1x?x4xf32>
func.func @cache_write(%arg0: tensor<2x1x3x4xf32>, %arg1: tensor<2x1x1x4xf32>, %arg2: tensor<2xi64>, %arg3: tensor<1xi64>) -> tensor<2x1x?x4xf32> {
  %0 = "aicc.cache_write"(%arg0, %arg1, %arg2, %arg3) : (tensor<2x1x3x4xf32>, tensor<2x1x1x4xf32>, tensor<2xi64>, tensor<1xi64>) -> tensor<2x1x?x4xf32>
  return %0 : tensor<2x1x?x4xf32>
}

// CHECK-LABEL: func.func @gather_nd(
// CHECK: "aicc.gather_nd"(
// CHECK-SAME: (tensor<2x3xf32>, tensor<2x1xi64>) -> tensor<2x3xf32>
func.func @gather_nd(%arg0: tensor<2x3xf32>, %arg1: tensor<2x1xi64>) -> tensor<2x3xf32> {
  %0 = "aicc.gather_nd"(%arg0, %arg1) {batch_dims = 0 : i64} : (tensor<2x3xf32>, tensor<2x1xi64>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @scatter_elements(
// CHECK: "aicc.scatter_elements"(
// CHECK-SAME: (tensor<2x3xf32>, tensor<2x3xi64>, tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @scatter_elements(%arg0: tensor<2x3xf32>, %arg1: tensor<2x3xi64>, %arg2: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.scatter_elements"(%arg0, %arg1, %arg2) {axis = 1 : i64, reduction = "none"} : (tensor<2x3xf32>, tensor<2x3xi64>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @one_hot(
// CHECK: "aicc.one_hot"(
// CHECK-SAME: (tensor<3xi64>, tensor<i64>, tensor<2xf32>) -> tensor<4x3xf32>
func.func @one_hot(%arg0: tensor<3xi64>, %arg1: tensor<2xf32>) -> tensor<4x3xf32> {
  %0 = "aicc.constant"() {value = dense<4> : tensor<i64>} : () -> tensor<i64>
  %1 = "aicc.one_hot"(%arg0, %0, %arg1) {axis = -1 : i64} : (tensor<3xi64>, tensor<i64>, tensor<2xf32>) -> tensor<4x3xf32>
  return %1 : tensor<4x3xf32>
}

// CHECK-LABEL: func.func @or(
// CHECK: "aicc.or"(
// CHECK-SAME: (tensor<2x3xi1>, tensor<2x3xi1>) -> tensor<2x3xi1>
func.func @or(%arg0: tensor<2x3xi1>, %arg1: tensor<2x3xi1>) -> tensor<2x3xi1> {
  %0 = "aicc.or"(%arg0, %arg1) : (tensor<2x3xi1>, tensor<2x3xi1>) -> tensor<2x3xi1>
  return %0 : tensor<2x3xi1>
}

// CHECK-LABEL: func.func @xor(
// CHECK: "aicc.xor"(
// CHECK-SAME: (tensor<2x3xi1>, tensor<2x3xi1>) -> tensor<2x3xi1>
func.func @xor(%arg0: tensor<2x3xi1>, %arg1: tensor<2x3xi1>) -> tensor<2x3xi1> {
  %0 = "aicc.xor"(%arg0, %arg1) : (tensor<2x3xi1>, tensor<2x3xi1>) -> tensor<2x3xi1>
  return %0 : tensor<2x3xi1>
}

// CHECK-LABEL: func.func @not(
// CHECK: "aicc.not"(
// CHECK-SAME: (tensor<2x3xi1>) -> tensor<2x3xi1>
func.func @not(%arg0: tensor<2x3xi1>) -> tensor<2x3xi1> {
  %0 = "aicc.not"(%arg0) : (tensor<2x3xi1>) -> tensor<2x3xi1>
  return %0 : tensor<2x3xi1>
}

// CHECK-LABEL: func.func @expand(
// CHECK: "aicc.expand"(
// CHECK-SAME: (tensor<2x3xf32>, tensor<3xi64>) -> tensor<4x2x3xf32>
func.func @expand(%arg0: tensor<2x3xf32>) -> tensor<4x2x3xf32> {
  %0 = "aicc.constant"() {value = dense<[4, 2, 3]> : tensor<3xi64>} : () -> tensor<3xi64>
  %1 = "aicc.expand"(%arg0, %0) : (tensor<2x3xf32>, tensor<3xi64>) -> tensor<4x2x3xf32>
  return %1 : tensor<4x2x3xf32>
}

// CHECK-LABEL: func.func @tile(
// CHECK: "aicc.tile"(
// CHECK-SAME: (tensor<2x3xf32>, tensor<2xi64>) -> tensor<4x6xf32>
func.func @tile(%arg0: tensor<2x3xf32>) -> tensor<4x6xf32> {
  %0 = "aicc.constant"() {value = dense<2> : tensor<2xi64>} : () -> tensor<2xi64>
  %1 = "aicc.tile"(%arg0, %0) : (tensor<2x3xf32>, tensor<2xi64>) -> tensor<4x6xf32>
  return %1 : tensor<4x6xf32>
}

// CHECK-LABEL: func.func @depth_to_space(
// CHECK: "aicc.depth_to_space"(
// CHECK-SAME: (tensor<1x8x2x2xf32>) -> tensor<1x2x4x4xf32>
func.func @depth_to_space(%arg0: tensor<1x8x2x2xf32>) -> tensor<1x2x4x4xf32> {
  %0 = "aicc.depth_to_space"(%arg0) {block = 2 : i64, layout = "NCHW", mode = "DCR"} : (tensor<1x8x2x2xf32>) -> tensor<1x2x4x4xf32>
  return %0 : tensor<1x2x4x4xf32>
}

// CHECK-LABEL: func.func @space_to_depth(
// CHECK: "aicc.space_to_depth"(
// CHECK-SAME: (tensor<1x2x4x4xf32>) -> tensor<1x8x2x2xf32>
func.func @space_to_depth(%arg0: tensor<1x2x4x4xf32>) -> tensor<1x8x2x2xf32> {
  %0 = "aicc.space_to_depth"(%arg0) {block = 2 : i64, layout = "NCHW", mode = "DCR"} : (tensor<1x2x4x4xf32>) -> tensor<1x8x2x2xf32>
  return %0 : tensor<1x8x2x2xf32>
}

// CHECK-LABEL: func.func @lp_pool(
// CHECK: "aicc.lp_pool"(
// CHECK-SAME: (tensor<1x2x4x4xf32>) -> tensor<1x2x3x3xf32>
func.func @lp_pool(%arg0: tensor<1x2x4x4xf32>) -> tensor<1x2x3x3xf32> {
  %0 = "aicc.lp_pool"(%arg0) {auto_pad = "NOTSET", ceil_mode = false, dilations = array<i64: 1, 1>, kernel = array<i64: 2, 2>, layout = "NCHW", p = 2 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x2x4x4xf32>) -> tensor<1x2x3x3xf32>
  return %0 : tensor<1x2x3x3xf32>
}

// CHECK-LABEL: func.func @gru(
// CHECK: "aicc.gru"(
// CHECK-SAME: (tensor<5x2x12xf32>, tensor<8x4xf32>, tensor<4x4xf32>, none, none, none, none) -> (tensor<5x2x4xf32>, tensor<2x4xf32>)
func.func @gru(%arg0: tensor<5x2x12xf32>, %arg1: tensor<8x4xf32>, %arg2: tensor<4x4xf32>) -> (tensor<5x2x4xf32>, tensor<2x4xf32>) {
  %0 = "aicc.none"() : () -> none
  %1 = "aicc.none"() : () -> none
  %2 = "aicc.none"() : () -> none
  %3:2 = "aicc.gru"(%arg0, %arg1, %arg2, %0, %1, %2, %2) {activations = ["sigmoid", "tanh"], alphas = array<f64: 0.000000e+00, 0.000000e+00>, betas = array<f64: 0.000000e+00, 0.000000e+00>, linear_before_reset = false, reverse = false} : (tensor<5x2x12xf32>, tensor<8x4xf32>, tensor<4x4xf32>, none, none, none, none) -> (tensor<5x2x4xf32>, tensor<2x4xf32>)
  return %3#0, %3#1 : tensor<5x2x4xf32>, tensor<2x4xf32>
}

// CHECK-LABEL: func.func @rnn(
// CHECK: "aicc.rnn"(
// CHECK-SAME: (tensor<5x2x4xf32>, tensor<4x4xf32>, none, none, none) -> (tensor<5x2x4xf32>, tensor<2x4xf32>)
func.func @rnn(%arg0: tensor<5x2x4xf32>, %arg1: tensor<4x4xf32>) -> (tensor<5x2x4xf32>, tensor<2x4xf32>) {
  %0 = "aicc.none"() : () -> none
  %1 = "aicc.none"() : () -> none
  %2:2 = "aicc.rnn"(%arg0, %arg1, %0, %1, %1) {activations = ["tanh"], alphas = array<f64: 0.000000e+00>, betas = array<f64: 0.000000e+00>, reverse = false} : (tensor<5x2x4xf32>, tensor<4x4xf32>, none, none, none) -> (tensor<5x2x4xf32>, tensor<2x4xf32>)
  return %2#0, %2#1 : tensor<5x2x4xf32>, tensor<2x4xf32>
}

// CHECK-LABEL: func.func @reduce_prod(
// CHECK: "aicc.reduce_prod"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x1xf32>
func.func @reduce_prod(%arg0: tensor<2x3xf32>) -> tensor<2x1xf32> {
  %0 = "aicc.reduce_prod"(%arg0) {axes = array<i64: 1>, keepdims = true} : (tensor<2x3xf32>) -> tensor<2x1xf32>
  return %0 : tensor<2x1xf32>
}

// CHECK-LABEL: func.func @reduce_max(
// CHECK: "aicc.reduce_max"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x1xf32>
func.func @reduce_max(%arg0: tensor<2x3xf32>) -> tensor<2x1xf32> {
  %0 = "aicc.reduce_max"(%arg0) {axes = array<i64: 1>, keepdims = true} : (tensor<2x3xf32>) -> tensor<2x1xf32>
  return %0 : tensor<2x1xf32>
}

// CHECK-LABEL: func.func @reduce_min(
// CHECK: "aicc.reduce_min"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x1xf32>
func.func @reduce_min(%arg0: tensor<2x3xf32>) -> tensor<2x1xf32> {
  %0 = "aicc.reduce_min"(%arg0) {axes = array<i64: 1>, keepdims = true} : (tensor<2x3xf32>) -> tensor<2x1xf32>
  return %0 : tensor<2x1xf32>
}

// CHECK-LABEL: func.func @reduce_l1(
// CHECK: "aicc.reduce_l1"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x1xf32>
func.func @reduce_l1(%arg0: tensor<2x3xf32>) -> tensor<2x1xf32> {
  %0 = "aicc.reduce_l1"(%arg0) {axes = array<i64: 1>, keepdims = true} : (tensor<2x3xf32>) -> tensor<2x1xf32>
  return %0 : tensor<2x1xf32>
}

// CHECK-LABEL: func.func @reduce_l2(
// CHECK: "aicc.reduce_l2"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x1xf32>
func.func @reduce_l2(%arg0: tensor<2x3xf32>) -> tensor<2x1xf32> {
  %0 = "aicc.reduce_l2"(%arg0) {axes = array<i64: 1>, keepdims = true} : (tensor<2x3xf32>) -> tensor<2x1xf32>
  return %0 : tensor<2x1xf32>
}

// CHECK-LABEL: func.func @reduce_sum_square(
// CHECK: "aicc.reduce_sum_square"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x1xf32>
func.func @reduce_sum_square(%arg0: tensor<2x3xf32>) -> tensor<2x1xf32> {
  %0 = "aicc.reduce_sum_square"(%arg0) {axes = array<i64: 1>, keepdims = true} : (tensor<2x3xf32>) -> tensor<2x1xf32>
  return %0 : tensor<2x1xf32>
}

// CHECK-LABEL: func.func @reduce_log_sum(
// CHECK: "aicc.reduce_log_sum"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x1xf32>
func.func @reduce_log_sum(%arg0: tensor<2x3xf32>) -> tensor<2x1xf32> {
  %0 = "aicc.reduce_log_sum"(%arg0) {axes = array<i64: 1>, keepdims = true} : (tensor<2x3xf32>) -> tensor<2x1xf32>
  return %0 : tensor<2x1xf32>
}

// CHECK-LABEL: func.func @reduce_log_sum_exp(
// CHECK: "aicc.reduce_log_sum_exp"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x1xf32>
func.func @reduce_log_sum_exp(%arg0: tensor<2x3xf32>) -> tensor<2x1xf32> {
  %0 = "aicc.reduce_log_sum_exp"(%arg0) {axes = array<i64: 1>, keepdims = true} : (tensor<2x3xf32>) -> tensor<2x1xf32>
  return %0 : tensor<2x1xf32>
}

// CHECK-LABEL: func.func @arg_min(
// CHECK: "aicc.arg_min"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x1xi64>
func.func @arg_min(%arg0: tensor<2x3xf32>) -> tensor<2x1xi64> {
  %0 = "aicc.arg_min"(%arg0) {axis = 1 : i64, keepdims = true, select_last_index = false} : (tensor<2x3xf32>) -> tensor<2x1xi64>
  return %0 : tensor<2x1xi64>
}

// CHECK-LABEL: func.func @reduce_at(
// CHECK: "aicc.reduce_at"(
// CHECK-SAME: (tensor<2x3xf32>, tensor<1xi64>) -> tensor<1x3xf32>
func.func @reduce_at(%arg0: tensor<2x3xf32>) -> tensor<1x3xf32> {
  %0 = "aicc.constant"() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %1 = "aicc.reduce_at"(%arg0, %0) {keepdims = true, kind = "sum"} : (tensor<2x3xf32>, tensor<1xi64>) -> tensor<1x3xf32>
  return %1 : tensor<1x3xf32>
}

// CHECK-LABEL: func.func @reverse_sequence(
// CHECK: "aicc.reverse_sequence"(
// CHECK-SAME: (tensor<2x3xf32>, tensor<3xi64>) -> tensor<2x3xf32>
func.func @reverse_sequence(%arg0: tensor<2x3xf32>, %arg1: tensor<3xi64>) -> tensor<2x3xf32> {
  %0 = "aicc.reverse_sequence"(%arg0, %arg1) {batch_axis = 1 : i64, time_axis = 0 : i64} : (tensor<2x3xf32>, tensor<3xi64>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @shape(
// CHECK: "aicc.shape"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2xi64>
func.func @shape(%arg0: tensor<2x3xf32>) -> tensor<2xi64> {
  %0 = "aicc.shape"(%arg0) {start = 0 : i64} : (tensor<2x3xf32>) -> tensor<2xi64>
  return %0 : tensor<2xi64>
}

// CHECK-LABEL: func.func @size(
// CHECK: "aicc.size"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<i64>
func.func @size(%arg0: tensor<2x3xf32>) -> tensor<i64> {
  %0 = "aicc.size"(%arg0) : (tensor<2x3xf32>) -> tensor<i64>
  return %0 : tensor<i64>
}

// CHECK-LABEL: func.func @sized(
// CHECK: "aicc.sized"(
// CHECK-SAME: (tensor<?x3xf32>) -> tensor<2x3xf32>
func.func @sized(%arg0: tensor<?x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.sized"(%arg0) {sizes = array<i64: 2, -1>} : (tensor<?x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @squeeze(
// CHECK: "aicc.squeeze"(
// CHECK-SAME: (tensor<1x3xf32>) -> tensor<3xf32>
func.func @squeeze(%arg0: tensor<1x3xf32>) -> tensor<3xf32> {
  %0 = "aicc.squeeze"(%arg0) {axes = array<i64: 0>} : (tensor<1x3xf32>) -> tensor<3xf32>
  return %0 : tensor<3xf32>
}

// CHECK-LABEL: func.func @constant_of_shape(
// CHECK: "aicc.constant_of_shape"(
// CHECK-SAME: (tensor<2xi64>) -> tensor<2x3xf32>
func.func @constant_of_shape() -> tensor<2x3xf32> {
  %0 = "aicc.constant"() {value = dense<[2, 3]> : tensor<2xi64>} : () -> tensor<2xi64>
  %1 = "aicc.constant_of_shape"(%0) {value = dense<0.000000e+00> : tensor<1xf32>} : (tensor<2xi64>) -> tensor<2x3xf32>
  return %1 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @range(
// CHECK: "aicc.range"(
// CHECK-SAME: (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<4xi64>
func.func @range() -> tensor<4xi64> {
  %0 = "aicc.constant"() {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  %1 = "aicc.constant"() {value = dense<4> : tensor<i64>} : () -> tensor<i64>
  %2 = "aicc.constant"() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %3 = "aicc.range"(%0, %1, %2) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<4xi64>
  return %3 : tensor<4xi64>
}

// CHECK-LABEL: func.func @log_softmax(
// CHECK: "aicc.log_softmax"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @log_softmax(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.log_softmax"(%arg0) {axis = 1 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @hardmax(
// CHECK: "aicc.hardmax"(
// CHECK-SAME: (tensor<2x3xf32>) -> tensor<2x3xf32>
func.func @hardmax(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.hardmax"(%arg0) {axis = 1 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @bitcast(
// CHECK: "aicc.bitcast"(
func.func @bitcast(%arg0: tensor<2x3xf32>) -> tensor<2x3xi32> {
  %0 = "aicc.bitcast"(%arg0) {to = i32} : (tensor<2x3xf32>) -> tensor<2x3xi32>
  return %0 : tensor<2x3xi32>
}

// CHECK-LABEL: func.func @cumprod(
// CHECK: "aicc.cumprod"(
func.func @cumprod(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.cumprod"(%arg0) {axis = 1 : i64, exclusive = false, reverse = true} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @nonzero(
// CHECK: "aicc.nonzero"(
func.func @nonzero(%arg0: tensor<2x3xf32>) -> tensor<2x?xi64> {
  %0 = "aicc.nonzero"(%arg0) : (tensor<2x3xf32>) -> tensor<2x?xi64>
  return %0 : tensor<2x?xi64>
}

// CHECK-LABEL: func.func @non_max_suppression(
// CHECK: "aicc.non_max_suppression"(
func.func @non_max_suppression(%arg0: tensor<1x6x4xf32>, %arg1: tensor<1x2x6xf32>, %arg2: tensor<1xi64>, %arg3: tensor<1xf32>, %arg4: tensor<1xf32>) -> tensor<?x3xi64> {
  %0 = "aicc.non_max_suppression"(%arg0, %arg1, %arg2, %arg3, %arg4) {center = false} : (tensor<1x6x4xf32>, tensor<1x2x6xf32>, tensor<1xi64>, tensor<1xf32>, tensor<1xf32>) -> tensor<?x3xi64>
  return %0 : tensor<?x3xi64>
}

// CHECK-LABEL: func.func @sample(
// CHECK: "aicc.sample"(
func.func @sample(%arg0: tensor<1x2x4x5xf32>, %arg1: tensor<1x3x6x2xf32>) -> tensor<1x2x3x6xf32> {
  %0 = "aicc.sample"(%arg0, %arg1) {corners = false, mode = "linear", padding = "zeros"} : (tensor<1x2x4x5xf32>, tensor<1x3x6x2xf32>) -> tensor<1x2x3x6xf32>
  return %0 : tensor<1x2x3x6xf32>
}

// CHECK-LABEL: func.func @unique_rows(
// CHECK: "aicc.unique_rows"(
func.func @unique_rows(%arg0: tensor<6x2xf32>) -> tensor<?xi64> {
  %0:3 = "aicc.unique_rows"(%arg0) {sorted = true} : (tensor<6x2xf32>) -> (tensor<?xi64>, tensor<6xi64>, tensor<?xi64>)
  return %0#0 : tensor<?xi64>
}

// CHECK-LABEL: func.func @cast_to_float8(
// CHECK: "aicc.cast"(
// CHECK-SAME: saturate = false
func.func @cast_to_float8(%arg0: tensor<2x3xf32>) -> tensor<2x3xf8E4M3FN> {
  %0 = "aicc.cast"(%arg0) {to = f8E4M3FN, saturate = false} : (tensor<2x3xf32>) -> tensor<2x3xf8E4M3FN>
  return %0 : tensor<2x3xf8E4M3FN>
}

// CHECK-LABEL: func.func @determinant(
// CHECK: "aicc.determinant"(
func.func @determinant(%arg0: tensor<2x3x3xf32>) -> tensor<2xf32> {
  %0 = "aicc.determinant"(%arg0) : (tensor<2x3x3xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// CHECK-LABEL: func.func @image_decode(
// CHECK: "aicc.image_decode"(
// CHECK-SAME: pixels = "grayscale"
func.func @image_decode(%arg0: tensor<?xui8>) -> tensor<?x?x1xui8> {
  %0 = "aicc.image_decode"(%arg0) {pixels = "grayscale"} : (tensor<?xui8>) -> tensor<?x?x1xui8>
  return %0 : tensor<?x?x1xui8>
}

// CHECK-LABEL: func.func @required(
// CHECK: "aicc.required"(
// CHECK-SAME: sizes = array<i64: 1, -1>
func.func @required(%arg0: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %0 = "aicc.required"(%arg0) {relation = "unequal", sizes = array<i64: 1, -1>, what = "a row is left"} : (tensor<?x3xf32>) -> tensor<?x3xf32>
  return %0 : tensor<?x3xf32>
}
