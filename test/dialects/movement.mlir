// RUN: aicc-opt %s | aicc-opt | filecheck %s

// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<?x3x4xf32>, %i: tensor<2xi64>, %shape: tensor<2xi64>) -> tensor<?x?xf32> {
  // CHECK: "aicc.transpose"(%arg0) {perm = array<i64: 2, 0, 1>} : (tensor<?x3x4xf32>) -> tensor<4x?x3xf32>
  %0 = "aicc.transpose"(%x) {perm = array<i64: 2, 0, 1>} : (tensor<?x3x4xf32>) -> tensor<4x?x3xf32>
  %s = "aicc.constant"() {value = dense<[-1, 6]> : tensor<2xi64>} : () -> tensor<2xi64>
  // CHECK: "aicc.reshape"(%{{.*}}) {allowzero = false} : (tensor<4x?x3xf32>, tensor<2xi64>) -> tensor<?x6xf32>
  %1 = "aicc.reshape"(%0, %s) {allowzero = false} : (tensor<4x?x3xf32>, tensor<2xi64>) -> tensor<?x6xf32>
  // CHECK: "aicc.gather"(%arg0, %arg1) {axis = 1 : i64} : (tensor<?x3x4xf32>, tensor<2xi64>) -> tensor<?x2x4xf32>
  %2 = "aicc.gather"(%x, %i) {axis = 1 : i64} : (tensor<?x3x4xf32>, tensor<2xi64>) -> tensor<?x2x4xf32>
  // CHECK: tensor.concat dim(1)
  %3 = tensor.concat dim(1) %x, %2 : (tensor<?x3x4xf32>, tensor<?x2x4xf32>) -> tensor<?x5x4xf32>
  %a = "aicc.constant"() {value = dense<[1]> : tensor<1xi64>} : () -> tensor<1xi64>
  %z = "aicc.constant"() {value = dense<[-1]> : tensor<1xi64>} : () -> tensor<1xi64>
  %n = "aicc.none"() : () -> none
  // CHECK: "aicc.slice"(%{{.*}}) {axes = array<i64: 1>} : {{.*}} -> tensor<?x3x4xf32>
  %4 = "aicc.slice"(%3, %a, %z, %n) {axes = array<i64: 1>} : (tensor<?x5x4xf32>, tensor<1xi64>, tensor<1xi64>, none) -> tensor<?x3x4xf32>
  %p = "aicc.constant"() {value = dense<[1, -1]> : tensor<2xi64>} : () -> tensor<2xi64>
  // CHECK: "aicc.pad"(%{{.*}}) {axes = array<i64: 2>, mode = "reflect"} : {{.*}} -> tensor<?x3x4xf32>
  %5 = "aicc.pad"(%4, %p, %n) {axes = array<i64: 2>, mode = "reflect"} : (tensor<?x3x4xf32>, tensor<2xi64>, none) -> tensor<?x3x4xf32>
  %k = "aicc.constant"() {value = dense<2> : tensor<i64>} : () -> tensor<i64>
  // CHECK: "aicc.topk"(%{{.*}}) {{.*}} -> (tensor<?x3x2xf32>, tensor<?x3x2xi64>)
  %6:2 = "aicc.topk"(%5, %k) {axis = 2 : i64, largest = true} : (tensor<?x3x4xf32>, tensor<i64>) -> (tensor<?x3x2xf32>, tensor<?x3x2xi64>)
  // CHECK: "aicc.cumsum"
  %7 = "aicc.cumsum"(%6#0) {axis = 1 : i64, exclusive = false, reverse = true} : (tensor<?x3x2xf32>) -> tensor<?x3x2xf32>
  // CHECK: "aicc.scatter_nd"
  %u = "aicc.unsqueeze"(%i) {axes = array<i64: 1>} : (tensor<2xi64>) -> tensor<2x1xi64>
  %w = "aicc.weight"() {sym = "u", shape = array<i64: 2, 6>, dtype = f32} : () -> tensor<2x6xf32>
  %8 = "aicc.scatter_nd"(%1, %u, %w) {reduction = "add"} : (tensor<?x6xf32>, tensor<2x1xi64>, tensor<2x6xf32>) -> tensor<?x6xf32>
  // A shape that only run time knows.
  // CHECK: "aicc.reshape"(%{{.*}}, %arg2) {{.*}} -> tensor<?x?xf32>
  %9 = "aicc.reshape"(%8, %shape) {allowzero = false} : (tensor<?x6xf32>, tensor<2xi64>) -> tensor<?x?xf32>
  return %9 : tensor<?x?xf32>
}
