// RUN: aicc-opt --target cuda --mcpu sm_80 --apply-schedules=schedule=cudnn -split-input-file %s | FileCheck %s
// RUN: aicc-opt --target cuda --mcpu sm_80 --apply-schedules=schedule=cudnn --outline-launches -split-input-file %s | FileCheck %s --check-prefix=OUTLINED

// The library pads, adds a tensor and a bias, clips and narrows: the call is the whole kernel. Without a plan others pad
// into a temporary and compute from that. A batch that only the run knows, groups, a stride, a dilation.

// CHECK: func.func private @aicc_library_convolution(memref<?xf16>, memref<?xf16>, memref<?xf16>, memref<?xf16>, memref<?xf16>, index
// CHECK-LABEL: func.func @whole(
// CHECK-SAME: aicc.schedule = "cudnn"
// CHECK-NOT: memref.alloc
// CHECK: %[[DONE:.*]] = call @aicc_library_convolution(
// CHECK-SAME: aicc.convolution = {channels = 8 : i64, dilations = array<i64: 1, 2>, element = f16
// CHECK-SAME: epilogue = [{op = "add", operand = "all"}, {op = "add", operand = "filters"}, {op = "relu", upper = 6.000000e+00 : f64}]
// CHECK-SAME: filters = 16 : i64, groups = 2 : i64, high = array<i64: 2, 0>, library = "cudnn", low = array<i64: 0, 1>
// CHECK-SAME: result = f16, strides = array<i64: 2, 1>, window = array<i64: 3, 3>
// CHECK-SAME: -> i1
// CHECK: scf.if %[[DONE]] {
// CHECK-NOT: gpu.launch
// CHECK: } else {
// CHECK: memref.alloc({{.*}}) : memref<?xf16>
// CHECK: gpu.launch
// CHECK: gpu.launch

// OUTLINED-LABEL: func.func @whole(%{{.*}}: !llvm.ptr
// OUTLINED: call @aicc_library_convolution
// OUTLINED: gpu.launch_func
// OUTLINED: gpu.launch_func
// OUTLINED: gpu.module @device
#x = affine_map<(n, h, w, f, r, s, c) -> (n, h * 2 + r, w + s * 2, (f floordiv 8) * 4 + c)>
#w = affine_map<(n, h, w, f, r, s, c) -> (f, r, s, c)>
#y = affine_map<(n, h, w, f, r, s, c) -> (n, h, w, f)>
#id = affine_map<(n, h, w, f) -> (n, h, w, f)>
#f = affine_map<(n, h, w, f) -> (f)>
func.func @whole(%a0: memref<f16>, %a1: memref<16x3x3x4xf16>, %a2: memref<16xf16>, %a3: memref<f16>, %o0: memref<f16>, %n: index)
    attributes {aicc.kernel, aicc.schedule = "cudnn", aicc.config = "", aicc.outputs = 1 : i64} {
  %m0 = memref.reinterpret_cast %a0 to offset: [0], sizes: [%n, 9, 10, 8], strides: [720, 80, 8, 1] : memref<f16> to memref<?x9x10x8xf16, strided<[720, 80, 8, 1]>>
  %m3 = memref.reinterpret_cast %a3 to offset: [0], sizes: [%n, 5, 7, 16], strides: [560, 112, 16, 1] : memref<f16> to memref<?x5x7x16xf16, strided<[560, 112, 16, 1]>>
  %mo = memref.reinterpret_cast %o0 to offset: [0], sizes: [%n, 5, 7, 16], strides: [560, 112, 16, 1] : memref<f16> to memref<?x5x7x16xf16, strided<[560, 112, 16, 1]>>
  %x = bufferization.to_tensor %m0 restrict : memref<?x9x10x8xf16, strided<[720, 80, 8, 1]>> to tensor<?x9x10x8xf16>
  %k = bufferization.to_tensor %a1 restrict : memref<16x3x3x4xf16> to tensor<16x3x3x4xf16>
  %b = bufferization.to_tensor %a2 restrict : memref<16xf16> to tensor<16xf16>
  %d = bufferization.to_tensor %m3 restrict : memref<?x5x7x16xf16, strided<[560, 112, 16, 1]>> to tensor<?x5x7x16xf16>
  %zh = arith.constant 0.0 : f16
  %z = arith.constant 0.0 : f32
  %six = arith.constant 6.0 : f32
  %p = tensor.pad %x low[0, 0, 1, 0] high[0, 2, 0, 0] {
  ^bb0(%i: index, %j: index, %l: index, %q: index):
    tensor.yield %zh : f16
  } : tensor<?x9x10x8xf16> to tensor<?x11x11x8xf16>
  %e = tensor.empty(%n) : tensor<?x5x7x16xf32>
  %g = tensor.empty(%n) : tensor<?x5x7x16xf16>
  %z0 = linalg.fill ins(%z : f32) outs(%e : tensor<?x5x7x16xf32>) -> tensor<?x5x7x16xf32>
  %c = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%p, %k : tensor<?x11x11x8xf16>, tensor<16x3x3x4xf16>) outs(%z0 : tensor<?x5x7x16xf32>) {
  ^bb0(%u: f16, %v: f16, %acc: f32):
    %s = arith.extf %u : f16 to f32
    %t = arith.extf %v : f16 to f32
    %m = arith.mulf %s, %t : f32
    %r = arith.addf %acc, %m : f32
    linalg.yield %r : f32
  } -> tensor<?x5x7x16xf32>
  %s1 = linalg.generic {indexing_maps = [#id, #f, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%c, %b : tensor<?x5x7x16xf32>, tensor<16xf16>) outs(%g : tensor<?x5x7x16xf16>) {
  ^bb0(%u: f32, %v: f16, %acc: f16):
    %q = arith.extf %v : f16 to f32
    %s = arith.addf %u, %q : f32
    %t = arith.truncf %s : f32 to f16
    linalg.yield %t : f16
  } -> tensor<?x5x7x16xf16>
  %s2 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%s1, %d : tensor<?x5x7x16xf16>, tensor<?x5x7x16xf16>) outs(%g : tensor<?x5x7x16xf16>) {
  ^bb0(%u: f16, %v: f16, %acc: f16):
    %q = arith.addf %u, %v : f16
    linalg.yield %q : f16
  } -> tensor<?x5x7x16xf16>
  %s3 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%s2 : tensor<?x5x7x16xf16>) outs(%g : tensor<?x5x7x16xf16>) {
  ^bb0(%u: f16, %acc: f16):
    %q = arith.extf %u : f16 to f32
    %r = arith.maximumf %q, %z : f32
    %s = arith.minimumf %r, %six : f32
    %t = arith.truncf %s : f32 to f16
    linalg.yield %t : f16
  } -> tensor<?x5x7x16xf16>
  bufferization.materialize_in_destination %s3 in restrict writable %mo : (tensor<?x5x7x16xf16>, memref<?x5x7x16xf16, strided<[560, 112, 16, 1]>>) -> ()
  return
}

