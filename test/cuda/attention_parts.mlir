// RUN: aicc-opt --target cuda --mcpu sm_80 --apply-schedules=schedule=attention %s | FileCheck %s
// RUN: aicc-opt --target cuda --mcpu sm_80 --apply-schedules=schedule=attention --outline-launches %s | FileCheck %s --check-prefix=HOST

// One row against 2048 keys in eight parts: blocks for each part leave sums, the largest score and the total in temporaries,
// a second launch joins them, and it alone writes the result.

// CHECK-LABEL: func.func @k0(
// CHECK-COUNT-3: %[[TEMPORARY:.*]] = memref.alloc({{.*}}) : memref<?xf32>
// CHECK: gpu.launch blocks({{.*}}) in (%{{[a-z0-9_]*}} = %c32,
// CHECK: nvgpu.mma.sync
// CHECK-NOT: store {{.*}} : memref<?xf16>
// CHECK: vector.store {{.*}}, %{{.*}}{alignment = 8 : i64} : memref<?xf32>, vector<2xf32>
// CHECK: gpu.terminator
// CHECK: else
// CHECK: gpu.launch blocks({{.*}}) in (%{{[a-z0-9_]*}} = %c32,
// CHECK: gpu.terminator
// CHECK: gpu.launch blocks({{.*}}) in (%{{[a-z0-9_]*}} = %c2,
// CHECK-NOT: nvgpu.mma.sync
// CHECK-COUNT-8: memref.load %[[TEMPORARY]]{{.*}} : memref<?xf32>
// CHECK: memref.store {{.*}} : memref<?xf16>
// CHECK: gpu.terminator

