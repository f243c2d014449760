// RUN: aicc-opt %s --propagate-quantization --fold-quantized --split-zero-points --fold-constants -split-input-file | filecheck %s

// A convolution between grids: integers in, i32 sums, zero point and bias in one constant, one factor for all scales.
// What is stored signed is unsigned inside.
// CHECK-LABEL: func.func @main
// CHECK: %[[Q:.*]] = "aicc.quantize"(%arg0, %{{.*}}, %{{.*}}) {{.*}} -> tensor<1x2x4x4xui8>
// CHECK: %[[C:.*]] = "aicc.integer_conv"(%[[Q]], %{{.*}}, %{{.*}}, %{{.*}}) {{.*}}pad_value = 138 : i64
// CHECK-SAME: (tensor<1x2x4x4xui8>, tensor<3x2x3x3xi8>, none, none) -> tensor<1x3x4x4xi32>
// CHECK: "aicc.add"(%[[C]], %{{.*}}) : (tensor<1x3x4x4xi32>, tensor<3x1x1xi32>)
// CHECK: %[[F:.*]] = "aicc.cast"(%{{.*}}) {to = f32}
// CHECK: %[[M:.*]] = "aicc.mul"(%[[F]], %{{.*}})
// CHECK-NOT: aicc.relu
// CHECK: "aicc.quantize"(%[[M]], %{{.*}}, %{{.*}}) {{.*}} -> tensor<1x3x4x4xi8>
// CHECK-NOT: "aicc.conv"
func.func @main(%x: tensor<1x2x4x4xf32>) -> tensor<1x3x4x4xi8> {
  %none = "aicc.none"() : () -> none
  %s = "aicc.constant"() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %z = "aicc.constant"() {value = dense<10> : tensor<i8>} : () -> tensor<i8>
  %w = "aicc.constant"() {value = dense<3> : tensor<3x2x3x3xi8>} : () -> tensor<3x2x3x3xi8>
  %t = "aicc.constant"() {value = dense<[0.5, 1.0, 2.0]> : tensor<3xf32>} : () -> tensor<3xf32>
  %b = "aicc.constant"() {value = dense<[5, 6, 7]> : tensor<3xi32>} : () -> tensor<3xi32>
  %u = "aicc.constant"() {value = dense<[0.25, 0.5, 1.0]> : tensor<3xf32>} : () -> tensor<3xf32>
  %o = "aicc.constant"() {value = dense<4.0> : tensor<f32>} : () -> tensor<f32>
  %l = "aicc.constant"() {value = dense<-128> : tensor<i8>} : () -> tensor<i8>
  %q = "aicc.quantize"(%x, %s, %z) {to = i8, axis = 0 : i64} : (tensor<1x2x4x4xf32>, tensor<f32>, tensor<i8>) -> tensor<1x2x4x4xi8>
  %dx = "aicc.dequantize"(%q, %s, %z) {axis = 0 : i64} : (tensor<1x2x4x4xi8>, tensor<f32>, tensor<i8>) -> tensor<1x2x4x4xf32>
  %dw = "aicc.dequantize"(%w, %t, %none) {axis = 0 : i64} : (tensor<3x2x3x3xi8>, tensor<3xf32>, none) -> tensor<3x2x3x3xf32>
  %db = "aicc.dequantize"(%b, %u, %none) {axis = 0 : i64} : (tensor<3xi32>, tensor<3xf32>, none) -> tensor<3xf32>
  %c = "aicc.conv"(%dx, %dw, %db) {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, group = 1 : i64, auto_pad = "NOTSET", layout = "NCHW", kernel_layout = "OIHW"} : (tensor<1x2x4x4xf32>, tensor<3x2x3x3xf32>, tensor<3xf32>) -> tensor<1x3x4x4xf32>
  %r = "aicc.relu"(%c) : (tensor<1x3x4x4xf32>) -> tensor<1x3x4x4xf32>
  %p = "aicc.quantize"(%r, %o, %l) {to = i8, axis = 0 : i64} : (tensor<1x3x4x4xf32>, tensor<f32>, tensor<i8>) -> tensor<1x3x4x4xi8>
  return %p : tensor<1x3x4x4xi8>
}

