// RUN: aicc-opt --target cuda --mcpu sm_90a --apply-schedules=schedule=warpgroup_attention %s | FileCheck %s
// RUN: aicc-opt --target cuda --mcpu sm_90a --apply-schedules=schedule=warpgroup_attention --outline-launches --lower-device %s | FileCheck %s --check-prefix=DEVICE

// Causal attention: one thread copies rows, keys and values, two warpgroups of 64 rows each multiply. The products of the
// weights of keys with their values go on together with the scores of the next keys, and while their softmax is computed.
// The scale is no operation of its own.

// CHECK-LABEL: func.func @k0(
// CHECK-COUNT-3: call @aicc_tensor_map_f16_4(
// CHECK: gpu.launch {{.*}} dynamic_shared_memory_size
// CHECK-COUNT-17: nvvm.mbarrier.init
// CHECK: gpu.barrier
// CHECK: nvvm.setmaxregister decrease 40
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global
// CHECK: scf.for
// CHECK-COUNT-2: nvvm.cp.async.bulk.tensor.shared.cluster.global
// CHECK: else
// CHECK: nvvm.setmaxregister increase 232
// CHECK: nvvm.wgmma.mma_async {{.*}} D[<f32>, <zero>]
// CHECK: nvvm.wgmma.wait.group.sync.aligned 0
// CHECK: scf.for
// CHECK-COUNT-4: nvvm.wgmma.mma_async
// CHECK: nvvm.wgmma.commit.group.sync.aligned
// CHECK-COUNT-8: llvm.inline_asm {{.*}}wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16
// CHECK: nvvm.wgmma.commit.group.sync.aligned
// CHECK: nvvm.wgmma.wait.group.sync.aligned 1
// CHECK-NOT: arith.mulf %{{[a-z0-9_]*}}, %cst_1
// CHECK: arith.select
// CHECK: ex2.approx.ftz.f32
// CHECK: nvvm.mbarrier.try_wait.parity
// CHECK: wgmma.wait_group.sync.aligned 0;
// CHECK: mov.b32
// CHECK: scf.yield
// CHECK: nvvm.barrier
// CHECK: vector.store {{.*}} : memref<?xf16>, vector<8xf16>
// CHECK: gpu.terminator
// CHECK-NOT: gpu.launch

