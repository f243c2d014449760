// RUN: aicc-opt %s --apply-schedules --mcpu=sapphirerapids | filecheck %s
// RUN: not aicc-opt %s --apply-schedules --mcpu=znver5 2>&1 | filecheck %s --check-prefix=NONE

// A product of f32, 40 rows in two register tiles of 20, two tile registers of 10 each; sums of 64 are two steps. In the first
// register tile of a panel that starts a range both operands are split, then A, then B, then none.

// CHECK-LABEL: func.func @k0(
// CHECK-SAME: aicc.tiles = 2 : i64
// CHECK: arith.constant dense<[1, {{(0, )+}}64, {{.*}}, 0, 10, 10, 10, 10, 10, 10, 16, 16, {{.*}}]> : vector<64xi8>
// CHECK: llvm.call_intrinsic "llvm.x86.ldtilecfg"
// CHECK-COUNT-4: llvm.call_intrinsic "llvm.x86.tilezero"
// CHECK: scf.if

// Two terms rounded, each taken off, the third what is left; pairs of numbers joined.
// CHECK: scf.for
// CHECK-COUNT-2: vector.load {{.*}} vector<16xf32>
// CHECK: arith.addi {{.*}} : vector<16xi32>
// CHECK: arith.andi {{.*}} : vector<16xi32>
// CHECK: arith.shrui {{.*}} : vector<16xi32>
// CHECK: arith.ori {{.*}} : vector<16xi32>
// CHECK-COUNT-2: arith.subf {{.*}} : vector<16xf32>
// CHECK: arith.ori {{.*}} : vector<16xi32>
// CHECK-COUNT-2: arith.subf {{.*}} : vector<16xf32>
// CHECK: arith.ori {{.*}} : vector<16xi32>
// CHECK-COUNT-3: vector.store {{.*}} vector<16xi32>

// 24 products for 14 loads.
// CHECK-COUNT-4: llvm.call_intrinsic "llvm.x86.tileloadd64"
// CHECK-COUNT-4: llvm.call_intrinsic "llvm.x86.tdpbf16ps"
// CHECK-COUNT-2: llvm.call_intrinsic "llvm.x86.tileloadd64"
// CHECK-COUNT-4: llvm.call_intrinsic "llvm.x86.tdpbf16ps"
// CHECK-COUNT-2: llvm.call_intrinsic "llvm.x86.tileloadd64"
// CHECK-COUNT-4: llvm.call_intrinsic "llvm.x86.tdpbf16ps"
// CHECK-COUNT-2: llvm.call_intrinsic "llvm.x86.tileloadd64"
// CHECK-COUNT-4: llvm.call_intrinsic "llvm.x86.tdpbf16ps"
// CHECK-COUNT-2: llvm.call_intrinsic "llvm.x86.tileloadd64"
// CHECK-COUNT-4: llvm.call_intrinsic "llvm.x86.tdpbf16ps"
// CHECK-COUNT-2: llvm.call_intrinsic "llvm.x86.tileloadd64"
// CHECK-COUNT-4: llvm.call_intrinsic "llvm.x86.tdpbf16ps"

// Rows with a sum that is not finite are computed again; then the stage, four rows at a time.
// CHECK: llvm.call_intrinsic "llvm.x86.tilestored64"
// CHECK: arith.cmpf uno
// CHECK: vector.reduction <or>
// CHECK-NEXT: scf.if
// CHECK: vector.fma {{.*}} : vector<16xf32>
// CHECK: scf.for
// CHECK-COUNT-8: vector.load {{.*}} vector<16xf32>
// CHECK: arith.select {{.*}} vector<16xf32>
// CHECK: vector.store {{.*}} vector<16xf32>
// CHECK-NOT: llvm.x86.{{tdp|tile[lsz]}}
// CHECK: llvm.call_intrinsic "llvm.x86.tilerelease"
// CHECK-NEXT: return

// NONE: the target has no tile registers for bf16
func.func @k0(%a0: memref<40x64xf32>, %a1: memref<2x64x32xf32>, %o0: memref<40x64xf32>)
    attributes {aicc.kernel, aicc.schedule = "split", aicc.config = "", aicc.outputs = 1 : i64} {
  %x = bufferization.to_tensor %a0 restrict : memref<40x64xf32> to tensor<40x64xf32>
  %p = bufferization.to_tensor %a1 restrict : memref<2x64x32xf32> to tensor<2x64x32xf32>
  %we = tensor.empty() : tensor<64x64xf32>
  %w = linalg.unpack %p outer_dims_perm = [1, 0] inner_dims_pos = [1] inner_tiles = [32] into %we
    : tensor<2x64x32xf32> -> tensor<64x64xf32>
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<40x64xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<40x64xf32>) -> tensor<40x64xf32>
  %c = linalg.generic {
      indexing_maps = [affine_map<(m,n,k) -> (m,k)>, affine_map<(m,n,k) -> (k,n)>, affine_map<(m,n,k) -> (m,n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<40x64xf32>, tensor<64x64xf32>) outs(%f : tensor<40x64xf32>) {
    ^bb0(%u: f32, %v: f32, %acc: f32):
      %m = arith.mulf %u, %v : f32
      %s = arith.addf %acc, %m : f32
      linalg.yield %s : f32 } -> tensor<40x64xf32>
  %r = linalg.generic {
      indexing_maps = [affine_map<(m,n) -> (m,n)>, affine_map<(m,n) -> (m,n)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%c : tensor<40x64xf32>) outs(%e : tensor<40x64xf32>) {
    ^bb0(%u: f32, %i: f32):
      %y = arith.maximumf %u, %z : f32
      linalg.yield %y : f32 } -> tensor<40x64xf32>
  bufferization.materialize_in_destination %r in restrict writable %o0
    : (tensor<40x64xf32>, memref<40x64xf32>) -> ()
  return
}
