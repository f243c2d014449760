"""Weights of 7 bits on CPUs without VNNI: `pmaddubsw`, whose sums of two products fit 16 bits; of 8 bits never."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest

import aicc
from aicc.driver import Options, compile_model
from aicc.target import Target
from test.ops.quantized import Graph, convolved
from test.ops.test_quantization import X86, run
from test.tools.quantize.test_quantize import a_model, samples

LIMIT = 64
CPUS = {
    "x86-64-v2": "llvm.x86.ssse3.pmadd.ub.sw",
    "x86-64-v3": "llvm.x86.avx2.pmadd.ub.sw",
    "x86-64-v4": "llvm.x86.avx512.pmaddubs.w",
}
HERE = [cpu for cpu in CPUS if Target.cpu_named(cpu).features <= Target.host().features]


def products(rng: np.random.Generator, largest: int) -> Graph:
    """Matrix products and a convolution whose sums of two products are as large as `largest` makes them: 255 times
    weights of one sign, of the other, and of both; sums with and without a tail."""
    g = Graph()
    for m, k, n in ((1, 64, 16), (9, 67, 40), (24, 130, 33)):
        a = np.full((m, k), 255, np.uint8)
        a[m // 2 :] = rng.integers(0, 256, (m - m // 2, k))
        b = rng.integers(-largest, largest + 1, (k, n)).astype(np.int8)
        b[:, 0], b[:, 1], b[:, 2] = largest, -largest, np.where(np.arange(k) % 4 < 2, largest, -largest)
        y = g.node("MatMulInteger", g.input(a), g.constant(b, np.int8), g.constant(3, np.uint8))
        g.output(y, ((a.astype(np.int64) - 3) @ b.astype(np.int64)).astype(np.int32))
    x = np.full((1, 8, 6, 7), 255, np.uint8)
    w = rng.integers(-largest, largest + 1, (16, 8, 3, 3)).astype(np.int8)
    w[0], w[1] = largest, -largest
    y = g.node("ConvInteger", g.input(x), g.constant(w, np.int8), kernel_shape=[3, 3])
    g.output(y, convolved(x, w, 0, 0).astype(np.int32))
    return g


@pytest.mark.parametrize("cpu", HERE)
@pytest.mark.parametrize("largest", [LIMIT, LIMIT + 1, 127])
def test_exact(cpu: str, largest: int, rng: np.random.Generator) -> None:
    exe = run(products(rng, largest), Target.cpu_named(cpu))
    assert sum(k.schedule.startswith("dot(") for k in exe.kernels) >= 3


@pytest.mark.parametrize("cpu", CPUS)
def test_by_the_numbers_of_the_weights(cpu: str, rng: np.random.Generator) -> None:
    """One weight beyond the limit, and the kernel takes products of 16 bits."""

    def text(largest: int) -> str:
        g = Graph()
        b = rng.integers(-LIMIT, LIMIT + 1, (64, 32)).astype(np.int8)
        b[5, 7] = largest
        g.output(
            g.node("MatMulInteger", g.input(np.zeros((16, 64), np.uint8)), g.constant(b, np.int8)),
            np.zeros((16, 32), np.int32),
        )
        return compile_model(
            g.model(), None, Options(target=Target.cpu_named(cpu, X86), stop_after="loops")
        ).text

    assert CPUS[cpu] in text(LIMIT) and CPUS[cpu] in text(-LIMIT)
    assert CPUS[cpu] not in text(LIMIT + 1) and "pmadd" in text(LIMIT + 1)
    assert CPUS[cpu] not in text(-LIMIT - 1)


def test_a_kernel_of_two_weights(rng: np.random.Generator) -> None:
    """A kernel that two calls share is narrow only where both weights are."""
    wide, narrow = (np.full((64, 32), number, np.int8) for number in (100, 3))
    g = Graph()
    for b in (narrow, wide):
        a = np.full((16, 64), 255, np.uint8)
        y = g.node("MatMulInteger", g.input(a), g.constant(b, np.int8))
        g.output(y, (a.astype(np.int64) @ b.astype(np.int64)).astype(np.int32))
    run(g, Target.cpu_named(HERE[-1])) if HERE else pytest.skip("an x86 CPU")


def test_quantizer_writes_narrow_weights() -> None:
    result: Any = aicc.quantize(a_model(), data=samples(), mode="static", reduce_range=True)
    arrays = [t for t in result.model.graph.initializer if t.name.endswith("_quantized") and t.data_type == 3]
    numbers = [onnx.numpy_helper.to_array(t).astype(int) for t in arrays]
    assert numbers and max(np.abs(x).max() for x in numbers) == LIMIT
    assert all(row.snr > 20 for row in result.errors)
