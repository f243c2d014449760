"""Softmax and layer normalization: vectors along the row, exponentials by our own polynomial."""

# RUN: %python %s %t.onnx
# RUN: aicc %t.onnx --emit asm %v4 | hot-loops | filecheck %s --check-prefix=V4
# RUN: aicc %t.onnx --emit asm %v3 | hot-loops | filecheck %s --check-prefix=V3
# RUN: aicc %t.onnx --emit asm %arm | hot-loops | filecheck %s --check-prefix=ARM

# V4-LABEL: kernel rows_64_by_384
# V4: vfmadd{{231|213|132}}ps {{.*}}%zmm
# V4: calls: none
# V4-LABEL: kernel rows_64_by_768
# V4: {{v(f?n?m?add|sub|mul)[0-9]*ps}} {{.*}}%zmm
# V4: spills: {{[0-2]$}}
# V4-NEXT: calls: none

# V3-NOT: zmm
# V3-LABEL: kernel rows_64_by_384
# V3: vfmadd{{231|213|132}}ps {{.*}}%ymm
# V3: calls: none
# V3-LABEL: kernel rows_64_by_768
# V3: {{v(f?n?m?add|sub|mul)[0-9]*ps}} {{.*}}%ymm
# V3: spills: {{[0-2]$}}
# V3-NEXT: calls: none

# The constants of the exponential do not all stay in registers.
# ARM-LABEL: kernel rows_64_by_384
# ARM: fmla v{{[0-9]+}}.4s
# ARM: spills: {{[0-9]$}}
# ARM-NEXT: calls: none
# ARM-LABEL: kernel rows_64_by_768
# ARM: {{fmla|fmls|fadd|fsub|fmul}} v{{[0-9]+}}.4s
# ARM: spills: 0
# ARM-NEXT: calls: none

import sys

import onnx

from test.models.builder import Graph

g = Graph("rows")
g.output(g.Softmax(g.input("x", 64, 384), axis=-1), 64, 384)
g.output(g.LayerNormalization(g.input("y", 64, 768), g.weight(768), g.weight(768), axis=-1), 64, 768)

onnx.save(g.model(), sys.argv[1])
