// RUN: aicc-opt %s --merge-matmuls --fold-constants -split-input-file | filecheck %s

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
