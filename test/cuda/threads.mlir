// RUN: aicc-opt --target cuda --mcpu sm_80 --apply-schedules=schedule=threads %s | FileCheck %s

// One thread for each result; the reduction starts from the fill's scalar, not from memory.

// CHECK-LABEL: func.func @k0(
// CHECK-NOT: memref.alloc
// CHECK: gpu.launch blocks({{.*}}) in (%{{.*}} = %c2{{[ ,]}}
// CHECK: scf.for
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %cst) -> (f32)
// CHECK: arith.mulf {{.*}} fastmath<contract>
// CHECK: arith.addf {{.*}} fastmath<contract>
// CHECK: memref.store {{.*}} : memref<16x32xf32>
// CHECK: gpu.terminator
// CHECK-NOT: gpu.launch
func.func @k0(%a0: memref<16x24xf32>, %a1: memref<24x32xf32>, %o0: memref<16x32xf32>)
    attributes {aicc.kernel, aicc.schedule = "threads", aicc.config = "", aicc.outputs = 1 : i64} {
  %x = bufferization.to_tensor %a0 restrict : memref<16x24xf32> to tensor<16x24xf32>
  %w = bufferization.to_tensor %a1 restrict : memref<24x32xf32> to tensor<24x32xf32>
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<16x32xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<16x32xf32>) -> tensor<16x32xf32>
  %c = linalg.generic {
      indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<16x24xf32>, tensor<24x32xf32>) outs(%f : tensor<16x32xf32>) {
  ^bb0(%u: f32, %v: f32, %acc: f32):
    %m = arith.mulf %u, %v : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<16x32xf32>
  bufferization.materialize_in_destination %c in restrict writable %o0 : (tensor<16x32xf32>, memref<16x32xf32>) -> ()
  return
}
