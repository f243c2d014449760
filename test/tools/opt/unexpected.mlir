// RUN: not aicc-opt %s -verify-diagnostics 2>&1 | filecheck %s

// The diagnostic on line 7 is not expected, the one expected on line 10 does not come.
// CHECK-DAG: unexpected.mlir:7: error: unexpected error: {{.*}}'func.return' op has 0 operands
// CHECK-DAG: unexpected.mlir:10: error: expected error "nothing of the kind" was not produced
func.func @missing() -> i32 {
  return
}
func.func @fine() {
  return // expected-error {{nothing of the kind}}
}
