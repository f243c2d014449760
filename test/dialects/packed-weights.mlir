// RUN: aicc-opt %s | aicc-opt | filecheck %s

// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<?x32xf32>, %w: tensor<2x2x5xui32>, %s: tensor<2x5xf32>, %z: tensor<2x5xi8>,
    %h: tensor<1x32x5xf16>, %q: tensor<6x5xi4>, %t: tensor<3x5xf32>) -> tensor<?x5xf32> {
  %none = "aicc.none"() : () -> none
  // CHECK: "aicc.packed_matmul"(%{{.*}}) : (tensor<?x32xf32>, tensor<2x2x5xui32>, tensor<2x5xf32>, tensor<2x5xi8>) -> tensor<?x5xf32>
  %0 = "aicc.packed_matmul"(%x, %w, %s, %z) : (tensor<?x32xf32>, tensor<2x2x5xui32>, tensor<2x5xf32>, tensor<2x5xi8>) -> tensor<?x5xf32>
  // CHECK: "aicc.packed_matmul"(%{{.*}}) {accuracy_level = 4 : i64} : (tensor<?x32xf32>, tensor<2x2x5xui32>, tensor<2x5xf32>, none) -> tensor<?x5xf32>
  %4 = "aicc.packed_matmul"(%x, %w, %s, %none) {accuracy_level = 4 : i64} : (tensor<?x32xf32>, tensor<2x2x5xui32>, tensor<2x5xf32>, none) -> tensor<?x5xf32>
  // CHECK: "aicc.packed_matmul"(%{{.*}}) : (tensor<?x32xf32>, tensor<1x32x5xf16>, none, none) -> tensor<?x5xf32>
  %1 = "aicc.packed_matmul"(%x, %h, %none, %none) : (tensor<?x32xf32>, tensor<1x32x5xf16>, none, none) -> tensor<?x5xf32>
  // CHECK: "aicc.dequantize_blocks"(%{{.*}}) {axis = 0 : i64, block = 2 : i64} : (tensor<6x5xi4>, tensor<3x5xf32>, none) -> tensor<6x5xf32>
  %2 = "aicc.dequantize_blocks"(%q, %t, %none) {axis = 0 : i64, block = 2 : i64} : (tensor<6x5xi4>, tensor<3x5xf32>, none) -> tensor<6x5xf32>
  return %0 : tensor<?x5xf32>
}
