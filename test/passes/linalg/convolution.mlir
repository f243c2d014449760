// RUN: aicc-opt %s --lower-to-linalg -split-input-file | filecheck %s

// Channels last: explicit padding, the contraction of the kernels' contract, the bias on its own.
// CHECK-DAG: #[[X:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1 * 2 + d4, d2 * 2 + d5, d6)>
// CHECK-DAG: #[[W:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d4, d5, d6, d3)>
// CHECK-DAG: #[[Y:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d2, d3)>
// CHECK-DAG: #[[B:.*]] = affine_map<(d0, d1, d2, d3) -> (d3)>
// CHECK-LABEL: func.func @main
// CHECK: %[[P:.*]] = tensor.pad %arg0 low[0, 1, 1, 0] high[0, 1, 1, 0]
// CHECK: %[[Z:.*]] = linalg.fill
// CHECK: %[[C:.*]] = linalg.generic {indexing_maps = [#[[X]], #[[W]], #[[Y]]]
// CHECK-SAME: ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]
// CHECK-SAME: ins(%[[P]], %arg1 : {{.*}}) outs(%[[Z]] :
// CHECK-NEXT: ^bb0
// CHECK-NEXT: arith.mulf
// CHECK-NEXT: arith.addf
// CHECK-NEXT: linalg.yield
// CHECK: linalg.generic {{.*}}#[[B]]{{.*}} ins(%[[C]], %arg2 :
func.func @main(%x: tensor<1x8x8x4xf32>, %w: tensor<3x3x4x6xf32>, %b: tensor<6xf32>) -> tensor<1x4x4x6xf32> {
  %0 = "aicc.conv"(%x, %w, %b) {strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, group = 1 : i64, auto_pad = "NOTSET", layout = "NHWC", kernel_layout = "HWIO"} : (tensor<1x8x8x4xf32>, tensor<3x3x4x6xf32>, tensor<6xf32>) -> tensor<1x4x4x6xf32>
  return %0 : tensor<1x4x4x6xf32>
}

// -----

// A pointwise convolution is a matrix product: no dims for the kernel.
// CHECK-LABEL: func.func @main
// CHECK: tensor.collapse_shape %arg1 {{.*}} : tensor<1x1x4x6xf32> into tensor<4x6xf32>
// CHECK-NOT: tensor.pad
// CHECK: iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]
func.func @main(%x: tensor<1x8x8x4xf32>, %w: tensor<1x1x4x6xf32>) -> tensor<1x8x8x6xf32> {
  %n = "aicc.none"() : () -> none
  %0 = "aicc.conv"(%x, %w, %n) {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 1 : i64, auto_pad = "NOTSET", layout = "NHWC", kernel_layout = "HWIO"} : (tensor<1x8x8x4xf32>, tensor<1x1x4x6xf32>, none) -> tensor<1x8x8x6xf32>
  return %0 : tensor<1x8x8x6xf32>
}

// -----

// Depthwise: the channel is parallel, only the kernel reduces.
// CHECK-DAG: #[[X:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1 + d4, d2 + d5, d3)>
// CHECK-DAG: #[[W:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d4, d5, d3)>
// CHECK-LABEL: func.func @main
// CHECK: linalg.generic {indexing_maps = [#[[X]], #[[W]], #{{.*}}], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]}
func.func @main(%x: tensor<1x8x8x4xf32>, %w: tensor<3x3x1x4xf32>) -> tensor<1x6x6x4xf32> {
  %n = "aicc.none"() : () -> none
  %0 = "aicc.conv"(%x, %w, %n) {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 4 : i64, auto_pad = "NOTSET", layout = "NHWC", kernel_layout = "HWIO"} : (tensor<1x8x8x4xf32>, tensor<3x3x1x4xf32>, none) -> tensor<1x6x6x4xf32>
  return %0 : tensor<1x6x6x4xf32>
}

// -----

// Nearest with an integer scale is a broadcast.
// CHECK-LABEL: func.func @main
// CHECK-NOT: tensor.extract
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<1x4x2x4x2x3xf32>)
// CHECK: tensor.collapse_shape {{.*}} into tensor<1x8x8x3xf32>
func.func @main(%x: tensor<1x4x4x3xf32>) -> tensor<1x8x8x3xf32> {
  %n = "aicc.none"() : () -> none
  %s = "aicc.constant"() {value = dense<2.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = "aicc.resize"(%x, %n, %s, %n) {axes = array<i64: 1, 2>, mode = "nearest", coordinates = "asymmetric", rounding = "floor", cubic_coeff = -0.75 : f64, exclude_outside = false, extrapolation = 0.0 : f64, antialias = false, policy = "stretch"} : (tensor<1x4x4x3xf32>, none, tensor<2xf32>, none) -> tensor<1x8x8x3xf32>
  return %0 : tensor<1x8x8x3xf32>
}

// -----

// The pads of a dynamic size are arithmetic on it.
// CHECK-LABEL: func.func @main
// CHECK: %[[H:.*]] = tensor.dim %arg0
// CHECK: arith.floordivsi
// CHECK: %[[L:.*]] = arith.floordivsi
// CHECK: tensor.pad %arg0 low[0, 0, %{{.*}}, 1] high[0, 0, %{{.*}}, 1]
func.func @main(%x: tensor<1x4x?x9xf32>) -> tensor<1x4x?x5xf32> {
  %0 = "aicc.max_pool"(%x) {kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, ceil_mode = false, auto_pad = "SAME_UPPER", layout = "NCHW"} : (tensor<1x4x?x9xf32>) -> tensor<1x4x?x5xf32>
  return %0 : tensor<1x4x?x5xf32>
}
