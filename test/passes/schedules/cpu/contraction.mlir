// RUN: aicc-opt %s --apply-schedules | filecheck %s
// RUN: aicc-opt %s --apply-schedules --mcpu=x86-64-v4 | filecheck %s --check-prefix=WIDE

// A packed product with bias and ReLU: 6x16 register tiles through the whole sum, the epilogue before the
// only store, B's next line by its own load, A by broadcasts.

// CHECK-LABEL: func.func @k0(
// CHECK-SAME: %{{.*}}: memref<12x64xf32> {llvm.noalias}
// CHECK-SAME: %{{.*}}: index, %{{.*}}: index, %{{.*}}: memref<0xi8>)
// CHECK-SAME: aicc.grain = {{[0-9]+}} : i64
// CHECK-SAME: aicc.scratch = 0 : i64
// CHECK-SAME: aicc.tiles = 4 : i64
// CHECK: scf.for
// CHECK: scf.for {{.*}} iter_args({{.*}}) -> ({{(vector<8xf32>, )+}}vector<8xf32>) {
// CHECK-COUNT-2: vector.load {{.*}} vector<8xf32>
// CHECK: vector.broadcast
// CHECK-COUNT-48: vector.fma
// CHECK-NOT: vector.fma
// CHECK: scf.yield
// CHECK: arith.addf {{.*}} fastmath<contract>
// CHECK: arith.cmpf ogt
// CHECK-NEXT: arith.select
// CHECK-COUNT-12: vector.store
// CHECK-NOT: vector.store

// WIDE-LABEL: func.func @k0(
// WIDE: iter_args({{.*}}) -> ({{(vector<16xf32>, )+}}vector<16xf32>) {
func.func @k0(%a0: memref<12x64xf32>, %a1: memref<4x64x16xf32>, %a2: memref<64xf32>, %o0: memref<12x64xf32>)
    attributes {aicc.kernel, aicc.schedule = "contraction", aicc.config = "", aicc.outputs = 1 : i64} {
  %x = bufferization.to_tensor %a0 restrict : memref<12x64xf32> to tensor<12x64xf32>
  %p = bufferization.to_tensor %a1 restrict : memref<4x64x16xf32> to tensor<4x64x16xf32>
  %we = tensor.empty() : tensor<64x64xf32>
  %w = linalg.unpack %p outer_dims_perm = [1, 0] inner_dims_pos = [1] inner_tiles = [16] into %we
    : tensor<4x64x16xf32> -> tensor<64x64xf32>
  %b = bufferization.to_tensor %a2 restrict : memref<64xf32> to tensor<64xf32>
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<12x64xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<12x64xf32>) -> tensor<12x64xf32>
  %c = linalg.generic {
      indexing_maps = [affine_map<(m,n,k) -> (m,k)>, affine_map<(m,n,k) -> (k,n)>, affine_map<(m,n,k) -> (m,n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<12x64xf32>, tensor<64x64xf32>) outs(%f : tensor<12x64xf32>) {
    ^bb0(%u: f32, %v: f32, %acc: f32):
      %m = arith.mulf %u, %v : f32
      %s = arith.addf %acc, %m : f32
      linalg.yield %s : f32 } -> tensor<12x64xf32>
  %r = linalg.generic {
      indexing_maps = [affine_map<(m,n) -> (m,n)>, affine_map<(m,n) -> (n)>, affine_map<(m,n) -> (m,n)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%c, %b : tensor<12x64xf32>, tensor<64xf32>) outs(%e : tensor<12x64xf32>) {
    ^bb0(%u: f32, %v: f32, %o: f32):
      %s = arith.addf %u, %v : f32
      %q = arith.maximumf %s, %z : f32
      linalg.yield %q : f32 } -> tensor<12x64xf32>
  bufferization.materialize_in_destination %r in restrict writable %o0
    : (tensor<12x64xf32>, memref<12x64xf32>) -> ()
  return
}
