// RUN: aicc-opt %s --lower-to-linalg -split-input-file | filecheck %s

// The past and zeros behind it, then new entries written over some of that, as far as there is room.
// CHECK-LABEL: func.func @main
// CHECK: %[[OLD:.*]] = tensor.extract_slice %arg0
// CHECK: tensor.insert_slice %[[OLD]]
// CHECK: linalg.fill
// CHECK: %[[I:.*]] = tensor.insert_slice
// CHECK: scf.for {{.*}} to %c4 {{.*}} iter_args({{.*}} = %[[I]])
// CHECK: scf.for {{.*}} to %c2
// CHECK: scf.if
// CHECK: tensor.extract %arg1
// CHECK: tensor.insert
func.func @main(%past: tensor<2x4x?x16xf32> {aicc.dims = [2, 4, "p", 16]}, %new: tensor<2x4x1x16xf32>, %starts: tensor<2xi64>, %size: tensor<1xi64>) -> tensor<2x4x?x16xf32> {
  %0 = "aicc.cache_write"(%past, %new, %starts, %size) : (tensor<2x4x?x16xf32>, tensor<2x4x1x16xf32>, tensor<2xi64>, tensor<1xi64>) -> tensor<2x4x?x16xf32>
  return %0 : tensor<2x4x?x16xf32>
}

// -----

// As many entries as before: the past itself is written to.
// CHECK-LABEL: func.func @main
// CHECK-NOT: insert_slice
// CHECK: scf.for {{.*}} iter_args({{.*}} = %arg0)
// CHECK-NOT: insert_slice
func.func @main(%past: tensor<2x4x8x16xf32>, %new: tensor<2x4x3x16xf32>, %starts: tensor<2xi64>) -> tensor<2x4x8x16xf32> {
  %size = "aicc.constant"() {value = dense<8> : tensor<1xi64>} : () -> tensor<1xi64>
  %0 = "aicc.cache_write"(%past, %new, %starts, %size) : (tensor<2x4x8x16xf32>, tensor<2x4x3x16xf32>, tensor<2xi64>, tensor<1xi64>) -> tensor<2x4x8x16xf32>
  return %0 : tensor<2x4x8x16xf32>
}
