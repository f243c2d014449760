// RUN: aicc-opt %s --fold-constants -split-input-file | filecheck %s

// Small results become constants.
// CHECK-LABEL: func.func @main
// CHECK: %[[C:.*]] = "aicc.constant"() {value = dense<[5.000000e+00, 7.000000e+00]> : tensor<2xf32>}
// CHECK-NEXT: "aicc.mul"(%arg0, %[[C]])
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %a = "aicc.constant"() {value = dense<[2.0, 3.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %b = "aicc.constant"() {value = dense<[3.0, 4.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %c = "aicc.add"(%a, %b) : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %y = "aicc.mul"(%x, %c) : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

// Large ones become weights that are computed later.
// CHECK-LABEL: func.func @main
// CHECK: %[[W:.*]] = "aicc.weight"() {dtype = f32, shape = array<i64: 200, 100>, sym = "w.transpose"}
// CHECK-NEXT: "aicc.matmul"(%arg0, %[[W]])
// CHECK-NOT: aicc.transpose
func.func @main(%x: tensor<4x200xf32>) -> tensor<4x100xf32> {
  %w = "aicc.weight"() {sym = "w", shape = array<i64: 100, 200>, dtype = f32} : () -> tensor<100x200xf32>
  %t = "aicc.transpose"(%w) {perm = array<i64: 1, 0>} : (tensor<100x200xf32>) -> tensor<200x100xf32>
  %y = "aicc.matmul"(%x, %t) {trans_a = false, trans_b = false} : (tensor<4x200xf32>, tensor<200x100xf32>) -> tensor<4x100xf32>
  return %y : tensor<4x100xf32>
}

// -----

// Shape arithmetic folds where it does not depend on a dynamic size.
// CHECK-LABEL: func.func @main
// CHECK: %[[S:.*]] = "aicc.constant"() {value = dense<[12, -1]> : tensor<2xi64>}
// CHECK-NEXT: "aicc.reshape"(%arg0, %[[S]])
func.func @main(%x: tensor<?x4x3xf32> {aicc.name = "x", aicc.dims = ["n", 4, 3]}) -> tensor<12x?xf32> {
  %s = "aicc.shape"(%x) {start = 0 : i64} : (tensor<?x4x3xf32>) -> tensor<3xi64>
  %i = "aicc.constant"() {value = dense<[1, 2]> : tensor<2xi64>} : () -> tensor<2xi64>
  %g = "aicc.gather"(%s, %i) {axis = 0 : i64} : (tensor<3xi64>, tensor<2xi64>) -> tensor<2xi64>
  %p = "aicc.reduce_prod"(%g) {axes = array<i64: 0>, keepdims = true} : (tensor<2xi64>) -> tensor<1xi64>
  %m = "aicc.constant"() {value = dense<[-1]> : tensor<1xi64>} : () -> tensor<1xi64>
  %t = tensor.concat dim(0) %p, %m : (tensor<1xi64>, tensor<1xi64>) -> tensor<2xi64>
  %y = "aicc.reshape"(%x, %t) {allowzero = false} : (tensor<?x4x3xf32>, tensor<2xi64>) -> tensor<12x?xf32>
  return %y : tensor<12x?xf32>
}

// -----

// What would only grow stays.
// CHECK-LABEL: func.func @main
// CHECK: "aicc.expand"
func.func @main(%x: tensor<200x200xf32>) -> tensor<200x200xf32> {
  %c = "aicc.constant"() {value = dense<1.0> : tensor<1x200xf32>} : () -> tensor<1x200xf32>
  %s = "aicc.constant"() {value = dense<[200, 200]> : tensor<2xi64>} : () -> tensor<2xi64>
  %e = "aicc.expand"(%c, %s) : (tensor<1x200xf32>, tensor<2xi64>) -> tensor<200x200xf32>
  %y = "aicc.add"(%x, %e) : (tensor<200x200xf32>, tensor<200x200xf32>) -> tensor<200x200xf32>
  return %y : tensor<200x200xf32>
}
