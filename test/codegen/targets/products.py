"""A matrix product with bias and GELU: one broadcast and a row of multiply-adds for each row of the tile."""

# RUN: %python %s %t.onnx
# RUN: aicc %t.onnx --emit asm %v4 | hot-loops | filecheck %s --check-prefix=V4
# RUN: aicc %t.onnx --emit asm %v3 | hot-loops | filecheck %s --check-prefix=V3
# RUN: aicc %t.onnx --emit asm %arm | hot-loops | filecheck %s --check-prefix=ARM

# V4-LABEL: kernel matmul_128x512_by_256
# V4: vbroadcastss {{.*}}%zmm
# V4-NOT: {{%[xy]mm}}
# V4-COUNT-16: vfmadd231ps %zmm{{.*}}%zmm
# V4: spills: 0
# V4-NEXT: calls: none

# V3-LABEL: kernel matmul_128x512_by_256
# V3-NOT: zmm
# V3: vbroadcastss {{.*}}%ymm
# V3-COUNT-12: vfmadd231ps %ymm{{.*}}%ymm
# V3: spills: 0
# V3-NEXT: calls: none

# ARM-LABEL: kernel matmul_128x512_by_256
# ARM: {{ld1r|s8|s[0-9]+}}
# ARM-COUNT-16: fmla v{{[0-9]+}}.4s, v{{[0-9]+}}.4s, v{{[0-9]+}}
# ARM: spills: 0
# ARM-NEXT: calls: none

import sys

import numpy as np
import onnx

from test.models.builder import Graph

g = Graph("products")
y = g.Add(g.MatMul(g.input("x", 128, 256), g.weight(256, 512)), g.weight(512))
half = g.Mul(y, np.float32(0.5))
g.output(g.Mul(half, g.Add(g.Erf(g.Div(y, np.float32(2**0.5))), np.float32(1))), 128, 512)

onnx.save(g.model(), sys.argv[1])
