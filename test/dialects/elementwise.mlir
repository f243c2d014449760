// RUN: aicc-opt %s | aicc-opt | filecheck %s

// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<2x3xf32>, %row: tensor<3xf32>, %n: tensor<?x3xui8>, %p: tensor<2x1xi1>) -> tensor<2x3xf32> {
  // CHECK: "aicc.exp"(%{{.*}}) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %e = "aicc.exp"(%x) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: "aicc.add"(%{{.*}}, %{{.*}}) : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  %a = "aicc.add"(%e, %row) : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  // CHECK: "aicc.mod"(%{{.*}}, %{{.*}}) {fmod = true}
  %m = "aicc.mod"(%a, %x) {fmod = true} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: "aicc.bit_shift"(%{{.*}}, %{{.*}}) {direction = "left"} : (tensor<?x3xui8>, tensor<?x3xui8>) -> tensor<?x3xui8>
  %s = "aicc.bit_shift"(%n, %n) {direction = "left"} : (tensor<?x3xui8>, tensor<?x3xui8>) -> tensor<?x3xui8>
  // CHECK: "aicc.less"(%{{.*}}, %{{.*}}) : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xi1>
  %l = "aicc.less"(%m, %row) : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xi1>
  // CHECK: "aicc.and"(%{{.*}}, %{{.*}}) : (tensor<2x3xi1>, tensor<2x1xi1>) -> tensor<2x3xi1>
  %b = "aicc.and"(%l, %p) : (tensor<2x3xi1>, tensor<2x1xi1>) -> tensor<2x3xi1>
  // CHECK: "aicc.cast"(%{{.*}}) {to = f16} : (tensor<2x3xi1>) -> tensor<2x3xf16>
  %c = "aicc.cast"(%b) {to = f16} : (tensor<2x3xi1>) -> tensor<2x3xf16>
  // CHECK: "aicc.where"(%{{.*}}, %{{.*}}, %{{.*}}) : (tensor<2x1xi1>, tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  %w = "aicc.where"(%p, %x, %row) : (tensor<2x1xi1>, tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  %none = "aicc.none"() : () -> none
  %low = "aicc.constant"() {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  // CHECK: "aicc.clip"(%{{.*}}, %{{.*}}, %{{.*}}) : (tensor<2x3xf32>, tensor<f32>, none) -> tensor<2x3xf32>
  %k = "aicc.clip"(%w, %low, %none) : (tensor<2x3xf32>, tensor<f32>, none) -> tensor<2x3xf32>
  // CHECK: "aicc.gelu"(%{{.*}}) {approximate = "tanh"}
  %g = "aicc.gelu"(%k) {approximate = "tanh"} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %g : tensor<2x3xf32>
}
