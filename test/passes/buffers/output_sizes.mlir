// RUN: aicc-opt %s --bufferize-host -split-input-file | filecheck %s

// Sizes that follow from those of inputs are computed ahead of a run.
// CHECK-LABEL: func.func @aicc_model_main
// CHECK-NOT: aicc_output_allocate
// CHECK-LABEL: func.func @aicc_model_shapes(%{{.*}}: !llvm.ptr, %[[OUT:.*]]: !llvm.ptr)
// CHECK: %[[N:.*]] = llvm.load
// CHECK: arith.muli
// CHECK: llvm.store
func.func @main(%x: tensor<?x4xf32>) -> tensor<?xf32> {
  %0 = tensor.collapse_shape %x [[0, 1]] : tensor<?x4xf32> into tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

// A size read from a tensor is known only in the run: the runtime is asked for a buffer then.
// CHECK: func.func private @aicc_output_allocate(!llvm.ptr, i32, !llvm.ptr) -> !llvm.ptr
// CHECK-LABEL: func.func @aicc_model_main
// CHECK: %[[DIMS:.*]] = llvm.alloca
// CHECK: llvm.store %{{.*}}, %{{.*}} : i64
// CHECK: call @aicc_output_allocate(%{{.*}}, %{{.*}}, %[[DIMS]])
// CHECK-LABEL: func.func @aicc_model_shapes
// CHECK: llvm.mlir.constant(-1 : i64)
func.func @main(%x: tensor<?xf32>, %n: tensor<i64>) -> tensor<?xf32> {
  %0 = tensor.extract %n[] : tensor<i64>
  %1 = arith.index_cast %0 : i64 to index
  %2 = tensor.extract_slice %x[0] [%1] [1] : tensor<?xf32> to tensor<?xf32>
  return %2 : tensor<?xf32>
}
