// RUN: aicc-opt %s --eliminate-common --eliminate-dead | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[E:.*]] = "aicc.exp"(%arg0)
// CHECK-NEXT: "aicc.add"(%[[E]], %[[E]])
// CHECK-NEXT: return
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a = "aicc.exp"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %b = "aicc.exp"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %dead = "aicc.tanh"(%b) : (tensor<4xf32>) -> tensor<4xf32>
  %deader = "aicc.neg"(%dead) : (tensor<4xf32>) -> tensor<4xf32>
  %y = "aicc.add"(%a, %b) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
