// RUN: aicc-opt %s | aicc-opt | filecheck %s

module attributes {aicc.strings = ["a", "b"]} {
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<?xsi64>, %y: tensor<2x1xsi64>, %n: tensor<3xi64>, %cases: tensor<5x4xi32>, %table: tensor<300xi32>) {
  // CHECK: "aicc.string_of"{{.*}} : (tensor<3xi64>) -> tensor<3xsi64>
  %0 = "aicc.string_of"(%n) : (tensor<3xi64>) -> tensor<3xsi64>
  // CHECK: "aicc.string_number"{{.*}} : (tensor<?xsi64>) -> tensor<?xi64>
  %1 = "aicc.string_number"(%x) : (tensor<?xsi64>) -> tensor<?xi64>
  // CHECK: "aicc.string_concat"{{.*}} -> tensor<2x3xsi64>
  %2 = "aicc.string_concat"(%y, %0) : (tensor<2x1xsi64>, tensor<3xsi64>) -> tensor<2x3xsi64>
  // CHECK: "aicc.string_split"{{.*}} {delimiter = 1 : i64, splits = -1 : i64}
  %3, %4 = "aicc.string_split"(%y) {delimiter = 1 : i64, splits = -1 : i64} : (tensor<2x1xsi64>) -> (tensor<2x1x?xsi64>, tensor<2x1xi64>)
  // CHECK: "aicc.string_normalize"{{.*}} -> tensor<?xsi64>
  %5 = "aicc.string_normalize"(%x, %n, %cases) {change = "lower", sensitive = true} : (tensor<?xsi64>, tensor<3xi64>, tensor<5x4xi32>) -> tensor<?xsi64>
  // CHECK: "aicc.string_match"{{.*}} -> tensor<?xi1>
  %6 = "aicc.string_match"(%x, %table) : (tensor<?xsi64>, tensor<300xi32>) -> tensor<?xi1>
  // CHECK: "aicc.string_tokens"{{.*}} -> tensor<2x1x?xsi64>
  %10 = "aicc.string_tokens"(%y, %table) {splitting = false, least = 1 : i64, mark = true, pad = 0 : i64} : (tensor<2x1xsi64>, tensor<300xi32>) -> tensor<2x1x?xsi64>
  // CHECK: "aicc.string_parse"{{.*}} {to = f64} : (tensor<?xsi64>) -> tensor<?xf64>
  %8 = "aicc.string_parse"(%x) {to = f64} : (tensor<?xsi64>) -> tensor<?xf64>
  // CHECK: "aicc.string_format"{{.*}} : (tensor<3xi64>) -> tensor<3xsi64>
  %9 = "aicc.string_format"(%n) : (tensor<3xi64>) -> tensor<3xsi64>
  // CHECK: "aicc.random"{{.*}} {dtype = f32, kind = "normal", number = 1 : i64} : (tensor<3xi64>) -> tensor<?x?x?xf32>
  %7 = "aicc.random"(%n) {kind = "normal", dtype = f32, number = 1 : i64} : (tensor<3xi64>) -> tensor<?x?x?xf32>
  return
}
}