// DEVICE: llvm.mlir.global external @__dynamic_shmem__0() {addr_space = 3 : i32, alignment = 1024 : i64}
#map = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d4)>
#map1 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
#map2 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3)>
#map3 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map4 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map5 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d4, d3)>
func.func @k0(%arg0: memref<1x2x256x64xf16> {llvm.align = 16 : i64}, %arg1: memref<1x2x256x64xf16> {llvm.align = 16 : i64}, %arg2: memref<1x2x256x64xf16> {llvm.align = 16 : i64}, %arg3: memref<1x2x256x64xf16> {llvm.align = 16 : i64}) 
    attributes {aicc.kernel, aicc.schedule = "warpgroup_attention", aicc.config = "groups=2", aicc.outputs = 1 : i64} {
  %cst = arith.constant 1.000000e+00 : f32
  %cst_0 = arith.constant 0xFF800000 : f32
  %cst_1 = arith.constant 1.250000e-01 : f32
  %cst_2 = arith.constant 0.000000e+00 : f32
  %0 = bufferization.to_tensor %arg0 restrict : memref<1x2x256x64xf16> to tensor<1x2x256x64xf16>
  %1 = bufferization.to_tensor %arg1 restrict : memref<1x2x256x64xf16> to tensor<1x2x256x64xf16>
  %2 = bufferization.to_tensor %arg2 restrict : memref<1x2x256x64xf16> to tensor<1x2x256x64xf16>
  %3 = tensor.empty() : tensor<1x2x256x256xf32>
  %4 = linalg.fill ins(%cst_2 : f32) outs(%3 : tensor<1x2x256x256xf32>) -> tensor<1x2x256x256xf32>
  %5 = linalg.generic {indexing_maps = [#map, #map1, #map2], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%0, %1 : tensor<1x2x256x64xf16>, tensor<1x2x256x64xf16>) outs(%4 : tensor<1x2x256x256xf32>) {
  ^bb0(%in: f16, %in_3: f16, %out: f32):
    %20 = arith.extf %in_3 : f16 to f32
    %21 = arith.extf %in : f16 to f32
    %22 = arith.mulf %21, %20 : f32
    %23 = arith.addf %out, %22 : f32
    linalg.yield %23 : f32
  } -> tensor<1x2x256x256xf32>
  %6 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%5 : tensor<1x2x256x256xf32>) outs(%3 : tensor<1x2x256x256xf32>) {
  ^bb0(%in: f32, %out: f32):
    %20 = arith.mulf %in, %cst_1 : f32
    %21 = linalg.index 3 : index
    %22 = arith.index_cast %21 : index to i64
    %23 = linalg.index 2 : index
    %24 = arith.index_cast %23 : index to i64
    %25 = arith.cmpi sle, %22, %24 : i64
    %26 = arith.select %25, %20, %cst_0 : f32
    linalg.yield %26 : f32
  } -> tensor<1x2x256x256xf32>
  %7 = tensor.empty() : tensor<1x2x256xf32>
  %8 = linalg.fill ins(%cst_0 : f32) outs(%7 : tensor<1x2x256xf32>) -> tensor<1x2x256xf32>
  %9 = linalg.generic {indexing_maps = [#map3, #map4], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%6 : tensor<1x2x256x256xf32>) outs(%8 : tensor<1x2x256xf32>) {
  ^bb0(%in: f32, %out: f32):
    %20 = arith.maximumf %out, %in : f32
    linalg.yield %20 : f32
  } -> tensor<1x2x256xf32>
  %10 = linalg.generic {indexing_maps = [#map3, #map4, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%6, %9 : tensor<1x2x256x256xf32>, tensor<1x2x256xf32>) outs(%3 : tensor<1x2x256x256xf32>) {
  ^bb0(%in: f32, %in_3: f32, %out: f32):
    %20 = arith.subf %in, %in_3 : f32
    %21 = math.exp %20 : f32
    linalg.yield %21 : f32
  } -> tensor<1x2x256x256xf32>
  %11 = linalg.fill ins(%cst_2 : f32) outs(%7 : tensor<1x2x256xf32>) -> tensor<1x2x256xf32>
  %12 = linalg.generic {indexing_maps = [#map3, #map4], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%10 : tensor<1x2x256x256xf32>) outs(%11 : tensor<1x2x256xf32>) {
  ^bb0(%in: f32, %out: f32):
    %20 = arith.addf %out, %in : f32
    linalg.yield %20 : f32
  } -> tensor<1x2x256xf32>
  %13 = linalg.generic {indexing_maps = [#map3, #map4, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%10, %12 : tensor<1x2x256x256xf32>, tensor<1x2x256xf32>) outs(%3 : tensor<1x2x256x256xf32>) {
  ^bb0(%in: f32, %in_3: f32, %out: f32):
    %20 = arith.divf %cst, %in_3 : f32
    %21 = arith.mulf %in, %20 : f32
    linalg.yield %21 : f32
  } -> tensor<1x2x256x256xf32>
  %14 = tensor.empty() : tensor<1x2x256x64xf32>
  %15 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%2 : tensor<1x2x256x64xf16>) outs(%14 : tensor<1x2x256x64xf32>) {
  ^bb0(%in: f16, %out: f32):
    %20 = arith.extf %in : f16 to f32
    linalg.yield %20 : f32
  } -> tensor<1x2x256x64xf32>
  %16 = linalg.fill ins(%cst_2 : f32) outs(%14 : tensor<1x2x256x64xf32>) -> tensor<1x2x256x64xf32>
  %17 = linalg.generic {indexing_maps = [#map, #map5, #map2], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%13, %15 : tensor<1x2x256x256xf32>, tensor<1x2x256x64xf32>) outs(%16 : tensor<1x2x256x64xf32>) {
  ^bb0(%in: f32, %in_3: f32, %out: f32):
    %20 = arith.mulf %in, %in_3 : f32
    %21 = arith.addf %out, %20 : f32
    linalg.yield %21 : f32
  } -> tensor<1x2x256x64xf32>
  %18 = tensor.empty() : tensor<1x2x256x64xf16>
  %19 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%17 : tensor<1x2x256x64xf32>) outs(%18 : tensor<1x2x256x64xf16>) {
  ^bb0(%in: f32, %out: f16):
    %20 = arith.truncf %in : f32 to f16
    linalg.yield %20 : f16
  } -> tensor<1x2x256x64xf16>
  bufferization.materialize_in_destination %19 in restrict writable %arg3 : (tensor<1x2x256x64xf16>, memref<1x2x256x64xf16>) -> ()
  return
}