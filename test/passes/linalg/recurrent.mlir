// RUN: aicc-opt %s --lower-to-linalg | filecheck %s

// A host loop over time: one product with the recurrent weights, one elementwise op, one row written.
// CHECK-LABEL: func.func @main
// CHECK: scf.for %[[T:.*]] = %{{.*}} iter_args(%[[Y:.*]] = %{{.*}}, %[[H:.*]] = %{{.*}}, %[[C:.*]] = %{{.*}})
// CHECK: %[[G:.*]] = tensor.extract_slice %arg0[%[[T]], 0, 0] [1, 2, 16] [1, 1, 1]
// CHECK: linalg.generic {{.*}}["parallel", "parallel", "parallel", "reduction"]{{.*}} ins(%[[H]], %{{.*}} : tensor<2x4xf32>, tensor<4x4x4xf32>)
// CHECK: %[[N:.*]]:2 = linalg.generic {{.*}}["parallel", "parallel"]
// CHECK: math.tanh
// CHECK: %[[R:.*]] = tensor.expand_shape %[[N]]#0
// CHECK: %[[Z:.*]] = tensor.insert_slice %[[R]] into %[[Y]][%[[T]], 0, 0]
// CHECK: scf.yield %[[Z]], %[[N]]#0, %[[N]]#1
func.func @main(%g: tensor<5x2x16xf32>, %r: tensor<16x4xf32>) -> tensor<5x2x4xf32> {
  %n = "aicc.none"() : () -> none
  %0:3 = "aicc.lstm"(%g, %r, %n, %n, %n, %n, %n) {activations = ["sigmoid", "tanh", "tanh"], alphas = array<f64: 0.0, 0.0, 0.0>, betas = array<f64: 0.0, 0.0, 0.0>, reverse = false, input_forget = false} : (tensor<5x2x16xf32>, tensor<16x4xf32>, none, none, none, none, none) -> (tensor<5x2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>)
  return %0#0 : tensor<5x2x4xf32>
}
