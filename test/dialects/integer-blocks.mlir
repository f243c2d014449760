// RUN: aicc-opt %s | aicc-opt | filecheck %s

// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<?x32xf32>, %w: tensor<2x2x5xui32>, %b: tensor<2x4x5xui32>, %s: tensor<2x5xf32>,
    %z: tensor<2x5xi8>) -> tensor<?x5xf32> {
  %none = "aicc.none"() : () -> none
  // CHECK: "aicc.quantize_rows"(%{{.*}}) {block = 16 : i64} : (tensor<?x32xf32>) -> (tensor<2x?x16xi8>, tensor<2x?xf32>, tensor<2x?xf32>)
  %q, %t, %m = "aicc.quantize_rows"(%x) {block = 16 : i64} : (tensor<?x32xf32>) -> (tensor<2x?x16xi8>, tensor<2x?xf32>, tensor<2x?xf32>)
  // CHECK: "aicc.block_integer_matmul"(%{{.*}}) {bits = 4 : i64} : (tensor<2x?x16xi8>, tensor<2x?xf32>, tensor<2x?xf32>, tensor<2x2x5xui32>, tensor<2x5xf32>, tensor<2x5xi8>) -> tensor<?x5xf32>
  %0 = "aicc.block_integer_matmul"(%q, %t, %m, %w, %s, %z) {bits = 4 : i64} : (tensor<2x?x16xi8>, tensor<2x?xf32>, tensor<2x?xf32>, tensor<2x2x5xui32>, tensor<2x5xf32>, tensor<2x5xi8>) -> tensor<?x5xf32>
  // CHECK: "aicc.block_integer_matmul"(%{{.*}}) {bits = 8 : i64} : (tensor<2x?x16xi8>, tensor<2x?xf32>, tensor<2x?xf32>, tensor<2x4x5xui32>, tensor<2x5xf32>, none) -> tensor<?x5xf32>
  %1 = "aicc.block_integer_matmul"(%q, %t, %m, %b, %s, %none) {bits = 8 : i64} : (tensor<2x?x16xi8>, tensor<2x?xf32>, tensor<2x?xf32>, tensor<2x4x5xui32>, tensor<2x5xf32>, none) -> tensor<?x5xf32>
  return %0 : tensor<?x5xf32>
}
