// RUN: aicc-opt %s | aicc-opt | filecheck %s

// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<?x4x?x9xf32>, %w: tensor<6x2x3x3xf32>, %b: tensor<6xf32>) -> tensor<?x6x4x?xf32> {
  // CHECK: "aicc.conv"(%arg0, %arg1, %arg2)
  // CHECK-SAME: group = 2
  // CHECK-SAME: -> tensor<?x6x?x5xf32>
  %0 = "aicc.conv"(%x, %w, %b) {strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>,
      group = 2 : i64, auto_pad = "NOTSET", layout = "NCHW", kernel_layout = "OIHW"}
      : (tensor<?x4x?x9xf32>, tensor<6x2x3x3xf32>, tensor<6xf32>) -> tensor<?x6x?x5xf32>
  // Channels last, no bias, zeros between the elements of the input.
  // CHECK: "aicc.conv"(%{{.*}}) {{.*}}input_dilations = array<i64: 2, 2>, kernel_layout = "HWIO", layout = "NHWC"
  %n = "aicc.none"() : () -> none
  %1 = "aicc.transpose"(%0) {perm = array<i64: 0, 2, 3, 1>} : (tensor<?x6x?x5xf32>) -> tensor<?x?x5x6xf32>
  %k = "aicc.weight"() {sym = "k", shape = array<i64: 2, 2, 6, 3>, dtype = f32} : () -> tensor<2x2x6x3xf32>
  %2 = "aicc.conv"(%1, %k, %n) {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>,
      input_dilations = array<i64: 2, 2>, group = 1 : i64, auto_pad = "NOTSET", layout = "NHWC", kernel_layout = "HWIO"}
      : (tensor<?x?x5x6xf32>, tensor<2x2x6x3xf32>, none) -> tensor<?x?x10x3xf32>
  // CHECK: "aicc.max_pool"({{.*}}) {{.*}}ceil_mode = true
  %3 = "aicc.max_pool"(%0) {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>,
      dilations = array<i64: 1, 1>, ceil_mode = true, auto_pad = "NOTSET", layout = "NCHW"}
      : (tensor<?x6x?x5xf32>) -> tensor<?x6x?x3xf32>
  // CHECK: "aicc.max_pool_indices"({{.*}}) {{.*}} -> (tensor<?x6x?x4xf32>, tensor<?x6x?x4xi64>)
  %4:2 = "aicc.max_pool_indices"(%0) {kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>,
      dilations = array<i64: 1, 1>, ceil_mode = false, auto_pad = "NOTSET", layout = "NCHW", column_major = false}
      : (tensor<?x6x?x5xf32>) -> (tensor<?x6x?x4xf32>, tensor<?x6x?x4xi64>)
  // CHECK: "aicc.average_pool"
  %5 = "aicc.average_pool"(%0) {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>,
      dilations = array<i64: 1, 1>, ceil_mode = false, auto_pad = "SAME_UPPER", layout = "NCHW", count_include_pad = false}
      : (tensor<?x6x?x5xf32>) -> tensor<?x6x?x5xf32>
  // CHECK: "aicc.lrn"
  %6 = "aicc.lrn"(%5) {size = 3 : i64, alpha = 0.1 : f64, beta = 0.75 : f64, bias = 1.0 : f64, axis = 1 : i64}
      : (tensor<?x6x?x5xf32>) -> tensor<?x6x?x5xf32>
  %s = "aicc.constant"() {value = dense<[4, 7]> : tensor<2xi64>} : () -> tensor<2xi64>
  // A constant size is part of the type; a dynamic spelling of it is fine.
  // CHECK: "aicc.resize"({{.*}}) {{.*}} -> tensor<?x6x4x?xf32>
  %7 = "aicc.resize"(%6, %n, %n, %s) {axes = array<i64: 2, 3>, mode = "cubic", coordinates = "half_pixel",
      rounding = "round_prefer_floor", cubic_coeff = -0.75 : f64, exclude_outside = false, extrapolation = 0.0 : f64,
      antialias = false, policy = "stretch"} : (tensor<?x6x?x5xf32>, none, none, tensor<2xi64>) -> tensor<?x6x4x?xf32>
  return %7 : tensor<?x6x4x?xf32>
}
