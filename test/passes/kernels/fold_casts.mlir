// RUN: aicc-opt %s --fold-casts -split-input-file | filecheck %s
// RUN: aicc-opt %s --fold-casts='elements=bf16 weights=true' -split-input-file | filecheck %s --check-prefix=WEIGHTS
// RUN: aicc-opt %s --fold-casts='elements=f16 alone=true' -split-input-file | filecheck %s --check-prefix=ALONE

// Both factors become bf16, read by the product, which converts them.

// CHECK-LABEL: func.func @main
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<4x8xbf16>, tensor<8x2xbf16>)
// CHECK-NEXT: ^bb0(%{{.*}}: bf16, %{{.*}}: bf16, %{{.*}}: f32):
// CHECK-NEXT: arith.extf
// CHECK: arith.extf
// CHECK: arith.mulf

// One of them is a weight.
// WEIGHTS-LABEL: func.func @main
// WEIGHTS: ins(%{{.*}}, %{{.*}} : tensor<4x8xbf16>, tensor<8x2xbf16>)
ml_program.global private @w(#ml_program.extern : tensor<8x2xbf16>) : tensor<8x2xbf16>
func.func @main(%x: tensor<4x8xbf16>) -> tensor<4x2xf32> {
  %w = ml_program.global_load_const @w : tensor<8x2xbf16>
  %xe = tensor.empty() : tensor<4x8xf32>
  %we = tensor.empty() : tensor<8x2xf32>
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x2xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
  %xf = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x8xbf16>) outs(%xe : tensor<4x8xf32>) {
  ^bb0(%u: bf16, %o: f32):
    %v = arith.extf %u : bf16 to f32
    linalg.yield %v : f32
  } -> tensor<4x8xf32>
  %wf = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]} ins(%w : tensor<8x2xbf16>) outs(%we : tensor<8x2xf32>) {
  ^bb0(%u: bf16, %o: f32):
    %v = arith.extf %u : bf16 to f32
    linalg.yield %v : f32
  } -> tensor<8x2xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
      affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%xf, %wf : tensor<4x8xf32>, tensor<8x2xf32>) outs(%f : tensor<4x2xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

// -----

// Neither is a weight.
// CHECK-LABEL: func.func @main
// CHECK: ins(%{{.*}}, %{{.*}} : tensor<4x8xbf16>, tensor<8x2xbf16>)
// WEIGHTS-LABEL: func.func @main
// WEIGHTS: ins(%{{.*}}, %{{.*}} : tensor<4x8xf32>, tensor<8x2xf32>)
func.func @main(%x: tensor<4x8xbf16>, %w: tensor<8x2xbf16>) -> tensor<4x2xf32> {
  %xe = tensor.empty() : tensor<4x8xf32>
  %we = tensor.empty() : tensor<8x2xf32>
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x2xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
  %xf = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x8xbf16>) outs(%xe : tensor<4x8xf32>) {
  ^bb0(%u: bf16, %o: f32):
    %v = arith.extf %u : bf16 to f32
    linalg.yield %v : f32
  } -> tensor<4x8xf32>
  %wf = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]} ins(%w : tensor<8x2xbf16>) outs(%we : tensor<8x2xf32>) {
  ^bb0(%u: bf16, %o: f32):
    %v = arith.extf %u : bf16 to f32
    linalg.yield %v : f32
  } -> tensor<8x2xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
      affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%xf, %wf : tensor<4x8xf32>, tensor<8x2xf32>) outs(%f : tensor<4x2xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

// -----

// A weight alone is read as it is stored, what it is multiplied with stays f32.
// ALONE-LABEL: func.func @main
// ALONE: %[[W:.*]] = ml_program.global_load_const @w
// ALONE: linalg.generic {{.*}} ins(%{{.*}}, %[[W]] : tensor<4x8xf32>, tensor<8x2xf16>)
// ALONE-NEXT: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f16, %{{.*}}: f32):
// ALONE-NEXT: %[[F:.*]] = arith.extf %[[B]]
// ALONE-NEXT: arith.mulf %[[A]], %[[F]]
ml_program.global private @w(#ml_program.extern : tensor<8x2xf16>) : tensor<8x2xf16>
func.func @main(%x: tensor<4x8xf32>) -> tensor<4x2xf32> {
  %w = ml_program.global_load_const @w : tensor<8x2xf16>
  %we = tensor.empty() : tensor<8x2xf32>
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x2xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
  %wf = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]} ins(%w : tensor<8x2xf16>) outs(%we : tensor<8x2xf32>) {
  ^bb0(%u: f16, %o: f32):
    %v = arith.extf %u : f16 to f32
    linalg.yield %v : f32
  } -> tensor<8x2xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
      affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %wf : tensor<4x8xf32>, tensor<8x2xf32>) outs(%f : tensor<4x2xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}
