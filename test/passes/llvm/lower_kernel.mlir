// RUN: aicc-opt %s --mcpu x86-64-v4 --lower-kernel | FileCheck %s
// RUN: aicc-opt %s --mcpu x86-64-v3 --lower-kernel | FileCheck %s --check-prefix=V3

// The kernel itself is internal; outputs and inputs do not alias, and what is known of alignment is kept.
// CHECK-LABEL: llvm.func internal @k(
// CHECK-SAME: %arg0: !llvm.ptr {llvm.noalias}
// CHECK-SAME: %arg1: !llvm.ptr {llvm.align = 64 : i64, llvm.noalias}
// CHECK-SAME: %arg2: i64, %arg3: i64, %arg4: i64, %arg5: !llvm.ptr {llvm.noalias}
// CHECK-SAME: no_inline
// CHECK-SAME: passthrough = {{\[\[}}"prefer-vector-width", "512"]]
// V3-LABEL: llvm.func internal @k(
// V3-NOT: prefer-vector-width

// CHECK: llvm.func internal @k_tiles(%arg0: i64) -> i64

// The range function loads the arguments from their table.
// CHECK-LABEL: llvm.func hidden @k_range(
// CHECK: llvm.getelementptr inbounds %arg0[2]
// CHECK: llvm.call @k(%{{.*}}, %{{.*}}, %{{.*}}, %arg1, %arg2, %arg3)

// The launcher knows tiles, grain and scratch; nobody else does.
// CHECK-LABEL: llvm.func hidden @k_launch(%arg0: !llvm.ptr, %arg1: !llvm.ptr, %arg2: !llvm.ptr, %arg3: i64)
// CHECK: llvm.alloca %{{.*}} x !llvm.array<3 x i64>
// CHECK: %[[TILES:.*]] = llvm.call @k_tiles(%arg3)
// CHECK: %[[GRAIN:.*]] = llvm.mlir.constant(4 : i64)
// CHECK: %[[SCRATCH:.*]] = llvm.mlir.constant(128 : i64)
// CHECK: %[[RANGE:.*]] = llvm.mlir.addressof @k_range
// CHECK: llvm.call @aicc_parallel_for(%arg0, %[[RANGE]], %{{.*}}, %[[TILES]], %[[GRAIN]], %[[SCRATCH]])
// CHECK-NOT: aicc.kernel
func.func @k(%a: memref<8xf32>, %o: memref<8xf32> {llvm.align = 64 : i64}, %n: index,
             %lo: index, %hi: index, %s: memref<128xi8>)
    attributes {aicc.kernel, aicc.outputs = 1 : i64, aicc.tiles = @k_tiles, aicc.grain = 4 : i64,
                aicc.scratch = 128 : i64} {
  %c1 = arith.constant 1 : index
  scf.for %i = %lo to %hi step %c1 {
    %x = memref.load %a[%i] : memref<8xf32>
    memref.store %x, %o[%i] : memref<8xf32>
  }
  return
}
func.func private @k_tiles(%n: index) -> index {
  return %n : index
}
