// RUN: aicc-opt %s --lower-to-linalg -split-input-file | filecheck %s

// Broadcasting is a map: nothing is copied.
// CHECK-DAG: #[[ID:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[ROW:.*]] = affine_map<(d0, d1) -> (d1)>
// CHECK-LABEL: func.func @main
// CHECK: linalg.generic {indexing_maps = [#[[ID]], #[[ROW]], #[[ID]]], iterator_types = ["parallel", "parallel"]}
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32, %{{.*}}: f32):
// CHECK-NEXT: %[[S:.*]] = arith.addf %[[A]], %[[B]] : f32
// CHECK-NEXT: linalg.yield %[[S]] : f32
func.func @main(%x: tensor<2x3xf32>, %y: tensor<3xf32>) -> tensor<2x3xf32> {
  %0 = "aicc.add"(%x, %y) : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// -----

// A size of 1 is read at 0.
// CHECK: affine_map<(d0, d1) -> (d0, 0)>
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<?x3xf32>, %y: tensor<?x1xf32>) -> tensor<?x3xf32> {
  %0 = "aicc.mul"(%x, %y) : (tensor<?x3xf32>, tensor<?x1xf32>) -> tensor<?x3xf32>
  return %0 : tensor<?x3xf32>
}

// -----

// A size with a name may be 1 in a run: the host chooses between the operand and a copy that has no rows when the
// sizes are equal. One name for both costs nothing.
// CHECK-LABEL: func.func private @aicc_either_f32(tensor<?xf32>, tensor<?xf32>, index, i1)
// CHECK-LABEL: func.func @main(%{{.*}}: tensor<?x3xf32> {{.*}}, %[[Y:.*]]: tensor<?x3xf32> {{.*}}, %{{.*}}: tensor<?x3xf32>
// CHECK: call @aicc_require_broadcast(%[[N:.*]], %[[O:.*]]) {aicc.message = "{{.*}}equal or one is 1"}
// CHECK: %[[SAME:.*]] = arith.cmpi eq, %[[N]], %
// CHECK: %[[ROWS:.*]] = arith.select %[[SAME]], %c0{{.*}}, %
// CHECK: tensor.empty(%[[ROWS]]) : tensor<?x3xf32>
// CHECK: linalg.generic
// CHECK: tensor.extract
// CHECK: call @aicc_either_f32(%{{.*}}, %{{.*}}, %{{.*}}, %[[SAME]])
// CHECK-COUNT-1: call @aicc_either_f32
// CHECK-NOT: aicc_either
// CHECK: arith.addf
func.func @main(%x: tensor<?x3xf32> {aicc.dims = ["n", 3]}, %y: tensor<?x3xf32> {aicc.dims = ["m", 3]}, %z: tensor<?x3xf32> {aicc.dims = ["n", 3]}) -> tensor<?x3xf32> {
  %0 = "aicc.add"(%x, %y) : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %1 = "aicc.mul"(%x, %z) : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  return %0 : tensor<?x3xf32>
}

// -----

// Bools are stored as bytes and are i1 in bodies.
// CHECK-LABEL: func.func @main(%{{.*}}: tensor<4xf32> {{.*}}) -> (tensor<4xi8>
// CHECK: %[[C:.*]] = arith.cmpf olt, %{{.*}}, %{{.*}} : f32
// CHECK-NEXT: %[[E:.*]] = arith.extui %[[C]] : i1 to i8
// CHECK-NEXT: linalg.yield %[[E]] : i8
// CHECK: %[[T:.*]] = arith.trunci %in : i8 to i1
// CHECK: arith.xori %[[T]]
func.func @main(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xi1> {
  %0 = "aicc.less"(%x, %y) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  %1 = "aicc.not"(%0) : (tensor<4xi1>) -> tensor<4xi1>
  return %1 : tensor<4xi1>
}

// -----

// Half precision computes in f32 and rounds once.
// CHECK-LABEL: func.func @main
// CHECK: %[[W:.*]] = arith.extf %{{.*}} : f16 to f32
// CHECK: %[[E:.*]] = math.exp %{{.*}} : f32
// CHECK: %[[R:.*]] = arith.truncf %{{.*}} : f32 to f16
// CHECK-NEXT: linalg.yield %[[R]] : f16
// CHECK-NOT: linalg.generic
func.func @main(%x: tensor<4xf16>) -> tensor<4xf16> {
  %0 = "aicc.sigmoid"(%x) : (tensor<4xf16>) -> tensor<4xf16>
  return %0 : tensor<4xf16>
}

// -----

// Unsigned division, guarded against a divisor of zero.
// CHECK-LABEL: func.func @main(%{{.*}}: tensor<4xi8> {aicc.dtype = ui8}
// CHECK: %[[BAD:.*]] = arith.cmpi eq
// CHECK: %[[SAFE:.*]] = arith.select %[[BAD]]
// CHECK: arith.divui %{{.*}}, %[[SAFE]] : i8
func.func @main(%x: tensor<4xui8>) -> tensor<4xui8> {
  %0 = "aicc.div"(%x, %x) : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  return %0 : tensor<4xui8>
}

// -----

// A known exponent needs no pow.
// CHECK-LABEL: func.func @main
// CHECK-NOT: math.powf
// CHECK: arith.mulf %[[X:.*]], %[[X]] : f32
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = "aicc.constant"() {value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
  %0 = "aicc.pow"(%x, %e) : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// A cast that changes only the sign's meaning moves nothing.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: return %{{.*}} : tensor<4xi8>
func.func @main(%x: tensor<4xui8>) -> tensor<4xi8> {
  %0 = "aicc.cast"(%x) {to = i8} : (tensor<4xui8>) -> tensor<4xi8>
  return %0 : tensor<4xi8>
}
