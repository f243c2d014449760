// RUN: aicc-opt %s --bufferize-host --canonicalize --cse -split-input-file | filecheck %s

// Concatenated pieces are computed in place: slices of one output, no copy.
// CHECK-LABEL: func.func @pointwise_{{[0-9a-f]+}}
// CHECK-SAME: memref<2x3xf32>
// CHECK-SAME: memref<2x3xf32, strided<[7, 1]>>
// CHECK: materialize_in_destination
// CHECK-LABEL: func.func @aicc_model_main
// CHECK-NOT: memref.alloc
// CHECK-NOT: memref.copy
// CHECK: return
module {
  func.func private @k0_pointwise(%x: tensor<2x3xf32>) -> tensor<2x3xf32> attributes {aicc.kernel, aicc.schedule = "affine", aicc.config = ""} {
    %e = tensor.empty() : tensor<2x3xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<2x3xf32>) outs(%e : tensor<2x3xf32>) {
    ^bb0(%u: f32, %o: f32):
      %a = arith.addf %u, %u : f32
      linalg.yield %a : f32
    } -> tensor<2x3xf32>
    return %r : tensor<2x3xf32>
  }
  func.func private @k1_pointwise(%x: tensor<2x4xf32>) -> tensor<2x4xf32> attributes {aicc.kernel, aicc.schedule = "affine", aicc.config = ""} {
    %e = tensor.empty() : tensor<2x4xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) {
    ^bb0(%u: f32, %o: f32):
      %a = arith.addf %u, %u : f32
      linalg.yield %a : f32
    } -> tensor<2x4xf32>
    return %r : tensor<2x4xf32>
  }
  func.func @main(%x: tensor<2x3xf32>, %y: tensor<2x4xf32>) -> tensor<2x7xf32> {
    %a = call @k0_pointwise(%x) : (tensor<2x3xf32>) -> tensor<2x3xf32>
    %b = call @k1_pointwise(%y) : (tensor<2x4xf32>) -> tensor<2x4xf32>
    %e = tensor.empty() : tensor<2x7xf32>
    %i = tensor.insert_slice %a into %e[0, 0] [2, 3] [1, 1] : tensor<2x3xf32> into tensor<2x7xf32>
    %j = tensor.insert_slice %b into %i[0, 3] [2, 4] [1, 1] : tensor<2x4xf32> into tensor<2x7xf32>
    return %j : tensor<2x7xf32>
  }
}

// -----

// What feeds a pad is computed inside the padded buffer; the pad only writes the border.
// CHECK-LABEL: func.func @border_
// CHECK-COUNT-4: linalg.fill
// CHECK-LABEL: func.func @aicc_model_main
// CHECK: memref.alloc() {{.*}} : memref<6x6x8xf32>
// CHECK-NOT: memref.alloc
// CHECK: call @pointwise_
// CHECK: call @border_
module {
  func.func private @k0_pointwise(%x: tensor<4x4x8xf32>) -> tensor<4x4x8xf32> attributes {aicc.kernel, aicc.schedule = "affine", aicc.config = ""} {
    %e = tensor.empty() : tensor<4x4x8xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, j, k)>, affine_map<(i, j, k) -> (i, j, k)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%x : tensor<4x4x8xf32>) outs(%e : tensor<4x4x8xf32>) {
    ^bb0(%u: f32, %o: f32):
      %a = arith.addf %u, %u : f32
      linalg.yield %a : f32
    } -> tensor<4x4x8xf32>
    return %r : tensor<4x4x8xf32>
  }
  func.func private @k1_pad(%x: tensor<4x4x8xf32>) -> tensor<6x6x8xf32> attributes {aicc.kernel, aicc.schedule = "affine", aicc.config = ""} {
    %z = arith.constant 0.0 : f32
    %p = tensor.pad %x low[1, 1, 0] high[1, 1, 0] {
    ^bb0(%i: index, %j: index, %k: index):
      tensor.yield %z : f32
    } : tensor<4x4x8xf32> to tensor<6x6x8xf32>
    return %p : tensor<6x6x8xf32>
  }
  func.func private @k2_reduction(%x: tensor<6x6x8xf32>) -> tensor<8xf32> attributes {aicc.kernel, aicc.schedule = "affine", aicc.config = ""} {
    %z = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<8xf32>
    %f = linalg.fill ins(%z : f32) outs(%e : tensor<8xf32>) -> tensor<8xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(c, i, j) -> (i, j, c)>, affine_map<(c, i, j) -> (c)>], iterator_types = ["parallel", "reduction", "reduction"]} ins(%x : tensor<6x6x8xf32>) outs(%f : tensor<8xf32>) {
    ^bb0(%u: f32, %o: f32):
      %a = arith.addf %u, %o : f32
      linalg.yield %a : f32
    } -> tensor<8xf32>
    return %r : tensor<8xf32>
  }
  func.func @main(%x: tensor<4x4x8xf32>) -> tensor<8xf32> {
    %a = call @k0_pointwise(%x) : (tensor<4x4x8xf32>) -> tensor<4x4x8xf32>
    %p = call @k1_pad(%a) : (tensor<4x4x8xf32>) -> tensor<6x6x8xf32>
    %r = call @k2_reduction(%p) : (tensor<6x6x8xf32>) -> tensor<8xf32>
    return %r : tensor<8xf32>
  }
}

// -----

// An input is never written: updating a slice of it copies it first.
// CHECK-LABEL: func.func @aicc_model_main
// CHECK: memref.copy
// CHECK: memref.copy
module {
  func.func @main(%x: tensor<4x8xf32>, %y: tensor<1x8xf32>) -> tensor<4x8xf32> {
    %i = tensor.insert_slice %y into %x[2, 0] [1, 8] [1, 1] : tensor<1x8xf32> into tensor<4x8xf32>
    return %i : tensor<4x8xf32>
  }
}

