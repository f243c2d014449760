// RUN: aicc-opt %s --recognize-attention -split-input-file | filecheck %s

// BERT: divided by sqrt(64), a mask added.
// CHECK-LABEL: func.func @main
// CHECK: "aicc.attention"(%arg0, %arg1, %arg2, %arg3, %{{.*}}) {{.*}}scale = 1.250000e-01 : f64
// CHECK-NEXT: return
func.func @main(%q: tensor<2x3x5x64xf32>, %k: tensor<2x3x7x64xf32>, %v: tensor<2x3x7x16xf32>, %m: tensor<2x1x1x7xf32>) -> tensor<2x3x5x16xf32> {
  %eight = "aicc.constant"() {value = dense<8.0> : tensor<f32>} : () -> tensor<f32>
  %s = "aicc.matmul"(%q, %k) {trans_a = false, trans_b = true} : (tensor<2x3x5x64xf32>, tensor<2x3x7x64xf32>) -> tensor<2x3x5x7xf32>
  %t = "aicc.div"(%s, %eight) : (tensor<2x3x5x7xf32>, tensor<f32>) -> tensor<2x3x5x7xf32>
  %a = "aicc.add"(%t, %m) : (tensor<2x3x5x7xf32>, tensor<2x1x1x7xf32>) -> tensor<2x3x5x7xf32>
  %p = "aicc.softmax"(%a) {axis = 3 : i64} : (tensor<2x3x5x7xf32>) -> tensor<2x3x5x7xf32>
  %y = "aicc.matmul"(%p, %v) {trans_a = false, trans_b = false} : (tensor<2x3x5x7xf32>, tensor<2x3x7x16xf32>) -> tensor<2x3x5x16xf32>
  return %y : tensor<2x3x5x16xf32>
}

// -----

