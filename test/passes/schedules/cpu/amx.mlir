// RUN: aicc-opt %s --apply-schedules --mcpu=sapphirerapids | filecheck %s
// RUN: not aicc-opt %s --apply-schedules --mcpu=znver5 2>&1 | filecheck %s --check-prefix=NONE

// A product of bytes, 40 rows in two register tiles of 20, two tile registers of 10 each. Sums of 70 are one tile's depth
// of 16 steps of four; the last step, and two elements with which A ends, are added by vectors before the epilogue,
// four rows at a time. Registers get their shapes once, and are given back.

// CHECK-LABEL: func.func @k0(
// CHECK: arith.constant dense<[1, {{(0, )+}}64, {{.*}}, 0, 10, 10, 10, 10, 10, 10, 16, 16, {{.*}}]> : vector<64xi8>
// CHECK: llvm.call_intrinsic "llvm.x86.ldtilecfg"
// CHECK: scf.for
// CHECK: scf.for
// CHECK-COUNT-4: llvm.call_intrinsic "llvm.x86.tilezero"
// CHECK-COUNT-4: llvm.call_intrinsic "llvm.x86.tileloadd64"
// CHECK-COUNT-4: llvm.call_intrinsic "llvm.x86.tdpbusd"
// CHECK-COUNT-4: llvm.call_intrinsic "llvm.x86.tilestored64"
// CHECK: scf.for
// CHECK-COUNT-8: vector.load {{.*}} vector<16xi32>
// CHECK: vector.from_elements {{.*}} : vector<4xi8>
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"
// CHECK: arith.sitofp {{.*}} : vector<16xi32> to vector<16xf32>
// CHECK: math.roundeven
// CHECK: arith.trunci {{.*}} : vector<16xi32> to vector<16xi8>
// CHECK: vector.store {{.*}} vector<16xi8>
// CHECK-NOT: llvm.x86.{{tdp|tile[lsz]}}
// CHECK: llvm.call_intrinsic "llvm.x86.tilerelease"
// CHECK-NEXT: return

// NONE: the target has no tile registers
func.func @k0(%a0: memref<40x70xi8>, %a1: memref<2x18x32x4xi8>, %o0: memref<40x64xi8>)
    attributes {aicc.kernel, aicc.schedule = "amx", aicc.config = "", aicc.outputs = 1 : i64} {
  %x = bufferization.to_tensor %a0 restrict : memref<40x70xi8> to tensor<40x70xi8>
  %p = bufferization.to_tensor %a1 restrict : memref<2x18x32x4xi8> to tensor<2x18x32x4xi8>
  %we = tensor.empty() : tensor<70x64xi8>
  %w = linalg.unpack %p outer_dims_perm = [1, 0] inner_dims_pos = [1, 0] inner_tiles = [32, 4] into %we
    : tensor<2x18x32x4xi8> -> tensor<70x64xi8>
  %z = arith.constant 0 : i32
  %scale = arith.constant 0.25 : f32
  %e = tensor.empty() : tensor<40x64xi32>
  %o = tensor.empty() : tensor<40x64xi8>
  %f = linalg.fill ins(%z : i32) outs(%e : tensor<40x64xi32>) -> tensor<40x64xi32>
  %c = linalg.generic {
      indexing_maps = [affine_map<(m,n,k) -> (m,k)>, affine_map<(m,n,k) -> (k,n)>, affine_map<(m,n,k) -> (m,n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<40x70xi8>, tensor<70x64xi8>) outs(%f : tensor<40x64xi32>) {
    ^bb0(%u: i8, %v: i8, %acc: i32):
      %uw = arith.extui %u : i8 to i32
      %vw = arith.extsi %v : i8 to i32
      %m = arith.muli %uw, %vw : i32
      %s = arith.addi %acc, %m : i32
      linalg.yield %s : i32 } -> tensor<40x64xi32>
  %r = linalg.generic {
      indexing_maps = [affine_map<(m,n) -> (m,n)>, affine_map<(m,n) -> (m,n)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%c : tensor<40x64xi32>) outs(%o : tensor<40x64xi8>) {
    ^bb0(%u: i32, %i: i8):
      %g = arith.sitofp %u : i32 to f32
      %h = arith.mulf %g, %scale : f32
      %q = math.roundeven %h : f32
      %t = arith.fptosi %q : f32 to i32
      %y = arith.trunci %t : i32 to i8
      linalg.yield %y : i8 } -> tensor<40x64xi8>
  bufferization.materialize_in_destination %r in restrict writable %o0
    : (tensor<40x64xi8>, memref<40x64xi8>) -> ()
  return
}

// A product of bf16, summed in f32: 24 rows in two tiles of 12; 20 elements of the sum are ten steps of two.

// CHECK-LABEL: func.func @k1(
// CHECK: arith.constant dense<[1, {{.*}}, 12, 12, 12, 12, 12, 12, 10, 10, {{.*}}]> : vector<64xi8>
// CHECK-COUNT-4: llvm.call_intrinsic "llvm.x86.tdpbf16ps"
// CHECK: llvm.call_intrinsic "llvm.x86.tilestored64"
// CHECK: vector.load {{.*}} vector<16xf32>
// CHECK: arith.truncf {{.*}} : vector<16xf32> to vector<16xbf16>
// CHECK: llvm.call_intrinsic "llvm.x86.tilerelease"

func.func @k1(%a0: memref<24x20xbf16>, %a1: memref<1x10x32x2xbf16>, %o0: memref<24x32xbf16>)
    attributes {aicc.kernel, aicc.schedule = "amx", aicc.config = "", aicc.outputs = 1 : i64} {
  %x = bufferization.to_tensor %a0 restrict : memref<24x20xbf16> to tensor<24x20xbf16>
  %p = bufferization.to_tensor %a1 restrict : memref<1x10x32x2xbf16> to tensor<1x10x32x2xbf16>
  %we = tensor.empty() : tensor<20x32xbf16>
  %w = linalg.unpack %p outer_dims_perm = [1, 0] inner_dims_pos = [1, 0] inner_tiles = [32, 2] into %we
    : tensor<1x10x32x2xbf16> -> tensor<20x32xbf16>
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<24x32xf32>
  %o = tensor.empty() : tensor<24x32xbf16>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<24x32xf32>) -> tensor<24x32xf32>
  %c = linalg.generic {
      indexing_maps = [affine_map<(m,n,k) -> (m,k)>, affine_map<(m,n,k) -> (k,n)>, affine_map<(m,n,k) -> (m,n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<24x20xbf16>, tensor<20x32xbf16>) outs(%f : tensor<24x32xf32>) {
    ^bb0(%u: bf16, %v: bf16, %acc: f32):
      %uw = arith.extf %u : bf16 to f32
      %vw = arith.extf %v : bf16 to f32
      %m = arith.mulf %uw, %vw : f32
      %s = arith.addf %acc, %m : f32
      linalg.yield %s : f32 } -> tensor<24x32xf32>
  %r = linalg.generic {
      indexing_maps = [affine_map<(m,n) -> (m,n)>, affine_map<(m,n) -> (m,n)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%c : tensor<24x32xf32>) outs(%o : tensor<24x32xbf16>) {
    ^bb0(%u: f32, %i: bf16):
      %y = arith.truncf %u : f32 to bf16
      linalg.yield %y : bf16 } -> tensor<24x32xbf16>
  bufferization.materialize_in_destination %r in restrict writable %o0
    : (tensor<24x32xbf16>, memref<24x32xbf16>) -> ()
  return
}
