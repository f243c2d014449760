// RUN: aicc-opt %s --sink-reshapes -split-input-file | filecheck %s

// A view of a contraction goes behind the elementwise op that reads it; the operand per channel is expanded.
// CHECK-LABEL: func.func @main
// CHECK: linalg.generic
// CHECK: iterator_types = ["parallel", "parallel", "parallel", "reduction"]
// CHECK: %[[S:.*]] = tensor.expand_shape %arg2
// CHECK: %[[R:.*]] = linalg.generic
// CHECK: iterator_types = ["parallel", "parallel", "parallel"]} ins(%{{.*}}, %[[S]] : tensor<6x4x5xf32>, tensor<4x5xf32>)
// CHECK: arith.mulf
// CHECK: %[[V:.*]] = tensor.collapse_shape %[[R]]
// CHECK: return %[[V]]
func.func @main(%x: tensor<6x4x7xf32>, %w: tensor<4x7x5xf32>, %scale: tensor<20xf32>) -> tensor<6x20xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<6x4x5xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<6x4x5xf32>) -> tensor<6x4x5xf32>
  %c = linalg.generic {
      indexing_maps = [affine_map<(m, g, n, k) -> (m, g, k)>, affine_map<(m, g, n, k) -> (g, k, n)>,
                       affine_map<(m, g, n, k) -> (m, g, n)>],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<6x4x7xf32>, tensor<4x7x5xf32>) outs(%f : tensor<6x4x5xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<6x4x5xf32>
  %v = tensor.collapse_shape %c [[0], [1, 2]] : tensor<6x4x5xf32> into tensor<6x20xf32>
  %o = tensor.empty() : tensor<6x20xf32>
  %r = linalg.generic {
      indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (m, n)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%v, %scale : tensor<6x20xf32>, tensor<20xf32>) outs(%o : tensor<6x20xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<6x20xf32>
  return %r : tensor<6x20xf32>
}

// -----

// Dims that are taken apart: the elementwise op works on what is there before.
// CHECK-LABEL: func.func @main
// CHECK: iterator_types = ["parallel", "parallel", "reduction"]
// CHECK: %[[C:.*]] = tensor.collapse_shape %arg2 {{.*}} : tensor<1x6x5xf32> into tensor<6x5xf32>
// CHECK: %[[R:.*]] = linalg.generic
// CHECK-SAME: iterator_types = ["parallel", "parallel"]} ins(%{{.*}}, %[[C]], %arg3 : tensor<6x5xf32>, tensor<6x5xf32>, tensor<5xf32>)
// CHECK: %[[V:.*]] = tensor.expand_shape %[[R]]
// CHECK: return %[[V]]
func.func @main(%x: tensor<6x7xf32>, %w: tensor<7x5xf32>, %other: tensor<1x6x5xf32>, %scale: tensor<5xf32>) -> tensor<1x6x5xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<6x5xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<6x5xf32>) -> tensor<6x5xf32>
  %c = linalg.generic {
      indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<6x7xf32>, tensor<7x5xf32>) outs(%f : tensor<6x5xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<6x5xf32>
  %v = tensor.expand_shape %c [[0, 1], [2]] output_shape [1, 6, 5] : tensor<6x5xf32> into tensor<1x6x5xf32>
  %o = tensor.empty() : tensor<1x6x5xf32>
  %r = linalg.generic {
      indexing_maps = [affine_map<(l, m, n) -> (l, m, n)>, affine_map<(l, m, n) -> (l, m, n)>,
                       affine_map<(l, m, n) -> (n)>, affine_map<(l, m, n) -> (l, m, n)>],
      iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%v, %other, %scale : tensor<1x6x5xf32>, tensor<1x6x5xf32>, tensor<5xf32>) outs(%o : tensor<1x6x5xf32>) {
  ^bb0(%a: f32, %b: f32, %g: f32, %out: f32):
    %s = arith.addf %a, %b : f32
    %p = arith.mulf %s, %g : f32
    linalg.yield %p : f32
  } -> tensor<1x6x5xf32>
  return %r : tensor<1x6x5xf32>
}