// Scales on both sides, the transposes of k merged, a guard against NaN, a bool mask.
// CHECK-LABEL: func.func @main
// CHECK: %[[K:.*]] = "aicc.transpose"(%arg1) {perm = array<i64: 0, 2, 1, 3>}
// CHECK: "aicc.attention"(%arg0, %[[K]], %arg2, %arg3, %{{.*}}) {{.*}}scale = 2.500000e-01 : f64
// CHECK-NEXT: return
func.func @main(%q: tensor<2x3x5x16xf32>, %k: tensor<2x7x3x16xf32>, %v: tensor<2x3x7x16xf32>, %m: tensor<5x7xi1>) -> tensor<2x3x5x16xf32> {
  %half = "aicc.constant"() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %zero = "aicc.constant"() {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  %low = "aicc.constant"() {value = dense<0xFF800000> : tensor<f32>} : () -> tensor<f32>
  %kt = "aicc.transpose"(%k) {perm = array<i64: 0, 2, 3, 1>} : (tensor<2x7x3x16xf32>) -> tensor<2x3x16x7xf32>
  %qs = "aicc.mul"(%q, %half) : (tensor<2x3x5x16xf32>, tensor<f32>) -> tensor<2x3x5x16xf32>
  %ks = "aicc.mul"(%kt, %half) : (tensor<2x3x16x7xf32>, tensor<f32>) -> tensor<2x3x16x7xf32>
  %s = "aicc.matmul"(%qs, %ks) {trans_a = false, trans_b = false} : (tensor<2x3x5x16xf32>, tensor<2x3x16x7xf32>) -> tensor<2x3x5x7xf32>
  %mm = "aicc.where"(%m, %zero, %low) : (tensor<5x7xi1>, tensor<f32>, tensor<f32>) -> tensor<5x7xf32>
  %a = "aicc.add"(%s, %mm) : (tensor<2x3x5x7xf32>, tensor<5x7xf32>) -> tensor<2x3x5x7xf32>
  %p = "aicc.softmax"(%a) {axis = 3 : i64} : (tensor<2x3x5x7xf32>) -> tensor<2x3x5x7xf32>
  %n = "aicc.is_nan"(%p) : (tensor<2x3x5x7xf32>) -> tensor<2x3x5x7xi1>
  %g = "aicc.where"(%n, %zero, %p) : (tensor<2x3x5x7xi1>, tensor<f32>, tensor<2x3x5x7xf32>) -> tensor<2x3x5x7xf32>
  %y = "aicc.matmul"(%g, %v) {trans_a = false, trans_b = false} : (tensor<2x3x5x7xf32>, tensor<2x3x7x16xf32>) -> tensor<2x3x5x16xf32>
  return %y : tensor<2x3x5x16xf32>
}

// -----

// GPT-2: a constant causal mask by `where`; every row keeps a key.
// CHECK-LABEL: func.func @main
// CHECK: %[[M:.*]] = "aicc.constant"() {value = dense<{{\[\[}}true, false], [true, true]]>
// CHECK: "aicc.attention"(%arg0, %arg1, %arg2, %[[M]], %{{.*}}) {{.*}}scale = 1.000000e+00 : f64
func.func @main(%q: tensor<1x3x2x16xf32>, %k: tensor<1x3x2x16xf32>, %v: tensor<1x3x2x16xf32>) -> tensor<1x3x2x16xf32> {
  %m = "aicc.constant"() {value = dense<[[true, false], [true, true]]> : tensor<2x2xi1>} : () -> tensor<2x2xi1>
  %low = "aicc.constant"() {value = dense<-1.0e4> : tensor<f32>} : () -> tensor<f32>
  %s = "aicc.matmul"(%q, %k) {trans_a = false, trans_b = true} : (tensor<1x3x2x16xf32>, tensor<1x3x2x16xf32>) -> tensor<1x3x2x2xf32>
  %a = "aicc.where"(%m, %s, %low) : (tensor<2x2xi1>, tensor<1x3x2x2xf32>, tensor<f32>) -> tensor<1x3x2x2xf32>
  %p = "aicc.softmax"(%a) {axis = 3 : i64} : (tensor<1x3x2x2xf32>) -> tensor<1x3x2x2xf32>
  %y = "aicc.matmul"(%p, %v) {trans_a = false, trans_b = false} : (tensor<1x3x2x2xf32>, tensor<1x3x2x16xf32>) -> tensor<1x3x2x16xf32>
  return %y : tensor<1x3x2x16xf32>
}

// -----

// A mask of -10000 that only run time knows may leave a row without a key: no attention.
// CHECK-LABEL: func.func @main
// CHECK-NOT: aicc.attention
func.func @main(%q: tensor<1x3x2x16xf32>, %k: tensor<1x3x2x16xf32>, %v: tensor<1x3x2x16xf32>, %m: tensor<2x2xi1>) -> tensor<1x3x2x16xf32> {
  %low = "aicc.constant"() {value = dense<-1.0e4> : tensor<f32>} : () -> tensor<f32>
  %s = "aicc.matmul"(%q, %k) {trans_a = false, trans_b = true} : (tensor<1x3x2x16xf32>, tensor<1x3x2x16xf32>) -> tensor<1x3x2x2xf32>
  %a = "aicc.where"(%m, %s, %low) : (tensor<2x2xi1>, tensor<1x3x2x2xf32>, tensor<f32>) -> tensor<1x3x2x2xf32>
  %p = "aicc.softmax"(%a) {axis = 3 : i64} : (tensor<1x3x2x2xf32>) -> tensor<1x3x2x2xf32>
  %y = "aicc.matmul"(%p, %v) {trans_a = false, trans_b = false} : (tensor<1x3x2x2xf32>, tensor<1x3x2x16xf32>) -> tensor<1x3x2x16xf32>
  return %y : tensor<1x3x2x16xf32>
}

// -----

// The probabilities are used elsewhere: they must exist.
// CHECK-LABEL: func.func @main
// CHECK-NOT: aicc.attention
func.func @main(%q: tensor<1x3x5x16xf32>, %k: tensor<1x3x7x16xf32>, %v: tensor<1x3x7x16xf32>) -> (tensor<1x3x5x16xf32>, tensor<1x3x5x7xf32>) {
  %s = "aicc.matmul"(%q, %k) {trans_a = false, trans_b = true} : (tensor<1x3x5x16xf32>, tensor<1x3x7x16xf32>) -> tensor<1x3x5x7xf32>
  %p = "aicc.softmax"(%s) {axis = 3 : i64} : (tensor<1x3x5x7xf32>) -> tensor<1x3x5x7xf32>
  %y = "aicc.matmul"(%p, %v) {trans_a = false, trans_b = false} : (tensor<1x3x5x7xf32>, tensor<1x3x7x16xf32>) -> tensor<1x3x5x16xf32>
  return %y, %p : tensor<1x3x5x16xf32>, tensor<1x3x5x7xf32>
}

// -----

// Heads shared by groups of queries: k and v are read unrepeated. Scores capped by tanh.
// CHECK-LABEL: func.func @main
// CHECK: "aicc.attention"(%arg0, %arg1, %arg2, %{{.*}}, %{{.*}}) {{.*}}scale = 1.250000e-01 : f64, softcap = 4.000000e+00 : f64
// CHECK-NEXT: return
func.func @main(%q: tensor<1x4x5x16xf32>, %k: tensor<1x2x7x16xf32>, %v: tensor<1x2x7x16xf32>) -> tensor<1x4x5x16xf32> {
  %eighth = "aicc.constant"() {value = dense<0.03125> : tensor<f32>} : () -> tensor<f32>
  %four = "aicc.constant"() {value = dense<4.0> : tensor<f32>} : () -> tensor<f32>
  %s5 = "aicc.constant"() {value = dense<[1, 2, 1, 7, 16]> : tensor<5xi64>} : () -> tensor<5xi64>
  %g5 = "aicc.constant"() {value = dense<[1, 2, 2, 7, 16]> : tensor<5xi64>} : () -> tensor<5xi64>
  %s4 = "aicc.constant"() {value = dense<[1, 4, 7, 16]> : tensor<4xi64>} : () -> tensor<4xi64>
  %k1 = "aicc.reshape"(%k, %s5) {allowzero = false} : (tensor<1x2x7x16xf32>, tensor<5xi64>) -> tensor<1x2x1x7x16xf32>
  %k2 = "aicc.expand"(%k1, %g5) : (tensor<1x2x1x7x16xf32>, tensor<5xi64>) -> tensor<1x2x2x7x16xf32>
  %k3 = "aicc.reshape"(%k2, %s4) {allowzero = false} : (tensor<1x2x2x7x16xf32>, tensor<4xi64>) -> tensor<1x4x7x16xf32>
  %v1 = "aicc.reshape"(%v, %s5) {allowzero = false} : (tensor<1x2x7x16xf32>, tensor<5xi64>) -> tensor<1x2x1x7x16xf32>
  %v2 = "aicc.expand"(%v1, %g5) : (tensor<1x2x1x7x16xf32>, tensor<5xi64>) -> tensor<1x2x2x7x16xf32>
  %v3 = "aicc.reshape"(%v2, %s4) {allowzero = false} : (tensor<1x2x2x7x16xf32>, tensor<4xi64>) -> tensor<1x4x7x16xf32>
  %s = "aicc.matmul"(%q, %k3) {trans_a = false, trans_b = true} : (tensor<1x4x5x16xf32>, tensor<1x4x7x16xf32>) -> tensor<1x4x5x7xf32>
  %c = "aicc.mul"(%s, %eighth) : (tensor<1x4x5x7xf32>, tensor<f32>) -> tensor<1x4x5x7xf32>
  %t = "aicc.tanh"(%c) : (tensor<1x4x5x7xf32>) -> tensor<1x4x5x7xf32>
  %f = "aicc.mul"(%t, %four) : (tensor<1x4x5x7xf32>, tensor<f32>) -> tensor<1x4x5x7xf32>
  %p = "aicc.softmax"(%f) {axis = 3 : i64} : (tensor<1x4x5x7xf32>) -> tensor<1x4x5x7xf32>
  %y = "aicc.matmul"(%p, %v3) {trans_a = false, trans_b = false} : (tensor<1x4x5x7xf32>, tensor<1x4x7x16xf32>) -> tensor<1x4x5x16xf32>
  return %y : tensor<1x4x5x16xf32>
}

// -----

// Batched matrices: the batch is taken as heads. Softmax in f32 of half-precision scores.
// CHECK-LABEL: func.func @main
// CHECK: "aicc.attention"({{.*}}) {{.*}} : (tensor<1x4x5x16xf16>, tensor<1x4x7x16xf16>, tensor<1x4x7x16xf16>, none, none) -> tensor<1x4x5x16xf16>
// CHECK-NEXT: "aicc.squeeze"
func.func @main(%q: tensor<4x5x16xf16>, %k: tensor<4x7x16xf16>, %v: tensor<4x7x16xf16>) -> tensor<4x5x16xf16> {
  %s = "aicc.matmul"(%q, %k) {trans_a = false, trans_b = true} : (tensor<4x5x16xf16>, tensor<4x7x16xf16>) -> tensor<4x5x7xf16>
  %w = "aicc.cast"(%s) {to = f32} : (tensor<4x5x7xf16>) -> tensor<4x5x7xf32>
  %p = "aicc.softmax"(%w) {axis = 2 : i64} : (tensor<4x5x7xf32>) -> tensor<4x5x7xf32>
  %h = "aicc.cast"(%p) {to = f16} : (tensor<4x5x7xf32>) -> tensor<4x5x7xf16>
  %y = "aicc.matmul"(%h, %v) {trans_a = false, trans_b = false} : (tensor<4x5x7xf16>, tensor<4x7x16xf16>) -> tensor<4x5x16xf16>
  return %y : tensor<4x5x16xf16>
}
