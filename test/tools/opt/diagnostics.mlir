// RUN: aicc-opt %s -split-input-file -verify-diagnostics

func.func @types(%a: i32, %b: f32) -> i32 { // expected-note {{prior use here}}
  // expected-error@+1 {{use of value '%b' expects different type}}
  %sum = arith.addi %a, %b : i32
  return %sum : i32
}

// -----

// A valid piece between two invalid ones.
func.func @fine() { return }

// -----

func.func @missing() -> i32 {
  return // expected-error-re {{has 0 operands, but .* returns 1}}
}
