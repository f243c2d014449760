// RUN: aicc-opt %s --lower-to-linalg -split-input-file | filecheck %s

// Entries of the past, of which some are new ones, and those behind them: pieces of one tensor, each written once.
// CHECK-LABEL: func.func @main
// CHECK: %[[OLD:.*]] = tensor.extract_slice %arg0
// CHECK: %[[E:.*]] = tensor.empty
// CHECK: linalg.generic
// CHECK: tensor.extract %arg1
// CHECK: arith.select
// CHECK: %[[I:.*]] = tensor.insert_slice
// CHECK: linalg.generic
// CHECK-NOT: arith.select
// CHECK: tensor.insert_slice %{{.*}} into %[[I]]
func.func @main(%past: tensor<2x4x?x16xf32> {aicc.dims = [2, 4, "p", 16]}, %new: tensor<2x4x1x16xf32>, %starts: tensor<2xi64>, %size: tensor<1xi64>) -> tensor<2x4x?x16xf32> {
  %0 = "aicc.cache_write"(%past, %new, %starts, %size) : (tensor<2x4x?x16xf32>, tensor<2x4x1x16xf32>, tensor<2xi64>, tensor<1xi64>) -> tensor<2x4x?x16xf32>
  return %0 : tensor<2x4x?x16xf32>
}

// -----

// Nothing there before: only new entries.
// CHECK-LABEL: func.func @main
// CHECK-COUNT-1: linalg.generic
// CHECK-NOT: insert_slice
func.func @main(%past: tensor<2x4x0x16xf32>, %new: tensor<2x4x3x16xf32>, %starts: tensor<2xi64>, %size: tensor<1xi64>) -> tensor<2x4x?x16xf32> {
  %0 = "aicc.cache_write"(%past, %new, %starts, %size) : (tensor<2x4x0x16xf32>, tensor<2x4x3x16xf32>, tensor<2xi64>, tensor<1xi64>) -> tensor<2x4x?x16xf32>
  return %0 : tensor<2x4x?x16xf32>
}
