// RUN: aicc-opt %s --apply-schedules --mcpu=znver5 | filecheck %s
// RUN: aicc-opt %s --apply-schedules --mcpu=x86-64-v3 | filecheck %s --check-prefix=PAIRS
// RUN: sed 's/"integer_blocks"/"integer_tiles"/' %s | aicc-opt - --apply-schedules --mcpu=sapphirerapids | filecheck %s --check-prefix=TILES

// Rows of bytes times numbers of 4 bits, blocks of 32. The halves of a word's bytes are four neighbours each: a mask, and
// a shift and a mask, make what four bytes of A are multiplied with. Sums of a block become f32 once, 8 times the mean of
// A's block and both scales come after. The sums of all blocks wait in the scratch: 12 rows of two vectors are many.

// CHECK-LABEL: func.func @k0(
// CHECK-SAME: aicc.scratch = 1536 : i64
// CHECK-DAG: arith.constant dense<252645135> : vector<16xi32>
// CHECK-DAG: %[[MIDDLE:.*]] = arith.constant dense<-2.560000e+02> : vector<16xf32>
// CHECK: scf.for
// CHECK: vector.load {{.*}} memref<?xi32>, vector<16xi32>
// CHECK: memref.prefetch
// CHECK: arith.andi {{.*}} : vector<16xi32>
// CHECK: arith.shrui {{.*}} : vector<16xi32>
// CHECK: vector.load {{.*}} memref<?xi8>, vector<4xi8>
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"
// CHECK: %[[SUM:.*]] = arith.sitofp {{.*}} : vector<16xi32> to vector<16xf32>
// CHECK: vector.fma %[[MIDDLE]], %{{.*}}, %[[SUM]] : vector<16xf32>
// CHECK: arith.mulf
// CHECK: vector.fma
// CHECK: vector.store {{.*}} memref<?xf32>

// Eight sums of two products fit 16 bits: those of four words, and no more, before they are widened.

// PAIRS-LABEL: func.func @k0(
// PAIRS-NOT: pmadd.wd
// PAIRS-COUNT-8: llvm.call_intrinsic "llvm.x86.avx2.pmadd.ub.sw"
// PAIRS: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"({{.*}}) : (vector<16xi16>, vector<16xi16>) -> vector<8xi32>
// PAIRS: arith.sitofp {{.*}} : vector<8xi32> to vector<8xf32>

// Tiles: the next blocks are unpacked to signed bytes before products of these, whose sums are scaled when the next ones
// are done. There is no 8 to be subtracted.

// TILES-LABEL: func.func @k0(
// TILES: llvm.call_intrinsic "llvm.x86.ldtilecfg"
// TILES: arith.subi {{.*}} : vector<64xi8>
// TILES: vector.store {{.*}} memref<?xi8>, vector<64xi8>
// TILES: llvm.call_intrinsic "llvm.x86.tilezero"
// TILES: llvm.call_intrinsic "llvm.x86.tileloadd64"
// TILES: llvm.call_intrinsic "llvm.x86.tdpbssd"
// TILES: llvm.call_intrinsic "llvm.x86.tilestored64"
// TILES: %[[SUM:.*]] = arith.sitofp {{.*}} : vector<16xi32> to vector<16xf32>
// TILES-NEXT: arith.mulf %[[SUM]]
// TILES: llvm.call_intrinsic "llvm.x86.tilerelease"

func.func @k0(%a0: memref<2x12x4x8xi8>, %a1: memref<2x12xf32>, %a2: memref<2x12xf32>, %a3: memref<1x2x4x32xi32>,
    %a4: memref<1x2x32xf32>, %o0: memref<12x32xf32>)
    attributes {aicc.kernel, aicc.schedule = "integer_blocks", aicc.config = "", aicc.outputs = 1 : i64} {
  %z = arith.constant 0.0 : f32
  %half = arith.constant 8.0 : f32
  %c15 = arith.constant 15 : i32
  %c4 = arith.constant 4 : i32
  %c8 = arith.constant 8 : i32
  %c3 = arith.constant 3 : i32
  %q = bufferization.to_tensor %a0 restrict : memref<2x12x4x8xi8> to tensor<2x12x4x8xi8>
  %scale = bufferization.to_tensor %a1 restrict : memref<2x12xf32> to tensor<2x12xf32>
  %mean = bufferization.to_tensor %a2 restrict : memref<2x12xf32> to tensor<2x12xf32>
  %pw = bufferization.to_tensor %a3 restrict : memref<1x2x4x32xi32> to tensor<1x2x4x32xi32>
  %ps = bufferization.to_tensor %a4 restrict : memref<1x2x32xf32> to tensor<1x2x32xf32>
  %se = tensor.empty() : tensor<2x32xf32>
  %s = linalg.unpack %ps outer_dims_perm = [1, 0] inner_dims_pos = [1] inner_tiles = [32] into %se
    : tensor<1x2x32xf32> -> tensor<2x32xf32>
  %we = tensor.empty() : tensor<2x4x32xi32>
  %w = linalg.unpack %pw outer_dims_perm = [2, 0, 1] inner_dims_pos = [2] inner_tiles = [32] into %we
    : tensor<1x2x4x32xi32> -> tensor<2x4x32xi32>
  %e = tensor.empty() : tensor<12x32xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<12x32xf32>) -> tensor<12x32xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(m,n,b,s,k) -> (b,m,s,k)>, affine_map<(m,n,b,s,k) -> (b,m)>,
                       affine_map<(m,n,b,s,k) -> (b,m)>, affine_map<(m,n,b,s,k) -> (b,s,n)>,
                       affine_map<(m,n,b,s,k) -> (b,n)>, affine_map<(m,n,b,s,k) -> (m,n)>],
      iterator_types = ["parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%q, %scale, %mean, %w, %s : tensor<2x12x4x8xi8>, tensor<2x12xf32>, tensor<2x12xf32>, tensor<2x4x32xi32>,
          tensor<2x32xf32>) outs(%f : tensor<12x32xf32>) {
    ^bb0(%u: i8, %t: f32, %m: f32, %v: i32, %r: f32, %acc: f32):
      %wide = arith.extsi %u : i8 to i32
      %which = linalg.index 4 : index
      %i = arith.index_cast %which : index to i32
      %low = arith.andi %i, %c3 : i32
      %eights = arith.muli %low, %c8 : i32
      %upper = arith.andi %i, %c4 : i32
      %shift = arith.addi %eights, %upper : i32
      %moved = arith.shrui %v, %shift : i32
      %number = arith.andi %moved, %c15 : i32
      %p = arith.muli %wide, %number : i32
      %pf = arith.sitofp %p : i32 to f32
      %o = arith.mulf %m, %half : f32
      %d = arith.subf %pf, %o : f32
      %both = arith.mulf %t, %r : f32
      %x = arith.mulf %d, %both : f32
      %sum = arith.addf %acc, %x : f32
      linalg.yield %sum : f32 } -> tensor<12x32xf32>
  bufferization.materialize_in_destination %y in restrict writable %o0 : (tensor<12x32xf32>, memref<12x32xf32>) -> ()
  return
}
