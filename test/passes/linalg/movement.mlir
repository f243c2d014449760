// RUN: aicc-opt %s --lower-to-linalg -split-input-file | filecheck %s

// A gather reads in the body; indices wrap and are clamped.
// CHECK-LABEL: func.func @main
// CHECK: linalg.generic {{.*}} ins(%arg1 : tensor<?xi64>)
// CHECK: arith.index_cast
// CHECK: arith.select
// CHECK: arith.minsi
// CHECK: arith.maxsi
// CHECK: tensor.extract %arg0
func.func @main(%x: tensor<30x8xf32>, %i: tensor<?xi64>) -> tensor<?x8xf32> {
  %0 = "aicc.gather"(%x, %i) {axis = 0 : i64} : (tensor<30x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// A gather of one constant position is a view.
// CHECK-LABEL: func.func @main
// CHECK-NOT: linalg.generic
// CHECK: tensor.extract_slice %arg0[0, 2] [4, 1] [1, 1]
// CHECK: tensor.collapse_shape
func.func @main(%x: tensor<4x3xf32>) -> tensor<4xf32> {
  %i = "aicc.constant"() {value = dense<-1> : tensor<i64>} : () -> tensor<i64>
  %0 = "aicc.gather"(%x, %i) {axis = 1 : i64} : (tensor<4x3xf32>, tensor<i64>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// The shape arithmetic of an exported reshape leaves a dim, a multiplication at most, and views.
// CHECK-LABEL: func.func @main
// CHECK: %[[S:.*]] = tensor.dim %arg0
// CHECK-NOT: linalg.generic
// CHECK: tensor.expand_shape %arg0 {{\[\[}}0], [1, 2]] output_shape [%[[S]], 3, 4] : tensor<?x12xf32> into tensor<?x3x4xf32>
func.func @main(%x: tensor<?x12xf32> {aicc.dims = ["s", 12]}) -> tensor<?x3x4xf32> {
  %s = "aicc.shape"(%x) {start = 0 : i64, end = 1 : i64} : (tensor<?x12xf32>) -> tensor<1xi64>
  %r = "aicc.constant"() {value = dense<[3, -1]> : tensor<2xi64>} : () -> tensor<2xi64>
  %t = tensor.concat dim(0) %s, %r : (tensor<1xi64>, tensor<2xi64>) -> tensor<3xi64>
  %0 = "aicc.reshape"(%x, %t) {allowzero = false} : (tensor<?x12xf32>, tensor<3xi64>) -> tensor<?x3x4xf32>
  return %0 : tensor<?x3x4xf32>
}

// -----

// A slice with a negative step reads backwards, one with a positive step is a view.
// CHECK-LABEL: func.func @main
// CHECK: tensor.extract_slice %arg0[1] [3] [2]
// CHECK: linalg.generic
// CHECK: tensor.extract
func.func @main(%x: tensor<6xf32>) -> (tensor<3xf32>, tensor<6xf32>) {
  %n = "aicc.none"() : () -> none
  %a = "aicc.constant"() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %b = "aicc.constant"() {value = dense<9> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = "aicc.constant"() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %0 = "aicc.slice"(%x, %a, %b, %two) {axes = array<i64: 0>} : (tensor<6xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<3xf32>
  %c = "aicc.constant"() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %d = "aicc.constant"() {value = dense<-7> : tensor<1xi64>} : () -> tensor<1xi64>
  %1 = "aicc.slice"(%x, %c, %d, %c) {axes = array<i64: 0>} : (tensor<6xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<6xf32>
  return %0, %1 : tensor<3xf32>, tensor<6xf32>
}

// -----

// Scatter: a copy, then a loop over the updates.
// CHECK-LABEL: func.func @main
// CHECK: linalg.generic
// CHECK: scf.for
// CHECK: tensor.extract %arg1
// CHECK: arith.addf
// CHECK: tensor.insert
func.func @main(%x: tensor<4xf32>, %i: tensor<2xi64>, %u: tensor<2xf32>) -> tensor<4xf32> {
  %0 = "aicc.scatter_elements"(%x, %i, %u) {axis = 0 : i64, reduction = "add"} : (tensor<4xf32>, tensor<2xi64>, tensor<2xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// A shape that only run time knows: 0 and -1 are resolved by scalars.
// CHECK-LABEL: func.func @main
// CHECK: tensor.extract %arg1
// CHECK: arith.select
// CHECK: arith.divsi
// CHECK: tensor.expand_shape
func.func @main(%x: tensor<6x4xf32>, %s: tensor<3xi64>) -> tensor<?x?x?xf32> {
  %0 = "aicc.reshape"(%x, %s) {allowzero = false} : (tensor<6x4xf32>, tensor<3xi64>) -> tensor<?x?x?xf32>
  return %0 : tensor<?x?x?xf32>
}

// -----

// A size with a name that has to be a number: the run compares it once, and the tensor is of static size from there on.
// CHECK-LABEL: func.func @main
// CHECK: tensor.dim %arg0
// CHECK: %[[M:.*]] = tensor.dim %arg0
// CHECK: call @aicc_require_equal(%[[M]], %{{.*}}) {aicc.message = "{{.*}}another size than expected"}
// CHECK: return %{{.*}} : tensor<?x4xf32>
func.func @main(%x: tensor<?x?xf32> {aicc.dims = ["n", "m"]}) -> tensor<?x4xf32> {
  %0 = "aicc.sized"(%x) {sizes = array<i64: -1, 4>} : (tensor<?x?xf32>) -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// -----

// A part that a run chooses is a view.
// CHECK-LABEL: func.func @main
// CHECK: %[[I:.*]] = tensor.extract %arg1[]
// CHECK: tensor.extract_slice %arg0[%{{.*}}, 0, 0] [1, 2, 3] [1, 1, 1] : tensor<4x2x3xf32> to tensor<2x3xf32>
// CHECK-NOT: linalg.generic
func.func @main(%x: tensor<4x2x3xf32>, %i: tensor<i64>) -> tensor<2x3xf32> {
  %0 = "aicc.part"(%x, %i) : (tensor<4x2x3xf32>, tensor<i64>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}
