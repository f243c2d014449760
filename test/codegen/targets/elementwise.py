"""An exponential, which is a polynomial in registers, and a transposition, which is shuffles in registers."""

# RUN: %python %s %t.onnx
# RUN: aicc %t.onnx --emit asm %v4 | hot-loops | filecheck %s --check-prefix=V4
# RUN: aicc %t.onnx --emit asm %v3 | hot-loops | filecheck %s --check-prefix=V3
# RUN: aicc %t.onnx --emit asm %arm | hot-loops | filecheck %s --check-prefix=ARM

# V4-LABEL: kernel pointwise_4096
# V4-NOT: {{%[xy]mm}}
# V4-COUNT-6: vfmadd{{231|213|132}}ps %zmm
# V4: vpslld $23
# V4: vmovups %zmm{{[0-9]+}}, {{.*}}(
# V4: spills: 0
# V4-NEXT: calls: none
# V4-LABEL: kernel copy_512x256
# V4-COUNT-32: vunpck{{[lh]}}ps {{.*}}%zmm
# V4: vmovup{{[sd]}} %zmm{{[0-9]+}}, {{.*}}(
# V4: spills: 0
# V4-NEXT: calls: none

# V3-NOT: zmm
# V3-LABEL: kernel pointwise_4096
# V3-COUNT-6: vfmadd{{231|213|132}}ps {{.*}}%ymm
# V3: vpslld $23
# V3: spills: {{[01]$}}
# V3-NEXT: calls: none
# V3-LABEL: kernel copy_512x256
# V3-COUNT-8: vunpck{{[lh]}}ps {{.*}}%ymm
# V3: vmovup{{[sd]}} %ymm{{[0-9]+}}, {{.*}}(
# V3: spills: 0
# V3-NEXT: calls: none

# ARM-LABEL: kernel pointwise_4096
# ARM-COUNT-6: fmla v{{[0-9]+}}.4s
# ARM: spills: 0
# ARM-NEXT: calls: none
# ARM-LABEL: kernel copy_512x256
# ARM-COUNT-4: {{zip|trn|uzp}}{{[12]}} v
# ARM: spills: 0
# ARM-NEXT: calls: none

import sys

import onnx

from test.models.builder import Graph

g = Graph("elementwise")
g.output(g.Exp(g.input("x", 4096)), 4096)
g.output(g.Transpose(g.input("t", 256, 512), perm=[1, 0]), 512, 256)

onnx.save(g.model(), sys.argv[1])
