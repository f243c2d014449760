// RUN: aicc-opt %s --bufferize-host --plan-arena --canonicalize --cse --join-programs | filecheck %s

// Programs become functions beside the model's. What a program cannot write in place is in a buffer that the
// runtime found, which is released; a result of known size is written where it belongs.
// CHECK: func.func @aicc_main_if_0_else(%{{.*}}: !llvm.ptr
// CHECK-SAME: aicc.program = "if_0_else"
// CHECK: func.func @aicc_main_if_0_then(%{{.*}}: !llvm.ptr
// CHECK-SAME: aicc.program = "if_0_then"
// CHECK: func.func private @if_0_run(!llvm.ptr, i64, !llvm.ptr, !llvm.ptr, !llvm.ptr, memref<?xf32{{.*}}>, memref<4xf32{{.*}}>, !llvm.ptr, memref<4xf32{{.*}}>)
// CHECK-SAME: aicc.control = "if"
// CHECK-LABEL: func.func @aicc_model_main(
// CHECK: %[[ONE:.*]] = arith.extui %{{.*}} : i8 to i64
// CHECK: call @if_0_run(%{{.*}}, %[[ONE]],
// CHECK: %[[P:.*]] = llvm.load %{{.*}} : !llvm.ptr -> !llvm.ptr
// CHECK-NOT: call @aicc_buffer_acquire
// CHECK: call @aicc_output_allocate
// CHECK: call @aicc_buffer_release(%{{.*}}, %[[P]])
// CHECK-NOT: module @
module {
  module @if_0_then {
    func.func @main(%x: tensor<?xf32> {aicc.dims = ["n"], aicc.name = "x"}, %w: tensor<4xf32>) -> (tensor<?xf32>, tensor<4xf32>) {
      %0 = call @k0_pointwise(%w) : (tensor<4xf32>) -> tensor<4xf32>
      return %x, %0 : tensor<?xf32>, tensor<4xf32>
    }
    func.func private @k0_pointwise(%a: tensor<4xf32>) -> tensor<4xf32> attributes {aicc.kernel, aicc.schedule = "affine", aicc.config = ""} {
      %e = tensor.empty() : tensor<4xf32>
      %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
          ins(%a : tensor<4xf32>) outs(%e : tensor<4xf32>) {
      ^bb0(%u: f32, %v: f32):
        %m = arith.addf %u, %u : f32
        linalg.yield %m : f32
      } -> tensor<4xf32>
      return %0 : tensor<4xf32>
    }
  }
  module @if_0_else {
    func.func @main(%x: tensor<?xf32> {aicc.dims = ["n"], aicc.name = "x"}, %w: tensor<4xf32>) -> (tensor<?xf32>, tensor<4xf32>) {
      %0 = call @k0_pointwise(%w) : (tensor<4xf32>) -> tensor<4xf32>
      return %x, %0 : tensor<?xf32>, tensor<4xf32>
    }
    func.func private @k0_pointwise(%a: tensor<4xf32>) -> tensor<4xf32> attributes {aicc.kernel, aicc.schedule = "affine", aicc.config = ""} {
      %e = tensor.empty() : tensor<4xf32>
      %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
          ins(%a : tensor<4xf32>) outs(%e : tensor<4xf32>) {
      ^bb0(%u: f32, %v: f32):
        %m = arith.mulf %u, %u : f32
        linalg.yield %m : f32
      } -> tensor<4xf32>
      return %0 : tensor<4xf32>
    }
  }
  func.func private @if_0(tensor<i8>, tensor<?xf32>, tensor<4xf32>) -> (tensor<?xf32>, tensor<4xf32>)
  func.func @main(%c: tensor<i8>, %x: tensor<?xf32> {aicc.dims = ["n"], aicc.name = "x"}, %w: tensor<4xf32>) -> (tensor<?xf32>, tensor<4xf32>) {
    %0:2 = call @if_0(%c, %x, %w) {aicc.control = "if", aicc.programs = ["if_0_then", "if_0_else"], aicc.result_dims = [[-1], [4]]} : (tensor<i8>, tensor<?xf32>, tensor<4xf32>) -> (tensor<?xf32>, tensor<4xf32>)
    return %0#0, %0#1 : tensor<?xf32>, tensor<4xf32>
  }
}
