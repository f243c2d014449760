// RUN: aicc-opt --target cuda --mcpu sm_90 --outline-launches --wait-for-grids %s | FileCheck %s

// Memory is touched in branches and loops: all threads wait before them.

// CHECK-LABEL: gpu.func @k1_kernel_0(
// CHECK: gpu.thread_id
// CHECK: arith.cmpi
// CHECK-NEXT: nvvm.griddepcontrol wait
// CHECK-NEXT: nvvm.griddepcontrol launch_dependents
// CHECK-NEXT: scf.if
// CHECK: memref.store
func.func @k1(%a0: memref<128xf32>) attributes {aicc.kernel, aicc.outputs = 1 : i64} {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %c100 = arith.constant 100 : index
  gpu.launch blocks(%b, %b1, %b2) in (%g = %c1, %g1 = %c1, %g2 = %c1) threads(%t, %t1, %t2) in (%s = %c64, %s1 = %c1, %s2 = %c1) {
    %i = arith.addi %t, %c64 : index
    %inside = arith.cmpi ult, %i, %c100 : index
    scf.if %inside {
      %v = memref.load %a0[%t] : memref<128xf32>
      memref.store %v, %a0[%i] : memref<128xf32>
    }
    gpu.terminator
  }
  return
}
