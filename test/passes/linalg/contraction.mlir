// RUN: aicc-opt %s --lower-to-linalg -split-input-file | filecheck %s

// Batch, rows, columns, summed: a transposed operand is a map.
// CHECK-DAG: #[[A:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>
// CHECK-DAG: #[[B:.*]] = affine_map<(d0, d1, d2, d3) -> (d2, d3)>
// CHECK-DAG: #[[C:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
// CHECK-LABEL: func.func @main
// CHECK: %[[INIT:.*]] = linalg.fill
// CHECK: linalg.generic {indexing_maps = [#[[A]], #[[B]], #[[C]]], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
// CHECK-SAME: outs(%[[INIT]]
// CHECK-NEXT: ^bb0(%[[U:.*]]: f32, %[[V:.*]]: f32, %[[ACC:.*]]: f32):
// CHECK-NEXT: %[[M:.*]] = arith.mulf %[[U]], %[[V]] : f32
// CHECK-NEXT: %[[S:.*]] = arith.addf %[[ACC]], %[[M]] : f32
// CHECK-NEXT: linalg.yield %[[S]] : f32
func.func @main(%x: tensor<?x3x4xf32>, %w: tensor<5x4xf32>) -> tensor<?x3x5xf32> {
  %0 = "aicc.matmul"(%x, %w) {trans_a = false, trans_b = true} : (tensor<?x3x4xf32>, tensor<5x4xf32>) -> tensor<?x3x5xf32>
  return %0 : tensor<?x3x5xf32>
}

// -----

// Half precision: f32 operands and sums, rounded after.
// CHECK-LABEL: func.func @main
// CHECK: arith.extf
// CHECK: arith.extf
// CHECK: arith.mulf %{{.*}}, %{{.*}} : f32
// CHECK-NEXT: arith.addf
// CHECK: arith.truncf
func.func @main(%x: tensor<3x4xf16>, %w: tensor<4x5xf16>) -> tensor<3x5xf16> {
  %0 = "aicc.matmul"(%x, %w) {trans_a = false, trans_b = false} : (tensor<3x4xf16>, tensor<4x5xf16>) -> tensor<3x5xf16>
  return %0 : tensor<3x5xf16>
}

// -----

// The last label of the output belongs to the second operand, exchanged if need be.
// CHECK-DAG: #[[A:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG: #[[B:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.*]]: tensor<2x4xf32> {aicc.dtype = f32}, %[[Y:.*]]: tensor<3x4xf32>
// CHECK: linalg.generic {indexing_maps = [#[[A]], #[[B]], #{{.*}}]{{.*}} ins(%[[Y]], %[[X]] :
func.func @main(%x: tensor<2x4xf32>, %y: tensor<3x4xf32>) -> tensor<3x2xf32> {
  %0 = "aicc.einsum"(%x, %y) {equation = "ij,kj->ki"} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<3x2xf32>
  return %0 : tensor<3x2xf32>
}

// -----

// A permutation is a copy, a diagonal a map.
// CHECK: affine_map<(d0) -> (d0, d0)>
// CHECK-LABEL: func.func @main
// CHECK: iterator_types = ["parallel"]
// CHECK-NEXT: ^bb0(%[[V:.*]]: f32, %{{.*}}: f32):
// CHECK-NEXT: linalg.yield %[[V]] : f32
func.func @main(%x: tensor<3x3xf32>) -> tensor<3xf32> {
  %none = "aicc.none"() : () -> none
  %0 = "aicc.einsum"(%x, %none) {equation = "ii->i"} : (tensor<3x3xf32>, none) -> tensor<3xf32>
  return %0 : tensor<3xf32>
}
