// RUN: aicc-opt --target cuda --mcpu sm_80 --apply-schedules=schedule=contraction %s | FileCheck %s
// RUN: aicc-opt --target cuda --mcpu sm_80 --apply-schedules=schedule=contraction --outline-launches --lower-device %s | FileCheck %s --check-prefix=NVVM

// Bytes along the sums: copies of 16 run ahead, fragments of four by ldmatrix, 32 products at once, sums in i32 that wrap.
// Arguments that are not aligned go through registers, byte by byte.

// CHECK-LABEL: func.func @k0(
// CHECK: scf.if
// CHECK: gpu.launch
// CHECK: nvgpu.device_async_copy {{.*}}, 16 {bypassL1} : memref<?xi8> to memref<4x64x64xi8, #gpu.address_space<workgroup>>
// CHECK: nvgpu.ldmatrix {{.*}} transpose = false} : memref<4x64x64xi8, #gpu.address_space<workgroup>> -> vector<4x4xi8>
// CHECK: nvvm.mma.sync {{.*}}intOverflowBehavior = #nvvm.mma_int_overflow<wrapped>
// CHECK-SAME: multiplicandAPtxType = #nvvm.mma_type<u8>, multiplicandBPtxType = #nvvm.mma_type<s8>, shape = #nvvm.shape<m = 16, n = 8, k = 32>
// CHECK: else
// CHECK: gpu.launch
// CHECK-NOT: nvgpu.device_async_copy
// CHECK: memref.load {{.*}} : memref<?xi8>

// NVVM-DAG: nvvm.cp.async.shared.global
// NVVM-DAG: nvvm.ldmatrix
// NVVM-DAG: nvvm.mma.sync
func.func @k0(%a0: memref<2x17x19x128xi8>, %a1: memref<64x3x3x128xi8>, %o0: memref<2x8x9x64xi32>)
    attributes {aicc.kernel, aicc.schedule = "contraction", aicc.config = "rows=64,columns=64", aicc.outputs = 1 : i64} {
  %x = bufferization.to_tensor %a0 restrict : memref<2x17x19x128xi8> to tensor<2x17x19x128xi8>
  %w = bufferization.to_tensor %a1 restrict : memref<64x3x3x128xi8> to tensor<64x3x3x128xi8>
  %z = arith.constant 0 : i32
  %e = tensor.empty() : tensor<2x8x9x64xi32>
  %f = linalg.fill ins(%z : i32) outs(%e : tensor<2x8x9x64xi32>) -> tensor<2x8x9x64xi32>
  %c = linalg.generic {
      indexing_maps = [
        affine_map<(b, h, w, f, kh, kw, c) -> (b, 2 * h + kh, 2 * w + kw, c)>,
        affine_map<(b, h, w, f, kh, kw, c) -> (f, kh, kw, c)>,
        affine_map<(b, h, w, f, kh, kw, c) -> (b, h, w, f)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<2x17x19x128xi8>, tensor<64x3x3x128xi8>) outs(%f : tensor<2x8x9x64xi32>) {
  ^bb0(%u: i8, %v: i8, %acc: i32):
    %p = arith.extui %u : i8 to i32
    %q = arith.extsi %v : i8 to i32
    %m = arith.muli %p, %q : i32
    %s = arith.addi %acc, %m : i32
    linalg.yield %s : i32
  } -> tensor<2x8x9x64xi32>
  bufferization.materialize_in_destination %c in restrict writable %o0 : (tensor<2x8x9x64xi32>, memref<2x8x9x64xi32>) -> ()
  return
}
