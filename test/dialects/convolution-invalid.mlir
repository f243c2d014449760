// RUN: aicc-opt %s -split-input-file -verify-diagnostics

func.func @channels(%x: tensor<1x3x8x8xf32>, %w: tensor<4x2x3x3xf32>) {
  %n = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.conv' op operand 'x' has 3 channels, 'w' expects 2 in 1 groups}}
  %0 = "aicc.conv"(%x, %w, %n) {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 1 : i64, auto_pad = "NOTSET", layout = "NCHW", kernel_layout = "OIHW"} : (tensor<1x3x8x8xf32>, tensor<4x2x3x3xf32>, none) -> tensor<1x4x6x6xf32>
  return
}

// -----

func.func @strides(%x: tensor<1x2x8x8xf32>, %w: tensor<4x2x3x3xf32>) {
  %n = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.conv' op attribute 'strides' has 1 entries, expected 2}}
  %0 = "aicc.conv"(%x, %w, %n) {strides = array<i64: 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 1 : i64, auto_pad = "NOTSET", layout = "NCHW", kernel_layout = "OIHW"} : (tensor<1x2x8x8xf32>, tensor<4x2x3x3xf32>, none) -> tensor<1x4x6x6xf32>
  return
}

// -----

func.func @layout(%x: tensor<1x2x8x8xf32>) {
  // expected-error @+1 {{'aicc.max_pool' op attribute 'layout' is 'CHWN', expected one of NCHW, NHWC}}
  %0 = "aicc.max_pool"(%x) {kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, ceil_mode = false, auto_pad = "NOTSET", layout = "CHWN"} : (tensor<1x2x8x8xf32>) -> tensor<1x2x7x7xf32>
  return
}

// -----

func.func @window(%x: tensor<1x2x3x3xf32>) {
  // expected-error @+1 {{'aicc.max_pool' op the window is larger than the padded input}}
  %0 = "aicc.max_pool"(%x) {kernel = array<i64: 5, 5>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, ceil_mode = false, auto_pad = "NOTSET", layout = "NCHW"} : (tensor<1x2x3x3xf32>) -> tensor<1x2x1x1xf32>
  return
}

// -----

func.func @result(%x: tensor<1x2x8x8xf32>) {
  // expected-error @+1 {{'aicc.average_pool' op result 0 has type tensor<1x2x8x8xf32>, expected f32[1, 2, 4, 4]}}
  %0 = "aicc.average_pool"(%x) {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, ceil_mode = false, auto_pad = "NOTSET", layout = "NCHW", count_include_pad = false} : (tensor<1x2x8x8xf32>) -> tensor<1x2x8x8xf32>
  return
}

// -----

func.func @resize(%x: tensor<1x2x8x8xf32>) {
  %n = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.resize' op expects either operand 'scales' or operand 'sizes'}}
  %0 = "aicc.resize"(%x, %n, %n, %n) {axes = array<i64: 2>, mode = "linear", coordinates = "half_pixel", rounding = "floor", cubic_coeff = -0.75 : f64, exclude_outside = false, extrapolation = 0.0 : f64, antialias = false, policy = "stretch"} : (tensor<1x2x8x8xf32>, none, none, none) -> tensor<1x2x8x8xf32>
  return
}
