// RUN: aicc-opt --target cuda --mcpu sm_80 --apply-schedules=schedule=contraction %s | FileCheck %s
// RUN: aicc-opt --target cuda --mcpu sm_80 --apply-schedules=schedule=contraction --outline-launches %s | FileCheck %s --check-prefix=HOST
// RUN: aicc-opt --target cuda --mcpu sm_80 --apply-schedules=schedule=contraction --outline-launches --lower-device %s | FileCheck %s --check-prefix=NVVM

// Sums in four parts: four blocks for each tile leave theirs in memory, the last of them joins all and stores.

// CHECK-LABEL: func.func @k0(
// CHECK: memref.alloc() {aicc.counters} : memref<4096xi32>
// CHECK: gpu.launch
// CHECK: nvgpu.mma.sync
// CHECK: llvm.fence syncscope("device") acq_rel
// CHECK: memref.atomic_rmw addi
// CHECK: llvm.fence syncscope("device") acq_rel
// CHECK: gpu.barrier
// CHECK: scf.if
// CHECK: memref.store
// CHECK: vector.load
// CHECK-COUNT-3: arith.addf {{.*}} vector<4xf32>
// CHECK: vector.store

// HOST-DAG: call @aicc_buffer_acquire
// HOST-DAG: call @aicc_counters(%arg0) : (!llvm.ptr) -> !llvm.ptr
// HOST: gpu.launch_func

// NVVM: llvm.fence syncscope("device") acq_rel
// NVVM: llvm.atomicrmw add {{.*}} syncscope("device") monotonic
// NVVM: llvm.fence syncscope("device") acq_rel
func.func @k0(%a0: memref<128x256xf16>, %a1: memref<256x128xf16>, %o0: memref<128x128xf32>)
    attributes {aicc.kernel, aicc.schedule = "contraction", aicc.config = "parts=4", aicc.outputs = 1 : i64} {
  %x = bufferization.to_tensor %a0 restrict : memref<128x256xf16> to tensor<128x256xf16>
  %w = bufferization.to_tensor %a1 restrict : memref<256x128xf16> to tensor<256x128xf16>
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<128x128xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<128x128xf32>) -> tensor<128x128xf32>
  %c = linalg.generic {
      indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<128x256xf16>, tensor<256x128xf16>) outs(%f : tensor<128x128xf32>) {
  ^bb0(%u: f16, %v: f16, %acc: f32):
    %p = arith.extf %u : f16 to f32
    %q = arith.extf %v : f16 to f32
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<128x128xf32>
  bufferization.materialize_in_destination %c in restrict writable %o0 : (tensor<128x128xf32>, memref<128x128xf32>) -> ()
  return
}
