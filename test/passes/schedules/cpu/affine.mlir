// RUN: aicc-opt %s --split-input-file --apply-schedules | FileCheck %s

// A packed operand is read in place; fill, contraction and epilogue work in the output; rows are tiles.
// CHECK-LABEL: func.func @matmul(
// CHECK-SAME: %[[A:.*]]: memref<64x512xf32>, %[[P:.*]]: memref<32x512x16xf32>, %[[B:.*]]: memref<512xf32>, %[[O:.*]]: memref<64x512xf32>
// CHECK-SAME: %[[LO:[a-z0-9]*]]: index, %[[HI:[a-z0-9]*]]: index, %{{.*}}: memref<0xi8>
// CHECK-SAME: aicc.scratch = 0 : i64, aicc.tiles = 64 : i64
// CHECK-NOT: memref.alloc
// CHECK: affine.for %[[T:.*]] = %[[LO]] to %[[HI]]
// CHECK: affine.store %{{.*}}, %[[O]]
// CHECK: affine.for %{{.*}} = 0 to 32
// CHECK-NEXT: affine.for %[[K:.*]] = 0 to 512
// CHECK-NEXT: affine.for %[[I:.*]] = 0 to 16
// CHECK: affine.load %[[P]][%{{.*}}, %[[K]], %[[I]]]
// CHECK: arith.maximumf
// CHECK-NEXT: affine.store %{{.*}}, %[[O]]
func.func @matmul(%a: memref<64x512xf32>, %p: memref<32x512x16xf32>, %b: memref<512xf32>, %o: memref<64x512xf32>)
    attributes {aicc.kernel, aicc.schedule = "affine", aicc.config = "", aicc.outputs = 1 : i64} {
  %ta = bufferization.to_tensor %a restrict : memref<64x512xf32> to tensor<64x512xf32>
  %tp = bufferization.to_tensor %p restrict : memref<32x512x16xf32> to tensor<32x512x16xf32>
  %tb = bufferization.to_tensor %b restrict : memref<512xf32> to tensor<512xf32>
  %we = tensor.empty() : tensor<512x512xf32>
  %w = linalg.unpack %tp outer_dims_perm = [1, 0] inner_dims_pos = [1] inner_tiles = [16] into %we
    : tensor<32x512x16xf32> -> tensor<512x512xf32>
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x512xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<64x512xf32>) -> tensor<64x512xf32>
  %c = linalg.generic {
      indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%ta, %w : tensor<64x512xf32>, tensor<512x512xf32>) outs(%f : tensor<64x512xf32>) {
    ^bb0(%x: f32, %y: f32, %acc: f32):
      %m = arith.mulf %x, %y : f32
      %s = arith.addf %acc, %m : f32
      linalg.yield %s : f32
  } -> tensor<64x512xf32>
  %r = linalg.generic {
      indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (m, n)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%c, %tb : tensor<64x512xf32>, tensor<512xf32>) outs(%e : tensor<64x512xf32>) {
    ^bb0(%x: f32, %y: f32, %u: f32):
      %s = arith.addf %x, %y : f32
      %m = arith.maximumf %s, %z : f32
      linalg.yield %m : f32
  } -> tensor<64x512xf32>
  bufferization.materialize_in_destination %r in restrict writable %o : (tensor<64x512xf32>, memref<64x512xf32>) -> ()
  return
}

// -----

// A dynamic temporary lies in the scratch, whose size a companion computes.
// CHECK-LABEL: func.func private @normalize_scratch(
// CHECK: arith.ceildivui
// CHECK-LABEL: func.func @normalize(
// CHECK-SAME: %[[SCRATCH:[a-z0-9]*]]: memref<i8>)
// CHECK-SAME: aicc.scratch = @normalize_scratch
// CHECK: memref.reinterpret_cast %[[SCRATCH]]
// CHECK: arith.addf %{{.*}}, %{{.*}} fastmath<reassoc>
func.func @normalize(%a: memref<f32>, %o: memref<f32>, %n: index)
    attributes {aicc.kernel, aicc.schedule = "affine", aicc.config = "", aicc.outputs = 1 : i64} {
  %va = memref.reinterpret_cast %a to offset: [0], sizes: [%n], strides: [1] : memref<f32> to memref<?xf32, strided<[1]>>
  %vo = memref.reinterpret_cast %o to offset: [0], sizes: [%n], strides: [1] : memref<f32> to memref<?xf32, strided<[1]>>
  %ta = bufferization.to_tensor %va restrict : memref<?xf32, strided<[1]>> to tensor<?xf32>
  %z = arith.constant 0.0 : f32
  %e = tensor.empty(%n) : tensor<?xf32>
  %es = tensor.empty() : tensor<f32>
  %q = linalg.generic {
      indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%ta : tensor<?xf32>) outs(%e : tensor<?xf32>) {
    ^bb0(%x: f32, %u: f32):
      %m = arith.mulf %x, %x : f32
      linalg.yield %m : f32
  } -> tensor<?xf32>
  %f = linalg.fill ins(%z : f32) outs(%es : tensor<f32>) -> tensor<f32>
  %s = linalg.generic {
      indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%q : tensor<?xf32>) outs(%f : tensor<f32>) {
    ^bb0(%x: f32, %acc: f32):
      %m = arith.addf %acc, %x : f32
      linalg.yield %m : f32
  } -> tensor<f32>
  %r = linalg.generic {
      indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>, affine_map<(i) -> (i)>],
      iterator_types = ["parallel"]}
      ins(%q, %s : tensor<?xf32>, tensor<f32>) outs(%e : tensor<?xf32>) {
    ^bb0(%x: f32, %y: f32, %u: f32):
      %m = arith.divf %x, %y : f32
      linalg.yield %m : f32
  } -> tensor<?xf32>
  bufferization.materialize_in_destination %r in restrict writable %vo : (tensor<?xf32>, memref<?xf32, strided<[1]>>) -> ()
  return
}
