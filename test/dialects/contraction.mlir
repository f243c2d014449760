// RUN: aicc-opt %s | aicc-opt | filecheck %s

// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<?x7x3x4xf32>, %w: tensor<5x4xf32>, %v: tensor<4xf32>) -> tensor<?x7x3xf32> {
  // CHECK: "aicc.matmul"(%{{.*}}, %{{.*}}) {trans_a = false, trans_b = true} : (tensor<?x7x3x4xf32>, tensor<5x4xf32>) -> tensor<?x7x3x5xf32>
  %0 = "aicc.matmul"(%x, %w) {trans_a = false, trans_b = true}
      : (tensor<?x7x3x4xf32>, tensor<5x4xf32>) -> tensor<?x7x3x5xf32>
  // CHECK: "aicc.matmul"{{.*}} : (tensor<?x7x3x4xf32>, tensor<4xf32>) -> tensor<?x7x3xf32>
  %1 = "aicc.matmul"(%x, %v) {trans_a = false, trans_b = false}
      : (tensor<?x7x3x4xf32>, tensor<4xf32>) -> tensor<?x7x3xf32>
  // CHECK: "aicc.einsum"(%{{.*}}, %{{.*}}) {equation = "ij,kj->ki"} : (tensor<5x4xf32>, tensor<5x4xf32>) -> tensor<5x5xf32>
  %2 = "aicc.einsum"(%w, %w) {equation = "ij,kj->ki"} : (tensor<5x4xf32>, tensor<5x4xf32>) -> tensor<5x5xf32>
  return %1 : tensor<?x7x3xf32>
}
