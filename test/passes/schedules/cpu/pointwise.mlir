// RUN: aicc-opt %s --apply-schedules -split-input-file | filecheck %s

// Sizes known at run time: a companion counts the tiles, the tail is masked.

// CHECK-LABEL: func.func @relu(
// CHECK-SAME: aicc.tiles = @relu_tiles
// CHECK: scf.for
// CHECK: vector.load
// CHECK: arith.cmpf ogt
// CHECK: vector.store
// CHECK: vector.create_mask
// CHECK: vector.maskedload
// CHECK: vector.maskedstore
// CHECK-LABEL: func.func private @relu_tiles(
// CHECK-SAME: %[[N:.*]]: index) -> index
// CHECK: arith.divui
func.func @relu(%a0: memref<f32>, %o0: memref<f32>, %n: index)
    attributes {aicc.kernel, aicc.schedule = "pointwise", aicc.config = "", aicc.outputs = 1 : i64} {
  %m = memref.reinterpret_cast %a0 to offset: [0], sizes: [%n, 24], strides: [24, 1]
    : memref<f32> to memref<?x24xf32, strided<[24, 1]>>
  %q = memref.reinterpret_cast %o0 to offset: [0], sizes: [%n, 24], strides: [24, 1]
    : memref<f32> to memref<?x24xf32, strided<[24, 1]>>
  %x = bufferization.to_tensor %m restrict : memref<?x24xf32, strided<[24, 1]>> to tensor<?x24xf32>
  %e = tensor.empty(%n) : tensor<?x24xf32>
  %z = arith.constant 0.0 : f32
  %r = linalg.generic {
      indexing_maps = [affine_map<(i,j) -> (i,j)>, affine_map<(i,j) -> (i,j)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<?x24xf32>) outs(%e : tensor<?x24xf32>) {
    ^bb0(%u: f32, %o: f32):
      %q1 = arith.maximumf %u, %z : f32
      linalg.yield %q1 : f32 } -> tensor<?x24xf32>
  bufferization.materialize_in_destination %r in restrict writable %q
    : (tensor<?x24xf32>, memref<?x24xf32, strided<[24, 1]>>) -> ()
  return
}

// -----

// A transposed operand goes through registers in squares of 8x8.

// CHECK-LABEL: func.func @turn(
// CHECK-COUNT-8: vector.load
// CHECK-COUNT-24: vector.shuffle
// CHECK-COUNT-8: vector.store
// CHECK-NOT: memref.load
func.func @turn(%a0: memref<16x64xf32>, %o0: memref<64x16xf32>)
    attributes {aicc.kernel, aicc.schedule = "pointwise", aicc.config = "", aicc.outputs = 1 : i64} {
  %x = bufferization.to_tensor %a0 restrict : memref<16x64xf32> to tensor<16x64xf32>
  %e = tensor.empty() : tensor<64x16xf32>
  %r = linalg.generic {
      indexing_maps = [affine_map<(i,j) -> (j,i)>, affine_map<(i,j) -> (i,j)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<16x64xf32>) outs(%e : tensor<64x16xf32>) {
    ^bb0(%u: f32, %o: f32):
      linalg.yield %u : f32 } -> tensor<64x16xf32>
  bufferization.materialize_in_destination %r in restrict writable %o0
    : (tensor<64x16xf32>, memref<64x16xf32>) -> ()
  return
}
