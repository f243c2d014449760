// RUN: aicc-opt %s --graph -split-input-file | filecheck %s

// A layer of a transformer as torch writes it with dynamic sizes: no shape arithmetic is left, the norm and
// the attention are found, heads are split by reshapes with constant shapes.
// CHECK-LABEL: func.func @main
// CHECK-NOT: aicc.shape
// CHECK: %[[M:.*]] = "aicc.matmul"
// CHECK: "aicc.constant"() {value = dense<[0, -1, 2, 4]> : tensor<4xi64>}
// CHECK: "aicc.attention"({{.*}}scale = 5.000000e-01
// CHECK: "aicc.layer_norm"
// CHECK-NOT: aicc.shape
// CHECK: return
func.func @main(%x: tensor<?x?x8xf32> {aicc.name = "x", aicc.dims = ["b", "s", 8]}) -> tensor<?x?x8xf32> {
  %i0 = "aicc.constant"() {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  %i1 = "aicc.constant"() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %w = "aicc.weight"() {sym = "w", shape = array<i64: 8, 8>, dtype = f32} : () -> tensor<8x8xf32>
  %q0 = "aicc.matmul"(%x, %w) {trans_a = false, trans_b = false} : (tensor<?x?x8xf32>, tensor<8x8xf32>) -> tensor<?x?x8xf32>
  %sh = "aicc.shape"(%q0) {start = 0 : i64} : (tensor<?x?x8xf32>) -> tensor<3xi64>
  %b = "aicc.gather"(%sh, %i0) {axis = 0 : i64} : (tensor<3xi64>, tensor<i64>) -> tensor<i64>
  %s = "aicc.gather"(%sh, %i1) {axis = 0 : i64} : (tensor<3xi64>, tensor<i64>) -> tensor<i64>
  %b1 = "aicc.unsqueeze"(%b) {axes = array<i64: 0>} : (tensor<i64>) -> tensor<1xi64>
  %s1 = "aicc.unsqueeze"(%s) {axes = array<i64: 0>} : (tensor<i64>) -> tensor<1xi64>
  %h = "aicc.constant"() {value = dense<[2, 4]> : tensor<2xi64>} : () -> tensor<2xi64>
  %c = "aicc.constant"() {value = dense<[8]> : tensor<1xi64>} : () -> tensor<1xi64>
  %split = tensor.concat dim(0) %b1, %s1, %h : (tensor<1xi64>, tensor<1xi64>, tensor<2xi64>) -> tensor<4xi64>
  %merge = tensor.concat dim(0) %b1, %s1, %c : (tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<3xi64>
  %q1 = "aicc.reshape"(%q0, %split) {allowzero = false} : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  %q = "aicc.transpose"(%q1) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x?x4xf32>
  %kt = "aicc.transpose"(%q1) {perm = array<i64: 0, 2, 3, 1>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x4x?xf32>
  %p0 = "aicc.matmul"(%q, %kt) {trans_a = false, trans_b = false} : (tensor<?x2x?x4xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x?x?xf32>
  %d = "aicc.cast"(%c) {to = f32} : (tensor<1xi64>) -> tensor<1xf32>
  %two = "aicc.constant"() {value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
  %p1 = "aicc.div"(%p0, %two) : (tensor<?x2x?x?xf32>, tensor<f32>) -> tensor<?x2x?x?xf32>
  %p = "aicc.softmax"(%p1) {axis = 3 : i64} : (tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xf32>
  %a0 = "aicc.matmul"(%p, %q) {trans_a = false, trans_b = false} : (tensor<?x2x?x?xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %a1 = "aicc.transpose"(%a0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x2x?x4xf32>) -> tensor<?x?x2x4xf32>
  %a = "aicc.reshape"(%a1, %merge) {allowzero = false} : (tensor<?x?x2x4xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
  %r = "aicc.add"(%a, %x) : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %m = "aicc.reduce_mean"(%r) {axes = array<i64: 2>, keepdims = true} : (tensor<?x?x8xf32>) -> tensor<?x?x1xf32>
  %e = "aicc.sub"(%r, %m) : (tensor<?x?x8xf32>, tensor<?x?x1xf32>) -> tensor<?x?x8xf32>
  %e2 = "aicc.pow"(%e, %two) : (tensor<?x?x8xf32>, tensor<f32>) -> tensor<?x?x8xf32>
  %v = "aicc.reduce_mean"(%e2) {axes = array<i64: 2>, keepdims = true} : (tensor<?x?x8xf32>) -> tensor<?x?x1xf32>
  %eps = "aicc.constant"() {value = dense<1.0e-5> : tensor<f32>} : () -> tensor<f32>
  %ve = "aicc.add"(%v, %eps) : (tensor<?x?x1xf32>, tensor<f32>) -> tensor<?x?x1xf32>
  %sd = "aicc.sqrt"(%ve) : (tensor<?x?x1xf32>) -> tensor<?x?x1xf32>
  %y = "aicc.div"(%e, %sd) : (tensor<?x?x8xf32>, tensor<?x?x1xf32>) -> tensor<?x?x8xf32>
  return %y : tensor<?x?x8xf32>
}

// -----

// A residual block with batch norms and a classifier: channels last, one transpose, norms in the weights.
// CHECK-LABEL: func.func @main
// CHECK-NOT: aicc.batch_norm
// CHECK: %[[X:.*]] = "aicc.transpose"(%arg0) {perm = array<i64: 0, 2, 3, 1>}
// CHECK-NOT: aicc.transpose
// CHECK: "aicc.conv"(%[[X]], {{.*}}kernel_layout = "HWIO", layout = "NHWC"
// CHECK: "aicc.add"({{.*}} : (tensor<2x8x8x16xf32>, tensor<2x8x8x16xf32>)
// CHECK: "aicc.relu"
// CHECK: "aicc.reduce_mean"({{.*}}axes = array<i64: 1, 2>
// CHECK-NOT: aicc.transpose
// CHECK: "aicc.matmul"
func.func @main(%x: tensor<2x16x8x8xf32>) -> tensor<2x4xf32> {
  %w = "aicc.weight"() {sym = "w", shape = array<i64: 16, 16, 3, 3>, dtype = f32} : () -> tensor<16x16x3x3xf32>
  %f = "aicc.weight"() {sym = "f", shape = array<i64: 4, 16>, dtype = f32} : () -> tensor<4x16xf32>
  %s = "aicc.weight"() {sym = "s", shape = array<i64: 16>, dtype = f32} : () -> tensor<16xf32>
  %m = "aicc.weight"() {sym = "m", shape = array<i64: 16>, dtype = f32} : () -> tensor<16xf32>
  %v = "aicc.constant"() {value = dense<0.5> : tensor<16xf32>} : () -> tensor<16xf32>
  %none = "aicc.none"() : () -> none
  %c = "aicc.conv"(%x, %w, %none) {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, group = 1 : i64, auto_pad = "NOTSET", layout = "NCHW", kernel_layout = "OIHW"} : (tensor<2x16x8x8xf32>, tensor<16x16x3x3xf32>, none) -> tensor<2x16x8x8xf32>
  %n = "aicc.batch_norm"(%c, %s, %m, %m, %v) {epsilon = 1.0e-05 : f64} : (tensor<2x16x8x8xf32>, tensor<16xf32>, tensor<16xf32>, tensor<16xf32>, tensor<16xf32>) -> tensor<2x16x8x8xf32>
  %a = "aicc.add"(%n, %x) : (tensor<2x16x8x8xf32>, tensor<2x16x8x8xf32>) -> tensor<2x16x8x8xf32>
  %r = "aicc.relu"(%a) : (tensor<2x16x8x8xf32>) -> tensor<2x16x8x8xf32>
  %g = "aicc.reduce_mean"(%r) {axes = array<i64: 2, 3>, keepdims = true} : (tensor<2x16x8x8xf32>) -> tensor<2x16x1x1xf32>
  %t = "aicc.constant"() {value = dense<[2, -1]> : tensor<2xi64>} : () -> tensor<2xi64>
  %flat = "aicc.reshape"(%g, %t) {allowzero = false} : (tensor<2x16x1x1xf32>, tensor<2xi64>) -> tensor<2x16xf32>
  %y = "aicc.matmul"(%flat, %f) {trans_a = false, trans_b = true} : (tensor<2x16xf32>, tensor<4x16xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}