// -----

// A stage that the library does not know is launched after the call, from a temporary. One spatial axis becomes two.

// CHECK-LABEL: func.func @stages(
// CHECK: %[[PLACE:.*]] = memref.alloc({{.*}}) : memref<?xf32>
// CHECK: call @aicc_library_convolution
// CHECK-SAME: channels = 8 : i64, dilations = array<i64: 1, 1>, element = f32
// CHECK-SAME: window = array<i64: 1, 3>
// CHECK: scf.if
// CHECK: gpu.launch
// CHECK: math.cos
// CHECK: } else {
// CHECK: gpu.launch

// OUTLINED-LABEL: func.func @stages(
// OUTLINED: call @aicc_library_convolution
#x1 = affine_map<(n, h, f, r, c) -> (n, h + r, c)>
#w1 = affine_map<(n, h, f, r, c) -> (r, c, f)>
#y1 = affine_map<(n, h, f, r, c) -> (n, h, f)>
#id1 = affine_map<(n, h, f) -> (n, h, f)>
func.func @stages(%a0: memref<2x9x8xf32>, %a1: memref<3x8x16xf32>, %o0: memref<2x7x16xf32>)
    attributes {aicc.kernel, aicc.schedule = "cudnn", aicc.config = "", aicc.outputs = 1 : i64} {
  %x = bufferization.to_tensor %a0 restrict : memref<2x9x8xf32> to tensor<2x9x8xf32>
  %k = bufferization.to_tensor %a1 restrict : memref<3x8x16xf32> to tensor<3x8x16xf32>
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x7x16xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<2x7x16xf32>) -> tensor<2x7x16xf32>
  %c = linalg.generic {indexing_maps = [#x1, #w1, #y1], iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %k : tensor<2x9x8xf32>, tensor<3x8x16xf32>) outs(%f : tensor<2x7x16xf32>) {
  ^bb0(%u: f32, %v: f32, %acc: f32):
    %m = arith.mulf %u, %v : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<2x7x16xf32>
  %d = linalg.generic {indexing_maps = [#id1, #id1], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%c : tensor<2x7x16xf32>) outs(%e : tensor<2x7x16xf32>) {
  ^bb0(%u: f32, %acc: f32):
    %t = math.cos %u : f32
    linalg.yield %t : f32
  } -> tensor<2x7x16xf32>
  bufferization.materialize_in_destination %d in restrict writable %o0 : (tensor<2x7x16xf32>, memref<2x7x16xf32>) -> ()
  return
}
