// RUN: aicc-opt %s --apply-schedules --mcpu=znver5 | filecheck %s
// RUN: aicc-opt %s --apply-schedules --mcpu=x86-64-v3 | filecheck %s --check-prefix=PAIRS
// RUN: sed 's/aicc.kernel,/aicc.kernel, aicc.narrow = array<i64: 1>,/' %s | aicc-opt - --apply-schedules --mcpu=x86-64-v3 | filecheck %s --check-prefix=NARROW

// A product of bytes, 70 of them: 17 steps of four, and two that A ends with. Rounding and saturation are done on
// the accumulators, before the only store. A CPU that multiplies pairs of 16 bits takes words apart where they lie:
// the even bytes of A by a mask, the odd ones by a shift.

// CHECK-LABEL: func.func @k0(
// CHECK: iter_args({{.*}}) -> ({{(vector<16xi32>, )+}}vector<16xi32>) {
// CHECK: vector.load {{.*}} vector<64xi8>
// CHECK: vector.load {{.*}} vector<4xi8>
// CHECK: vector.broadcast {{.*}} : vector<1xi32> to vector<16xi32>
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"
// CHECK: scf.yield
// CHECK: vector.from_elements {{.*}} : vector<4xi8>
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"
// CHECK: arith.sitofp {{.*}} : vector<16xi32> to vector<16xf32>
// CHECK: math.roundeven
// CHECK: arith.trunci {{.*}} : vector<16xi32> to vector<16xi8>
// CHECK: vector.store {{.*}} vector<16xi8>

// PAIRS-LABEL: func.func @k0(
// PAIRS: vector.load {{.*}} vector<32xi8>
// PAIRS: %[[B:.*]] = vector.bitcast {{.*}} : vector<32xi8> to vector<16xi16>
// PAIRS: %[[UP:.*]] = arith.shli %[[B]]
// PAIRS: %[[BE:.*]] = arith.shrsi %[[UP]]
// PAIRS: %[[BO:.*]] = arith.shrsi %[[B]]
// PAIRS: vector.load {{.*}} vector<4xi8>
// PAIRS: %[[A:.*]] = vector.bitcast {{.*}} : vector<8xi32> to vector<16xi16>
// PAIRS: %[[AE:.*]] = arith.andi %[[A]]
// PAIRS: %[[AO:.*]] = arith.shrui %[[A]]
// PAIRS: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"(%[[AE]], %[[BE]])
// PAIRS: arith.addi
// PAIRS: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"(%[[AO]], %[[BO]])
// PAIRS: arith.addi

// Weights that are marked as narrow: no sum of two products saturates.

// NARROW-LABEL: func.func @k0(
// NARROW: %[[ONES:.*]] = arith.constant dense<1> : vector<16xi16>
// NARROW: %[[TWO:.*]] = llvm.call_intrinsic "llvm.x86.avx2.pmadd.ub.sw"({{.*}}) : (vector<32xi8>, vector<32xi8>) -> vector<16xi16>
// NARROW-NEXT: %[[SUMS:.*]] = llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"(%[[TWO]], %{{.*}}) : (vector<16xi16>, vector<16xi16>) -> vector<8xi32>
// NARROW-NEXT: arith.addi %{{.*}}, %[[SUMS]] : vector<8xi32>
func.func @k0(%a0: memref<12x70xi8>, %a1: memref<2x18x32x4xi8>, %o0: memref<12x64xi8>)
    attributes {aicc.kernel, aicc.schedule = "dot", aicc.config = "", aicc.outputs = 1 : i64} {
  %x = bufferization.to_tensor %a0 restrict : memref<12x70xi8> to tensor<12x70xi8>
  %p = bufferization.to_tensor %a1 restrict : memref<2x18x32x4xi8> to tensor<2x18x32x4xi8>
  %we = tensor.empty() : tensor<70x64xi8>
  %w = linalg.unpack %p outer_dims_perm = [1, 0] inner_dims_pos = [1, 0] inner_tiles = [32, 4] into %we
    : tensor<2x18x32x4xi8> -> tensor<70x64xi8>
  %z = arith.constant 0 : i32
  %scale = arith.constant 0.25 : f32
  %e = tensor.empty() : tensor<12x64xi32>
  %o = tensor.empty() : tensor<12x64xi8>
  %f = linalg.fill ins(%z : i32) outs(%e : tensor<12x64xi32>) -> tensor<12x64xi32>
  %c = linalg.generic {
      indexing_maps = [affine_map<(m,n,k) -> (m,k)>, affine_map<(m,n,k) -> (k,n)>, affine_map<(m,n,k) -> (m,n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<12x70xi8>, tensor<70x64xi8>) outs(%f : tensor<12x64xi32>) {
    ^bb0(%u: i8, %v: i8, %acc: i32):
      %uw = arith.extui %u : i8 to i32
      %vw = arith.extsi %v : i8 to i32
      %m = arith.muli %uw, %vw : i32
      %s = arith.addi %acc, %m : i32
      linalg.yield %s : i32 } -> tensor<12x64xi32>
  %r = linalg.generic {
      indexing_maps = [affine_map<(m,n) -> (m,n)>, affine_map<(m,n) -> (m,n)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%c : tensor<12x64xi32>) outs(%o : tensor<12x64xi8>) {
    ^bb0(%u: i32, %i: i8):
      %g = arith.sitofp %u : i32 to f32
      %h = arith.mulf %g, %scale : f32
      %q = math.roundeven %h : f32
      %t = arith.fptosi %q : f32 to i32
      %y = arith.trunci %t : i32 to i8
      linalg.yield %y : i8 } -> tensor<12x64xi8>
  bufferization.materialize_in_destination %r in restrict writable %o0
    : (tensor<12x64xi8>, memref<12x64xi8>) -> ()
  return
}
