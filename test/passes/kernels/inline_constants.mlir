// RUN: aicc-opt %s --inline-constants -split-input-file | filecheck %s

// A splat is read as a scalar; a constant tensor with different elements becomes a weight.
// CHECK: ml_program.global private @constant
// CHECK-LABEL: func.func @main
// CHECK: ml_program.global_load_const @constant
// CHECK: %[[TWO:.*]] = arith.constant 2.000000e+00 : f32
// CHECK: linalg.generic
// CHECK-SAME: ins(%{{.*}}, %{{.*}} : tensor<4x2xf32>, tensor<2xf32>)
// CHECK: arith.mulf %{{.*}}, %[[TWO]]
func.func @main(%x: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %two = arith.constant dense<2.0> : tensor<f32>
  %c = arith.constant dense<[1.0, 3.0]> : tensor<2xf32>
  %e = tensor.empty() : tensor<4x2xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ()>,
      affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x, %two, %c : tensor<4x2xf32>, tensor<f32>, tensor<2xf32>) outs(%e : tensor<4x2xf32>) {
  ^bb0(%u: f32, %t: f32, %v: f32, %o: f32):
    %a = arith.mulf %u, %t : f32
    %b = arith.addf %a, %v : f32
    linalg.yield %b : f32
  } -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}
