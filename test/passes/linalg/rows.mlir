// RUN: aicc-opt %s --lower-to-linalg -split-input-file | filecheck %s

// Softmax: maximum, exp, sum, product; values per row have no axis left.
// CHECK-DAG: #[[FULL:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[ROW:.*]] = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: func.func @main
// CHECK: arith.constant 0xFF800000 : f32
// CHECK: %[[TOP:.*]] = linalg.generic {indexing_maps = [#[[FULL]], #[[ROW]]], iterator_types = ["parallel", "reduction"]}
// CHECK: arith.maximumf
// CHECK: %[[E:.*]] = linalg.generic {{.*}}[#[[FULL]], #[[ROW]], #[[FULL]]]{{.*}} ins(%{{.*}}, %[[TOP]] :
// CHECK: arith.subf
// CHECK-NEXT: math.exp
// CHECK: %[[SUM:.*]] = linalg.generic {indexing_maps = [#[[FULL]], #[[ROW]]]{{.*}} ins(%[[E]] :
// CHECK: arith.addf
// CHECK: linalg.generic {{.*}} ins(%[[E]], %[[SUM]] :
// CHECK: arith.divf
// CHECK-NEXT: arith.mulf
func.func @main(%x: tensor<?x7xf32>) -> tensor<?x7xf32> {
  %0 = "aicc.softmax"(%x) {axis = 1 : i64} : (tensor<?x7xf32>) -> tensor<?x7xf32>
  return %0 : tensor<?x7xf32>
}

// -----

// Layer norm: two reductions and one elementwise op; the mean is a product in the consumer.
// CHECK-LABEL: func.func @main
// CHECK: linalg.generic
// CHECK-SAME: "reduction"
// CHECK: linalg.generic
// CHECK-SAME: "reduction"
// CHECK: arith.constant 2.500000e-01 : f32
// CHECK: linalg.generic
// CHECK-SAME: ["parallel", "parallel"]
// CHECK: math.sqrt
// CHECK: arith.divf
// CHECK-NOT: linalg.generic
func.func @main(%x: tensor<3x4xf32>, %w: tensor<4xf32>) -> tensor<3x4xf32> {
  %0 = "aicc.layer_norm"(%x, %w, %w) {axis = 1 : i64, epsilon = 1.0e-5 : f64} : (tensor<3x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<3x4xf32>
  return %0 : tensor<3x4xf32>
}

// -----

// With a dynamic row length its reciprocal is computed once, outside.
// CHECK-LABEL: func.func @main
// CHECK: %[[D:.*]] = tensor.dim
// CHECK: %[[N:.*]] = arith.index_cast %[[D]] : index to i64
// CHECK: %[[F:.*]] = arith.sitofp %[[N]]
// CHECK: %[[R:.*]] = arith.divf %{{.*}}, %[[F]] : f32
// CHECK: arith.mulf %{{.*}}, %[[R]] : f32
func.func @main(%x: tensor<3x?xf32>) -> tensor<3x?xf32> {
  %none = "aicc.none"() : () -> none
  %0 = "aicc.rms_norm"(%x, %none) {axis = 1 : i64, epsilon = 1.0e-5 : f64} : (tensor<3x?xf32>, none) -> tensor<3x?xf32>
  return %0 : tensor<3x?xf32>
}

// -----

// A kept axis is a view of the reduced tensor.
// CHECK-LABEL: func.func @main
// CHECK: linalg.generic {{.*}}["parallel", "reduction"]
// CHECK: tensor.expand_shape %{{.*}} {{\[\[}}0, 1]] output_shape [3, 1] : tensor<3xf32> into tensor<3x1xf32>
func.func @main(%x: tensor<3x4xf32>) -> tensor<3x1xf32> {
  %0 = "aicc.reduce_max"(%x) {axes = array<i64: 1>, keepdims = true} : (tensor<3x4xf32>) -> tensor<3x1xf32>
  return %0 : tensor<3x1xf32>
}

// -----

// The position of the maximum: the maximum, then the smallest position that holds it.
// CHECK-LABEL: func.func @main
// CHECK: arith.maximumf
// CHECK: arith.constant 9223372036854775807 : i64
// CHECK: linalg.index 1
// CHECK: arith.minsi
func.func @main(%x: tensor<3x4xf32>) -> tensor<3xi64> {
  %0 = "aicc.arg_max"(%x) {axis = 1 : i64, keepdims = false, select_last_index = false} : (tensor<3x4xf32>) -> tensor<3xi64>
  return %0 : tensor<3xi64>
}
