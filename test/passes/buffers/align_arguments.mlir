// RUN: aicc-opt --target cuda --mcpu sm_80 --align-arguments %s | FileCheck %s
// RUN: aicc-opt --target simt --mcpu sm_80 --align-arguments %s | FileCheck %s --check-prefix=SIMT

// Arguments that are at multiples of 16 bytes in all calls: weights, places in the arena, inputs (on a GPU, where the runtime
// sees to it). Not so a slice that begins at an odd element, and what differs from call to call.

// CHECK: func.func @k0(%{{[a-z0-9]*}}: memref<8xf32> {llvm.align = 16 : i64}, %{{[a-z0-9]*}}: memref<8xf32> {llvm.align = 16 : i64}, %{{[a-z0-9]*}}: memref<8xf32> {llvm.align = 16 : i64})
// CHECK: func.func @k1(%{{[a-z0-9]*}}: memref<8xf32>, %{{[a-z0-9]*}}: memref<8xf32> {llvm.align = 16 : i64}, %{{[a-z0-9]*}}: memref<8xf32>)
// SIMT: func.func @k0(%{{[a-z0-9]*}}: memref<8xf32>, %{{[a-z0-9]*}}: memref<8xf32> {llvm.align = 16 : i64}, %{{[a-z0-9]*}}: memref<8xf32> {llvm.align = 16 : i64})
func.func @k0(%a0: memref<8xf32>, %a1: memref<8xf32>, %o0: memref<8xf32>) attributes {aicc.kernel} {
  return
}
func.func @k1(%a0: memref<8xf32>, %a1: memref<8xf32>, %o0: memref<8xf32>) attributes {aicc.kernel} {
  return
}
func.func private @k0_launch(!llvm.ptr, memref<8xf32>, memref<8xf32>, memref<8xf32>)
func.func private @k1_launch(!llvm.ptr, memref<8xf32, strided<[1], offset: ?>>, memref<8xf32>, memref<8xf32>)
func.func @aicc_model_main(%ctx: !llvm.ptr, %buffers: !llvm.ptr, %dims: !llvm.ptr, %weights: !llvm.ptr, %arena: !llvm.ptr) {
  %zero = llvm.mlir.constant(0 : i64) : i64
  %one = llvm.mlir.constant(1 : i64) : i64
  %eight = llvm.mlir.constant(8 : i64) : i64
  %c1024 = arith.constant 1024 : index
  %c72 = arith.constant 72 : index
  %e = llvm.mlir.undef : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>

  // the second input
  %at = llvm.getelementptr %buffers[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
  %x = llvm.load %at : !llvm.ptr -> !llvm.ptr
  %x0 = llvm.insertvalue %x, %e[0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %x1 = llvm.insertvalue %x, %x0[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %x2 = llvm.insertvalue %zero, %x1[2] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %x3 = llvm.insertvalue %eight, %x2[3, 0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %x4 = llvm.insertvalue %one, %x3[4, 0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %input = builtin.unrealized_conversion_cast %x4 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<8xf32>

  %w0 = llvm.insertvalue %weights, %e[0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %w1 = llvm.insertvalue %weights, %w0[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %w2 = llvm.insertvalue %zero, %w1[2] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %blob = builtin.unrealized_conversion_cast %w2 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<4096xi8>
  %weight = memref.view %blob[%c1024][] : memref<4096xi8> to memref<8xf32>

  %a0 = llvm.insertvalue %arena, %e[0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %a1 = llvm.insertvalue %arena, %a0[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %a2 = llvm.insertvalue %zero, %a1[2] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %all = builtin.unrealized_conversion_cast %a2 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<4096xi8>
  %buffer = memref.view %all[%c1024][] : memref<4096xi8> to memref<16xf32>
  %fourth = memref.reinterpret_cast %buffer to offset: [4], sizes: [8], strides: [1] : memref<16xf32> to memref<8xf32, strided<[1], offset: 4>>
  %third = memref.reinterpret_cast %buffer to offset: [3], sizes: [8], strides: [1] : memref<16xf32> to memref<8xf32, strided<[1], offset: 3>>
  %slice = memref.cast %third : memref<8xf32, strided<[1], offset: 3>> to memref<8xf32, strided<[1], offset: ?>>
  %good = memref.cast %fourth : memref<8xf32, strided<[1], offset: 4>> to memref<8xf32, strided<[1], offset: ?>>
  %odd = memref.view %all[%c72][] : memref<4096xi8> to memref<8xf32>
  %even = memref.view %all[%c1024][] : memref<4096xi8> to memref<8xf32>

  call @k0_launch(%ctx, %input, %weight, %even) : (!llvm.ptr, memref<8xf32>, memref<8xf32>, memref<8xf32>) -> ()
  call @k1_launch(%ctx, %slice, %weight, %even) : (!llvm.ptr, memref<8xf32, strided<[1], offset: ?>>, memref<8xf32>, memref<8xf32>) -> ()
  call @k1_launch(%ctx, %good, %even, %odd) : (!llvm.ptr, memref<8xf32, strided<[1], offset: ?>>, memref<8xf32>, memref<8xf32>) -> ()
  return
}
