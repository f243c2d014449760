// RUN: aicc-opt %s | aicc-opt | filecheck %s

// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<?x3x4xf32>) -> tensor<?x1xi64> {
  // CHECK: "aicc.reduce_sum"(%{{.*}}) {axes = array<i64: 0, 2>, keepdims = false} : (tensor<?x3x4xf32>) -> tensor<3xf32>
  %0 = "aicc.reduce_sum"(%x) {axes = array<i64: 0, 2>, keepdims = false} : (tensor<?x3x4xf32>) -> tensor<3xf32>
  // CHECK: "aicc.reduce_mean"(%{{.*}}) {axes = array<i64: 1>, keepdims = true} : (tensor<?x3x4xf32>) -> tensor<?x1x4xf32>
  %1 = "aicc.reduce_mean"(%x) {axes = array<i64: 1>, keepdims = true} : (tensor<?x3x4xf32>) -> tensor<?x1x4xf32>
  // CHECK: "aicc.softmax"(%{{.*}}) {axis = 2 : i64}
  %2 = "aicc.softmax"(%x) {axis = 2 : i64} : (tensor<?x3x4xf32>) -> tensor<?x3x4xf32>
  // CHECK: "aicc.arg_max"(%{{.*}}) {{.*}} : (tensor<?x1x4xf32>) -> tensor<?x1xi64>
  %3 = "aicc.arg_max"(%1) {axis = 2 : i64, keepdims = false, select_last_index = false}
      : (tensor<?x1x4xf32>) -> tensor<?x1xi64>
  return %3 : tensor<?x1xi64>
}
