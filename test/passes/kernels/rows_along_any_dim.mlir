// RUN: aicc-opt %s --form-kernels | filecheck %s

// Reductions along dims that are not innermost, and what they feed, are one kernel too.
// CHECK-LABEL: func.func private @k0_rows
// CHECK-COUNT-2: iterator_types = ["parallel", "reduction", "parallel"]
// CHECK: iterator_types = ["parallel", "parallel", "parallel"]
// CHECK-LABEL: func.func @main
// CHECK: call @k0_rows
// CHECK-NOT: call
func.func @main(%x: tensor<4x8x32xf32>) -> tensor<4x8x32xf32> {
  %zero = arith.constant 0.0 : f32
  %re = tensor.empty() : tensor<4x32xf32>
  %e = tensor.empty() : tensor<4x8x32xf32>
  %z = linalg.fill ins(%zero : f32) outs(%re : tensor<4x32xf32>) -> tensor<4x32xf32>
  %m = linalg.generic {indexing_maps = [affine_map<(i,j,k) -> (i,j,k)>, affine_map<(i,j,k) -> (i,k)>],
      iterator_types = ["parallel", "reduction", "parallel"]} ins(%x : tensor<4x8x32xf32>) outs(%z : tensor<4x32xf32>) {
    ^bb0(%u: f32, %acc: f32):
      %r = arith.addf %acc, %u : f32
      linalg.yield %r : f32 } -> tensor<4x32xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(i,j,k) -> (i,j,k)>, affine_map<(i,j,k) -> (i,k)>,
      affine_map<(i,j,k) -> (i,k)>], iterator_types = ["parallel", "reduction", "parallel"]}
      ins(%x, %m : tensor<4x8x32xf32>, tensor<4x32xf32>) outs(%z : tensor<4x32xf32>) {
    ^bb0(%u: f32, %v: f32, %acc: f32):
      %d = arith.subf %u, %v : f32
      %q = arith.mulf %d, %d : f32
      %r = arith.addf %acc, %q : f32
      linalg.yield %r : f32 } -> tensor<4x32xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i,j,k) -> (i,j,k)>, affine_map<(i,j,k) -> (i,k)>,
      affine_map<(i,j,k) -> (i,j,k)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x, %s : tensor<4x8x32xf32>, tensor<4x32xf32>) outs(%e : tensor<4x8x32xf32>) {
    ^bb0(%u: f32, %v: f32, %o: f32):
      %r = arith.divf %u, %v : f32
      linalg.yield %r : f32 } -> tensor<4x8x32xf32>
  return %y : tensor<4x8x32xf32>
}
