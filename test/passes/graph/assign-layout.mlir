// RUN: aicc-opt %s --assign-layout --canonicalize-graph --fold-constants -split-input-file | filecheck %s

// One transpose at the input, none inside, one at the output; the weights are transposed as weights.
// CHECK-LABEL: func.func @main
// CHECK: %[[X:.*]] = "aicc.transpose"(%arg0) {perm = array<i64: 0, 2, 3, 1>}
// CHECK: %[[W:.*]] = "aicc.weight"() {{.*}}sym = "w.transpose"
// CHECK: %[[C:.*]] = "aicc.conv"(%[[X]], %[[W]], %{{.*}}) {{.*}}kernel_layout = "HWIO", layout = "NHWC"
// CHECK: %[[S:.*]] = "aicc.mul"(%[[C]], %{{.*}}) : (tensor<1x8x8x32xf32>, tensor<1x1x1x32xf32>)
// CHECK: %[[P:.*]] = "aicc.max_pool"(%[[S]]) {{.*}}layout = "NHWC"
// CHECK: %[[D:.*]] = "aicc.conv"(%[[P]], %{{.*}}) {{.*}}layout = "NHWC"
// CHECK-NEXT: %[[J:.*]] = tensor.concat dim(3) %[[P]], %[[D]]
// CHECK-NEXT: %[[Y:.*]] = "aicc.transpose"(%[[J]]) {perm = array<i64: 0, 3, 1, 2>}
// CHECK-NEXT: return %[[Y]]
func.func @main(%x: tensor<1x32x8x8xf32>) -> tensor<1x64x4x4xf32> {
  %w = "aicc.weight"() {sym = "w", shape = array<i64: 32, 32, 3, 3>, dtype = f32} : () -> tensor<32x32x3x3xf32>
  %s = "aicc.weight"() {sym = "s", shape = array<i64: 32, 1, 1>, dtype = f32} : () -> tensor<32x1x1xf32>
  %none = "aicc.none"() : () -> none
  %c = "aicc.conv"(%x, %w, %none) {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, group = 1 : i64, auto_pad = "NOTSET", layout = "NCHW", kernel_layout = "OIHW"} : (tensor<1x32x8x8xf32>, tensor<32x32x3x3xf32>, none) -> tensor<1x32x8x8xf32>
  %m = "aicc.mul"(%c, %s) : (tensor<1x32x8x8xf32>, tensor<32x1x1xf32>) -> tensor<1x32x8x8xf32>
  %p = "aicc.max_pool"(%m) {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, ceil_mode = false, auto_pad = "NOTSET", layout = "NCHW"} : (tensor<1x32x8x8xf32>) -> tensor<1x32x4x4xf32>
  %d = "aicc.conv"(%p, %w, %none) {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, group = 1 : i64, auto_pad = "NOTSET", layout = "NCHW", kernel_layout = "OIHW"} : (tensor<1x32x4x4xf32>, tensor<32x32x3x3xf32>, none) -> tensor<1x32x4x4xf32>
  %j = tensor.concat dim(1) %p, %d : (tensor<1x32x4x4xf32>, tensor<1x32x4x4xf32>) -> tensor<1x64x4x4xf32>
  return %j : tensor<1x64x4x4xf32>
}

// -----

// The tail of a classifier: nothing is transposed after the global pool.
// CHECK-LABEL: func.func @main
// CHECK: "aicc.transpose"(%arg0)
// CHECK: %[[C:.*]] = "aicc.conv"
// CHECK: %[[R:.*]] = "aicc.relu"(%[[C]]) : (tensor<1x8x8x32xf32>)
// CHECK: %[[G:.*]] = "aicc.reduce_mean"(%[[R]]) {axes = array<i64: 1, 2>, keepdims = false}
// CHECK-NEXT: return %[[G]]
func.func @main(%x: tensor<1x32x8x8xf32>) -> tensor<1x32xf32> {
  %w = "aicc.weight"() {sym = "w", shape = array<i64: 32, 32, 3, 3>, dtype = f32} : () -> tensor<32x32x3x3xf32>
  %none = "aicc.none"() : () -> none
  %c = "aicc.conv"(%x, %w, %none) {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, group = 1 : i64, auto_pad = "NOTSET", layout = "NCHW", kernel_layout = "OIHW"} : (tensor<1x32x8x8xf32>, tensor<32x32x3x3xf32>, none) -> tensor<1x32x8x8xf32>
  %r = "aicc.relu"(%c) : (tensor<1x32x8x8xf32>) -> tensor<1x32x8x8xf32>
  %g = "aicc.reduce_mean"(%r) {axes = array<i64: 2, 3>, keepdims = false} : (tensor<1x32x8x8xf32>) -> tensor<1x32xf32>
  return %g : tensor<1x32xf32>
}

