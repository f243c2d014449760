"""Quantized operators and QDQ graphs: bit-exact against integers of 64 bits, on random numbers and on extremes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper

import aicc
from aicc.driver import Options, compile_model
from aicc.target import Target
from test.ops.quantized import Graph, convolved, numbers, requantized, transposed

Array = np.ndarray[Any, Any]
KINDS = ("random", "ends", "min", "max")
X86 = "x86_64-unknown-linux-gnu"
INSTRUCTIONS = (
    ("znver5", X86, "vpdpbusd"),
    ("alderlake", X86, "vpdpbusd"),
    ("x86-64-v4", X86, "vpmaddwd"),
    ("x86-64-v3", X86, "vpmaddwd"),
    ("x86-64", X86, "pmaddwd"),
    ("neoverse-n1", "aarch64-unknown-linux-gnu", "sdot"),
    ("neoverse-v1", "aarch64-unknown-linux-gnu", "usdot"),
)


def targets() -> list[Target]:
    """This machine, and older ones that it can stand for."""
    host = Target.host()
    named = [Target.cpu_named(cpu) for cpu in ("x86-64", "x86-64-v3", "alderlake", "x86-64-v4")]
    return [host, *(t for t in named if host.triple.startswith("x86_64") and t.features <= host.features)]


def run(graph: Graph, target: Target | None = None, opt_level: int = 2) -> Any:
    """Compiles, runs and compares; the executable."""
    exe = aicc.compile(graph.model(), target=target or Target.host(), opt_level=opt_level)
    results = exe(dict(graph.inputs))
    results = results if isinstance(results, (list, tuple)) else [results]
    for (name, want), got in zip(graph.expected.items(), results, strict=True):
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want, err_msg=name)
    return exe


def products(rng: np.random.Generator) -> Graph:
    """MatMulInteger of all signs and odd sizes, with zero points by row and column, at all extremes."""
    g = Graph()
    types = [(np.uint8, np.int8), (np.int8, np.int8), (np.uint8, np.uint8), (np.int8, np.uint8)]
    sizes = [(1, 64, 16), (7, 66, 33), (13, 3, 5), (40, 129, 48)]
    for number, (kind, (m, k, n)) in enumerate(zip(KINDS, sizes, strict=True)):
        for left, right in (types[number], types[-1 - number]):
            a, b = numbers(rng, (m, k), left, kind), numbers(rng, (k, n), right, kind)
            a_zero, b_zero = numbers(rng, (), left), numbers(rng, (n,), right)
            y = g.node(
                "MatMulInteger",
                g.input(a),
                g.constant(b, right),
                g.constant(a_zero, left),
                g.constant(b_zero, right),
            )
            total = (a.astype(np.int64) - a_zero) @ (b.astype(np.int64) - b_zero)
            g.output(y, total.astype(np.int32))
    return g


@pytest.mark.parametrize("target", targets(), ids=lambda t: t.cpu)
def test_products(target: Target, rng: np.random.Generator) -> None:
    exe = run(products(rng), target)
    assert sum(k.schedule.startswith(("dot(", "amx(")) for k in exe.kernels) >= 4  # equal kernels are one


def test_products_without_optimization(rng: np.random.Generator) -> None:
    """The schedule that takes every kernel computes the same."""
    exe = run(products(rng), opt_level=1)
    assert not any(k.schedule.startswith(("dot(", "amx(")) for k in exe.kernels)


def test_products_of_two_inputs(rng: np.random.Generator) -> None:
    """Neither side is known when the model is compiled."""
    g = Graph()
    for kind, shape in zip(KINDS, [(2, 9, 33), (1, 4, 7), (3, 2, 64), (1, 16, 16)], strict=True):
        batch, m, k = shape
        a, b = numbers(rng, (batch, m, k), np.uint8, kind), numbers(rng, (batch, k, 20), np.int8, kind)
        g.output(
            g.node("MatMulInteger", g.input(a), g.input(b)),
            (a.astype(np.int64) @ b.astype(np.int64)).astype(np.int32),
        )
    run(g)


CONVOLUTIONS: tuple[dict[str, Any], ...] = (
    {"x": (1, 16, 9, 8), "w": (32, 16, 1, 1)},
    {"x": (2, 20, 9, 9), "w": (33, 20, 3, 3), "pads": (1, 1, 1, 1)},
    {"x": (1, 3, 20, 22), "w": (24, 3, 7, 7), "pads": (3, 3, 3, 3), "strides": (2, 2)},
    {"x": (1, 6, 11, 9), "w": (16, 6, 3, 3), "pads": (0, 1, 2, 1), "strides": (2, 1)},
    {"x": (1, 40, 10, 10), "w": (40, 1, 3, 3), "pads": (1, 1, 1, 1), "group": 40},
    {"x": (1, 32, 8, 8), "w": (64, 8, 3, 3), "pads": (1, 1, 1, 1), "group": 4},
)


def convolutions(rng: np.random.Generator, *types: tuple[Any, Any]) -> Graph:
    g = Graph()
    for number, given in enumerate(CONVOLUTIONS):
        for left, right in types:
            attrs = {k: v for k, v in given.items() if k not in ("x", "w")}
            kind = KINDS[number % len(KINDS)]
            x, w = numbers(rng, given["x"], left, kind), numbers(rng, given["w"], right, kind)
            x_zero = int(numbers(rng, (), left))
            # a zero point of the weights needs sums over windows, which a few groups do not have
            w_zero = 0 if right is np.int8 else 130
            y = g.node(
                "ConvInteger",
                g.input(x),
                g.constant(w, right),
                g.constant(x_zero, left),
                g.constant(w_zero, right),
                **attrs,
            )
            g.output(y, convolved(x, w, x_zero, w_zero, **attrs).astype(np.int32))
    return g


@pytest.mark.parametrize("target", targets()[::2], ids=lambda t: t.cpu)
def test_convolutions(target: Target, rng: np.random.Generator) -> None:
    run(convolutions(rng, (np.uint8, np.int8), (np.int8, np.int8)), target)


def test_convolutions_with_zero_points_of_weights(rng: np.random.Generator) -> None:
    run(convolutions(rng, (np.uint8, np.uint8)))


def test_linear_convolution(rng: np.random.Generator) -> None:
    """QLinearConv, a scale and a zero point for each output channel."""
    g = Graph()
    for left, out in ((np.uint8, np.uint8), (np.int8, np.int8), (np.uint8, np.int8)):
        x, w = numbers(rng, (1, 12, 9, 9), left), numbers(rng, (20, 12, 3, 3), np.int8)
        bias = rng.integers(-9000, 9000, 20).astype(np.int32)
        scale = rng.uniform(0.001, 0.02, 20).astype(np.float32)
        x_scale, y_scale = np.float32(0.037), np.float32(0.9)
        x_zero, y_zero = int(numbers(rng, (), left)), int(numbers(rng, (), out))
        w_zero = numbers(rng, (20,), np.int8)
        y = g.node(
            "QLinearConv",
            g.input(x),
            g.constant(x_scale, np.float32),
            g.constant(x_zero, left),
            g.constant(w, np.int8),
            g.constant(scale, np.float32),
            g.constant(w_zero, np.int8),
            g.constant(y_scale, np.float32),
            g.constant(y_zero, out),
            g.constant(bias, np.int32),
            pads=(1, 1, 1, 1),
        )
        total = convolved(x, w, x_zero, w_zero, pads=(1, 1, 1, 1)) + bias[:, None, None]
        factor = (x_scale * scale / y_scale)[:, None, None]
        g.output(y, requantized(total, factor, y_zero, out))
    run(g)


class Qdq:
    """A QDQ graph beside what it computes in integers."""

    def __init__(self, g: Graph, rng: np.random.Generator) -> None:
        self.g, self.rng = g, rng

    def quantize(self, x: str, scale: float, zero: int, dtype: Any = np.uint8) -> str:
        g = self.g
        parameters = g.constant(scale, np.float32), g.constant(zero, dtype)
        return g.node("DequantizeLinear", g.node("QuantizeLinear", x, *parameters), *parameters)

    def weights(self, w: Array, scale: Array, axis: int) -> str:
        g = self.g
        return g.node(
            "DequantizeLinear",
            g.constant(w, np.int8),
            g.constant(scale, np.float32),
            g.constant(np.zeros(scale.shape), np.int8),
            axis=axis,
        )

    def bias(self, bias: Array, scale: Array) -> str:
        g = self.g
        return g.node(
            "DequantizeLinear",
            g.constant(bias, np.int32),
            g.constant(scale, np.float32),
            g.constant(np.zeros(scale.shape), np.int32),
            axis=0,
        )


def residual_block(rng: np.random.Generator, dtype: Any) -> Graph:
    """Conv, relu, max pool, conv, a sum with the pool's result, transposed and multiplied: all in one grid."""
    g = Graph()
    q = Qdq(g, rng)
    low = int(np.iinfo(dtype).min)
    x = rng.standard_normal((1, 8, 12, 12)).astype(np.float32)
    # scales that are powers of two: the float graph rounds nothing, so that all must agree to the bit
    s = [np.float32(2.0**-k) for k in (5, 4, 4, 3, 5)]
    w1, w2 = (rng.integers(-128, 128, (16, c, 3, 3)).astype(np.int8) for c in (8, 16))
    t1, t2 = (2.0 ** rng.integers(-9, -6, 16).astype(np.float32) for _ in range(2))
    b1 = rng.integers(-500, 500, 16).astype(np.int32)
    zeros = [low + z for z in (130, 0, 0, 100, 128)]

    a = q.quantize(g.input(x), s[0], zeros[0], dtype)
    y = g.node("Conv", a, q.weights(w1, t1, 0), q.bias(b1, s[0] * t1), pads=[1, 1, 1, 1])
    y = q.quantize(g.node("Relu", y), s[1], zeros[1], dtype)
    p = q.quantize(g.node("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2]), s[1], zeros[1], dtype)
    z = q.quantize(g.node("Conv", p, q.weights(w2, t2, 0), pads=[1, 1, 1, 1]), s[3], zeros[3], dtype)
    z = q.quantize(g.node("Add", z, p), s[4], zeros[4], dtype)
    z = g.node("Transpose", z, perm=[0, 2, 3, 1])
    w3 = rng.integers(-128, 128, (16, 10)).astype(np.int8)
    t3 = 2.0 ** rng.integers(-9, -6, 10).astype(np.float32)
    out = g.node("MatMul", z, q.weights(w3, t3, 1))

    def grid(v: Array, scale: Any, zero: int) -> Array:
        limits = np.iinfo(dtype)
        return np.clip(np.rint(v / float(scale)) + zero, limits.min, limits.max) - zero

    v = grid(x.astype(np.float64), s[0], zeros[0])
    v = (convolved(v, w1, 0, 0, pads=(1, 1, 1, 1)) + b1[:, None, None]) * (s[0] * t1)[:, None, None]
    v = grid(v, s[1], zeros[1])
    pooled = v.reshape(1, 16, 6, 2, 6, 2).max((3, 5))
    v = convolved(pooled, w2, 0, 0, pads=(1, 1, 1, 1)) * (s[1] * t2)[:, None, None]
    v = grid(v, s[3], zeros[3]) * s[3] + pooled * s[1]
    v = grid(v, s[4], zeros[4]).transpose(0, 2, 3, 1) @ (w3 * t3) * s[4]
    g.output(out, v.astype(np.float32))
    return g


def test_scales_of_a_run_are_divided(rng: np.random.Generator) -> None:
    """DynamicQuantizeLinear divides the range by 255 in f32: times 1/255, a scale may be the next number."""
    for positive in (False, True) * 3:
        x = rng.normal(size=777).astype(np.float32)
        x = np.abs(x) if positive else x
        g = Graph()
        names = ["y", "scale", "zero"]
        g.nodes.append(helper.make_node("DynamicQuantizeLinear", [g.input(x)], names))
        low, high = min(x.min(), np.float32(0)), max(x.max(), np.float32(0))
        scale = np.asarray((high - low) / np.float32(255))
        zero = np.asarray(np.rint(np.clip(-low / scale, 0, 255)), np.uint8)
        y = np.clip(np.rint(x / scale) + np.float32(zero), 0, 255).astype(np.uint8)
        for name, array in zip(names, (y, scale, zero), strict=True):
            g.output(name, array)
        run(g)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_folded_graph(dtype: Any, rng: np.random.Generator) -> None:
    """Both convolutions and the product are computed in integers, and nothing is stored in float but the result."""
    exe = run(residual_block(rng, dtype))
    schedules = [k.schedule for k in exe.kernels]
    assert sum(s.startswith(("dot(", "amx(")) for s in schedules) == 3
    assert not any(s.startswith(("contraction", "winograd")) for s in schedules)


def attention(rng: np.random.Generator, dtype: Any, kind: str) -> Graph:
    """Q·K^T and P·V of rounded activations, each with a zero point of its own; P·V is rounded once more."""
    g = Graph()
    q = Qdq(g, rng)
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    # powers of two: the float graph rounds nothing but where it says so
    scales = [np.float32(2.0**-k) for k in (4, 3, 5, 2, -3)]
    zeros = [low + z for z in (120, 3, 255, 0, 77)]
    values, wide = [], []
    for shape, scale, zero in zip(
        [(1, 9, 2, 20), (1, 33, 2, 20), (1, 33, 2, 24)], scales, zeros, strict=False
    ):
        whole = numbers(rng, shape, dtype, kind).astype(np.float64) - zero
        values.append(q.quantize(g.input((whole * scale).astype(np.float32)), scale, zero, dtype))
        wide.append((whole * scale).transpose(0, 2, 1, 3))
    k = g.node("Transpose", values[1], perm=[0, 2, 3, 1])
    left, right = (g.node("Transpose", values[i], perm=[0, 2, 1, 3]) for i in (0, 2))
    p = q.quantize(
        g.node("MatMul", left, q.quantize(k, scales[1], zeros[1], dtype)), scales[3], zeros[3], dtype
    )
    y = q.quantize(g.node("MatMul", p, right), scales[4], zeros[4], dtype)
    out = g.node("Reshape", g.node("Transpose", y, perm=[0, 2, 1, 3]), g.constant([9, 48], np.int64))
    out = q.quantize(out, scales[4], zeros[4], dtype)

    def grid(v: Array, i: int) -> Array:
        return (np.clip(np.rint(v / scales[i]) + zeros[i], low, high) - zeros[i]) * scales[i]

    real = grid(grid(wide[0] @ wide[1].transpose(0, 1, 3, 2), 3) @ wide[2], 4)
    g.output(out, real.transpose(0, 2, 1, 3).reshape(9, 48).astype(np.float32))
    return g


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_products_of_activations(dtype: Any, kind: str, rng: np.random.Generator) -> None:
    """Both of attention's products run in integers, whatever the zero points are."""
    exe = run(attention(rng, dtype, kind))
    assert sum(k.schedule.startswith(("dot(", "amx(")) for k in exe.kernels) == 2


@pytest.mark.parametrize(("cpu", "triple", "instruction"), INSTRUCTIONS, ids=lambda v: v)
def test_instruction(cpu: str, triple: str, instruction: str) -> None:
    """Each CPU's own dot product, and never the one that saturates."""
    g = Graph()
    a, b = np.zeros((16, 68), np.uint8), np.arange(68 * 64).reshape(68, 64).astype(np.int8)
    y = g.node("MatMulInteger", g.input(a), g.constant(b, np.int8), g.constant(3, np.uint8))
    g.output(y, np.zeros((16, 64), np.int32))
    text = compile_model(g.model(), None, Options(target=Target.cpu_named(cpu, triple), emit="asm")).text
    assert f"\t{instruction}\t" in text
    assert "pmaddubsw" not in text


TRANSPOSED: dict[str, dict[str, Any]] = {
    "one run of phases": {"w": (16, 24, 2, 2), "pads": (0, 0, 0, 0)},
    "overlapping": {"w": (16, 24, 4, 4), "pads": (1, 1, 1, 1)},
    "gaps": {"w": (16, 32, 3, 2), "strides": (4, 3), "pads": (0, 1, 1, 0)},
    "groups": {"w": (16, 8, 3, 3), "pads": (1, 1, 1, 1), "output_padding": (1, 1), "group": 4},
    "depthwise": {"w": (16, 1, 4, 4), "pads": (1, 1, 1, 1), "group": 16},
}


def test_transposed_convolutions(rng: np.random.Generator) -> None:
    """Integers in phases: taps of other phases see the zero point, which is no zero."""
    g = Graph()
    q = Qdq(g, rng)
    for case in TRANSPOSED.values():
        attrs = {"strides": (2, 2), **{k: v for k, v in case.items() if k != "w"}}
        group = attrs.get("group", 1)
        x = rng.standard_normal((2, 16, 5, 7)).astype(np.float32)
        w = rng.integers(-127, 128, case["w"]).astype(np.int8)
        scale = 2.0 ** rng.integers(-9, -6, w.shape[1]).astype(np.float32)
        channels = np.tile(scale, group)
        bias = rng.integers(-500, 500, len(channels)).astype(np.int32)
        s = np.float32(2.0**-5)
        y = g.node(
            "ConvTranspose",
            q.quantize(g.input(x), s, 93),
            q.weights(w, scale, 1),
            q.bias(bias, s * channels),
            **attrs,
        )
        out = q.quantize(g.node("Relu", y), np.float32(2.0**-3), 0)
        grid = np.clip(np.rint(x.astype(np.float64) / float(s)) + 93, 0, 255).astype(np.int64) - 93
        total = transposed(grid, w, **attrs) + bias[:, None, None]
        real = np.maximum(total * (s * channels)[:, None, None].astype(np.float64), 0)
        g.output(out, (np.clip(np.rint(real * 8), 0, 255) / 8).astype(np.float32))
    exe = run(g)
    schedules = [k.schedule for k in exe.kernels]
    assert not any(schedule.startswith(("contraction", "winograd")) for schedule in schedules)
    # what is small goes without phases, with zero points between the elements
    assert sum(schedule.startswith(("dot(", "amx(")) for schedule in schedules) == 7
