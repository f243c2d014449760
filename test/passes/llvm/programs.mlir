// RUN: aicc-opt %s --lower-host | filecheck %s

// A call of programs gets a body that fills the table of addresses and asks the runtime; functions that are one for all
// element types lose the types' names.
// CHECK-DAG: llvm.func @aicc_sequence_get(!llvm.ptr, !llvm.ptr, !llvm.ptr, i64)
// CHECK-DAG: llvm.mlir.global external hidden constant @aicc_program_loop_0_body
// CHECK-DAG: llvm.func @aicc_call_loop(
// CHECK: llvm.func internal @loop_0_run(
// CHECK: llvm.store %arg6, %{{.*}} : !llvm.ptr, !llvm.ptr
// CHECK: %[[P:.*]] = llvm.mlir.addressof @aicc_program_loop_0_body
// CHECK: llvm.call @aicc_call_loop(%arg0, %[[P]], %arg1, %arg2, %{{.*}}, %{{.*}}, %arg3, %arg4, %arg5)
func.func private @loop_0_run(!llvm.ptr, i64, i64, !llvm.ptr, !llvm.ptr, !llvm.ptr, memref<4xf32>)
    attributes {aicc.control = "loop", aicc.carried = 1 : i64, aicc.programs = ["loop_0_body"], aicc.result_dims = [[4]]}
func.func private @aicc_sequence_get.f32(!llvm.ptr, memref<1xi64>, memref<?xf32, strided<[1], offset: ?>>, index)
func.func private @aicc_sequence_get.i8(!llvm.ptr, memref<1xi64>, memref<?xi8, strided<[1], offset: ?>>, index)
func.func @aicc_model_main(%ctx: !llvm.ptr, %t: i64, %table: !llvm.ptr, %a: memref<4xf32>, %s: memref<1xi64>, %b: memref<4xi8>) -> i32
    attributes {aicc.export} {
  %c4 = arith.constant 4 : index
  func.call @loop_0_run(%ctx, %t, %t, %table, %table, %table, %a) : (!llvm.ptr, i64, i64, !llvm.ptr, !llvm.ptr, !llvm.ptr, memref<4xf32>) -> ()
  %d = memref.cast %a : memref<4xf32> to memref<?xf32, strided<[1], offset: ?>>
  %e = memref.cast %b : memref<4xi8> to memref<?xi8, strided<[1], offset: ?>>
  func.call @aicc_sequence_get.f32(%ctx, %s, %d, %c4) : (!llvm.ptr, memref<1xi64>, memref<?xf32, strided<[1], offset: ?>>, index) -> ()
  func.call @aicc_sequence_get.i8(%ctx, %s, %e, %c4) : (!llvm.ptr, memref<1xi64>, memref<?xi8, strided<[1], offset: ?>>, index) -> ()
  %z = arith.constant 0 : i32
  return %z : i32
}
