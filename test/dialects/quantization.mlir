// RUN: aicc-opt %s | aicc-opt | filecheck %s

// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<?x4xf32>, %s: tensor<f32>, %v: tensor<4xf32>, %z: tensor<ui8>, %b: tensor<4x3xi8>,
    %i: tensor<1x2x5x5xui8>, %w: tensor<3x2x3x3xi8>) -> tensor<?x4xf32> {
  %none = "aicc.none"() : () -> none
  // CHECK: "aicc.quantize"(%{{.*}}) {axis = 0 : i64, to = ui8} : (tensor<?x4xf32>, tensor<f32>, tensor<ui8>) -> tensor<?x4xui8>
  %0 = "aicc.quantize"(%x, %s, %z) {to = ui8, axis = 0 : i64} : (tensor<?x4xf32>, tensor<f32>, tensor<ui8>) -> tensor<?x4xui8>
  // CHECK: "aicc.dequantize"(%{{.*}}) {axis = 1 : i64} : (tensor<?x4xui8>, tensor<4xf32>, none) -> tensor<?x4xf32>
  %1 = "aicc.dequantize"(%0, %v, %none) {axis = 1 : i64} : (tensor<?x4xui8>, tensor<4xf32>, none) -> tensor<?x4xf32>
  // CHECK: "aicc.integer_matmul"(%{{.*}}) : (tensor<?x4xui8>, tensor<4x3xi8>, tensor<ui8>, none) -> tensor<?x3xi32>
  %2 = "aicc.integer_matmul"(%0, %b, %z, %none) : (tensor<?x4xui8>, tensor<4x3xi8>, tensor<ui8>, none) -> tensor<?x3xi32>
  // CHECK: "aicc.integer_conv"(%{{.*}}) {{.*}}pad_value = 7 : i64{{.*}} -> tensor<1x3x5x5xi32>
  %3 = "aicc.integer_conv"(%i, %w, %z, %none) {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>,
      dilations = array<i64: 1, 1>, group = 1 : i64, auto_pad = "NOTSET", layout = "NCHW", kernel_layout = "OIHW",
      pad_value = 7 : i64} : (tensor<1x2x5x5xui8>, tensor<3x2x3x3xi8>, tensor<ui8>, none) -> tensor<1x3x5x5xi32>
  return %1 : tensor<?x4xf32>
}
