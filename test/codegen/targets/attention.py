"""Attention in one kernel: both products from registers, exponentials between them."""

# RUN: %python %s %t.onnx
# RUN: aicc %t.onnx --emit asm %v4 | hot-loops | filecheck %s --check-prefix=V4
# RUN: aicc %t.onnx --emit asm %v3 | hot-loops | filecheck %s --check-prefix=V3
# RUN: aicc %t.onnx --emit asm %arm | hot-loops | filecheck %s --check-prefix=ARM

# V4-LABEL: kernel attention_4x64x64_by_32
# V4: vbroadcastss {{.*}}%zmm
# V4-COUNT-8: vfmadd231ps %zmm{{.*}}%zmm
# V4: spills: 0
# V4-NEXT: calls: {{none|memcpy}}

# V3-LABEL: kernel attention_4x64x64_by_32
# V3-NOT: zmm
# V3-COUNT-8: vfmadd231ps %ymm{{.*}}%ymm
# V3: spills: 0
# V3-NEXT: calls: {{none|memcpy}}

# ARM-LABEL: kernel attention_4x64x64_by_32
# ARM-COUNT-8: fmla v{{[0-9]+}}.4s
# ARM: spills: 0
# ARM-NEXT: calls: {{none|memcpy}}

import sys

import numpy as np
import onnx

from test.models.builder import Graph

g = Graph("attention")
q, k, v = (g.input(name, 4, 64, 32) for name in ("q", "k", "v"))
scores = g.Mul(g.MatMul(q, g.Transpose(k, perm=[0, 2, 1])), np.float32(32**-0.5))
g.output(g.MatMul(g.Softmax(scores, axis=-1), v), 4, 64, 32)

onnx.save(g.model(), sys.argv[1])
