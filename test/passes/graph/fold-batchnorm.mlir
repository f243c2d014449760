// RUN: aicc-opt %s --fold-batchnorm --fold-constants -split-input-file | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK: %[[W:.*]] = "aicc.constant"
// CHECK: %[[B:.*]] = "aicc.constant"
// CHECK: %[[Y:.*]] = "aicc.conv"(%arg0, %{{.*}}, %{{.*}})
// CHECK-NEXT: "aicc.relu"(%[[Y]])
// CHECK-NOT: aicc.batch_norm
func.func @main(%x: tensor<1x2x4x4xf32>) -> tensor<1x3x3x3xf32> {
  %w = "aicc.constant"() {value = dense<0.25> : tensor<3x2x2x2xf32>} : () -> tensor<3x2x2x2xf32>
  %none = "aicc.none"() : () -> none
  %s = "aicc.constant"() {value = dense<[1.0, 2.0, -0.5]> : tensor<3xf32>} : () -> tensor<3xf32>
  %b = "aicc.constant"() {value = dense<[0.5, 0.0, 1.5]> : tensor<3xf32>} : () -> tensor<3xf32>
  %m = "aicc.constant"() {value = dense<[0.1, -0.2, 0.3]> : tensor<3xf32>} : () -> tensor<3xf32>
  %v = "aicc.constant"() {value = dense<[1.5, 0.5, 2.0]> : tensor<3xf32>} : () -> tensor<3xf32>
  %c = "aicc.conv"(%x, %w, %none) {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 1 : i64, auto_pad = "NOTSET", layout = "NCHW", kernel_layout = "OIHW"} : (tensor<1x2x4x4xf32>, tensor<3x2x2x2xf32>, none) -> tensor<1x3x3x3xf32>
  %n = "aicc.batch_norm"(%c, %s, %b, %m, %v) {epsilon = 1.0e-05 : f64} : (tensor<1x3x3x3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<1x3x3x3xf32>
  %y = "aicc.relu"(%n) : (tensor<1x3x3x3xf32>) -> tensor<1x3x3x3xf32>
  return %y : tensor<1x3x3x3xf32>
}

// -----

// Not after something linear: a scale and a shift.
// CHECK-LABEL: func.func @main
// CHECK: %[[R:.*]] = "aicc.relu"(%arg0)
// CHECK: %[[S:.*]] = "aicc.mul"(%[[R]], %{{.*}}) : (tensor<1x3x2x2xf32>, tensor<3x1x1xf32>)
// CHECK: "aicc.add"(%[[S]], %{{.*}}) : (tensor<1x3x2x2xf32>, tensor<3x1x1xf32>)
func.func @main(%x: tensor<1x3x2x2xf32>) -> tensor<1x3x2x2xf32> {
  %s = "aicc.constant"() {value = dense<[1.0, 2.0, -0.5]> : tensor<3xf32>} : () -> tensor<3xf32>
  %b = "aicc.constant"() {value = dense<[0.5, 0.0, 1.5]> : tensor<3xf32>} : () -> tensor<3xf32>
  %m = "aicc.constant"() {value = dense<[0.1, -0.2, 0.3]> : tensor<3xf32>} : () -> tensor<3xf32>
  %v = "aicc.constant"() {value = dense<[1.5, 0.5, 2.0]> : tensor<3xf32>} : () -> tensor<3xf32>
  %r = "aicc.relu"(%x) : (tensor<1x3x2x2xf32>) -> tensor<1x3x2x2xf32>
  %n = "aicc.batch_norm"(%r, %s, %b, %m, %v) {epsilon = 1.0e-05 : f64} : (tensor<1x3x2x2xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<1x3x2x2xf32>
  return %n : tensor<1x3x2x2xf32>
}

// -----

// (x w + b) * s: into the weights of the matmul.
// CHECK-LABEL: func.func @main
// CHECK: %[[M:.*]] = "aicc.matmul"(%arg0, %{{.*}})
// CHECK: %[[Y:.*]] = "aicc.add"(%[[M]], %{{.*}})
// CHECK-NEXT: return %[[Y]]
func.func @main(%x: tensor<4x2xf32>) -> tensor<4x3xf32> {
  %w = "aicc.constant"() {value = dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>} : () -> tensor<2x3xf32>
  %b = "aicc.constant"() {value = dense<[0.5, 0.0, 1.5]> : tensor<3xf32>} : () -> tensor<3xf32>
  %s = "aicc.constant"() {value = dense<0.125> : tensor<f32>} : () -> tensor<f32>
  %m = "aicc.matmul"(%x, %w) {trans_a = false, trans_b = false} : (tensor<4x2xf32>, tensor<2x3xf32>) -> tensor<4x3xf32>
  %a = "aicc.add"(%m, %b) : (tensor<4x3xf32>, tensor<3xf32>) -> tensor<4x3xf32>
  %y = "aicc.mul"(%a, %s) : (tensor<4x3xf32>, tensor<f32>) -> tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}

// -----

// A scale per row is not per channel.
// CHECK-LABEL: func.func @main
// CHECK: "aicc.matmul"
// CHECK: "aicc.mul"
func.func @main(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %w = "aicc.constant"() {value = dense<[[1.0, 2.0], [4.0, 5.0]]> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %s = "aicc.constant"() {value = dense<[[2.0], [3.0]]> : tensor<2x1xf32>} : () -> tensor<2x1xf32>
  %m = "aicc.matmul"(%x, %w) {trans_a = false, trans_b = false} : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %y = "aicc.mul"(%m, %s) : (tensor<2x2xf32>, tensor<2x1xf32>) -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}
