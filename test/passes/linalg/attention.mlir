// RUN: aicc-opt %s --lower-to-linalg -split-input-file | filecheck %s

// Grouped heads are a dim of q only: k and v are read without it and never repeated.
// CHECK-DAG: #[[Q:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2, d3, d5)>
// CHECK-DAG: #[[K:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d4, d5)>
// CHECK-DAG: #[[V:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d5, d4)>
// CHECK-LABEL: func.func @main
// CHECK: tensor.expand_shape {{.*}} : tensor<1x8x5x16xf32> into tensor<1x2x4x5x16xf32>
// CHECK: linalg.generic {indexing_maps = [#[[Q]], #[[K]], #{{.*}}]
// CHECK: arith.constant 2.500000e-01 : f32
// CHECK: linalg.index 4
// CHECK: linalg.index 3
// CHECK: arith.cmpi sle
// CHECK: math.exp
// CHECK: linalg.generic {indexing_maps = [#[[Q]], #[[V]], #{{.*}}]
// CHECK: tensor.collapse_shape {{.*}} : tensor<1x2x4x5x24xf32> into tensor<1x8x5x24xf32>
func.func @main(%q: tensor<1x8x5x16xf32>, %k: tensor<1x2x6x16xf32>, %v: tensor<1x2x6x24xf32>) -> tensor<1x8x5x24xf32> {
  %none = "aicc.none"() : () -> none
  %0 = "aicc.attention"(%q, %k, %v, %none, %none)
      {align = "top_left", causal = true, left_window = -1 : i64, right_window = -1 : i64, softcap = 0.0 : f64}
      : (tensor<1x8x5x16xf32>, tensor<1x2x6x16xf32>, tensor<1x2x6x24xf32>, none, none) -> tensor<1x8x5x24xf32>
  return %0 : tensor<1x8x5x24xf32>
}
