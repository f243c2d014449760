// RUN: aicc-opt %s --apply-schedules -split-input-file | filecheck %s

// A depthwise convolution, two pixels at once: the window is written out, neighbouring pixels share what both read
// (4 columns and not 6), weights are loaded once, bias and store from registers.

// CHECK-LABEL: func.func @depthwise(
// CHECK-SAME: aicc.tiles = 4 : i64
// CHECK: scf.for
// CHECK-COUNT-7: vector.load
// CHECK-NOT: vector.load
// CHECK: arith.addf
// CHECK: vector.load
// CHECK: vector.store
// CHECK-NOT: vector.load
// CHECK: vector.store
// CHECK-NOT: vector.store
func.func @depthwise(%a0: memref<4x1x10x8xf32>, %a1: memref<1x3x8xf32>, %a2: memref<8xf32>, %o0: memref<4x1x8x8xf32>)
    attributes {aicc.kernel, aicc.schedule = "window", aicc.config = "pixels=2,lanes=8", aicc.outputs = 1 : i64} {
  %x = bufferization.to_tensor %a0 restrict : memref<4x1x10x8xf32> to tensor<4x1x10x8xf32>
  %w = bufferization.to_tensor %a1 restrict : memref<1x3x8xf32> to tensor<1x3x8xf32>
  %b = bufferization.to_tensor %a2 restrict : memref<8xf32> to tensor<8xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x1x8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x1x8x8xf32>) -> tensor<4x1x8x8xf32>
  %c = linalg.generic {indexing_maps = [affine_map<(n,h,w,c,i,j) -> (n,h+i,w+j,c)>,
      affine_map<(n,h,w,c,i,j) -> (i,j,c)>, affine_map<(n,h,w,c,i,j) -> (n,h,w,c)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<4x1x10x8xf32>, tensor<1x3x8xf32>) outs(%f : tensor<4x1x8x8xf32>) {
    ^bb0(%u: f32, %v: f32, %acc: f32):
      %p = arith.mulf %u, %v : f32
      %r = arith.addf %acc, %p : f32
      linalg.yield %r : f32 } -> tensor<4x1x8x8xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(n,h,w,c) -> (n,h,w,c)>, affine_map<(n,h,w,c) -> (c)>,
      affine_map<(n,h,w,c) -> (n,h,w,c)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%c, %b : tensor<4x1x8x8xf32>, tensor<8xf32>) outs(%e : tensor<4x1x8x8xf32>) {
    ^bb0(%u: f32, %v: f32, %o: f32):
      %r = arith.addf %u, %v : f32
      linalg.yield %r : f32 } -> tensor<4x1x8x8xf32>
  bufferization.materialize_in_destination %y in restrict writable %o0
    : (tensor<4x1x8x8xf32>, memref<4x1x8x8xf32>) -> ()
  return
}
