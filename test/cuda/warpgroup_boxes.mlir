// RUN: aicc-opt --target cuda --mcpu sm_90a --apply-schedules=schedule=warpgroup %s | FileCheck %s

// A window of 3 x 3 that moves by 2 over images of 33 x 33 with 96 channels. Rows and taps along an edge are one dim, of
// whose positions a box takes every other; channels are a dim of their own, though the three taps of a row lie one after
// the other in memory: no dims overlap. Sizes are 96, 33, 33, 2; steps 1, 96, 3168, 104544; the box has 64 channels of
// 8 x 16 positions in one image.

// CHECK-LABEL: func.func @k0(
// CHECK-DAG: %[[C1:.*]] = arith.constant 1 : index
// CHECK-DAG: %[[C2:.*]] = arith.constant 2 : index
// CHECK-DAG: %[[C8:.*]] = arith.constant 8 : index
// CHECK-DAG: %[[C16:.*]] = arith.constant 16 : index
// CHECK-DAG: %[[C33:.*]] = arith.constant 33 : index
// CHECK-DAG: %[[C64:.*]] = arith.constant 64 : index
// CHECK-DAG: %[[C96:.*]] = arith.constant 96 : index
// CHECK-DAG: %[[ROW:.*]] = arith.constant 3168 : index
// CHECK-DAG: %[[IMAGE:.*]] = arith.constant 104544 : index
// CHECK: call @aicc_tensor_map_f16_4(%{{[^,]*}}, %[[C96]], %[[C33]], %[[C33]], %[[C2]], %[[C1]], %[[C96]], %[[ROW]], %[[IMAGE]], %[[C64]], %[[C16]], %[[C8]], %[[C1]], %[[C1]], %[[C2]], %[[C2]], %[[C1]])

// 9 taps of 2 x 64 channels.

// CHECK: gpu.launch
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global
#x = affine_map<(b, h, w, f, r, s, c) -> (b, 2 * h + r, 2 * w + s, c)>
#w = affine_map<(b, h, w, f, r, s, c) -> (r, s, c, f)>
#y = affine_map<(b, h, w, f, r, s, c) -> (b, h, w, f)>
func.func @k0(%a0: memref<2x33x33x96xf16> {llvm.align = 16 : i64}, %a1: memref<3x3x96x128xf16> {llvm.align = 16 : i64},
              %o0: memref<2x16x16x128xf32> {llvm.align = 16 : i64})
    attributes {aicc.kernel, aicc.schedule = "warpgroup", aicc.config = "rows=128,columns=128", aicc.outputs = 1 : i64} {
  %x = bufferization.to_tensor %a0 restrict : memref<2x33x33x96xf16> to tensor<2x33x33x96xf16>
  %w = bufferization.to_tensor %a1 restrict : memref<3x3x96x128xf16> to tensor<3x3x96x128xf16>
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x16x16x128xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<2x16x16x128xf32>) -> tensor<2x16x16x128xf32>
  %c = linalg.generic {indexing_maps = [#x, #w, #y],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<2x33x33x96xf16>, tensor<3x3x96x128xf16>) outs(%f : tensor<2x16x16x128xf32>) {
  ^bb0(%u: f16, %v: f16, %acc: f32):
    %p = arith.extf %u : f16 to f32
    %q = arith.extf %v : f16 to f32
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<2x16x16x128xf32>
  bufferization.materialize_in_destination %c in restrict writable %o0 : (tensor<2x16x16x128xf32>, memref<2x16x16x128xf32>) -> ()
  return
}
