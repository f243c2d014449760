// RUN: aicc-opt %s | aicc-opt | filecheck %s

// CHECK-LABEL: func.func @main
func.func @main(%g: tensor<?x2x16xf32>, %r: tensor<16x4xf32>, %n: tensor<2xi32>) -> tensor<?x2x4xf32> {
  %none = "aicc.none"() : () -> none
  // CHECK: "aicc.lstm"(%arg0, %arg1, %arg2, %{{.*}}) {{.*}} -> (tensor<?x2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>)
  %0:3 = "aicc.lstm"(%g, %r, %n, %none, %none, %none, %none) {activations = ["sigmoid", "tanh", "tanh"],
      alphas = array<f64: 0.0, 0.0, 0.0>, betas = array<f64: 0.0, 0.0, 0.0>, reverse = true, input_forget = false}
      : (tensor<?x2x16xf32>, tensor<16x4xf32>, tensor<2xi32>, none, none, none, none) -> (tensor<?x2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>)
  return %0#0 : tensor<?x2x4xf32>
}
