// RUN: aicc-opt %s --recognize-norms -split-input-file | filecheck %s

// As torch writes it before opset 17.
// CHECK-LABEL: func.func @main
// CHECK: "aicc.layer_norm"(%arg0, %{{.*}}, %{{.*}}) {axis = 1 : i64, epsilon = 9.99
// CHECK-NEXT: return
func.func @main(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %eps = "aicc.constant"() {value = dense<1.0e-5> : tensor<f32>} : () -> tensor<f32>
  %two = "aicc.constant"() {value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
  %m = "aicc.reduce_mean"(%x) {axes = array<i64: 1>, keepdims = true} : (tensor<4x8xf32>) -> tensor<4x1xf32>
  %d = "aicc.sub"(%x, %m) : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
  %p = "aicc.pow"(%d, %two) : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %v = "aicc.reduce_mean"(%p) {axes = array<i64: 1>, keepdims = true} : (tensor<4x8xf32>) -> tensor<4x1xf32>
  %ve = "aicc.add"(%v, %eps) : (tensor<4x1xf32>, tensor<f32>) -> tensor<4x1xf32>
  %s = "aicc.sqrt"(%ve) : (tensor<4x1xf32>) -> tensor<4x1xf32>
  %n = "aicc.div"(%d, %s) : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
  %g = "aicc.weight"() {sym = "g", shape = array<i64: 8>, dtype = f32} : () -> tensor<8xf32>
  %b = "aicc.weight"() {sym = "b", shape = array<i64: 8>, dtype = f32} : () -> tensor<8xf32>
  %ng = "aicc.mul"(%n, %g) : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  %nb = "aicc.add"(%b, %ng) : (tensor<8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %nb : tensor<4x8xf32>
}

// -----

// The deviation over other axes than the mean: no layer norm.
// CHECK-LABEL: func.func @main
// CHECK-NOT: aicc.layer_norm
func.func @main(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %eps = "aicc.constant"() {value = dense<1.0e-5> : tensor<f32>} : () -> tensor<f32>
  %m = "aicc.reduce_mean"(%x) {axes = array<i64: 0, 1>, keepdims = true} : (tensor<4x8xf32>) -> tensor<1x1xf32>
  %d = "aicc.sub"(%x, %m) : (tensor<4x8xf32>, tensor<1x1xf32>) -> tensor<4x8xf32>
  %p = "aicc.mul"(%d, %d) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %v = "aicc.reduce_mean"(%p) {axes = array<i64: 0>, keepdims = true} : (tensor<4x8xf32>) -> tensor<1x8xf32>
  %ve = "aicc.add"(%v, %eps) : (tensor<1x8xf32>, tensor<f32>) -> tensor<1x8xf32>
  %s = "aicc.sqrt"(%ve) : (tensor<1x8xf32>) -> tensor<1x8xf32>
  %n = "aicc.div"(%d, %s) : (tensor<4x8xf32>, tensor<1x8xf32>) -> tensor<4x8xf32>
  return %n : tensor<4x8xf32>
}

// -----

// As TensorFlow writes it: x * i + (b - mean * i).
// CHECK-LABEL: func.func @main
// CHECK: "aicc.layer_norm"(%arg0, %{{.*}}, %{{.*}}) {axis = 2 : i64, epsilon = 0.0010
// CHECK-NEXT: return
func.func @main(%x: tensor<2x4x8xf32>) -> tensor<2x4x8xf32> {
  %eps = "aicc.constant"() {value = dense<1.0e-3> : tensor<f32>} : () -> tensor<f32>
  %g = "aicc.weight"() {sym = "g", shape = array<i64: 8>, dtype = f32} : () -> tensor<8xf32>
  %b = "aicc.weight"() {sym = "b", shape = array<i64: 8>, dtype = f32} : () -> tensor<8xf32>
  %m = "aicc.reduce_mean"(%x) {axes = array<i64: 2>, keepdims = true} : (tensor<2x4x8xf32>) -> tensor<2x4x1xf32>
  %d = "aicc.sub"(%x, %m) : (tensor<2x4x8xf32>, tensor<2x4x1xf32>) -> tensor<2x4x8xf32>
  %p = "aicc.mul"(%d, %d) : (tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %v = "aicc.reduce_mean"(%p) {axes = array<i64: 2>, keepdims = true} : (tensor<2x4x8xf32>) -> tensor<2x4x1xf32>
  %ve = "aicc.add"(%v, %eps) : (tensor<2x4x1xf32>, tensor<f32>) -> tensor<2x4x1xf32>
  %s = "aicc.sqrt"(%ve) : (tensor<2x4x1xf32>) -> tensor<2x4x1xf32>
  %r = "aicc.reciprocal"(%s) : (tensor<2x4x1xf32>) -> tensor<2x4x1xf32>
  %i = "aicc.mul"(%r, %g) : (tensor<2x4x1xf32>, tensor<8xf32>) -> tensor<2x4x8xf32>
  %xi = "aicc.mul"(%x, %i) : (tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %mi = "aicc.mul"(%i, %m) : (tensor<2x4x8xf32>, tensor<2x4x1xf32>) -> tensor<2x4x8xf32>
  %bm = "aicc.sub"(%b, %mi) : (tensor<8xf32>, tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %y = "aicc.add"(%xi, %bm) : (tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %y : tensor<2x4x8xf32>
}

// -----

// In half precision, with the statistics in f32.
// CHECK-LABEL: func.func @main
// CHECK: "aicc.rms_norm"(%arg0, %{{.*}}) {axis = 1 : i64, epsilon = 9.99
// CHECK-NEXT: return
func.func @main(%x: tensor<4x8xf16>) -> tensor<4x8xf16> {
  %eps = "aicc.constant"() {value = dense<1.0e-6> : tensor<f32>} : () -> tensor<f32>
  %g = "aicc.weight"() {sym = "g", shape = array<i64: 8>, dtype = f16} : () -> tensor<8xf16>
  %w = "aicc.cast"(%x) {to = f32} : (tensor<4x8xf16>) -> tensor<4x8xf32>
  %p = "aicc.mul"(%w, %w) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %v = "aicc.reduce_mean"(%p) {axes = array<i64: 1>, keepdims = true} : (tensor<4x8xf32>) -> tensor<4x1xf32>
  %ve = "aicc.add"(%v, %eps) : (tensor<4x1xf32>, tensor<f32>) -> tensor<4x1xf32>
  %s = "aicc.sqrt"(%ve) : (tensor<4x1xf32>) -> tensor<4x1xf32>
  %r = "aicc.reciprocal"(%s) : (tensor<4x1xf32>) -> tensor<4x1xf32>
  %n = "aicc.mul"(%w, %r) : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
  %h = "aicc.cast"(%n) {to = f16} : (tensor<4x8xf32>) -> tensor<4x8xf16>
  %y = "aicc.mul"(%g, %h) : (tensor<8xf16>, tensor<4x8xf16>) -> tensor<4x8xf16>
  return %y : tensor<4x8xf16>
}

// -----

// Over the channels of an image.
// CHECK-LABEL: func.func @main
// CHECK: %[[T:.*]] = "aicc.transpose"(%arg0) {perm = array<i64: 0, 2, 3, 1>}
// CHECK: %[[N:.*]] = "aicc.layer_norm"(%[[T]], %{{.*}}, %{{.*}}) {axis = 3 : i64
// CHECK: "aicc.transpose"(%[[N]]) {perm = array<i64: 0, 3, 1, 2>}
// CHECK-NEXT: return
func.func @main(%x: tensor<1x4x3x2xf32>) -> tensor<1x4x3x2xf32> {
  %eps = "aicc.constant"() {value = dense<1.0e-5> : tensor<f32>} : () -> tensor<f32>
  %g = "aicc.constant"() {value = dense<[[[1.0]], [[2.0]], [[3.0]], [[4.0]]]> : tensor<4x1x1xf32>} : () -> tensor<4x1x1xf32>
  %b = "aicc.constant"() {value = dense<[[[1.0]], [[0.0]], [[0.5]], [[-1.0]]]> : tensor<4x1x1xf32>} : () -> tensor<4x1x1xf32>
  %m = "aicc.reduce_mean"(%x) {axes = array<i64: 1>, keepdims = true} : (tensor<1x4x3x2xf32>) -> tensor<1x1x3x2xf32>
  %d = "aicc.sub"(%x, %m) : (tensor<1x4x3x2xf32>, tensor<1x1x3x2xf32>) -> tensor<1x4x3x2xf32>
  %p = "aicc.mul"(%d, %d) : (tensor<1x4x3x2xf32>, tensor<1x4x3x2xf32>) -> tensor<1x4x3x2xf32>
  %v = "aicc.reduce_mean"(%p) {axes = array<i64: 1>, keepdims = true} : (tensor<1x4x3x2xf32>) -> tensor<1x1x3x2xf32>
  %ve = "aicc.add"(%v, %eps) : (tensor<1x1x3x2xf32>, tensor<f32>) -> tensor<1x1x3x2xf32>
  %s = "aicc.sqrt"(%ve) : (tensor<1x1x3x2xf32>) -> tensor<1x1x3x2xf32>
  %n = "aicc.div"(%d, %s) : (tensor<1x4x3x2xf32>, tensor<1x1x3x2xf32>) -> tensor<1x4x3x2xf32>
  %ng = "aicc.mul"(%g, %n) : (tensor<4x1x1xf32>, tensor<1x4x3x2xf32>) -> tensor<1x4x3x2xf32>
  %y = "aicc.add"(%ng, %b) : (tensor<1x4x3x2xf32>, tensor<4x1x1xf32>) -> tensor<1x4x3x2xf32>
  return %y : tensor<1x4x3x2xf32>
}

// -----

// A group norm, as torch writes it.
// CHECK-LABEL: func.func @main
// CHECK: "aicc.group_norm"(%arg0, %{{.*}}, %{{.*}}) {epsilon = 1.000000e-05 : f64, num_groups = 2 : i64
// CHECK-NEXT: return
func.func @main(%x: tensor<1x4x3x2xf32>) -> tensor<1x4x3x2xf32> {
  %one = "aicc.constant"() {value = dense<1.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %zero = "aicc.constant"() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %g = "aicc.constant"() {value = dense<[[[1.0]], [[2.0]], [[3.0]], [[4.0]]]> : tensor<4x1x1xf32>} : () -> tensor<4x1x1xf32>
  %s = "aicc.constant"() {value = dense<[0, 2, -1]> : tensor<3xi64>} : () -> tensor<3xi64>
  %t = "aicc.constant"() {value = dense<[1, 4, 3, 2]> : tensor<4xi64>} : () -> tensor<4xi64>
  %r = "aicc.reshape"(%x, %s) {allowzero = false} : (tensor<1x4x3x2xf32>, tensor<3xi64>) -> tensor<1x2x12xf32>
  %n = "aicc.instance_norm"(%r, %one, %zero) {epsilon = 1.0e-05 : f64} : (tensor<1x2x12xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x12xf32>
  %b = "aicc.reshape"(%n, %t) {allowzero = false} : (tensor<1x2x12xf32>, tensor<4xi64>) -> tensor<1x4x3x2xf32>
  %y = "aicc.mul"(%b, %g) : (tensor<1x4x3x2xf32>, tensor<4x1x1xf32>) -> tensor<1x4x3x2xf32>
  return %y : tensor<1x4x3x2xf32>
}
