// RUN: aicc-opt --target cuda --mcpu sm_90a --apply-schedules=schedule=warpgroup %s | FileCheck %s
// RUN: aicc-opt --target cuda --mcpu sm_90a --apply-schedules=schedule=warpgroup --outline-launches --lower-device %s | FileCheck %s --check-prefix=DEVICE

// A convolution of bytes with stride 2 over several images: six axes in four dims. Positions of a box along two of them are
// 2 apart: sizes, steps, positions of a box, how far they are apart. A stage is four products of 32 bytes.

// CHECK-LABEL: func.func @k0(
// CHECK: call @aicc_tensor_map_i8_4(%{{[a-z0-9_]*}}, %c128, %c19, %c17, %c2, %c1, %c160, %c3040, %c51680, %c128, %c4, %c8, %c2, %c1, %c2, %c2, %c1)
// CHECK: call @aicc_tensor_map_i8_4(%{{[a-z0-9_]*}}, %c128, %c64, %c3, %c3, %c1, %c1152, %c128, %c384, %c128, %c64, %c1, %c1, %c1, %c1, %c1, %c1)
// CHECK: gpu.launch
// CHECK: nvvm.mbarrier.arrive.expect_tx
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global {{.*}} box[%{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}]
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global {{.*}} box[%{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}]
// CHECK: nvvm.wgmma.mma_async {{.*}} D[<s32>, <zero>], A[<u8>, <one>, <row>], B[<s8>, <one>, <col>]
// CHECK-COUNT-3: nvvm.wgmma.mma_async {{.*}} D[<s32>, <one>], A[<u8>, <one>, <row>], B[<s8>, <one>, <col>]
// CHECK: nvvm.wgmma.commit.group.sync.aligned
// CHECK: gpu.launch
// CHECK: nvvm.mma.sync

// DEVICE-COUNT-8: wgmma.mma_async.sync.aligned.m64n64k32.s32.u8.s8
func.func @k0(%a0: memref<2x17x19x128xi8, strided<[51680, 3040, 160, 1]>>, %a1: memref<64x3x3x128xi8>, %o0: memref<2x8x9x64xi32>)
    attributes {aicc.kernel, aicc.schedule = "warpgroup", aicc.config = "rows=64,columns=64", aicc.outputs = 1 : i64} {
  %x = bufferization.to_tensor %a0 restrict : memref<2x17x19x128xi8, strided<[51680, 3040, 160, 1]>> to tensor<2x17x19x128xi8>
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
