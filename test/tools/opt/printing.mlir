// RUN: aicc-opt %s --mlir-print-op-generic | filecheck %s --check-prefix=GENERIC
// RUN: aicc-opt %s --mlir-elide-elementsattrs-if-larger=2 | filecheck %s --check-prefix=ELIDE
// RUN: aicc-opt %s --mlir-print-debuginfo | filecheck %s --check-prefix=LOCATION
// RUN: aicc-opt %s -cse --mlir-print-ir-after-all 2>&1 | filecheck %s --check-prefix=AFTER

// GENERIC: "func.func"()
// ELIDE: dense_resource<__elided__>
// LOCATION: loc({{.*}}:10:
// AFTER: IR after mlir(cse)
func.func @table() -> tensor<4xf32> {
  %table = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  return %table : tensor<4xf32>
}
