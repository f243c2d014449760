// RUN: aicc-opt %s --bufferize-host --canonicalize --cse -split-input-file | filecheck %s

// A kernel that writes over its operand has one buffer for both. Here that is the output's, which starts as a copy of
// the input unless the caller gives one buffer for both.
// CHECK-LABEL: func.func @loop_
// CHECK-SAME: (%arg0: memref<2xindex>, %arg1: memref<8xf32>)
// CHECK: %[[Y:.*]] = bufferization.to_tensor %arg1 restrict writable
// CHECK: iter_args({{.*}} = %[[Y]])
// CHECK: materialize_in_destination {{.*}} %arg1
// CHECK-LABEL: func.func @aicc_model_main
// CHECK-SAME: aicc.aliases = array<i64: 0, -1>
// CHECK: %[[DIFFER:.*]] = arith.cmpi ne
// CHECK: scf.if %[[DIFFER]]
// CHECK-NEXT: memref.reinterpret_cast
// CHECK-NEXT: memref.reinterpret_cast
// CHECK-NEXT: memref.copy
// CHECK-NEXT: }
// CHECK-NOT: memref.copy
// CHECK: call @loop_
// CHECK: call @pointwise_
module {
  func.func private @k0_loop(%x: tensor<8xf32>, %i: tensor<2xindex>) -> tensor<8xf32> attributes {aicc.kernel, aicc.schedule = "affine", aicc.config = ""} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %one = arith.constant 1.0 : f32
    %r = scf.for %k = %c0 to %c2 step %c1 iter_args(%y = %x) -> (tensor<8xf32>) {
      %at = tensor.extract %i[%k] : tensor<2xindex>
      %z = tensor.insert %one into %y[%at] : tensor<8xf32>
      scf.yield %z : tensor<8xf32>
    }
    return %r : tensor<8xf32>
  }
  func.func private @k1_pointwise(%x: tensor<8xf32>) -> tensor<8xf32> attributes {aicc.kernel, aicc.schedule = "affine", aicc.config = ""} {
    %e = tensor.empty() : tensor<8xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) {
    ^bb0(%u: f32, %o: f32):
      %a = arith.addf %u, %u : f32
      linalg.yield %a : f32
    } -> tensor<8xf32>
    return %r : tensor<8xf32>
  }
  func.func @main(%x: tensor<8xf32>, %i: tensor<2xindex>) -> (tensor<8xf32>, tensor<8xf32>) {
    %a = call @k0_loop(%x, %i) : (tensor<8xf32>, tensor<2xindex>) -> tensor<8xf32>
    %b = call @k1_pointwise(%a) : (tensor<8xf32>) -> tensor<8xf32>
    return %a, %b : tensor<8xf32>, tensor<8xf32>
  }
}

// -----

// The input is read again afterwards: it has to stay as it is, and the copy is made always.
// CHECK-LABEL: func.func @aicc_model_main
// CHECK-NOT: aicc.aliases
// CHECK-NOT: scf.if
// CHECK: memref.copy
// CHECK: call @loop_
// CHECK: call @pointwise_
module {
  func.func private @k0_loop(%x: tensor<8xf32>, %i: tensor<2xindex>) -> tensor<8xf32> attributes {aicc.kernel, aicc.schedule = "affine", aicc.config = ""} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %one = arith.constant 1.0 : f32
    %r = scf.for %k = %c0 to %c2 step %c1 iter_args(%y = %x) -> (tensor<8xf32>) {
      %at = tensor.extract %i[%k] : tensor<2xindex>
      %z = tensor.insert %one into %y[%at] : tensor<8xf32>
      scf.yield %z : tensor<8xf32>
    }
    return %r : tensor<8xf32>
  }
  func.func private @k1_pointwise(%x: tensor<8xf32>, %y: tensor<8xf32>) -> tensor<8xf32> attributes {aicc.kernel, aicc.schedule = "affine", aicc.config = ""} {
    %e = tensor.empty() : tensor<8xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%x, %y : tensor<8xf32>, tensor<8xf32>) outs(%e : tensor<8xf32>) {
    ^bb0(%u: f32, %v: f32, %o: f32):
      %a = arith.addf %u, %v : f32
      linalg.yield %a : f32
    } -> tensor<8xf32>
    return %r : tensor<8xf32>
  }
  func.func @main(%x: tensor<8xf32>, %i: tensor<2xindex>) -> (tensor<8xf32>, tensor<8xf32>) {
    %a = call @k0_loop(%x, %i) : (tensor<8xf32>, tensor<2xindex>) -> tensor<8xf32>
    %b = call @k1_pointwise(%a, %x) : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
    return %a, %b : tensor<8xf32>, tensor<8xf32>
  }
}

// -----

// A result in a buffer of the program's own, which nobody reads afterwards: written over there.
// CHECK-LABEL: func.func @aicc_model_main
// CHECK: call @pointwise_{{.*}}_launch(%arg0, %{{[^,]*}}, %[[OUT:[^)]*]])
// CHECK-NOT: memref.copy
// CHECK: call @loop_{{.*}}_launch(%arg0, %{{[^,]*}}, %[[OUT]])
module {
  func.func private @k0_pointwise(%x: tensor<8xf32>) -> tensor<8xf32> attributes {aicc.kernel, aicc.schedule = "affine", aicc.config = ""} {
    %e = tensor.empty() : tensor<8xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) {
    ^bb0(%u: f32, %o: f32):
      %a = arith.addf %u, %u : f32
      linalg.yield %a : f32
    } -> tensor<8xf32>
    return %r : tensor<8xf32>
  }
  func.func private @k1_loop(%x: tensor<8xf32>, %i: tensor<2xindex>) -> tensor<8xf32> attributes {aicc.kernel, aicc.schedule = "affine", aicc.config = ""} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %one = arith.constant 1.0 : f32
    %r = scf.for %k = %c0 to %c2 step %c1 iter_args(%y = %x) -> (tensor<8xf32>) {
      %at = tensor.extract %i[%k] : tensor<2xindex>
      %z = tensor.insert %one into %y[%at] : tensor<8xf32>
      scf.yield %z : tensor<8xf32>
    }
    return %r : tensor<8xf32>
  }
  func.func @main(%x: tensor<8xf32>, %i: tensor<2xindex>) -> tensor<8xf32> {
    %a = call @k0_pointwise(%x) : (tensor<8xf32>) -> tensor<8xf32>
    %b = call @k1_loop(%a, %i) : (tensor<8xf32>, tensor<2xindex>) -> tensor<8xf32>
    return %b : tensor<8xf32>
  }
}
