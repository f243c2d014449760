// RUN: aicc-opt %s --apply-schedules --mcpu=x86-64-v4 | filecheck %s

// Rows that a run counts: the tiles of this block share the prefetch of the next panel, so their number is
// computed, and the last eight of them (768 steps of 32 columns, a line each turn of four steps) read a part each.

// CHECK-LABEL: func.func @rows(
// CHECK: %[[END:.*]] = arith.minsi %[[ROWS:.*]], %{{.*}} : index
// CHECK-NEXT: %[[THERE:.*]] = arith.subi %[[END]], %[[FIRST:.*]] : index
// CHECK-NEXT: %[[UP:.*]] = arith.addi %[[THERE]], %c7
// CHECK-NEXT: %[[TILES:.*]] = arith.divui %[[UP]], %c8
// CHECK: scf.for %[[ROW:.*]] = %[[FIRST]] to
// CHECK-NEXT: %[[AT:.*]] = arith.subi %[[ROW]], %[[FIRST]]
// CHECK-NEXT: %[[NUMBER:.*]] = arith.divui %[[AT]], %c8
// CHECK: %[[MORE:.*]] = arith.addi %[[TILES]], %c-8
// CHECK-NEXT: %[[IDLE:.*]] = arith.maxsi %[[MORE]], %c0
// CHECK-NEXT: %[[PART:.*]] = arith.subi %[[NUMBER]], %[[IDLE]]
// CHECK: %[[READ:.*]] = arith.maxsi %[[PART]], %c0
// CHECK-NEXT: arith.muli %[[READ]], %c3072
// CHECK: scf.for
// CHECK: memref.prefetch
// CHECK: vector.fma
func.func @rows(%a0: memref<f32>, %a1: memref<24x768x32xf32>, %o0: memref<f32>, %n: index)
    attributes {aicc.kernel, aicc.schedule = "contraction", aicc.config = "", aicc.outputs = 1 : i64} {
  %am = memref.reinterpret_cast %a0 to offset: [0], sizes: [%n, 768], strides: [768, 1]
    : memref<f32> to memref<?x768xf32, strided<[768, 1]>>
  %om = memref.reinterpret_cast %o0 to offset: [0], sizes: [%n, 768], strides: [768, 1]
    : memref<f32> to memref<?x768xf32, strided<[768, 1]>>
  %x = bufferization.to_tensor %am restrict : memref<?x768xf32, strided<[768, 1]>> to tensor<?x768xf32>
  %p = bufferization.to_tensor %a1 restrict : memref<24x768x32xf32> to tensor<24x768x32xf32>
  %we = tensor.empty() : tensor<768x768xf32>
  %w = linalg.unpack %p outer_dims_perm = [0, 1] inner_dims_pos = [0] inner_tiles = [32] into %we
    : tensor<24x768x32xf32> -> tensor<768x768xf32>
  %z = arith.constant 0.0 : f32
  %e = tensor.empty(%n) : tensor<?x768xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<?x768xf32>) -> tensor<?x768xf32>
  %c = linalg.generic {
      indexing_maps = [affine_map<(m,n,k) -> (m,k)>, affine_map<(m,n,k) -> (n,k)>, affine_map<(m,n,k) -> (m,n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<?x768xf32>, tensor<768x768xf32>) outs(%f : tensor<?x768xf32>) {
    ^bb0(%u: f32, %v: f32, %acc: f32):
      %m = arith.mulf %u, %v : f32
      %s = arith.addf %acc, %m : f32
      linalg.yield %s : f32 } -> tensor<?x768xf32>
  bufferization.materialize_in_destination %c in restrict writable %om
    : (tensor<?x768xf32>, memref<?x768xf32, strided<[768, 1]>>) -> ()
  return
}
