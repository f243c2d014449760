// RUN: aicc-opt --target cuda --mcpu sm_90a --apply-schedules=schedule=warpgroup %s | FileCheck %s
// RUN: aicc-opt --target cuda --mcpu sm_90a --apply-schedules=schedule=warpgroup --outline-launches --lower-device %s | FileCheck %s --check-prefix=DEVICE

// One thread copies, two warpgroups multiply; the host describes both operands and asks how many blocks run at once.
// The other launch is for arguments that are not aligned.

// CHECK-LABEL: func.func @k0(
// CHECK: scf.if
// CHECK-DAG: call @aicc_tensor_map_f16_2(
// CHECK-DAG: call @aicc_tensor_map_f16_2(
// CHECK-DAG: call @aicc_tensor_map_f32_2(
// CHECK-DAG: call @aicc_multiprocessors()
// CHECK: gpu.launch {{.*}} dynamic_shared_memory_size
// CHECK: nvvm.mbarrier.init
// CHECK: gpu.barrier
// CHECK: nvvm.mbarrier.try_wait.parity
// CHECK: nvvm.mbarrier.arrive.expect_tx
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global
// CHECK: else
// CHECK: nvvm.wgmma.mma_async {{.*}} D[<f32>, <zero>]
// CHECK: scf.for
// CHECK: nvvm.wgmma.fence.aligned
// CHECK-COUNT-4: nvvm.wgmma.mma_async {{.*}} D[<f32>, <one>]
// CHECK: nvvm.wgmma.commit.group.sync.aligned
// CHECK: nvvm.wgmma.wait.group.sync.aligned 1
// CHECK: nvvm.mbarrier.arrive
// CHECK: nvvm.wgmma.wait.group.sync.aligned 0

// Results go to buffers in shared memory, and from there by themselves.

// CHECK: nvvm.cp.async.bulk.wait_group 1 {read}
// CHECK: nvvm.barrier
// CHECK: vector.store {{.*}} #gpu.address_space<workgroup>>, vector<2xf32>
// CHECK: nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>
// CHECK: nvvm.barrier
// CHECK: nvvm.cp.async.bulk.tensor.global.shared.cta
// CHECK: nvvm.cp.async.bulk.commit.group
// CHECK: nvvm.cp.async.bulk.wait_group 0 {read}
// CHECK: gpu.launch
// CHECK: nvgpu.mma.sync

// Maps come by value, and shared memory lies where chunks can be exchanged by address.

// DEVICE: llvm.mlir.global external @__dynamic_shmem__0() {addr_space = 3 : i32, alignment = 1024 : i64}
// DEVICE: llvm.func @{{.*}}!llvm.ptr {llvm.align = 64 : i64, llvm.byval = !llvm.array<128 x i8>, nvvm.grid_constant}
// DEVICE-SAME: nvvm.kernel
// DEVICE: mbarrier.try_wait.parity.shared::cta.b64
func.func @k0(%a0: memref<128x192xf16>, %a1: memref<192x128xf16>, %o0: memref<128x128xf32>)
    attributes {aicc.kernel, aicc.schedule = "warpgroup", aicc.config = "rows=128,columns=128", aicc.outputs = 1 : i64} {
  %x = bufferization.to_tensor %a0 restrict : memref<128x192xf16> to tensor<128x192xf16>
  %w = bufferization.to_tensor %a1 restrict : memref<192x128xf16> to tensor<192x128xf16>
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<128x128xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<128x128xf32>) -> tensor<128x128xf32>
  %c = linalg.generic {
      indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<128x192xf16>, tensor<192x128xf16>) outs(%f : tensor<128x128xf32>) {
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
