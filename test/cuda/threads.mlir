// RUN: aicc-opt --target cuda --mcpu sm_80 --apply-schedules=schedule=threads -split-input-file %s | FileCheck %s

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

// -----

// Loops whose iterations write to places of their own, the second at a start that is the same for all of its rounds: one
// thread for each round of the innermost.
// CHECK-LABEL: func.func @k1(
// CHECK: gpu.launch blocks({{.*}}) in (%{{.*}} = %c1{{[ ,]}}
// CHECK: scf.for %[[N:.*]] = %{{.*}} to %c96
// CHECK: remui %[[N]], %c16
// CHECK: divui %[[N]], %c16
// CHECK: memref.store {{.*}} : memref<2x9x16xf32>
// CHECK-NOT: gpu.launch
func.func @k1(%a0: memref<2x3x16xf32>, %a1: memref<2xindex>, %o0: memref<2x9x16xf32>)
    attributes {aicc.kernel, aicc.schedule = "threads", aicc.config = "", aicc.outputs = 1 : i64} {
  %x = bufferization.to_tensor %a0 restrict : memref<2x3x16xf32> to tensor<2x3x16xf32>
  %s = bufferization.to_tensor %a1 restrict : memref<2xindex> to tensor<2xindex>
  %y = bufferization.to_tensor %o0 restrict writable : memref<2x9x16xf32> to tensor<2x9x16xf32>
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c16 = arith.constant 16 : index
  %r = scf.for %b = %c0 to %c2 step %c1 iter_args(%p = %y) -> (tensor<2x9x16xf32>) {
    %q = scf.for %t = %c0 to %c3 step %c1 iter_args(%u = %p) -> (tensor<2x9x16xf32>) {
      %v = scf.for %d = %c0 to %c16 step %c1 iter_args(%w = %u) -> (tensor<2x9x16xf32>) {
        %start = tensor.extract %s[%b] : tensor<2xindex>
        %at = arith.addi %t, %start : index
        %value = tensor.extract %x[%b, %t, %d] : tensor<2x3x16xf32>
        %z = tensor.insert %value into %w[%b, %at, %d] : tensor<2x9x16xf32>
        scf.yield %z : tensor<2x9x16xf32>
      }
      scf.yield %v : tensor<2x9x16xf32>
    }
    scf.yield %q : tensor<2x9x16xf32>
  }
  bufferization.materialize_in_destination %r in restrict writable %o0 : (tensor<2x9x16xf32>, memref<2x9x16xf32>) -> ()
  return
}