// -----

// The model transposes by itself: that is taken, not added to.
// CHECK-LABEL: func.func @main
// CHECK-NOT: aicc.transpose
// CHECK: "aicc.conv"(%arg0
// CHECK-NOT: aicc.transpose
// CHECK: return
func.func @main(%x: tensor<1x8x8x32xf32>) -> tensor<1x8x8x32xf32> {
  %w = "aicc.weight"() {sym = "w", shape = array<i64: 32, 32, 3, 3>, dtype = f32} : () -> tensor<32x32x3x3xf32>
  %none = "aicc.none"() : () -> none
  %t = "aicc.transpose"(%x) {perm = array<i64: 0, 3, 1, 2>} : (tensor<1x8x8x32xf32>) -> tensor<1x32x8x8xf32>
  %c = "aicc.conv"(%t, %w, %none) {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, group = 1 : i64, auto_pad = "NOTSET", layout = "NCHW", kernel_layout = "OIHW"} : (tensor<1x32x8x8xf32>, tensor<32x32x3x3xf32>, none) -> tensor<1x32x8x8xf32>
  %r = "aicc.tanh"(%c) : (tensor<1x32x8x8xf32>) -> tensor<1x32x8x8xf32>
  %u = "aicc.transpose"(%r) {perm = array<i64: 0, 2, 3, 1>} : (tensor<1x32x8x8xf32>) -> tensor<1x8x8x32xf32>
  return %u : tensor<1x8x8x32xf32>
}

// -----

// No convolution: nothing changes.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: "aicc.max_pool"(%arg0) {{.*}}layout = "NCHW"
func.func @main(%x: tensor<1x32x8x8xf32>) -> tensor<1x32x4x4xf32> {
  %p = "aicc.max_pool"(%x) {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, ceil_mode = false, auto_pad = "NOTSET", layout = "NCHW"} : (tensor<1x32x8x8xf32>) -> tensor<1x32x4x4xf32>
  return %p : tensor<1x32x4x4xf32>
}

// -----

// Shuffled channels (ShuffleNet) are shuffled in place: only the input and the output are transposed.
// CHECK-LABEL: func.func @main
// CHECK: "aicc.transpose"(%arg0) {perm = array<i64: 0, 2, 3, 1>}
// CHECK: "aicc.conv"
// CHECK: "aicc.transpose"({{.*}}) {perm = array<i64: 0, 1, 2, 4, 3>} : (tensor<1x8x8x4x8xf32>)
// CHECK-NOT: aicc.transpose
// CHECK: "aicc.conv"
// CHECK-NEXT: "aicc.transpose"({{.*}}) {perm = array<i64: 0, 3, 1, 2>}
// CHECK-NEXT: return
func.func @main(%x: tensor<1x32x8x8xf32>) -> tensor<1x32x8x8xf32> {
  %w = "aicc.weight"() {sym = "w", shape = array<i64: 32, 32, 1, 1>, dtype = f32} : () -> tensor<32x32x1x1xf32>
  %none = "aicc.none"() : () -> none
  %s5 = "aicc.constant"() {value = dense<[1, 4, 8, 8, 8]> : tensor<5xi64>} : () -> tensor<5xi64>
  %s4 = "aicc.constant"() {value = dense<[1, 32, 8, 8]> : tensor<4xi64>} : () -> tensor<4xi64>
  %c = "aicc.conv"(%x, %w, %none) {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 1 : i64, auto_pad = "NOTSET", layout = "NCHW", kernel_layout = "OIHW"} : (tensor<1x32x8x8xf32>, tensor<32x32x1x1xf32>, none) -> tensor<1x32x8x8xf32>
  %a = "aicc.reshape"(%c, %s5) {allowzero = false} : (tensor<1x32x8x8xf32>, tensor<5xi64>) -> tensor<1x4x8x8x8xf32>
  %b = "aicc.transpose"(%a) {perm = array<i64: 0, 2, 1, 3, 4>} : (tensor<1x4x8x8x8xf32>) -> tensor<1x8x4x8x8xf32>
  %d = "aicc.reshape"(%b, %s4) {allowzero = false} : (tensor<1x8x4x8x8xf32>, tensor<4xi64>) -> tensor<1x32x8x8xf32>
  %e = "aicc.conv"(%d, %w, %none) {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 1 : i64, auto_pad = "NOTSET", layout = "NCHW", kernel_layout = "OIHW"} : (tensor<1x32x8x8xf32>, tensor<32x32x1x1xf32>, none) -> tensor<1x32x8x8xf32>
  return %e : tensor<1x32x8x8xf32>
}
