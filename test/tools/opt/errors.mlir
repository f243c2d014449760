// Invalid IR, an unknown pass, an unknown option and a missing file: a message with a position, no traceback.
// RUN: not aicc-opt %s --no-such-pass 2>&1 | filecheck %s --check-prefix=PASS
// RUN: not aicc-opt %s --pass-pipeline='func.func(cse' 2>&1 | filecheck %s --check-prefix=BRACKET
// RUN: not aicc-opt %s.missing 2>&1 | filecheck %s --check-prefix=FILE
// RUN: not aicc-opt %s --mcpu=z80 2>&1 | filecheck %s --check-prefix=CPU

// PASS: error[AICC-2003]: {{.*}}no-such-pass
// PASS-NOT: Traceback
// BRACKET: error[AICC-2003]: {{.*}}brackets
// FILE: error[AICC-4002]: cannot read '{{.*}}errors.mlir.missing': no such file or directory.
// CPU: error[AICC-3002]: CPU 'z80' is unknown
func.func @fine() { return }
