// RUN: aicc-opt --target cuda --mcpu sm_80 --apply-schedules=schedule=contraction %s | FileCheck %s
// RUN: aicc-opt --target cuda --mcpu sm_80 --apply-schedules=schedule=contraction --outline-launches --lower-device %s | FileCheck %s --check-prefix=NVVM

// 16-bit operands: copies run ahead, fragments by ldmatrix, products by tensor cores.

// CHECK-LABEL: func.func @k0(
// CHECK: scf.if
// CHECK: gpu.launch {{.*}} dynamic_shared_memory_size
// CHECK: nvgpu.device_async_copy
// CHECK: nvgpu.device_async_create_group
// CHECK: nvgpu.device_async_wait
// CHECK: gpu.barrier
// CHECK: nvgpu.ldmatrix
// CHECK: nvgpu.mma.sync
// CHECK: else
// CHECK: gpu.launch
// CHECK-NOT: nvgpu.device_async_copy

// NVVM-DAG: nvvm.cp.async.shared.global
// NVVM-DAG: nvvm.ldmatrix
// NVVM-DAG: nvvm.mma.sync
func.func @k0(%a0: memref<128x64xf16>, %a1: memref<64x128xf16>, %o0: memref<128x128xf32>)
    attributes {aicc.kernel, aicc.schedule = "contraction", aicc.config = "", aicc.outputs = 1 : i64} {
  %x = bufferization.to_tensor %a0 restrict : memref<128x64xf16> to tensor<128x64xf16>
  %w = bufferization.to_tensor %a1 restrict : memref<64x128xf16> to tensor<64x128xf16>
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<128x128xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<128x128xf32>) -> tensor<128x128xf32>
  %c = linalg.generic {
      indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<128x64xf16>, tensor<64x128xf16>) outs(%f : tensor<128x128xf32>) {
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
