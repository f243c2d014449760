// RUN: aicc-opt --target cuda --mcpu sm_80 --take-pads -split-input-file %s | FileCheck %s

// A padding goes into the kernel whose schedule pads by itself; the rest of what the paddings' kernel is called for stays.

// CHECK-LABEL: func.func private @conv(
// CHECK-SAME: %[[X:.*]]: tensor<1x6x7x8xf16>, %{{.*}}: tensor<16x3x3x1x8xf16>)
// CHECK: %[[P:.*]] = tensor.pad %[[X]] low[0, 1, 0, 0] high[0, 2, 1, 0]
// CHECK: linalg.generic {{.*}} ins(%[[P]],
// CHECK-NOT: @pad
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[A:.*]]: tensor<1x6x7x8xf16>
// CHECK: call @conv(%[[A]], %{{.*}}) : (tensor<1x6x7x8xf16>, tensor<16x3x3x1x8xf16>)
#x = affine_map<(n, h, w, f, r, s, c) -> (n, h + r, w + s, c)>
#w = affine_map<(n, h, w, f, r, s, c) -> (r, s, c, f)>
#y = affine_map<(n, h, w, f, r, s, c) -> (n, h, w, f)>
func.func private @pad(%a: tensor<1x6x7x8xf16>) -> tensor<1x9x8x8xf16> attributes {aicc.kernel, aicc.schedule = "pointwise", aicc.config = ""} {
  %z = arith.constant 0.0 : f16
  %p = tensor.pad %a low[0, 1, 0, 0] high[0, 2, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %z : f16
  } : tensor<1x6x7x8xf16> to tensor<1x9x8x8xf16>
  return %p : tensor<1x9x8x8xf16>
}
func.func private @conv(%a: tensor<1x9x8x8xf16>, %b: tensor<16x3x3x1x8xf16>) -> tensor<1x7x6x16xf32> attributes {aicc.kernel, aicc.schedule = "cudnn", aicc.config = ""} {
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x7x6x16xf32>
  %u = tensor.empty() : tensor<3x3x8x16xf16>
  %v = linalg.unpack %b outer_dims_perm = [3, 0, 1, 2] inner_dims_pos = [2] inner_tiles = [8] into %u : tensor<16x3x3x1x8xf16> -> tensor<3x3x8x16xf16>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<1x7x6x16xf32>) -> tensor<1x7x6x16xf32>
  %c = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%a, %v : tensor<1x9x8x8xf16>, tensor<3x3x8x16xf16>) outs(%f : tensor<1x7x6x16xf32>) {
  ^bb0(%p: f16, %q: f16, %acc: f32):
    %s = arith.extf %p : f16 to f32
    %t = arith.extf %q : f16 to f32
    %m = arith.mulf %s, %t : f32
    %r = arith.addf %acc, %m : f32
    linalg.yield %r : f32
  } -> tensor<1x7x6x16xf32>
  return %c : tensor<1x7x6x16xf32>
}
func.func @main(%a: tensor<1x6x7x8xf16>, %b: tensor<16x3x3x1x8xf16>) -> tensor<1x7x6x16xf32> {
  %p = call @pad(%a) : (tensor<1x6x7x8xf16>) -> tensor<1x9x8x8xf16>
  %y = call @conv(%p, %b) : (tensor<1x9x8x8xf16>, tensor<16x3x3x1x8xf16>) -> tensor<1x7x6x16xf32>
  return %y : tensor<1x7x6x16xf32>
}

// -----

// Other numbers than zero are no padding of the library's.

// CHECK-LABEL: func.func private @conv(
// CHECK-SAME: tensor<1x9x8x8xf16>
// CHECK-LABEL: func.func @main(
// CHECK: call @pad
#x = affine_map<(n, h, w, f, r, s, c) -> (n, h + r, w + s, c)>
#w = affine_map<(n, h, w, f, r, s, c) -> (r, s, c, f)>
#y = affine_map<(n, h, w, f, r, s, c) -> (n, h, w, f)>
func.func private @pad(%a: tensor<1x6x7x8xf16>) -> tensor<1x9x8x8xf16> attributes {aicc.kernel, aicc.schedule = "pointwise", aicc.config = ""} {
  %z = arith.constant 1.0 : f16
  %p = tensor.pad %a low[0, 1, 0, 0] high[0, 2, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %z : f16
  } : tensor<1x6x7x8xf16> to tensor<1x9x8x8xf16>
  return %p : tensor<1x9x8x8xf16>
}
func.func private @conv(%a: tensor<1x9x8x8xf16>, %b: tensor<3x3x8x16xf16>) -> tensor<1x7x6x16xf32> attributes {aicc.kernel, aicc.schedule = "cudnn", aicc.config = ""} {
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x7x6x16xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<1x7x6x16xf32>) -> tensor<1x7x6x16xf32>
  %c = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%a, %b : tensor<1x9x8x8xf16>, tensor<3x3x8x16xf16>) outs(%f : tensor<1x7x6x16xf32>) {
  ^bb0(%p: f16, %q: f16, %acc: f32):
    %s = arith.extf %p : f16 to f32
    %t = arith.extf %q : f16 to f32
    %m = arith.mulf %s, %t : f32
    %r = arith.addf %acc, %m : f32
    linalg.yield %r : f32
  } -> tensor<1x7x6x16xf32>
  return %c : tensor<1x7x6x16xf32>
}
func.func @main(%a: tensor<1x6x7x8xf16>, %b: tensor<3x3x8x16xf16>) -> tensor<1x7x6x16xf32> {
  %p = call @pad(%a) : (tensor<1x6x7x8xf16>) -> tensor<1x9x8x8xf16>
  %y = call @conv(%p, %b) : (tensor<1x9x8x8xf16>, tensor<3x3x8x16xf16>) -> tensor<1x7x6x16xf32>
  return %y : tensor<1x7x6x16xf32>
}
