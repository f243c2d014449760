// RUN: aicc-opt %s --recognize-activations -split-input-file | filecheck %s

// 0.5 * x * (1 + erf(x / sqrt 2))
// CHECK-LABEL: func.func @main
// CHECK-NEXT: "aicc.gelu"(%arg0) {approximate = "none"}
// CHECK-NEXT: return
func.func @main(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %half = "aicc.constant"() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %one = "aicc.constant"() {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
  %root = "aicc.constant"() {value = dense<1.41421354> : tensor<f32>} : () -> tensor<f32>
  %a = "aicc.div"(%x, %root) : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %e = "aicc.erf"(%a) : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %b = "aicc.add"(%e, %one) : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %c = "aicc.mul"(%x, %b) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %d = "aicc.mul"(%c, %half) : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  return %d : tensor<4x8xf32>
}

// -----

// x * (0.5 + 0.5 * erf(x * 0.70710678))
// CHECK-LABEL: func.func @main
// CHECK-NEXT: "aicc.gelu"(%arg0) {approximate = "none"}
// CHECK-NEXT: return
func.func @main(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %half = "aicc.constant"() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %root = "aicc.constant"() {value = dense<0.707106769> : tensor<f32>} : () -> tensor<f32>
  %a = "aicc.mul"(%root, %x) : (tensor<f32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %e = "aicc.erf"(%a) : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %h = "aicc.mul"(%half, %e) : (tensor<f32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %b = "aicc.add"(%half, %h) : (tensor<f32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %c = "aicc.mul"(%b, %x) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %c : tensor<4x8xf32>
}

// -----

// Another constant is another function.
// CHECK-LABEL: func.func @main
// CHECK-NOT: aicc.gelu
func.func @main(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %half = "aicc.constant"() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %one = "aicc.constant"() {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
  %root = "aicc.constant"() {value = dense<1.415> : tensor<f32>} : () -> tensor<f32>
  %a = "aicc.div"(%x, %root) : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %e = "aicc.erf"(%a) : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %b = "aicc.add"(%e, %one) : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %c = "aicc.mul"(%x, %b) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %d = "aicc.mul"(%c, %half) : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  return %d : tensor<4x8xf32>
}

// -----

// 0.5 * x * (1 + tanh(sqrt(2/pi) * (x + 0.044715 * x^3)))
// CHECK-LABEL: func.func @main
// CHECK-NEXT: "aicc.gelu"(%arg0) {approximate = "tanh"}
// CHECK-NEXT: return
func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
  %half = "aicc.constant"() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %one = "aicc.constant"() {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
  %three = "aicc.constant"() {value = dense<3.0> : tensor<f32>} : () -> tensor<f32>
  %k = "aicc.constant"() {value = dense<0.0447149985> : tensor<f32>} : () -> tensor<f32>
  %s = "aicc.constant"() {value = dense<0.797884583> : tensor<f32>} : () -> tensor<f32>
  %h = "aicc.mul"(%half, %x) : (tensor<f32>, tensor<8xf32>) -> tensor<8xf32>
  %p = "aicc.pow"(%x, %three) : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %q = "aicc.mul"(%k, %p) : (tensor<f32>, tensor<8xf32>) -> tensor<8xf32>
  %r = "aicc.add"(%x, %q) : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %t = "aicc.mul"(%s, %r) : (tensor<f32>, tensor<8xf32>) -> tensor<8xf32>
  %u = "aicc.tanh"(%t) : (tensor<8xf32>) -> tensor<8xf32>
  %v = "aicc.add"(%one, %u) : (tensor<f32>, tensor<8xf32>) -> tensor<8xf32>
  %y = "aicc.mul"(%h, %v) : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// -----

// x * sigmoid(1.702 * x)
// CHECK-LABEL: func.func @main
// CHECK-NEXT: "aicc.silu"(%arg0) {alpha = 1.702
// CHECK-NEXT: return
func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
  %k = "aicc.constant"() {value = dense<1.702> : tensor<f32>} : () -> tensor<f32>
  %a = "aicc.mul"(%x, %k) : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %s = "aicc.sigmoid"(%a) : (tensor<8xf32>) -> tensor<8xf32>
  %y = "aicc.mul"(%x, %s) : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// -----

// x / (1 + exp(-x))
// CHECK-LABEL: func.func @main
// CHECK: "aicc.sigmoid"(%arg0)
// CHECK: "aicc.hard_swish"(%arg0)
// CHECK: "aicc.hard_sigmoid"(%arg0) {alpha = 0.16666666666666666 : f64, beta = 5.000000e-01 : f64}
// CHECK: "aicc.mish"(%arg0)
// CHECK: "aicc.softsign"(%arg0)
// CHECK-NEXT: return
func.func @main(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>) {
  %zero = "aicc.constant"() {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  %one = "aicc.constant"() {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
  %three = "aicc.constant"() {value = dense<3.0> : tensor<f32>} : () -> tensor<f32>
  %six = "aicc.constant"() {value = dense<6.0> : tensor<f32>} : () -> tensor<f32>
  %n = "aicc.neg"(%x) : (tensor<8xf32>) -> tensor<8xf32>
  %e = "aicc.exp"(%n) : (tensor<8xf32>) -> tensor<8xf32>
  %d = "aicc.add"(%e, %one) : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %sigmoid = "aicc.reciprocal"(%d) : (tensor<8xf32>) -> tensor<8xf32>
  %p = "aicc.add"(%x, %three) : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %c = "aicc.clip"(%p, %zero, %six) : (tensor<8xf32>, tensor<f32>, tensor<f32>) -> tensor<8xf32>
  %m = "aicc.mul"(%x, %c) : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %hs = "aicc.div"(%m, %six) : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %p2 = "aicc.add"(%x, %three) : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %c2 = "aicc.clip"(%p2, %zero, %six) : (tensor<8xf32>, tensor<f32>, tensor<f32>) -> tensor<8xf32>
  %hg = "aicc.div"(%c2, %six) : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %ex = "aicc.exp"(%x) : (tensor<8xf32>) -> tensor<8xf32>
  %ex1 = "aicc.add"(%ex, %one) : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %sp = "aicc.log"(%ex1) : (tensor<8xf32>) -> tensor<8xf32>
  %th = "aicc.tanh"(%sp) : (tensor<8xf32>) -> tensor<8xf32>
  %mish = "aicc.mul"(%x, %th) : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %abs = "aicc.abs"(%x) : (tensor<8xf32>) -> tensor<8xf32>
  %abs1 = "aicc.add"(%abs, %one) : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %ss = "aicc.div"(%x, %abs1) : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %sigmoid, %hs, %hg, %mish, %ss : tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>
}
