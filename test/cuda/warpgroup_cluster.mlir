// RUN: aicc-opt --target cuda --mcpu sm_90a --apply-schedules=schedule=warpgroup %s | FileCheck %s
// RUN: aicc-opt --target cuda --mcpu sm_90a --apply-schedules=schedule=warpgroup --outline-launches --lower-device %s | FileCheck %s --check-prefix=DEVICE

// Two blocks with tiles one below the other: each copies its rows, and half of the columns for both. The barriers of
// both are ready before the first copy, a stage is given back to both, and neither ends before the other. Results of 16
// bits are stored in matrices.

// CHECK-LABEL: func.func @k0(
// CHECK: gpu.launch clusters({{.*}}) in (%{{.*}} = %c2
// CHECK: nvvm.fence.mbarrier.init
// CHECK: nvvm.cluster.arrive
// CHECK: nvvm.cluster.wait
// CHECK: nvvm.mbarrier.arrive.expect_tx
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global {{.*}}] : !llvm.ptr<7>
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global {{.*}} multicast_mask = %c3_i16
// CHECK-NOT: nvvm.cp.async.bulk.tensor.shared.cluster.global
// CHECK: else
// CHECK: nvvm.wgmma.wait.group.sync.aligned 1
// CHECK: nvvm.mapa
// CHECK: nvvm.mbarrier.arrive {{.*}} : !llvm.ptr<7>
// CHECK: nvvm.wgmma.wait.group.sync.aligned 0
// CHECK: nvvm.stmatrix
// CHECK: nvvm.cp.async.bulk.tensor.global.shared.cta
// CHECK: nvvm.cluster.arrive
// CHECK: nvvm.cluster.wait
// CHECK: gpu.terminator

// DEVICE: nvvm.cluster_dim = array<i32: 2, 1, 1>
// DEVICE: nvvm.cp.async.bulk.tensor.shared.cluster.global {{.*}} multicast_mask
func.func @k0(%a0: memref<256x192xf16>, %a1: memref<192x128xf16>, %o0: memref<256x128xf16>)
    attributes {aicc.kernel, aicc.schedule = "warpgroup", aicc.config = "rows=128,columns=128,cluster=2", aicc.outputs = 1 : i64} {
  %x = bufferization.to_tensor %a0 restrict : memref<256x192xf16> to tensor<256x192xf16>
  %w = bufferization.to_tensor %a1 restrict : memref<192x128xf16> to tensor<192x128xf16>
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<256x128xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<256x128xf32>) -> tensor<256x128xf32>
  %c = linalg.generic {
      indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<256x192xf16>, tensor<192x128xf16>) outs(%f : tensor<256x128xf32>) {
  ^bb0(%u: f16, %v: f16, %acc: f32):
    %p = arith.extf %u : f16 to f32
    %q = arith.extf %v : f16 to f32
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<256x128xf32>
  %h = tensor.empty() : tensor<256x128xf16>
  %n = linalg.generic {
      indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%c : tensor<256x128xf32>) outs(%h : tensor<256x128xf16>) {
  ^bb0(%u: f32, %v: f16):
    %t = arith.truncf %u : f32 to f16
    linalg.yield %t : f16
  } -> tensor<256x128xf16>
  bufferization.materialize_in_destination %n in restrict writable %o0 : (tensor<256x128xf16>, memref<256x128xf16>) -> ()
  return
}