// HOST-COUNT-3: call @aicc_buffer_acquire(
// HOST: gpu.launch_func @device::@k0_kernel_0
// HOST: gpu.launch_func @device::@k0_kernel_1
// HOST: gpu.launch_func @device::@k0_kernel_2
// HOST-COUNT-3: call @aicc_buffer_release(
#map = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d4)>
#map1 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
#map2 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3)>
#map3 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map4 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map5 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d4, d3)>
func.func @k0(%arg0: memref<1x4x1x64xf16>, %arg1: memref<1x4x2048x64xf16>, %arg2: memref<1x4x2048x64xf16>, %arg3: memref<1x4x1x64xf16>)
    attributes {aicc.kernel, aicc.schedule = "attention", aicc.config = "parts=8", aicc.outputs = 1 : i64} {
  %cst = arith.constant 1.000000e+00 : f32
  %cst_0 = arith.constant 0xFF800000 : f32
  %cst_1 = arith.constant 1.250000e-01 : f32
  %cst_2 = arith.constant 0.000000e+00 : f32
  %0 = bufferization.to_tensor %arg0 restrict : memref<1x4x1x64xf16> to tensor<1x4x1x64xf16>
  %1 = bufferization.to_tensor %arg1 restrict : memref<1x4x2048x64xf16> to tensor<1x4x2048x64xf16>
  %2 = bufferization.to_tensor %arg2 restrict : memref<1x4x2048x64xf16> to tensor<1x4x2048x64xf16>
  %3 = tensor.empty() : tensor<1x4x1x2048xf32>
  %4 = linalg.fill ins(%cst_2 : f32) outs(%3 : tensor<1x4x1x2048xf32>) -> tensor<1x4x1x2048xf32>
  %5 = linalg.generic {indexing_maps = [#map, #map1, #map2], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%0, %1 : tensor<1x4x1x64xf16>, tensor<1x4x2048x64xf16>) outs(%4 : tensor<1x4x1x2048xf32>) {
  ^bb0(%in: f16, %in_3: f16, %out: f32):
    %21 = arith.extf %in_3 : f16 to f32
    %22 = arith.extf %in : f16 to f32
    %23 = arith.mulf %22, %21 : f32
    %24 = arith.addf %out, %23 : f32
    linalg.yield %24 : f32
  } -> tensor<1x4x1x2048xf32>
  %6 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%5 : tensor<1x4x1x2048xf32>) outs(%3 : tensor<1x4x1x2048xf32>) {
  ^bb0(%in: f32, %out: f32):
    %21 = arith.mulf %in, %cst_1 : f32
    linalg.yield %21 : f32
  } -> tensor<1x4x1x2048xf32>
  %7 = tensor.empty() : tensor<1x4x1xf32>
  %8 = linalg.fill ins(%cst_0 : f32) outs(%7 : tensor<1x4x1xf32>) -> tensor<1x4x1xf32>
  %9 = linalg.generic {indexing_maps = [#map3, #map4], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%6 : tensor<1x4x1x2048xf32>) outs(%8 : tensor<1x4x1xf32>) {
  ^bb0(%in: f32, %out: f32):
    %21 = arith.maximumf %out, %in : f32
    linalg.yield %21 : f32
  } -> tensor<1x4x1xf32>
  %10 = linalg.generic {indexing_maps = [#map3, #map4, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%6, %9 : tensor<1x4x1x2048xf32>, tensor<1x4x1xf32>) outs(%3 : tensor<1x4x1x2048xf32>) {
  ^bb0(%in: f32, %in_3: f32, %out: f32):
    %21 = arith.subf %in, %in_3 : f32
    %22 = math.exp %21 : f32
    linalg.yield %22 : f32
  } -> tensor<1x4x1x2048xf32>
  %11 = linalg.fill ins(%cst_2 : f32) outs(%7 : tensor<1x4x1xf32>) -> tensor<1x4x1xf32>
  %12 = linalg.generic {indexing_maps = [#map3, #map4], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%10 : tensor<1x4x1x2048xf32>) outs(%11 : tensor<1x4x1xf32>) {
  ^bb0(%in: f32, %out: f32):
    %21 = arith.addf %out, %in : f32
    linalg.yield %21 : f32
  } -> tensor<1x4x1xf32>
  %13 = linalg.generic {indexing_maps = [#map3, #map4, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%10, %12 : tensor<1x4x1x2048xf32>, tensor<1x4x1xf32>) outs(%3 : tensor<1x4x1x2048xf32>) {
  ^bb0(%in: f32, %in_3: f32, %out: f32):
    %21 = arith.divf %cst, %in_3 : f32
    %22 = arith.mulf %in, %21 : f32
    linalg.yield %22 : f32
  } -> tensor<1x4x1x2048xf32>
  %14 = tensor.empty() : tensor<1x4x2048x64xf32>
  %15 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%2 : tensor<1x4x2048x64xf16>) outs(%14 : tensor<1x4x2048x64xf32>) {
  ^bb0(%in: f16, %out: f32):
    %21 = arith.extf %in : f16 to f32
    linalg.yield %21 : f32
  } -> tensor<1x4x2048x64xf32>
  %16 = tensor.empty() : tensor<1x4x1x64xf32>
  %17 = linalg.fill ins(%cst_2 : f32) outs(%16 : tensor<1x4x1x64xf32>) -> tensor<1x4x1x64xf32>
  %18 = linalg.generic {indexing_maps = [#map, #map5, #map2], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%13, %15 : tensor<1x4x1x2048xf32>, tensor<1x4x2048x64xf32>) outs(%17 : tensor<1x4x1x64xf32>) {
  ^bb0(%in: f32, %in_3: f32, %out: f32):
    %21 = arith.mulf %in, %in_3 : f32
    %22 = arith.addf %out, %21 : f32
    linalg.yield %22 : f32
  } -> tensor<1x4x1x64xf32>
  %19 = tensor.empty() : tensor<1x4x1x64xf16>
  %20 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%18 : tensor<1x4x1x64xf32>) outs(%19 : tensor<1x4x1x64xf16>) {
  ^bb0(%in: f32, %out: f16):
    %21 = arith.truncf %in : f32 to f16
    linalg.yield %21 : f16
  } -> tensor<1x4x1x64xf16>
  bufferization.materialize_in_destination %20 in restrict writable %arg3 : (tensor<1x4x1x64xf16>, memref<1x4x1x64xf16>) -> ()
  return
}
