// RUN: aicc-opt %s --canonicalize-graph -split-input-file | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK: %[[S:.*]] = "aicc.constant"() {value = dense<[6, 4]>
// CHECK-NEXT: %[[Y:.*]] = "aicc.reshape"(%arg0, %[[S]])
// CHECK-NEXT: return %[[Y]]
func.func @main(%x: tensor<2x3x4xf32>) -> tensor<6x4xf32> {
  %a = "aicc.unsqueeze"(%x) {axes = array<i64: 1>} : (tensor<2x3x4xf32>) -> tensor<2x1x3x4xf32>
  %s = "aicc.constant"() {value = dense<[1, -1, 4]> : tensor<3xi64>} : () -> tensor<3xi64>
  %b = "aicc.reshape"(%a, %s) {allowzero = false} : (tensor<2x1x3x4xf32>, tensor<3xi64>) -> tensor<1x6x4xf32>
  %c = "aicc.squeeze"(%b) {axes = array<i64: 0>} : (tensor<1x6x4xf32>) -> tensor<6x4xf32>
  return %c : tensor<6x4xf32>
}

// -----

// Two dynamic sizes: one is kept by 0, the other is -1.
// CHECK-LABEL: func.func @main
// CHECK: %[[S:.*]] = "aicc.constant"() {value = dense<[0, -1, 12, 64]>
// CHECK-NEXT: %[[Y:.*]] = "aicc.reshape"(%arg0, %[[S]])
// CHECK-NEXT: return %[[Y]]
func.func @main(%x: tensor<?x?x768xf32> {aicc.name = "x", aicc.dims = ["b", "s", 768]}) -> tensor<?x?x12x64xf32> {
  %s = "aicc.shape"(%x) {start = 0 : i64, end = 2 : i64} : (tensor<?x?x768xf32>) -> tensor<2xi64>
  %h = "aicc.constant"() {value = dense<[12, 64]> : tensor<2xi64>} : () -> tensor<2xi64>
  %t = tensor.concat dim(0) %s, %h : (tensor<2xi64>, tensor<2xi64>) -> tensor<4xi64>
  %y = "aicc.reshape"(%x, %t) {allowzero = false} : (tensor<?x?x768xf32>, tensor<4xi64>) -> tensor<?x?x12x64xf32>
  return %y : tensor<?x?x12x64xf32>
}

// -----

// CHECK-LABEL: func.func @main
// CHECK: "aicc.mul"(%arg0, %arg1)
// CHECK-NOT: aicc.expand
func.func @main(%x: tensor<2x3x4xf32>, %y: tensor<1x4xf32>) -> tensor<2x3x4xf32> {
  %s = "aicc.constant"() {value = dense<[2, 3, 4]> : tensor<3xi64>} : () -> tensor<3xi64>
  %e = "aicc.expand"(%y, %s) : (tensor<1x4xf32>, tensor<3xi64>) -> tensor<2x3x4xf32>
  %m = "aicc.mul"(%x, %e) : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  return %m : tensor<2x3x4xf32>
}

// -----

// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[C:.*]] = tensor.concat dim(1) %arg0, %arg1, %arg2
// CHECK-NEXT: return %[[C]], %arg1
func.func @main(%a: tensor<2x3xf32>, %b: tensor<2x4xf32>, %c: tensor<2x1xf32>) -> (tensor<2x8xf32>, tensor<2x4xf32>) {
  %ab = tensor.concat dim(1) %a, %b : (tensor<2x3xf32>, tensor<2x4xf32>) -> tensor<2x7xf32>
  %abc = tensor.concat dim(1) %ab, %c : (tensor<2x7xf32>, tensor<2x1xf32>) -> tensor<2x8xf32>
  %from = "aicc.constant"() {value = dense<3> : tensor<1xi64>} : () -> tensor<1xi64>
  %to = "aicc.constant"() {value = dense<7> : tensor<1xi64>} : () -> tensor<1xi64>
  %none = "aicc.none"() : () -> none
  %s = "aicc.slice"(%abc, %from, %to, %none) {axes = array<i64: 1>} : (tensor<2x8xf32>, tensor<1xi64>, tensor<1xi64>, none) -> tensor<2x4xf32>
  return %abc, %s : tensor<2x8xf32>, tensor<2x4xf32>
}

// -----

// A slice backwards has the same shape and still moves elements.
// CHECK-LABEL: func.func @main
// CHECK: "aicc.slice"
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %from = "aicc.constant"() {value = dense<3> : tensor<1xi64>} : () -> tensor<1xi64>
  %to = "aicc.constant"() {value = dense<-5> : tensor<1xi64>} : () -> tensor<1xi64>
  %step = "aicc.constant"() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %s = "aicc.slice"(%x, %from, %to, %step) {axes = array<i64: 0>} : (tensor<4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4xf32>
  return %s : tensor<4xf32>
}

// -----

// CHECK-LABEL: func.func @main
// CHECK: %[[P:.*]] = "aicc.slice"(%arg0
// CHECK: "aicc.reshape"(%[[P]]
// CHECK-NOT: aicc.gather
func.func @main(%x: tensor<2x3x4xf32>) -> tensor<2x4xf32> {
  %i = "aicc.constant"() {value = dense<-1> : tensor<i64>} : () -> tensor<i64>
  %y = "aicc.gather"(%x, %i) {axis = 1 : i64} : (tensor<2x3x4xf32>, tensor<i64>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}
