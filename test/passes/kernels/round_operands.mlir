// RUN: aicc-opt --target cuda --mcpu sm_80 --round-operands=element=bf16 %s | FileCheck %s
// RUN: aicc-opt --target cuda --mcpu sm_80 --round-operands=element=bf16 --fold-casts %s | FileCheck %s --check-prefix=FOLDED

// Both operands of the product are rounded once, under the padding of one of them; the other reader of %x keeps f32.

// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:[a-z0-9]*]]: tensor<?x6xf32>, %[[W:[a-z0-9]*]]: tensor<8x16xf32>
// CHECK-DAG: linalg.generic {{.*}} ins(%[[X]] : tensor<?x6xf32>) outs({{.*}} : tensor<?x6xbf16>)
// CHECK-DAG: linalg.generic {{.*}} ins(%[[W]] : tensor<8x16xf32>) outs({{.*}} : tensor<8x16xbf16>)
// CHECK: tensor.pad
// CHECK: arith.mulf
// CHECK: arith.addf
// CHECK: linalg.generic {{.*}} ins(%[[X]] : tensor<?x6xf32>) outs({{.*}} : tensor<?x6xf32>)
// CHECK: math.exp

// FOLDED-LABEL: func.func @main(
// FOLDED: %[[P:.*]] = tensor.pad {{.*}} low
// FOLDED: tensor<?x6xbf16> to tensor<?x8xbf16>
// FOLDED: linalg.generic {{.*}} ins(%[[P]], %{{.*}} : tensor<?x8xbf16>, tensor<8x16xbf16>) outs(%{{.*}} : tensor<?x16xf32>)
func.func @main(%x: tensor<?x6xf32>, %w: tensor<8x16xf32>) -> (tensor<?x16xf32>, tensor<?x6xf32>) {
  %z = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x6xf32>
  %p = tensor.pad %x low[0, 1] high[0, 1] {
  ^bb0(%i: index, %j: index):
    tensor.yield %z : f32
  } : tensor<?x6xf32> to tensor<?x8xf32>
  %e = tensor.empty(%n) : tensor<?x16xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<?x16xf32>) -> tensor<?x16xf32>
  %c = linalg.generic {
      indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%p, %w : tensor<?x8xf32>, tensor<8x16xf32>) outs(%f : tensor<?x16xf32>) {
  ^bb0(%u: f32, %v: f32, %acc: f32):
    %m = arith.mulf %u, %v : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<?x16xf32>
  %g = tensor.empty(%n) : tensor<?x6xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<?x6xf32>) outs(%g : tensor<?x6xf32>) {
  ^bb0(%u: f32, %o: f32):
    %r = math.exp %u : f32
    linalg.yield %r : f32
  } -> tensor<?x6xf32>
  return %c, %y : tensor<?x16xf32>, tensor<?x6xf32>
}
