// RUN: aicc-opt %s --fold-settled -split-input-file | filecheck %s

// CHECK-LABEL: func.func @main(%arg0: tensor<?xf32>, %arg1: tensor<?xf32>, %arg2: index, %arg3: i1)
// CHECK-NOT: aicc_either_f32(%arg0, %arg1, %arg2, %true)
// CHECK: %[[R:.*]] = call @aicc_either_f32(%arg0, %arg1, %arg2, %arg3)
// CHECK-NEXT: return %arg0, %arg1, %[[R]]
func.func private @aicc_either_f32(tensor<?xf32>, tensor<?xf32>, index, i1) -> tensor<?xf32>
func.func @main(%a: tensor<?xf32>, %b: tensor<?xf32>, %n: index, %c: i1) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) {
  %true = arith.constant true
  %false = arith.constant false
  %0 = call @aicc_either_f32(%a, %b, %n, %true) : (tensor<?xf32>, tensor<?xf32>, index, i1) -> tensor<?xf32>
  %1 = call @aicc_either_f32(%a, %b, %n, %false) : (tensor<?xf32>, tensor<?xf32>, index, i1) -> tensor<?xf32>
  %2 = call @aicc_either_f32(%a, %b, %n, %c) : (tensor<?xf32>, tensor<?xf32>, index, i1) -> tensor<?xf32>
  return %0, %1, %2 : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// A sum over nothing is what it starts from.
// CHECK-LABEL: func.func @main(%arg0: tensor<4x0xf32>, %arg1: tensor<4xf32>)
// CHECK-NOT: linalg.generic
// CHECK: return %arg1
func.func @main(%x: tensor<4x0xf32>, %start: tensor<4xf32>) -> tensor<4xf32> {
  %0 = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<4x0xf32>) outs(%start : tensor<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %s = arith.addf %in, %out : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
