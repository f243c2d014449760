// RUN: aicc-opt --target cuda --mcpu sm_80 --apply-schedules=schedule=cublaslt -split-input-file %s | FileCheck %s
// RUN: aicc-opt --target cuda --mcpu sm_80 --apply-schedules=schedule=cublaslt --outline-launches -split-input-file %s | FileCheck %s --check-prefix=OUTLINED

// A bias and ReLU are the library's: the call is the whole kernel, launches are for when it has no algorithm.

// CHECK: func.func private @aicc_library_product(memref<?xf16>, memref<?xf16>, memref<?xf16>, memref<?xf16>, memref<?xi8>, index
// CHECK-LABEL: func.func @whole(
// CHECK-SAME: aicc.schedule = "cublaslt"
// CHECK: %[[ROOM:.*]] = memref.alloc({{.*}}) : memref<?xi8>
// CHECK: %[[DONE:.*]] = call @aicc_library_product(%{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %[[ROOM]],
// CHECK-SAME: {aicc.product = {activation = "relu", bias, element = f16, library = "cublaslt", result = f16, right_turned}}
// CHECK-SAME: -> i1
// CHECK: scf.if %[[DONE]] {
// CHECK-NOT: gpu.launch
// CHECK: } else {
// CHECK: gpu.launch

// OUTLINED-LABEL: func.func @whole(%{{.*}}: !llvm.ptr
// OUTLINED: call @aicc_buffer_acquire
// OUTLINED: call @aicc_library_product
// OUTLINED-SAME: aicc.product = {activation = "relu", bias, element = f16
// OUTLINED: call @aicc_buffer_release
// OUTLINED: gpu.module @device
func.func @whole(%a0: memref<130x72xf16>, %a1: memref<152x72xf16>, %a2: memref<152xf16>, %o0: memref<130x152xf16>)
    attributes {aicc.kernel, aicc.schedule = "cublaslt", aicc.config = "", aicc.outputs = 1 : i64} {
  %x = bufferization.to_tensor %a0 restrict : memref<130x72xf16> to tensor<130x72xf16>
  %w = bufferization.to_tensor %a1 restrict : memref<152x72xf16> to tensor<152x72xf16>
  %b = bufferization.to_tensor %a2 restrict : memref<152xf16> to tensor<152xf16>
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<130x152xf32>
  %g = tensor.empty() : tensor<130x152xf16>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<130x152xf32>) -> tensor<130x152xf32>
  %c = linalg.generic {
      indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (j, k)>, affine_map<(i, j, k) -> (i, j)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<130x72xf16>, tensor<152x72xf16>) outs(%f : tensor<130x152xf32>) {
  ^bb0(%u: f16, %v: f16, %acc: f32):
    %p = arith.extf %u : f16 to f32
    %q = arith.extf %v : f16 to f32
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<130x152xf32>
  %d = linalg.generic {
      indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%c, %b : tensor<130x152xf32>, tensor<152xf16>) outs(%g : tensor<130x152xf16>) {
  ^bb0(%u: f32, %v: f16, %acc: f16):
    %q = arith.extf %v : f16 to f32
    %s = arith.addf %u, %q : f32
    %t = arith.truncf %s : f32 to f16
    linalg.yield %t : f16
  } -> tensor<130x152xf16>
  %h = linalg.generic {
      indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%d : tensor<130x152xf16>) outs(%g : tensor<130x152xf16>) {
  ^bb0(%u: f16, %acc: f16):
    %p = arith.extf %u : f16 to f32
    %r = arith.maximumf %z, %p : f32
    %t = arith.truncf %r : f32 to f16
    linalg.yield %t : f16
  } -> tensor<130x152xf16>
  bufferization.materialize_in_destination %h in restrict writable %o0 : (tensor<130x152xf16>, memref<130x152xf16>) -> ()
  return
}

// -----

// Other stages read what the library wrote to a temporary. Rows that only the run knows.

// CHECK-LABEL: func.func @stages(
// CHECK: %[[PLACE:.*]] = memref.alloc({{.*}}) : memref<?xf32>
// CHECK: call @aicc_library_product
// CHECK-SAME: {aicc.product = {element = f32, left_turned, library = "cublaslt", result = f32}}
// CHECK: scf.if
// CHECK: gpu.launch
// CHECK: math.tanh
// CHECK: } else {
// CHECK: gpu.launch

// OUTLINED-LABEL: func.func @stages(
// OUTLINED: call @aicc_library_product
// OUTLINED: gpu.launch_func
func.func @stages(%a0: memref<f32>, %a1: memref<72x152xf32>, %o0: memref<f32>, %n: index)
    attributes {aicc.kernel, aicc.schedule = "cublaslt", aicc.config = "", aicc.outputs = 1 : i64} {
  %m0 = memref.reinterpret_cast %a0 to offset: [0], sizes: [72, %n], strides: [%n, 1] : memref<f32> to memref<72x?xf32, strided<[?, 1]>>
  %m1 = memref.reinterpret_cast %o0 to offset: [0], sizes: [%n, 152], strides: [152, 1] : memref<f32> to memref<?x152xf32, strided<[152, 1]>>
  %x = bufferization.to_tensor %m0 restrict : memref<72x?xf32, strided<[?, 1]>> to tensor<72x?xf32>
  %w = bufferization.to_tensor %a1 restrict : memref<72x152xf32> to tensor<72x152xf32>
  %z = arith.constant 0.0 : f32
  %e = tensor.empty(%n) : tensor<?x152xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<?x152xf32>) -> tensor<?x152xf32>
  %c = linalg.generic {
      indexing_maps = [affine_map<(i, j, k) -> (k, i)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<72x?xf32>, tensor<72x152xf32>) outs(%f : tensor<?x152xf32>) {
  ^bb0(%u: f32, %v: f32, %acc: f32):
    %m = arith.mulf %u, %v : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<?x152xf32>
  %d = linalg.generic {
      indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%c : tensor<?x152xf32>) outs(%e : tensor<?x152xf32>) {
  ^bb0(%u: f32, %acc: f32):
    %t = math.tanh %u : f32
    linalg.yield %t : f32
  } -> tensor<?x152xf32>
  bufferization.materialize_in_destination %d in restrict writable %m1 : (tensor<?x152xf32>, memref<?x152xf32, strided<[152, 1]>>) -> ()
  return
}
