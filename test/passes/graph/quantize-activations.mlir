// RUN: aicc-opt %s --quantize-activations -split-input-file | filecheck %s
// RUN: aicc-opt %s '--pass-pipeline=quantize-activations{level=4}' -split-input-file | filecheck %s --check-prefix=ALL
// RUN: aicc-opt %s '--pass-pipeline=quantize-activations{level=0}' -split-input-file | filecheck %s --check-prefix=NONE

// The product of level 4 multiplies bytes, the other stays as it is; a level for all decides for both.
// CHECK-LABEL: func.func @main
// CHECK: %[[Q:.*]]:3 = "aicc.quantize_rows"(%arg0) {block = 16 : i64}
// CHECK: "aicc.block_integer_matmul"(%[[Q]]#0, %[[Q]]#1, %[[Q]]#2, %arg1, %arg2, %{{.*}}) {bits = 4 : i64}
// CHECK: "aicc.packed_matmul"(%arg0, %arg1, %arg2, %{{.*}}) {accuracy_level = 1 : i64}
// ALL-LABEL: func.func @main
// ALL-COUNT-2: "aicc.block_integer_matmul"
// NONE-LABEL: func.func @main
// NONE-COUNT-2: "aicc.packed_matmul"
func.func @main(%x: tensor<3x32xf32>, %w: tensor<2x2x5xui32>, %s: tensor<2x5xf32>) -> (tensor<3x5xf32>, tensor<3x5xf32>) {
  %none = "aicc.none"() : () -> none
  %0 = "aicc.packed_matmul"(%x, %w, %s, %none) {accuracy_level = 4 : i64} : (tensor<3x32xf32>, tensor<2x2x5xui32>, tensor<2x5xf32>, none) -> tensor<3x5xf32>
  %1 = "aicc.packed_matmul"(%x, %w, %s, %none) {accuracy_level = 1 : i64} : (tensor<3x32xf32>, tensor<2x2x5xui32>, tensor<2x5xf32>, none) -> tensor<3x5xf32>
  return %0, %1 : tensor<3x5xf32>, tensor<3x5xf32>
}

// -----

// Bytes become words of four, 128 more each; halves are never rounded further.
// CHECK-LABEL: func.func @main
// CHECK: %[[W:.*]] = "aicc.constant"() {value = dense<2223277188> : tensor<1x2x2xui32>}
// CHECK: "aicc.block_integer_matmul"({{.*}}, %[[W]], %arg1, %{{.*}}) {bits = 8 : i64}
// CHECK: "aicc.packed_matmul"({{.*}}tensor<1x8x2xf16>
func.func @main(%x: tensor<3x8xf32>, %s: tensor<1x2xf32>, %h: tensor<1x8x2xf16>) -> (tensor<3x2xf32>, tensor<3x2xf32>) {
  %none = "aicc.none"() : () -> none
  %w = "aicc.constant"() {value = dense<4> : tensor<1x8x2xi8>} : () -> tensor<1x8x2xi8>
  %0 = "aicc.packed_matmul"(%x, %w, %s, %none) {accuracy_level = 4 : i64} : (tensor<3x8xf32>, tensor<1x8x2xi8>, tensor<1x2xf32>, none) -> tensor<3x2xf32>
  %1 = "aicc.packed_matmul"(%x, %h, %none, %none) {accuracy_level = 4 : i64} : (tensor<3x8xf32>, tensor<1x8x2xf16>, none, none) -> tensor<3x2xf32>
  return %0, %1 : tensor<3x2xf32>, tensor<3x2xf32>
}
