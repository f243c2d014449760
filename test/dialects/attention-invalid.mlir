// RUN: aicc-opt %s -split-input-file -verify-diagnostics

func.func @heads(%q: tensor<1x8x5x16xf32>, %k: tensor<1x3x6x16xf32>) {
  %none = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.attention' op 8 heads of 'q' are no multiple of 3 heads of 'k'}}
  %0 = "aicc.attention"(%q, %k, %k, %none, %none)
      {align = "top_left", causal = false, left_window = -1 : i64, right_window = -1 : i64, softcap = 0.0 : f64}
      : (tensor<1x8x5x16xf32>, tensor<1x3x6x16xf32>, tensor<1x3x6x16xf32>, none, none) -> tensor<1x8x5x16xf32>
  return
}

// -----

func.func @keys(%q: tensor<1x8x5x16xf32>, %v: tensor<1x8x6x16xf32>) {
  %none = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.attention' op operands 'k' and 'v' differ in keys: 5 and 6}}
  %0 = "aicc.attention"(%q, %q, %v, %none, %none)
      {align = "top_left", causal = false, left_window = -1 : i64, right_window = -1 : i64, softcap = 0.0 : f64}
      : (tensor<1x8x5x16xf32>, tensor<1x8x5x16xf32>, tensor<1x8x6x16xf32>, none, none) -> tensor<1x8x5x16xf32>
  return
}

// -----

func.func @mask(%q: tensor<1x8x5x16xf32>, %mask: tensor<4x5xi1>) {
  %none = "aicc.none"() : () -> none
  // expected-error @+1 {{'aicc.attention' op operand 'mask' of shape [4, 5] does not broadcast to [1, 8, 5, 5]}}
  %0 = "aicc.attention"(%q, %q, %q, %mask, %none)
      {align = "top_left", causal = false, left_window = -1 : i64, right_window = -1 : i64, softcap = 0.0 : f64}
      : (tensor<1x8x5x16xf32>, tensor<1x8x5x16xf32>, tensor<1x8x5x16xf32>, tensor<4x5xi1>, none) -> tensor<1x8x5x16xf32>
  return
}
