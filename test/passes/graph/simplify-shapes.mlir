// RUN: aicc-opt %s --simplify-shapes -split-input-file | filecheck %s

// The expand torch writes: where(shape == -1, ones, shape).
// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[N:.*]] = "aicc.shape"(%arg0) {end = 1 : i64, start = 0 : i64}
// CHECK: %[[C:.*]] = "aicc.constant"() {value = dense<[1, 3]>
// CHECK-NEXT: %[[S:.*]] = tensor.concat dim(0) %[[N]], %[[C]]
// CHECK-NEXT: "aicc.expand"(%arg1, %[[S]]) : (tensor<1x1x3xf32>, tensor<3xi64>) -> tensor<?x1x3xf32>
// CHECK-NOT: aicc.where
func.func @main(%x: tensor<?x4x3xf32> {aicc.name = "x", aicc.dims = ["n", 4, 3]}, %y: tensor<1x1x3xf32> {aicc.name = "y", aicc.dims = [1, 1, 3]}) -> tensor<?x?x3xf32> {
  %n = "aicc.shape"(%x) {start = 0 : i64, end = 1 : i64} : (tensor<?x4x3xf32>) -> tensor<1xi64>
  %r = "aicc.constant"() {value = dense<[1, -1]> : tensor<2xi64>} : () -> tensor<2xi64>
  %s = tensor.concat dim(0) %n, %r : (tensor<1xi64>, tensor<2xi64>) -> tensor<3xi64>
  %m = "aicc.constant"() {value = dense<-1> : tensor<3xi64>} : () -> tensor<3xi64>
  %d = "aicc.constant"() {value = dense<[1, 1, 3]> : tensor<3xi64>} : () -> tensor<3xi64>
  %e = "aicc.equal"(%s, %m) : (tensor<3xi64>, tensor<3xi64>) -> tensor<3xi1>
  %w = "aicc.where"(%e, %d, %s) : (tensor<3xi1>, tensor<3xi64>, tensor<3xi64>) -> tensor<3xi64>
  %z = "aicc.expand"(%y, %w) : (tensor<1x1x3xf32>, tensor<3xi64>) -> tensor<?x?x3xf32>
  return %z : tensor<?x?x3xf32>
}

// -----

// The sizes that are not static are the operand's own.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[S:.*]] = "aicc.constant"() {value = dense<[1, 12, 1]>
// CHECK-NEXT: "aicc.expand"(%arg0, %[[S]]) : (tensor<?x1x3xf32>, tensor<3xi64>) -> tensor<?x12x3xf32>
func.func @main(%x: tensor<?x1x3xf32> {aicc.name = "x", aicc.dims = ["n", 1, 3]}) -> tensor<?x?x3xf32> {
  %n = "aicc.shape"(%x) {start = 0 : i64, end = 1 : i64} : (tensor<?x1x3xf32>) -> tensor<1xi64>
  %r = "aicc.constant"() {value = dense<[12, 3]> : tensor<2xi64>} : () -> tensor<2xi64>
  %s = tensor.concat dim(0) %n, %r : (tensor<1xi64>, tensor<2xi64>) -> tensor<3xi64>
  %z = "aicc.expand"(%x, %s) : (tensor<?x1x3xf32>, tensor<3xi64>) -> tensor<?x?x3xf32>
  return %z : tensor<?x?x3xf32>
}

// -----

// Types get the sizes that are known.
// CHECK-LABEL: func.func @main
// CHECK-SAME: -> tensor<?x8xf32>
// CHECK: tensor.concat dim(1) {{.*}} -> tensor<?x8xf32>
func.func @main(%x: tensor<?x4xf32> {aicc.name = "x", aicc.dims = ["n", 4]}) -> tensor<?x?xf32> {
  %z = tensor.concat dim(1) %x, %x : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x8xf32>
  %r = "aicc.cast"(%z) {to = f64} : (tensor<?x8xf32>) -> tensor<?x?xf64>
  %s = "aicc.cast"(%r) {to = f32} : (tensor<?x?xf64>) -> tensor<?x?xf32>
  return %s : tensor<?x?xf32>
}
