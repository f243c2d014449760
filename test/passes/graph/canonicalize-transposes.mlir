// RUN: aicc-opt %s --canonicalize-graph -split-input-file | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-NEXT: return %arg0
func.func @main(%x: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  %a = "aicc.transpose"(%x) {perm = array<i64: 1, 2, 0>} : (tensor<2x3x4xf32>) -> tensor<3x4x2xf32>
  %b = "aicc.transpose"(%a) {perm = array<i64: 2, 0, 1>} : (tensor<3x4x2xf32>) -> tensor<2x3x4xf32>
  return %b : tensor<2x3x4xf32>
}

// -----

// Only dims of size 1 move.
// CHECK-LABEL: func.func @main
// CHECK: "aicc.reshape"(%arg0
// CHECK-NOT: aicc.transpose
func.func @main(%x: tensor<2x1x1x8xf32>) -> tensor<2x8x1x1xf32> {
  %a = "aicc.transpose"(%x) {perm = array<i64: 0, 3, 1, 2>} : (tensor<2x1x1x8xf32>) -> tensor<2x8x1x1xf32>
  return %a : tensor<2x8x1x1xf32>
}

// -----

// CHECK-LABEL: func.func @main
// CHECK-NEXT: "aicc.matmul"(%arg0, %arg1) {trans_a = false, trans_b = true}
// CHECK-NEXT: return
func.func @main(%x: tensor<2x3x4xf32>, %y: tensor<2x5x4xf32>) -> tensor<2x3x5xf32> {
  %t = "aicc.transpose"(%y) {perm = array<i64: 0, 2, 1>} : (tensor<2x5x4xf32>) -> tensor<2x4x5xf32>
  %m = "aicc.matmul"(%x, %t) {trans_a = false, trans_b = false} : (tensor<2x3x4xf32>, tensor<2x4x5xf32>) -> tensor<2x3x5xf32>
  return %m : tensor<2x3x5xf32>
}

// -----

// The pair around the elementwise ops cancels.
// CHECK-LABEL: func.func @main
// CHECK-NOT: aicc.transpose"(%arg
// CHECK: return
func.func @main(%x: tensor<2x5x6x3xf32>, %z: tensor<2x5x6x3xf32>) -> tensor<2x5x6x3xf32> {
  %c = "aicc.constant"() {value = dense<[[[[1.0]], [[2.0]], [[3.0]]]]> : tensor<1x3x1x1xf32>} : () -> tensor<1x3x1x1xf32>
  %a = "aicc.transpose"(%x) {perm = array<i64: 0, 3, 1, 2>} : (tensor<2x5x6x3xf32>) -> tensor<2x3x5x6xf32>
  %b = "aicc.transpose"(%z) {perm = array<i64: 0, 3, 1, 2>} : (tensor<2x5x6x3xf32>) -> tensor<2x3x5x6xf32>
  %d = "aicc.add"(%a, %b) : (tensor<2x3x5x6xf32>, tensor<2x3x5x6xf32>) -> tensor<2x3x5x6xf32>
  %e = "aicc.mul"(%d, %c) : (tensor<2x3x5x6xf32>, tensor<1x3x1x1xf32>) -> tensor<2x3x5x6xf32>
  %f = "aicc.tanh"(%e) : (tensor<2x3x5x6xf32>) -> tensor<2x3x5x6xf32>
  %g = "aicc.transpose"(%f) {perm = array<i64: 0, 2, 3, 1>} : (tensor<2x3x5x6xf32>) -> tensor<2x5x6x3xf32>
  return %g : tensor<2x5x6x3xf32>
}

// -----

// CHECK-LABEL: func.func @main
// CHECK-NEXT: "aicc.log_softmax"(%arg0) {axis = 3 : i64}
// CHECK-NEXT: return
func.func @main(%x: tensor<2x5x6x3xf32>) -> tensor<2x5x6x3xf32> {
  %a = "aicc.transpose"(%x) {perm = array<i64: 0, 3, 1, 2>} : (tensor<2x5x6x3xf32>) -> tensor<2x3x5x6xf32>
  %f = "aicc.log_softmax"(%a) {axis = 1 : i64} : (tensor<2x3x5x6xf32>) -> tensor<2x3x5x6xf32>
  %g = "aicc.transpose"(%f) {perm = array<i64: 0, 2, 3, 1>} : (tensor<2x3x5x6xf32>) -> tensor<2x5x6x3xf32>
  return %g : tensor<2x5x6x3xf32>
}

// -----

// CHECK-LABEL: func.func @main
// CHECK: "aicc.reduce_sum"(%arg0) {axes = array<i64: 1, 2>, keepdims = false}
// CHECK-NOT: aicc.transpose
// CHECK: return
func.func @main(%x: tensor<2x5x6x3xf32>) -> tensor<2x3xf32> {
  %a = "aicc.transpose"(%x) {perm = array<i64: 0, 3, 1, 2>} : (tensor<2x5x6x3xf32>) -> tensor<2x3x5x6xf32>
  %f = "aicc.reduce_sum"(%a) {axes = array<i64: 2, 3>, keepdims = false} : (tensor<2x3x5x6xf32>) -> tensor<2x3xf32>
  return %f : tensor<2x3xf32>
}

// -----

// The patches of a vision transformer: [N, H, W, C] is already [N, H*W, C].
// CHECK-LABEL: func.func @main
// CHECK: %[[S:.*]] = "aicc.constant"() {value = dense<[2, 30, 3]>
// CHECK-NEXT: %[[Y:.*]] = "aicc.reshape"(%arg0, %[[S]])
// CHECK-NEXT: return %[[Y]]
func.func @main(%x: tensor<2x5x6x3xf32>) -> tensor<2x30x3xf32> {
  %a = "aicc.transpose"(%x) {perm = array<i64: 0, 3, 1, 2>} : (tensor<2x5x6x3xf32>) -> tensor<2x3x5x6xf32>
  %s = "aicc.constant"() {value = dense<[2, 3, 30]> : tensor<3xi64>} : () -> tensor<3xi64>
  %r = "aicc.reshape"(%a, %s) {allowzero = false} : (tensor<2x3x5x6xf32>, tensor<3xi64>) -> tensor<2x3x30xf32>
  %t = "aicc.transpose"(%r) {perm = array<i64: 0, 2, 1>} : (tensor<2x3x30xf32>) -> tensor<2x30x3xf32>
  return %t : tensor<2x30x3xf32>
}
