"""Convolutions: Winograd's products, a direct one of stride 2, a depthwise one, in vectors of channels."""

# RUN: %python %s %t.onnx
# RUN: aicc %t.onnx --emit asm %v4 | hot-loops | filecheck %s --check-prefix=V4
# RUN: aicc %t.onnx --emit asm %v3 | hot-loops | filecheck %s --check-prefix=V3
# RUN: aicc %t.onnx --emit asm %arm | hot-loops | filecheck %s --check-prefix=ARM

# The products of Winograd tiles.
# V4-LABEL: kernel conv_28x28x64_by_3x3x64
# V4: vbroadcastss {{.*}}%zmm
# V4-COUNT-16: vfmadd231ps %zmm{{.*}}%zmm
# V4: spills: 0
# V4-NEXT: calls: none
# The depthwise one: no broadcasts, weights are vectors.
# V4-LABEL: kernel conv_28x28x64_by_3x3_
# V4-NOT: vbroadcastss
# V4-COUNT-18: vfmadd{{231|213|132}}ps {{.*}}%zmm
# V4: spills: {{[0-9]$}}
# V4-NEXT: calls: none
# Stride 2.
# V4-LABEL: kernel conv_14x14x96_by_3x3x64
# V4: vbroadcastss {{.*}}%zmm
# V4-COUNT-16: vfmadd231ps %zmm{{.*}}%zmm
# V4: spills: 0
# V4-NEXT: calls: none

# V3-LABEL: kernel conv_28x28x64_by_3x3x64
# V3-NOT: zmm
# V3: vbroadcastss {{.*}}%ymm
# V3-COUNT-12: vfmadd231ps %ymm{{.*}}%ymm
# V3: spills: 0
# V3-NEXT: calls: none
# V3-LABEL: kernel conv_28x28x64_by_3x3_
# V3-NOT: {{zmm|vbroadcastss}}
# V3-COUNT-18: vfmadd{{231|213|132}}ps {{.*}}%ymm
# V3: spills: {{[0-9]$}}
# V3-NEXT: calls: none
# V3-LABEL: kernel conv_14x14x96_by_3x3x64
# V3-NOT: zmm
# V3-COUNT-12: vfmadd231ps %ymm{{.*}}%ymm
# V3: spills: 0
# V3-NEXT: calls: none

# ARM-LABEL: kernel conv_28x28x64_by_3x3x64
# ARM-COUNT-16: fmla v{{[0-9]+}}.4s, v{{[0-9]+}}.4s, v{{[0-9]+}}
# ARM: spills: {{[0-2]$}}
# ARM-NEXT: calls: none
# ARM-LABEL: kernel conv_28x28x64_by_3x3_
# ARM-COUNT-18: fmla v{{[0-9]+}}.4s, v{{[0-9]+}}.4s, v{{[0-9]+}}.4s
# ARM: spills: {{[0-9]$}}
# ARM-NEXT: calls: none
# ARM-LABEL: kernel conv_14x14x96_by_3x3x64
# ARM-COUNT-16: fmla v{{[0-9]+}}.4s, v{{[0-9]+}}.4s, v{{[0-9]+}}
# ARM: spills: {{[0-2]$}}
# ARM-NEXT: calls: none

import sys

import onnx

from test.models.builder import Graph

g = Graph("convolutions")
x = g.Relu(g.input("x", 1, 64, 28, 28))
x = g.Relu(g.Conv(x, g.weight(64, 64, 3, 3), g.weight(64), pads=[1] * 4))
x = g.Relu(g.Conv(x, g.weight(64, 1, 3, 3), g.weight(64), pads=[1] * 4, group=64))
x = g.Relu(g.Conv(x, g.weight(96, 64, 3, 3), g.weight(96), pads=[1] * 4, strides=[2, 2]))
g.output(g.GlobalAveragePool(x), 1, 96, 1, 1)

onnx.save(g.model(), sys.argv[1])
