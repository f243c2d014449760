// RUN: aicc-opt %s | aicc-opt | filecheck %s

// CHECK-LABEL: func.func @main
func.func @main(%s: tensor<i64>, %x: tensor<?x4xf32>, %p: tensor<i32>, %sizes: tensor<?xi64>) {
  // CHECK: "aicc.sequence_insert"{{.*}} : (tensor<i64>, tensor<?x4xf32>, tensor<i32>) -> tensor<i64>
  %0 = "aicc.sequence_insert"(%s, %x, %p) : (tensor<i64>, tensor<?x4xf32>, tensor<i32>) -> tensor<i64>
  %none = "aicc.none"() : () -> none
  // CHECK: "aicc.sequence_erase"{{.*}} : (tensor<i64>, none) -> tensor<i64>
  %1 = "aicc.sequence_erase"(%0, %none) : (tensor<i64>, none) -> tensor<i64>
  // CHECK: "aicc.sequence_length"
  %2 = "aicc.sequence_length"(%1) : (tensor<i64>) -> tensor<i64>
  // CHECK: "aicc.sequence_at"{{.*}} {dtype = f32, shape = array<i64: -1, 4>}
  %3 = "aicc.sequence_at"(%1, %p) {dtype = f32, shape = array<i64: -1, 4>} : (tensor<i64>, tensor<i32>) -> tensor<?x4xf32>
  // CHECK: "aicc.sequence_concat"{{.*}} {axis = 0 : i64, dtype = f32, shape = array<i64: -1, 4>, stacks = false}
  %4 = "aicc.sequence_concat"(%1) {axis = 0 : i64, dtype = f32, shape = array<i64: -1, 4>, stacks = false} : (tensor<i64>) -> tensor<?x4xf32>
  // CHECK: "aicc.sequence_split"{{.*}} {axis = 0 : i64, keepdims = true}
  %5 = "aicc.sequence_split"(%x, %sizes) {axis = 0 : i64, keepdims = true} : (tensor<?x4xf32>, tensor<?xi64>) -> tensor<i64>
  // CHECK: "aicc.sequence_pack"{{.*}} {dtype = f32, rank = 2 : i64} : (tensor<i64>) -> (tensor<?x2xi64>, tensor<?xf32>)
  %6:2 = "aicc.sequence_pack"(%5) {dtype = f32, rank = 2 : i64} : (tensor<i64>) -> (tensor<?x2xi64>, tensor<?xf32>)
  // CHECK: "aicc.sequence_unpack"{{.*}} {shape = array<i64: -1, 4>} : (tensor<?x2xi64>, tensor<?xf32>) -> tensor<i64>
  %7 = "aicc.sequence_unpack"(%6#0, %6#1) {shape = array<i64: -1, 4>} : (tensor<?x2xi64>, tensor<?xf32>) -> tensor<i64>
  return
}
