// RUN: aicc-opt --target cuda --mcpu sm_80 --outline-launches %s | FileCheck %s

// What a launch reads of its surroundings moves into it, temporaries become buffers of the context.

// CHECK-LABEL: func.func @k0(
// CHECK-SAME: %[[CTX:.*]]: !llvm.ptr, %[[A:.*]]: memref<f32>, %[[O:.*]]: memref<64x8xf32>, %[[N:.*]]: index)
// CHECK: %[[P:.*]] = call @aicc_buffer_acquire(%[[CTX]], %{{.*}}) : (!llvm.ptr, i64) -> !llvm.ptr
// CHECK: gpu.launch_func @device::@k0_kernel_0 blocks in (%[[N]], %{{.*}}) {{.*}} args(%[[A]] : memref<f32>, %[[N]] : index, %{{.*}} : memref<f32>)
// CHECK: gpu.launch_func @device::@k0_kernel_1
// CHECK: call @aicc_buffer_release(%[[CTX]], %[[P]])
// CHECK: gpu.module @device
// CHECK: gpu.func @k0_kernel_0(
// CHECK: memref.reinterpret_cast
// CHECK: memref.load
func.func @k0(%a: memref<f32>, %o: memref<64x8xf32>, %n: index) attributes {aicc.kernel, aicc.outputs = 1 : i64} {
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %m = memref.reinterpret_cast %a to offset: [0], sizes: [%n, 8], strides: [8, 1] : memref<f32> to memref<?x8xf32, strided<[8, 1]>>
  %t = memref.alloc(%n) : memref<?x8xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %n, %gy = %c1, %gz = %c1) threads(%tx, %ty, %tz) in (%sx = %c8, %sy = %c1, %sz = %c1) {
    %x = memref.load %m[%bx, %tx] : memref<?x8xf32, strided<[8, 1]>>
    memref.store %x, %t[%bx, %tx] : memref<?x8xf32>
    gpu.terminator
  }
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %n, %gy = %c1, %gz = %c1) threads(%tx, %ty, %tz) in (%sx = %c8, %sy = %c1, %sz = %c1) {
    %x = memref.load %t[%bx, %tx] : memref<?x8xf32>
    memref.store %x, %o[%bx, %tx] : memref<64x8xf32>
    gpu.terminator
  }
  return
}
