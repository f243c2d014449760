// RUN: aicc-opt --target cuda --mcpu sm_90a --apply-schedules=schedule=warpgroup --outline-launches --wait-for-grids %s | FileCheck %s

// A kernel says where its blocks wait for the kernels before it, and that the next may begin then: after it has made its
// barriers ready, before the first copy.

// CHECK-LABEL: gpu.func @k0_kernel_0(
// CHECK-NOT: nvvm.cp.async.bulk
// CHECK: nvvm.mbarrier.init
// CHECK: gpu.barrier
// CHECK: nvvm.griddepcontrol wait
// CHECK-NEXT: nvvm.griddepcontrol launch_dependents
// CHECK-NEXT: scf.if
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global
// CHECK-NOT: nvvm.griddepcontrol

// The other form of the kernel, for arguments that are not aligned, waits, too.

// CHECK: gpu.func @k0_kernel_1(
// CHECK: nvvm.griddepcontrol wait
// CHECK-NEXT: nvvm.griddepcontrol launch_dependents
func.func @k0(%a0: memref<128x192xf16>, %a1: memref<192x128xf16>, %o0: memref<128x128xf32>)
    attributes {aicc.kernel, aicc.schedule = "warpgroup", aicc.config = "rows=128,columns=128,cluster=1", aicc.outputs = 1 : i64} {
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
