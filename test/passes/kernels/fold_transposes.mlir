// RUN: aicc-opt %s --fold-transposes -split-input-file | filecheck %s

// A copy that keeps the innermost dim goes into the reads of its consumer.
// CHECK: #[[READ:.*]] = affine_map<(d0, d1, d2) -> (d1, d0, d2)>
// CHECK-LABEL: func.func @main
// CHECK-COUNT-1: linalg.generic
// CHECK-NOT: linalg.generic
func.func @main(%x: tensor<4x6x8xf32>, %y: tensor<6x4x8xf32>) -> tensor<6x4x8xf32> {
  %e = tensor.empty() : tensor<6x4x8xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (j, i, k)>, affine_map<(i, j, k) -> (i, j, k)>],
      iterator_types = ["parallel", "parallel", "parallel"]} ins(%x : tensor<4x6x8xf32>) outs(%e : tensor<6x4x8xf32>) {
  ^bb0(%u: f32, %o: f32):
    linalg.yield %u : f32
  } -> tensor<6x4x8xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, j, k)>, affine_map<(i, j, k) -> (i, j, k)>, affine_map<(i, j, k) -> (i, j, k)>],
      iterator_types = ["parallel", "parallel", "parallel"]} ins(%t, %y : tensor<6x4x8xf32>, tensor<6x4x8xf32>) outs(%e : tensor<6x4x8xf32>) {
  ^bb0(%u: f32, %v: f32, %o: f32):
    %a = arith.addf %u, %v : f32
    linalg.yield %a : f32
  } -> tensor<6x4x8xf32>
  return %s : tensor<6x4x8xf32>
}

// -----

// A contraction whose result is only read permuted writes it permuted: batch dims b, h become b, m, h.
// CHECK-DAG: #[[A:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d2, d1, d4)>
// CHECK-DAG: #[[B:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d2, d4, d3)>
// CHECK-DAG: #[[C:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3)>
// CHECK-LABEL: func.func @main
// CHECK: tensor.empty() : tensor<1x5x2x16xf32>
// CHECK: linalg.fill
// CHECK: linalg.generic {indexing_maps = [#[[A]], #[[B]], #[[C]]]
// CHECK-NOT: linalg.generic
func.func @main(%p: tensor<1x2x5x7xf32>, %v: tensor<1x2x7x16xf32>) -> tensor<1x5x2x16xf32> {
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x2x5x16xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<1x2x5x16xf32>) -> tensor<1x2x5x16xf32>
  %c = linalg.generic {indexing_maps = [affine_map<(b, h, m, n, k) -> (b, h, m, k)>,
      affine_map<(b, h, m, n, k) -> (b, h, k, n)>, affine_map<(b, h, m, n, k) -> (b, h, m, n)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%p, %v : tensor<1x2x5x7xf32>, tensor<1x2x7x16xf32>) outs(%f : tensor<1x2x5x16xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<1x2x5x16xf32>
  %e2 = tensor.empty() : tensor<1x5x2x16xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(i, j, k, l) -> (i, k, j, l)>, affine_map<(i, j, k, l) -> (i, j, k, l)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%c : tensor<1x2x5x16xf32>) outs(%e2 : tensor<1x5x2x16xf32>) {
  ^bb0(%u: f32, %o: f32):
    linalg.yield %u : f32
  } -> tensor<1x5x2x16xf32>
  return %t : tensor<1x5x2x16xf32>
}

// -----

// A transpose of the innermost dim stays a kernel of its own.
// CHECK-LABEL: func.func @main
// CHECK-COUNT-2: linalg.generic
func.func @main(%x: tensor<4x8xf32>) -> tensor<8x4xf32> {
  %e = tensor.empty() : tensor<8x4xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x8xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%u: f32, %o: f32):
    linalg.yield %u : f32
  } -> tensor<8x4xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]} ins(%t : tensor<8x4xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%u: f32, %o: f32):
    %a = math.exp %u : f32
    linalg.yield %a : f32
  } -> tensor<8x4xf32>
  return %s : tensor<8x4xf32>
}

// -----

// A sum over a dim that was broadcast: only the broadcast's result says how long the loop is.
// CHECK-LABEL: func.func @main
// CHECK-COUNT-2: linalg.generic
func.func @main(%x: tensor<4x8xf32>, %init: tensor<f32>) -> tensor<f32> {
  %e = tensor.empty() : tensor<3x4x8xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (j, k)>, affine_map<(i, j, k) -> (i, j, k)>],
      iterator_types = ["parallel", "parallel", "parallel"]} ins(%x : tensor<4x8xf32>) outs(%e : tensor<3x4x8xf32>) {
  ^bb0(%u: f32, %o: f32):
    linalg.yield %u : f32
  } -> tensor<3x4x8xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, j, k)>, affine_map<(i, j, k) -> ()>],
      iterator_types = ["reduction", "reduction", "reduction"]} ins(%t : tensor<3x4x8xf32>) outs(%init : tensor<f32>) {
  ^bb0(%u: f32, %acc: f32):
    %a = arith.addf %acc, %u : f32
    linalg.yield %a : f32
  } -> tensor<f32>
  return %s : tensor<f32>
}

// -----

// Heads in groups: a transpose goes to the other side of the view, and from there into the read, or into the write.
// CHECK-LABEL: func.func @main
// CHECK: %[[X:.*]] = tensor.expand_shape %arg0 {{\[\[}}0], [1, 2], [3]] output_shape [%arg1, 2, 3, 16]
// CHECK: %[[Y:.*]] = linalg.generic {{.*}} ins(%[[X]] : tensor<?x2x3x16xf32>)
// CHECK-NOT: linalg.generic
// CHECK: %[[R:.*]] = tensor.collapse_shape %[[Y]] {{\[\[}}0], [1, 2], [3]]
// CHECK-NEXT: return %[[R]]
func.func @main(%x: tensor<?x6x16xf32>, %n: index) -> tensor<?x6x16xf32> {
  %e = tensor.empty(%n) : tensor<6x?x16xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(h, s, d) -> (s, h, d)>, affine_map<(h, s, d) -> (h, s, d)>],
      iterator_types = ["parallel", "parallel", "parallel"]} ins(%x : tensor<?x6x16xf32>) outs(%e : tensor<6x?x16xf32>) {
  ^bb0(%u: f32, %o: f32):
    linalg.yield %u : f32
  } -> tensor<6x?x16xf32>
  %v = tensor.expand_shape %t [[0, 1], [2], [3]] output_shape [2, 3, %n, 16] : tensor<6x?x16xf32> into tensor<2x3x?x16xf32>
  %f = tensor.empty(%n) : tensor<2x3x?x16xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%v : tensor<2x3x?x16xf32>) outs(%f : tensor<2x3x?x16xf32>) {
  ^bb0(%u: f32, %o: f32):
    %a = math.exp %u : f32
    linalg.yield %a : f32
  } -> tensor<2x3x?x16xf32>
  %c = tensor.collapse_shape %s [[0, 1], [2], [3]] : tensor<2x3x?x16xf32> into tensor<6x?x16xf32>
  %g = tensor.empty(%n) : tensor<?x6x16xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(s, h, d) -> (h, s, d)>, affine_map<(s, h, d) -> (s, h, d)>],
      iterator_types = ["parallel", "parallel", "parallel"]} ins(%c : tensor<6x?x16xf32>) outs(%g : tensor<?x6x16xf32>) {
  ^bb0(%u: f32, %o: f32):
    linalg.yield %u : f32
  } -> tensor<?x6x16xf32>
  return %r : tensor<?x6x16xf32>
}
