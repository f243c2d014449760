// RUN: aicc-opt %s | aicc-opt | filecheck %s

// CHECK-LABEL: func.func @main
func.func @main(%q: tensor<?x8x5x16xf32>, %k: tensor<?x2x?x16xf32>, %v: tensor<?x2x?x24xf32>, %mask: tensor<5x?xi1>) -> tensor<?x8x5x24xf32> {
  %none = "aicc.none"() : () -> none
  // CHECK: "aicc.attention"{{.*}} : (tensor<?x8x5x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x24xf32>, tensor<5x?xi1>, none) -> tensor<?x8x5x24xf32>
  %0 = "aicc.attention"(%q, %k, %v, %mask, %none)
      {align = "top_left", causal = true, left_window = -1 : i64, right_window = -1 : i64, softcap = 0.0 : f64}
      : (tensor<?x8x5x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x24xf32>, tensor<5x?xi1>, none) -> tensor<?x8x5x24xf32>
  // CHECK: "aicc.attention_scores"{{.*}} -> tensor<?x8x5x?xf32>
  %1 = "aicc.attention_scores"(%q, %k, %none, %none)
      {align = "top_left", causal = true, left_window = -1 : i64, right_window = -1 : i64, softcap = 0.0 : f64, stage = "biased"}
      : (tensor<?x8x5x16xf32>, tensor<?x2x?x16xf32>, none, none) -> tensor<?x8x5x?xf32>
  return %0 : tensor<?x8x5x24xf32>
}
