// RUN: aicc-opt %s --apply-schedules -split-input-file | filecheck %s

// Softmax of rows that fit registers: one load and one store of each vector, and the exponential in between;
// the maximum is one compare and select a vector, since a NaN reaches the sum anyway.

// CHECK-LABEL: func.func @softmax(
// CHECK-SAME: aicc.scratch = 0 : i64
// CHECK-SAME: aicc.tiles = 4 : i64
// CHECK: vector.load
// CHECK-NOT: arith.cmpf uno
// CHECK: vector.load
// CHECK-NOT: vector.load
// CHECK: math.exp {{.*}} fastmath<afn> : vector<8xf32>
// CHECK: math.exp
// CHECK-NOT: math.exp
// CHECK: vector.shuffle
// CHECK: arith.divf {{.*}} : f32
// CHECK-COUNT-2: vector.store
// CHECK-NOT: vector.store
func.func @softmax(%a0: memref<1024x16xf32>, %o0: memref<1024x16xf32>)
    attributes {aicc.kernel, aicc.schedule = "rows", aicc.config = "lanes=8,points=4096", aicc.outputs = 1 : i64} {
  %x = bufferization.to_tensor %a0 restrict : memref<1024x16xf32> to tensor<1024x16xf32>
  %low = arith.constant 0xFF800000 : f32
  %zero = arith.constant 0.0 : f32
  %re = tensor.empty() : tensor<1024xf32>
  %e = tensor.empty() : tensor<1024x16xf32>
  %rl = linalg.fill ins(%low : f32) outs(%re : tensor<1024xf32>) -> tensor<1024xf32>
  %rz = linalg.fill ins(%zero : f32) outs(%re : tensor<1024xf32>) -> tensor<1024xf32>
  %m = linalg.generic {indexing_maps = [affine_map<(i,j) -> (i,j)>, affine_map<(i,j) -> (i)>],
      iterator_types = ["parallel", "reduction"]} ins(%x : tensor<1024x16xf32>) outs(%rl : tensor<1024xf32>) {
    ^bb0(%u: f32, %acc: f32):
      %r = arith.maximumf %acc, %u : f32
      linalg.yield %r : f32 } -> tensor<1024xf32>
  %p = linalg.generic {indexing_maps = [affine_map<(i,j) -> (i,j)>, affine_map<(i,j) -> (i)>,
      affine_map<(i,j) -> (i,j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x, %m : tensor<1024x16xf32>, tensor<1024xf32>) outs(%e : tensor<1024x16xf32>) {
    ^bb0(%u: f32, %v: f32, %o: f32):
      %s = arith.subf %u, %v : f32
      %r = math.exp %s : f32
      linalg.yield %r : f32 } -> tensor<1024x16xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(i,j) -> (i,j)>, affine_map<(i,j) -> (i)>],
      iterator_types = ["parallel", "reduction"]} ins(%p : tensor<1024x16xf32>) outs(%rz : tensor<1024xf32>) {
    ^bb0(%u: f32, %acc: f32):
      %r = arith.addf %acc, %u : f32
      linalg.yield %r : f32 } -> tensor<1024xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i,j) -> (i,j)>, affine_map<(i,j) -> (i)>,
      affine_map<(i,j) -> (i,j)>], iterator_types = ["parallel", "parallel"]}
      ins(%p, %t : tensor<1024x16xf32>, tensor<1024xf32>) outs(%e : tensor<1024x16xf32>) {
    ^bb0(%u: f32, %v: f32, %o: f32):
      %one = arith.constant 1.0 : f32
      %i = arith.divf %one, %v : f32
      %r = arith.mulf %u, %i : f32
      linalg.yield %r : f32 } -> tensor<1024x16xf32>
  bufferization.materialize_in_destination %y in restrict writable %o0
    : (tensor<1024x16xf32>, memref<1024x16xf32>) -> ()
  return
}

// -----

// A sum of rows of a size known at run time: four partial results, single vectors, a masked tail, lanes folded.

// CHECK-LABEL: func.func @sum(
// CHECK-SAME: aicc.tiles = @sum_tiles
// CHECK: scf.for {{.*}} iter_args({{.*}}) -> (vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>)
// CHECK-COUNT-4: vector.load
// CHECK: scf.for
// CHECK: vector.load
// CHECK: vector.create_mask
// CHECK: vector.maskedload
// CHECK: arith.select
// CHECK-COUNT-2: vector.shuffle {{.*}} : vector<8xf32>, vector<8xf32>
// CHECK-COUNT-2: vector.shuffle {{.*}} : vector<4xf32>, vector<4xf32>
// CHECK: memref.store
func.func @sum(%a0: memref<f32>, %o0: memref<f32>, %n: index, %k: index)
    attributes {aicc.kernel, aicc.schedule = "rows", aicc.config = "lanes=8", aicc.outputs = 1 : i64} {
  %v = memref.reinterpret_cast %a0 to offset: [0], sizes: [%n, %k], strides: [%k, 1]
    : memref<f32> to memref<?x?xf32, strided<[?, 1]>>
  %w = memref.reinterpret_cast %o0 to offset: [0], sizes: [%n], strides: [1] : memref<f32> to memref<?xf32, strided<[1]>>
  %x = bufferization.to_tensor %v restrict : memref<?x?xf32, strided<[?, 1]>> to tensor<?x?xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%n) : tensor<?xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i,j) -> (i,j)>, affine_map<(i,j) -> (i)>],
      iterator_types = ["parallel", "reduction"]} ins(%x : tensor<?x?xf32>) outs(%f : tensor<?xf32>) {
    ^bb0(%u: f32, %acc: f32):
      %r = arith.addf %acc, %u : f32
      linalg.yield %r : f32 } -> tensor<?xf32>
  bufferization.materialize_in_destination %y in restrict writable %w
    : (tensor<?xf32>, memref<?xf32, strided<[1]>>) -> ()
  return
}