// -----

// A stride that is a product of sizes is computed in the kernel, so that its dimensions can be merged.
// CHECK-LABEL: func.func @pointwise_
// CHECK-SAME: %[[X:.*]]: memref<f32>, %[[Y:.*]]: memref<f32>, %[[B:.*]]: index, %[[S:.*]]: index)
// CHECK: %[[LINE:.*]] = arith.muli %[[S]], %{{.*}} : index
// CHECK: reinterpret_cast %[[X]] to offset: [0], sizes: [%[[B]], %[[S]], 8], strides: [%[[LINE]], 8, 1]
// CHECK-LABEL: func.func @aicc_model_main
module {
  func.func private @k0_pointwise(%x: tensor<?x?x8xf32>) -> tensor<?x?x8xf32> attributes {aicc.kernel, aicc.schedule = "affine", aicc.config = ""} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %b = tensor.dim %x, %c0 : tensor<?x?x8xf32>
    %s = tensor.dim %x, %c1 : tensor<?x?x8xf32>
    %e = tensor.empty(%b, %s) : tensor<?x?x8xf32>
    %y = linalg.generic {indexing_maps = [affine_map<(a, b, c) -> (a, b, c)>, affine_map<(a, b, c) -> (a, b, c)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%x : tensor<?x?x8xf32>) outs(%e : tensor<?x?x8xf32>) {
    ^bb0(%i: f32, %o: f32):
      %n = arith.negf %i : f32
      linalg.yield %n : f32
    } -> tensor<?x?x8xf32>
    return %y : tensor<?x?x8xf32>
  }
  func.func @main(%x: tensor<?x?x8xf32> {aicc.dims = ["b", "s", 8], aicc.name = "x"}) -> (tensor<?x?x8xf32> {aicc.name = "y"}) {
    %y = call @k0_pointwise(%x) : (tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
    return %y : tensor<?x?x8xf32>
  }
}

// -----

// One of two tensors is an address that is chosen, not a copy.
// CHECK-LABEL: func.func @aicc_model_main
// CHECK-NOT: memref.copy
// CHECK: %[[ROOT:.*]] = arith.select %{{.*}}, %{{.*}}, %{{.*}} : memref<?xf32, strided<[1]>>
// CHECK: memref.reinterpret_cast %[[ROOT]]
// CHECK: call @pointwise_
module {
  func.func private @aicc_either_f32(tensor<?xf32>, tensor<?xf32>, index, i1) -> tensor<?xf32> attributes {aicc.runtime}
  func.func private @k0_pointwise(%x: tensor<?xf32>) -> tensor<?xf32> attributes {aicc.kernel, aicc.schedule = "affine", aicc.config = ""} {
    %c0 = arith.constant 0 : index
    %d = tensor.dim %x, %c0 : tensor<?xf32>
    %e = tensor.empty(%d) : tensor<?xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) {
    ^bb0(%u: f32, %o: f32):
      %a = arith.addf %u, %u : f32
      linalg.yield %a : f32
    } -> tensor<?xf32>
    return %r : tensor<?xf32>
  }
  func.func @main(%x: tensor<?xf32>, %y: tensor<?xf32>) -> tensor<?xf32> {
    %c0 = arith.constant 0 : index
    %n = tensor.dim %x, %c0 : tensor<?xf32>
    %m = tensor.dim %y, %c0 : tensor<?xf32>
    %same = arith.cmpi eq, %n, %m : index
    %z = call @aicc_either_f32(%x, %y, %n, %same) : (tensor<?xf32>, tensor<?xf32>, index, i1) -> tensor<?xf32>
    %r = call @k0_pointwise(%z) : (tensor<?xf32>) -> tensor<?xf32>
    return %r : tensor<?xf32>
  }
}

// -----

// Pieces of sizes that a run knows, joined to a result: computed in the caller's buffer, though the sum of the sizes is
// only taken behind the first piece.
// CHECK-LABEL: func.func @aicc_model_main
// CHECK-NOT: memref.alloc
// CHECK: call @pointwise_
// CHECK-NOT: call @copy
// CHECK: call @pointwise_
// CHECK-NOT: call @copy
// CHECK: return
module {
  func.func private @k0_pointwise(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {aicc.kernel, aicc.schedule = "affine", aicc.config = ""} {
    %c0 = arith.constant 0 : index
    %d = tensor.dim %x, %c0 : tensor<?x8xf32>
    %e = tensor.empty(%d) : tensor<?x8xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
    ^bb0(%u: f32, %o: f32):
      %a = arith.addf %u, %u : f32
      linalg.yield %a : f32
    } -> tensor<?x8xf32>
    return %r : tensor<?x8xf32>
  }
  func.func @main(%x: tensor<?x8xf32> {aicc.dims = ["n", 8]}, %y: tensor<?x8xf32> {aicc.dims = ["m", 8]}) -> tensor<?x8xf32> {
    %c0 = arith.constant 0 : index
    %a = call @k0_pointwise(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    %b = call @k0_pointwise(%y) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    %n = tensor.dim %x, %c0 : tensor<?x8xf32>
    %m = tensor.dim %y, %c0 : tensor<?x8xf32>
    %s = arith.addi %n, %m : index
    %e = tensor.empty(%s) : tensor<?x8xf32>
    %i = tensor.insert_slice %a into %e[0, 0] [%n, 8] [1, 1] : tensor<?x8xf32> into tensor<?x8xf32>
    %j = tensor.insert_slice %b into %i[%n, 0] [%m, 8] [1, 1] : tensor<?x8xf32> into tensor<?x8xf32>
    return %j : tensor<?x8xf32>
  }
}
