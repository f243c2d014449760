// RUN: aicc-opt %s -split-input-file -canonicalize | filecheck %s
// RUN: aicc-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(canonicalize))' | filecheck %s

// CHECK-LABEL: func.func @first
// CHECK-NEXT: return %arg0
func.func @first(%a: i32) -> i32 {
  %zero = arith.constant 0 : i32
  %sum = arith.addi %a, %zero : i32
  return %sum : i32
}

// -----

// CHECK: // -----
// CHECK-LABEL: func.func @second
// CHECK-NEXT: arith.constant 5
// CHECK-NEXT: return
func.func @second() -> i32 {
  %two = arith.constant 2 : i32
  %three = arith.constant 3 : i32
  %sum = arith.addi %two, %three : i32
  return %sum : i32
}
