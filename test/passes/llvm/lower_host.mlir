// RUN: aicc-opt %s --lower-host | FileCheck %s

// Launchers take pointers to the first element, whatever the layout.
// CHECK: llvm.func @k_launch(!llvm.ptr, !llvm.ptr, i64)
// CHECK-LABEL: llvm.func @aicc_model_main(
// CHECK: llvm.ptrtoint
// CHECK: %[[P:.*]] = llvm.inttoptr
// CHECK: llvm.call @k_launch(%arg0, %[[P]], %{{.*}})
// A copy between layouts is a loop, one between dense buffers a block move.
// CHECK: llvm.cond_br
// CHECK: "llvm.intr.memcpy"
// CHECK-NOT: memrefCopy
func.func private @k_launch(!llvm.ptr, memref<?x4xf32, strided<[8, 1], offset: ?>>, index)
func.func @aicc_model_main(%ctx: !llvm.ptr, %a: memref<3x8xf32>, %b: memref<3x4xf32>, %c: memref<3x4xf32>) -> i32
    attributes {aicc.export} {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %s = memref.subview %a[%c1, 4] [%c2, 4] [1, 1] : memref<3x8xf32> to memref<?x4xf32, strided<[8, 1], offset: ?>>
  func.call @k_launch(%ctx, %s, %c2) : (!llvm.ptr, memref<?x4xf32, strided<[8, 1], offset: ?>>, index) -> ()
  %v = memref.subview %a[0, 4] [3, 4] [1, 1] : memref<3x8xf32> to memref<3x4xf32, strided<[8, 1], offset: 4>>
  memref.copy %v, %b : memref<3x4xf32, strided<[8, 1], offset: 4>> to memref<3x4xf32>
  memref.copy %b, %c : memref<3x4xf32> to memref<3x4xf32>
  %ok = arith.constant 0 : i32
  return %ok : i32
}
