// RUN: aicc-opt %s | aicc-opt | filecheck %s

// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<?x6x4xf16>, %c: tensor<6xf16>, %g: tensor<3xf16>, %r: tensor<4xf16>) -> tensor<?x6x4xf16> {
  %none = "aicc.none"() : () -> none
  // CHECK: "aicc.batch_norm"(%{{.*}}) {epsilon = 1.000000e-05 : f64}
  %0 = "aicc.batch_norm"(%x, %c, %c, %c, %c) {epsilon = 1.0e-5 : f64}
      : (tensor<?x6x4xf16>, tensor<6xf16>, tensor<6xf16>, tensor<6xf16>, tensor<6xf16>) -> tensor<?x6x4xf16>
  // CHECK: "aicc.layer_norm"(%{{.*}}, %{{.*}}, %{{.*}}) {axis = 2 : i64, epsilon = {{.*}}} : (tensor<?x6x4xf16>, tensor<4xf16>, none) -> tensor<?x6x4xf16>
  %1 = "aicc.layer_norm"(%0, %r, %none) {axis = 2 : i64, epsilon = 1.0e-5 : f64}
      : (tensor<?x6x4xf16>, tensor<4xf16>, none) -> tensor<?x6x4xf16>
  // CHECK: "aicc.rms_norm"(%{{.*}}, %{{.*}}) {axis = 1 : i64
  %2 = "aicc.rms_norm"(%1, %none) {axis = 1 : i64, epsilon = 1.0e-5 : f64} : (tensor<?x6x4xf16>, none) -> tensor<?x6x4xf16>
  // CHECK: "aicc.group_norm"(%{{.*}}) {epsilon = {{.*}}, num_groups = 3 : i64, per_group = true}
  %3 = "aicc.group_norm"(%2, %g, %g) {epsilon = 1.0e-5 : f64, num_groups = 3 : i64, per_group = true}
      : (tensor<?x6x4xf16>, tensor<3xf16>, tensor<3xf16>) -> tensor<?x6x4xf16>
  // CHECK: "aicc.instance_norm"
  %4 = "aicc.instance_norm"(%3, %c, %c) {epsilon = 1.0e-5 : f64}
      : (tensor<?x6x4xf16>, tensor<6xf16>, tensor<6xf16>) -> tensor<?x6x4xf16>
  return %4 : tensor<?x6x4xf16>
}