// -----

// Integers move through a transpose, and are not quantized again.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[T:.*]] = "aicc.transpose"(%arg0) {perm = array<i64: 1, 0>} : (tensor<2x3xui8>)
// CHECK-NEXT: return %[[T]]
func.func @main(%q: tensor<2x3xui8>) -> tensor<3x2xui8> {
  %s = "aicc.constant"() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %z = "aicc.constant"() {value = dense<7> : tensor<ui8>} : () -> tensor<ui8>
  %d = "aicc.dequantize"(%q, %s, %z) {axis = 0 : i64} : (tensor<2x3xui8>, tensor<f32>, tensor<ui8>) -> tensor<2x3xf32>
  %t = "aicc.transpose"(%d) {perm = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %y = "aicc.quantize"(%t, %s, %z) {to = ui8, axis = 0 : i64} : (tensor<3x2xf32>, tensor<f32>, tensor<ui8>) -> tensor<3x2xui8>
  return %y : tensor<3x2xui8>
}

// -----

// To another grid it is quantized again; a product whose other side is float stays in float.
// CHECK-LABEL: func.func @main
// CHECK: "aicc.dequantize"(%arg0
// CHECK: "aicc.matmul"
// CHECK: "aicc.quantize"
// CHECK-NOT: aicc.integer_matmul
func.func @main(%q: tensor<2x3xui8>, %f: tensor<3x4xf32>) -> tensor<2x4xui8> {
  %s = "aicc.constant"() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %z = "aicc.constant"() {value = dense<7> : tensor<ui8>} : () -> tensor<ui8>
  %d = "aicc.dequantize"(%q, %s, %z) {axis = 0 : i64} : (tensor<2x3xui8>, tensor<f32>, tensor<ui8>) -> tensor<2x3xf32>
  %t = "aicc.matmul"(%d, %f) {trans_a = false, trans_b = false} : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  %y = "aicc.quantize"(%t, %s, %z) {to = ui8, axis = 0 : i64} : (tensor<2x4xf32>, tensor<f32>, tensor<ui8>) -> tensor<2x4xui8>
  return %y : tensor<2x4xui8>
}

// -----

// What is read back at once is rounded and clamped in float.
// CHECK-LABEL: func.func @main
// CHECK: %[[P:.*]] = "aicc.integer_matmul"
// CHECK: %[[M:.*]] = "aicc.mul"
// CHECK: %[[R:.*]] = "aicc.round"(%[[M]])
// CHECK: %[[C:.*]] = "aicc.clip"(%[[R]]
// CHECK: "aicc.mul"(%[[C]]
// CHECK-NOT: aicc.quantize
func.func @main(%q: tensor<2x3xui8>) -> tensor<2x4xf32> {
  %none = "aicc.none"() : () -> none
  %s = "aicc.constant"() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %z = "aicc.constant"() {value = dense<7> : tensor<ui8>} : () -> tensor<ui8>
  %w = "aicc.constant"() {value = dense<3> : tensor<3x4xi8>} : () -> tensor<3x4xi8>
  %d = "aicc.dequantize"(%q, %s, %z) {axis = 0 : i64} : (tensor<2x3xui8>, tensor<f32>, tensor<ui8>) -> tensor<2x3xf32>
  %e = "aicc.dequantize"(%w, %s, %none) {axis = 0 : i64} : (tensor<3x4xi8>, tensor<f32>, none) -> tensor<3x4xf32>
  %t = "aicc.matmul"(%d, %e) {trans_a = false, trans_b = false} : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  %p = "aicc.quantize"(%t, %s, %z) {to = ui8, axis = 0 : i64} : (tensor<2x4xf32>, tensor<f32>, tensor<ui8>) -> tensor<2x4xui8>
  %y = "aicc.dequantize"(%p, %s, %z) {axis = 0 : i64} : (tensor<2x4xui8>, tensor<f32>, tensor<ui8>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

// Attention's products: two activations, each with a zero point, are integers too; their rounding happens before the
// transpose moves bytes.
// CHECK-LABEL: func.func @main
// CHECK: %[[K:.*]] = "aicc.quantize"(%arg1, {{.*}} -> tensor<2x8x4xui8>
// CHECK: "aicc.transpose"(%[[K]]) {{.*}} : (tensor<2x8x4xui8>) -> tensor<2x4x8xui8>
// CHECK: "aicc.bitwise_xor"({{.*}}tensor<2x4x8xui8>
// CHECK: "aicc.integer_matmul"(%arg0, {{.*}} : (tensor<2x3x4xui8>, tensor<2x4x8xi8>, none, none) -> tensor<2x3x8xi32>
// CHECK: "aicc.cast"
// CHECK: "aicc.mul"({{.*}} : (tensor<2x3x8xf32>, tensor<f32>)
// CHECK-NOT: "aicc.matmul"
func.func @main(%q: tensor<2x3x4xui8>, %k: tensor<2x8x4xf32>) -> tensor<2x3x8xf32> {
  %s = "aicc.constant"() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %z = "aicc.constant"() {value = dense<7> : tensor<ui8>} : () -> tensor<ui8>
  %a = "aicc.dequantize"(%q, %s, %z) {axis = 0 : i64} : (tensor<2x3x4xui8>, tensor<f32>, tensor<ui8>) -> tensor<2x3x4xf32>
  %t = "aicc.transpose"(%k) {perm = array<i64: 0, 2, 1>} : (tensor<2x8x4xf32>) -> tensor<2x4x8xf32>
  %r = "aicc.quantize"(%t, %s, %z) {to = ui8, axis = 0 : i64} : (tensor<2x4x8xf32>, tensor<f32>, tensor<ui8>) -> tensor<2x4x8xui8>
  %b = "aicc.dequantize"(%r, %s, %z) {axis = 0 : i64} : (tensor<2x4x8xui8>, tensor<f32>, tensor<ui8>) -> tensor<2x4x8xf32>
  %y = "aicc.matmul"(%a, %b) {trans_a = false, trans_b = false} : (tensor<2x3x4xf32>, tensor<2x4x8xf32>) -> tensor<2x3x8xf32>
  return %y : tensor<2x3x8xf32>
}

// -----

// A sum that might leave i32 stays in float.
// CHECK-LABEL: func.func @main
// CHECK-NOT: aicc.integer_matmul
// CHECK: "aicc.matmul"
func.func @main(%q: tensor<1x40000xui8>, %k: tensor<40000x1xui8>) -> tensor<1x1xf32> {
  %s = "aicc.constant"() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %z = "aicc.constant"() {value = dense<7> : tensor<ui8>} : () -> tensor<ui8>
  %a = "aicc.dequantize"(%q, %s, %z) {axis = 0 : i64} : (tensor<1x40000xui8>, tensor<f32>, tensor<ui8>) -> tensor<1x40000xf32>
  %b = "aicc.dequantize"(%k, %s, %z) {axis = 0 : i64} : (tensor<40000x1xui8>, tensor<f32>, tensor<ui8>) -> tensor<40000x1xf32>
  %y = "aicc.matmul"(%a, %b) {trans_a = false, trans_b = false} : (tensor<1x40000xf32>, tensor<40000x1xf32>) -> tensor<1x1xf32>
  return %y : tensor<1x1xf32>
}

// -----

// A rounding back to float stays in float over a reshape.
// CHECK-LABEL: func.func @main
// CHECK-NOT: "aicc.quantize"
// CHECK: "aicc.round"
// CHECK: "aicc.clip"
// CHECK: "aicc.reshape"({{.*}} -> tensor<1x2x3xf32>
// CHECK: "aicc.mul"
func.func @main(%y: tensor<2x3xi32>) -> tensor<1x2x3xf32> {
  %none = "aicc.none"() : () -> none
  %s = "aicc.constant"() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %z = "aicc.constant"() {value = dense<7> : tensor<ui8>} : () -> tensor<ui8>
  %n = "aicc.constant"() {value = dense<[1, 2, 3]> : tensor<3xi64>} : () -> tensor<3xi64>
  %x = "aicc.dequantize"(%y, %s, %none) {axis = 0 : i64} : (tensor<2x3xi32>, tensor<f32>, none) -> tensor<2x3xf32>
  %q = "aicc.quantize"(%x, %s, %z) {to = ui8, axis = 0 : i64} : (tensor<2x3xf32>, tensor<f32>, tensor<ui8>) -> tensor<2x3xui8>
  %r = "aicc.reshape"(%q, %n) {allowzero = false} : (tensor<2x3xui8>, tensor<3xi64>) -> tensor<1x2x3xui8>
  %d = "aicc.dequantize"(%r, %s, %z) {axis = 0 : i64} : (tensor<1x2x3xui8>, tensor<f32>, tensor<ui8>) -> tensor<1x2x3xf32>
  return %d : tensor<1x2x3xf32>
}

// -----

// A table with a scale for each row: rows are picked in bytes, and then dequantized.
// CHECK-LABEL: func.func @main
// CHECK: %[[ROWS:.*]] = "aicc.gather"(%{{.*}}, %arg0) {axis = 0 : i64} : (tensor<4x8xi8>, tensor<3xi64>) -> tensor<3x8xi8>
// CHECK: %[[REAL:.*]] = "aicc.cast"(%[[ROWS]])
// CHECK: %[[SCALE:.*]] = "aicc.gather"(%{{.*}}, %arg0) {axis = 0 : i64} : (tensor<4x1xf32>, tensor<3xi64>) -> tensor<3x1xf32>
// CHECK: "aicc.mul"(%[[REAL]], %[[SCALE]])
func.func @main(%i: tensor<3xi64>) -> tensor<3x8xf32> {
  %none = "aicc.none"() : () -> none
  %w = "aicc.constant"() {value = dense<3> : tensor<4x8xi8>} : () -> tensor<4x8xi8>
  %s = "aicc.constant"() {value = dense<[0.5, 1.0, 2.0, 4.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %d = "aicc.dequantize"(%w, %s, %none) {axis = 0 : i64} : (tensor<4x8xi8>, tensor<4xf32>, none) -> tensor<4x8xf32>
  %y = "aicc.gather"(%d, %i) {axis = 0 : i64} : (tensor<4x8xf32>, tensor<3xi64>) -> tensor<3x8xf32>
  return %y : tensor<3x8xf32>
}

// -----

// Scales of channels move with their weights: two groups of two channels are four.
// CHECK-LABEL: func.func @main
// CHECK: dense<[[1.500000e+00, 1.500000e+00, 1.500000e+00], [3.000000e+00, 3.000000e+00, 3.000000e+00], [1.500000e+00, 1.500000e+00, 1.500000e+00], [3.000000e+00, 3.000000e+00, 3.000000e+00]]>
func.func @main(%x: tensor<4x3xf32>) -> tensor<4x3xf32> {
  %none = "aicc.none"() : () -> none
  %w = "aicc.constant"() {value = dense<3> : tensor<2x3x2xi8>} : () -> tensor<2x3x2xi8>
  %s = "aicc.constant"() {value = dense<[0.5, 1.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %n = "aicc.constant"() {value = dense<[4, 3]> : tensor<2xi64>} : () -> tensor<2xi64>
  %d = "aicc.dequantize"(%w, %s, %none) {axis = 2 : i64} : (tensor<2x3x2xi8>, tensor<2xf32>, none) -> tensor<2x3x2xf32>
  %t = "aicc.transpose"(%d) {perm = array<i64: 0, 2, 1>} : (tensor<2x3x2xf32>) -> tensor<2x2x3xf32>
  %r = "aicc.reshape"(%t, %n) {allowzero = false} : (tensor<2x2x3xf32>, tensor<2xi64>) -> tensor<4x3xf32>
  %y = "aicc.add"(%x, %r) : (tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}
