// RUN: aicc-opt %s --canonicalize-graph -split-input-file | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-NEXT: return %arg0
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %zero = "aicc.constant"() {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  %one = "aicc.constant"() {value = dense<1.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %a = "aicc.add"(%zero, %x) : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  %b = "aicc.mul"(%a, %one) : (tensor<4xf32>, tensor<1xf32>) -> tensor<4xf32>
  %c = "aicc.pow"(%b, %one) : (tensor<4xf32>, tensor<1xf32>) -> tensor<4xf32>
  %d = "aicc.neg"(%c) : (tensor<4xf32>) -> tensor<4xf32>
  %e = "aicc.neg"(%d) : (tensor<4xf32>) -> tensor<4xf32>
  return %e : tensor<4xf32>
}

// -----

// x + 0 broadcasts here: it stays. x * 0 is no zero for NaN: it stays.
// CHECK-LABEL: func.func @main
// CHECK: "aicc.add"
// CHECK: "aicc.mul"
func.func @main(%x: tensor<4xf32>) -> tensor<2x4xf32> {
  %zero = "aicc.constant"() {value = dense<0.0> : tensor<2x1xf32>} : () -> tensor<2x1xf32>
  %a = "aicc.add"(%x, %zero) : (tensor<4xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>
  %b = "aicc.mul"(%a, %zero) : (tensor<2x4xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>
  return %b : tensor<2x4xf32>
}

// -----

// CHECK-LABEL: func.func @main
// CHECK: %[[SQUARE:.*]] = "aicc.mul"(%arg0, %arg0)
// CHECK: %[[ROOT:.*]] = "aicc.sqrt"(%[[SQUARE]])
// CHECK: %[[INVERSE:.*]] = "aicc.constant"() {value = dense<2.500000e-01>
// CHECK: "aicc.mul"(%[[ROOT]], %[[INVERSE]])
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %two = "aicc.constant"() {value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
  %half = "aicc.constant"() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %four = "aicc.constant"() {value = dense<4.0> : tensor<f32>} : () -> tensor<f32>
  %a = "aicc.pow"(%x, %two) : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %b = "aicc.pow"(%a, %half) : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %c = "aicc.div"(%b, %four) : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %c : tensor<4xf32>
}

// -----

// Division by 3 in half precision is more accurate than multiplication by 1/3.
// CHECK-LABEL: func.func @main
// CHECK: "aicc.div"
func.func @main(%x: tensor<4xf16>) -> tensor<4xf16> {
  %three = "aicc.constant"() {value = dense<3.0> : tensor<f16>} : () -> tensor<f16>
  %c = "aicc.div"(%x, %three) : (tensor<4xf16>, tensor<f16>) -> tensor<4xf16>
  return %c : tensor<4xf16>
}

// -----

// CHECK-LABEL: func.func @main
// CHECK-DAG: %[[SIX:.*]] = "aicc.constant"() {value = dense<6.000000e+00>
// CHECK-DAG: %[[ZERO:.*]] = "aicc.constant"() {value = dense<0.000000e+00>
// CHECK: "aicc.clip"(%arg0, %[[ZERO]], %[[SIX]])
// CHECK-NOT: aicc.max
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %zero = "aicc.constant"() {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  %six = "aicc.constant"() {value = dense<6.0> : tensor<f32>} : () -> tensor<f32>
  %a = "aicc.max"(%x, %zero) : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %b = "aicc.min"(%a, %six) : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %b : tensor<4xf32>
}

// -----

// CHECK-LABEL: func.func @main
// CHECK: "aicc.relu"(%arg0)
// CHECK-NOT: aicc.clip
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %zero = "aicc.constant"() {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  %none = "aicc.none"() : () -> none
  %a = "aicc.clip"(%x, %zero, %none) : (tensor<4xf32>, tensor<f32>, none) -> tensor<4xf32>
  %b = "aicc.relu"(%a) : (tensor<4xf32>) -> tensor<4xf32>
  return %b : tensor<4xf32>
}

// -----

// i32 holds every u8; f32 does not hold every i32.
// CHECK-LABEL: func.func @main
// CHECK: %[[A:.*]] = "aicc.cast"(%arg0) {to = f32} : (tensor<4xui8>)
// CHECK: "aicc.cast"(%arg1) {to = f32}
// CHECK: "aicc.cast"
func.func @main(%x: tensor<4xui8>, %i: tensor<4xi32>) -> (tensor<4xf32>, tensor<4xi32>) {
  %a = "aicc.cast"(%x) {to = i32} : (tensor<4xui8>) -> tensor<4xi32>
  %b = "aicc.cast"(%a) {to = f32} : (tensor<4xi32>) -> tensor<4xf32>
  %c = "aicc.cast"(%i) {to = f32} : (tensor<4xi32>) -> tensor<4xf32>
  %d = "aicc.cast"(%c) {to = i32} : (tensor<4xf32>) -> tensor<4xi32>
  return %b, %d : tensor<4xf32>, tensor<4xi32>
}

// -----

// CHECK-LABEL: func.func @main
// CHECK-NEXT: "aicc.where"(%arg0, %arg2, %arg1)
// CHECK-NEXT: return
func.func @main(%c: tensor<4xi1>, %x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %true = "aicc.constant"() {value = dense<true> : tensor<4xi1>} : () -> tensor<4xi1>
  %n = "aicc.not"(%c) : (tensor<4xi1>) -> tensor<4xi1>
  %a = "aicc.and"(%n, %true) : (tensor<4xi1>, tensor<4xi1>) -> tensor<4xi1>
  %b = "aicc.where"(%a, %x, %y) : (tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %b : tensor<4xf32>
}
