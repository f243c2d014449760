// RUN: aicc-opt %s --merge-matmuls=always --fold-constants -split-input-file | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK: %[[W:.*]] = "aicc.weight"() {{.*}}shape = array<i64: 64, 96>
// CHECK: %[[M:.*]] = "aicc.matmul"(%arg0, %[[W]])
// CHECK: %[[A:.*]] = "aicc.add"(%[[M]], %{{.*}}) : (tensor<4x96xf32>, tensor<96xf32>)
// CHECK: %[[Q:.*]] = "aicc.slice"(%[[A]]
// CHECK: %[[K:.*]] = "aicc.slice"(%[[A]]
// CHECK: return %[[Q]], %[[K]]
func.func @main(%x: tensor<4x64xf32>) -> (tensor<4x64xf32>, tensor<4x32xf32>) {
  %wq = "aicc.weight"() {sym = "wq", shape = array<i64: 64, 64>, dtype = f32} : () -> tensor<64x64xf32>
  %bq = "aicc.weight"() {sym = "bq", shape = array<i64: 64>, dtype = f32} : () -> tensor<64xf32>
  %q = "aicc.matmul"(%x, %wq) {trans_a = false, trans_b = false} : (tensor<4x64xf32>, tensor<64x64xf32>) -> tensor<4x64xf32>
  %qb = "aicc.add"(%q, %bq) : (tensor<4x64xf32>, tensor<64xf32>) -> tensor<4x64xf32>
  %wk = "aicc.weight"() {sym = "wk", shape = array<i64: 64, 32>, dtype = f32} : () -> tensor<64x32xf32>
  %bk = "aicc.weight"() {sym = "bk", shape = array<i64: 32>, dtype = f32} : () -> tensor<32xf32>
  %k = "aicc.matmul"(%x, %wk) {trans_a = false, trans_b = false} : (tensor<4x64xf32>, tensor<64x32xf32>) -> tensor<4x32xf32>
  %kb = "aicc.add"(%bk, %k) : (tensor<32xf32>, tensor<4x32xf32>) -> tensor<4x32xf32>
  return %qb, %kb : tensor<4x64xf32>, tensor<4x32xf32>
}

// -----

// Weights stored by columns; one product without a bias; a weight that somebody reads before the first product.
// CHECK-LABEL: func.func @main
// CHECK: "aicc.matmul"(%arg1,
// CHECK: %[[W:.*]] = "aicc.weight"() {{.*}}shape = array<i64: 96, 64>
// CHECK: %[[M:.*]] = "aicc.matmul"(%arg0, %[[W]]) {trans_a = false, trans_b = true}
// CHECK: "aicc.add"(%[[M]], %{{.*}}) : (tensor<2x?x96xf32>, tensor<96xf32>)
// CHECK-NOT: aicc.matmul
func.func @main(%x: tensor<2x?x64xf32> {aicc.dims = [2, "n", 64]}, %z: tensor<3x64xf32>)
    -> (tensor<3x32xf32>, tensor<2x?x64xf32>, tensor<2x?x32xf32>) {
  %wv = "aicc.weight"() {sym = "wv", shape = array<i64: 32, 64>, dtype = f32} : () -> tensor<32x64xf32>
  %r = "aicc.matmul"(%z, %wv) {trans_a = false, trans_b = true} : (tensor<3x64xf32>, tensor<32x64xf32>) -> tensor<3x32xf32>
  %wk = "aicc.weight"() {sym = "wk", shape = array<i64: 64, 64>, dtype = f32} : () -> tensor<64x64xf32>
  %k = "aicc.matmul"(%x, %wk) {trans_a = false, trans_b = true} : (tensor<2x?x64xf32>, tensor<64x64xf32>) -> tensor<2x?x64xf32>
  %b = "aicc.weight"() {sym = "b", shape = array<i64: 64>, dtype = f32} : () -> tensor<64xf32>
  %kb = "aicc.add"(%k, %b) : (tensor<2x?x64xf32>, tensor<64xf32>) -> tensor<2x?x64xf32>
  %v = "aicc.matmul"(%x, %wv) {trans_a = false, trans_b = true} : (tensor<2x?x64xf32>, tensor<32x64xf32>) -> tensor<2x?x32xf32>
  return %r, %kb, %v : tensor<3x32xf32>, tensor<2x?x64xf32>, tensor<2x?x32xf32>
}

// -----

// Packed weights: numbers, scales and zero points each; another block size is another product.
// CHECK-LABEL: func.func @main
// CHECK: "aicc.packed_matmul"(%arg0, {{.*}}tensor<2x4x12xui32>, tensor<2x12xf32>, tensor<2x12xi8>) -> tensor<1x12xf32>
// CHECK: "aicc.packed_matmul"(%arg0, {{.*}}tensor<4x2x8xui32>
func.func @main(%x: tensor<1x64xf32>) -> (tensor<1x8xf32>, tensor<1x4xf32>, tensor<1x8xf32>) {
  %wq = "aicc.weight"() {sym = "wq", shape = array<i64: 2, 4, 8>, dtype = ui32} : () -> tensor<2x4x8xui32>
  %sq = "aicc.weight"() {sym = "sq", shape = array<i64: 2, 8>, dtype = f32} : () -> tensor<2x8xf32>
  %zq = "aicc.weight"() {sym = "zq", shape = array<i64: 2, 8>, dtype = i8} : () -> tensor<2x8xi8>
  %q = "aicc.packed_matmul"(%x, %wq, %sq, %zq) : (tensor<1x64xf32>, tensor<2x4x8xui32>, tensor<2x8xf32>, tensor<2x8xi8>) -> tensor<1x8xf32>
  %wk = "aicc.weight"() {sym = "wk", shape = array<i64: 2, 4, 4>, dtype = ui32} : () -> tensor<2x4x4xui32>
  %sk = "aicc.weight"() {sym = "sk", shape = array<i64: 2, 4>, dtype = f32} : () -> tensor<2x4xf32>
  %zk = "aicc.weight"() {sym = "zk", shape = array<i64: 2, 4>, dtype = i8} : () -> tensor<2x4xi8>
  %k = "aicc.packed_matmul"(%x, %wk, %sk, %zk) : (tensor<1x64xf32>, tensor<2x4x4xui32>, tensor<2x4xf32>, tensor<2x4xi8>) -> tensor<1x4xf32>
  %wv = "aicc.weight"() {sym = "wv", shape = array<i64: 4, 2, 8>, dtype = ui32} : () -> tensor<4x2x8xui32>
  %sv = "aicc.weight"() {sym = "sv", shape = array<i64: 4, 8>, dtype = f32} : () -> tensor<4x8xf32>
  %zv = "aicc.weight"() {sym = "zv", shape = array<i64: 4, 8>, dtype = i8} : () -> tensor<4x8xi8>
  %v = "aicc.packed_matmul"(%x, %wv, %sv, %zv) : (tensor<1x64xf32>, tensor<4x2x8xui32>, tensor<4x8xf32>, tensor<4x8xi8>) -> tensor<1x8xf32>
  return %q, %k, %v : tensor<1x8xf32>, tensor<1x4xf32>, tensor<1x8xf32>
}
