// RUN: aicc-opt %s --keep-borders | filecheck %s

// %a and %c do not live at the same time: one buffer, whose border is filled once, with that of %b, by one kernel.
// %d is written in its border by another kernel: it keeps its own.

// CHECK:      func.func @border_{{[0-9a-f]+}}(%arg0: memref<4x4xf32>, %arg1: memref<4x4xf32>)
// CHECK-SAME:   aicc.outputs = 2
// CHECK-COUNT-2: linalg.fill
// CHECK-NOT:  @border_1_launch
// CHECK:      func.func @border_2(

// CHECK-LABEL: func.func @aicc_model_main(
// CHECK:      call @border_{{[0-9a-f]+}}_launch(%arg0, %reinterpret_cast, %reinterpret_cast_1)
// CHECK:      call @k0_launch(%arg0, %reinterpret_cast,
// CHECK:      call @k0_launch(%arg0, %reinterpret_cast_1,
// CHECK-NOT:  @border_1
// CHECK:      call @border_2_launch
func.func @border_1(%o: memref<4x4xf32>) attributes {aicc.kernel, aicc.schedule = "affine", aicc.config = "", aicc.outputs = 1 : i64} {
  %z = arith.constant 0.0 : f32
  %s = memref.subview %o[0, 0] [1, 4] [1, 1] : memref<4x4xf32> to memref<1x4xf32, strided<[4, 1]>>
  linalg.fill ins(%z : f32) outs(%s : memref<1x4xf32, strided<[4, 1]>>)
  return
}
func.func @border_2(%o: memref<4x4xf32>) attributes {aicc.kernel, aicc.schedule = "affine", aicc.config = "", aicc.outputs = 1 : i64} {
  %z = arith.constant 0.0 : f32
  %s = memref.subview %o[3, 0] [1, 4] [1, 1] : memref<4x4xf32> to memref<1x4xf32, strided<[4, 1], offset: 12>>
  linalg.fill ins(%z : f32) outs(%s : memref<1x4xf32, strided<[4, 1], offset: 12>>)
  return
}
func.func @k0(%x: memref<4x4xf32>, %y: memref<3x4xf32>) attributes {aicc.kernel, aicc.outputs = 1 : i64} {
  return
}
func.func private @k0_launch(!llvm.ptr, memref<4x4xf32>, memref<3x4xf32, strided<[4, 1], offset: ?>>)
func.func private @border_1_launch(!llvm.ptr, memref<4x4xf32>)
func.func private @border_2_launch(!llvm.ptr, memref<4x4xf32>)

func.func @aicc_model_main(%ctx: !llvm.ptr) {
  %four = arith.constant 4 : index
  %zero = arith.constant 0 : index
  %a = memref.alloc() : memref<4x4xf32>
  %a_all = memref.reinterpret_cast %a to offset: [0], sizes: [4, 4], strides: [4, 1] : memref<4x4xf32> to memref<4x4xf32>
  call @border_1_launch(%ctx, %a_all) : (!llvm.ptr, memref<4x4xf32>) -> ()
  %b = memref.alloc() : memref<4x4xf32>
  %b_all = memref.reinterpret_cast %b to offset: [0], sizes: [4, 4], strides: [4, 1] : memref<4x4xf32> to memref<4x4xf32>
  %b_in = memref.reinterpret_cast %b to offset: [%four], sizes: [3, 4], strides: [4, 1] : memref<4x4xf32> to memref<3x4xf32, strided<[4, 1], offset: ?>>
  call @k0_launch(%ctx, %a_all, %b_in) : (!llvm.ptr, memref<4x4xf32>, memref<3x4xf32, strided<[4, 1], offset: ?>>) -> ()
  call @border_1_launch(%ctx, %b_all) : (!llvm.ptr, memref<4x4xf32>) -> ()
  %c = memref.alloc() : memref<4x4xf32>
  %c_all = memref.reinterpret_cast %c to offset: [0], sizes: [4, 4], strides: [4, 1] : memref<4x4xf32> to memref<4x4xf32>
  %c_in = memref.reinterpret_cast %c to offset: [%four], sizes: [3, 4], strides: [4, 1] : memref<4x4xf32> to memref<3x4xf32, strided<[4, 1], offset: ?>>
  call @k0_launch(%ctx, %b_all, %c_in) : (!llvm.ptr, memref<4x4xf32>, memref<3x4xf32, strided<[4, 1], offset: ?>>) -> ()
  call @border_1_launch(%ctx, %c_all) : (!llvm.ptr, memref<4x4xf32>) -> ()
  %d = memref.alloc() : memref<4x4xf32>
  %d_all = memref.reinterpret_cast %d to offset: [0], sizes: [4, 4], strides: [4, 1] : memref<4x4xf32> to memref<4x4xf32>
  %d_in = memref.reinterpret_cast %d to offset: [%four], sizes: [3, 4], strides: [4, 1] : memref<4x4xf32> to memref<3x4xf32, strided<[4, 1], offset: ?>>
  call @k0_launch(%ctx, %c_all, %d_in) : (!llvm.ptr, memref<4x4xf32>, memref<3x4xf32, strided<[4, 1], offset: ?>>) -> ()
  call @border_2_launch(%ctx, %d_all) : (!llvm.ptr, memref<4x4xf32>) -> ()
  %e = memref.alloc() : memref<4x4xf32>
  %e_in = memref.reinterpret_cast %e to offset: [%zero], sizes: [3, 4], strides: [4, 1] : memref<4x4xf32> to memref<3x4xf32, strided<[4, 1], offset: ?>>
  call @k0_launch(%ctx, %d_all, %e_in) : (!llvm.ptr, memref<4x4xf32>, memref<3x4xf32, strided<[4, 1], offset: ?>>) -> ()
  return
}
