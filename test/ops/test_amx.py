"""Products on tile registers: exact, whatever is left over in rows, columns and sums; on machines that have them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aicc
from aicc.codegen.model_info import KernelInfo, ModelInfo
from aicc.driver import Options, compile_model
from aicc.passes.kernels.choose import ChooseSchedules
from aicc.passes.schedules.cpu.amx.instructions import ROWS
from aicc.passes.schedules.cpu.amx.plan import tile_depth, tile_rows, tile_shapes
from aicc.passes.schedules.cpu.contraction.plan import split_evenly
from aicc.passes.schedules.cpu.sizes import Size
from aicc.target import Target
from test.ops.quantized import Graph, convolved, numbers, requantized
from test.ops.test_quantization import CONVOLUTIONS, KINDS

BF16 = ml_dtypes.bfloat16
TILES = {"amx-tile", "amx-int8"} <= Target.host().features
needs_tiles = pytest.mark.skipif(not TILES, reason="this machine has no AMX, or the system does not grant it")
needs_halves = pytest.mark.skipif(
    not {"amx-tile", "amx-bf16", "avx512bf16"} <= Target.host().features,
    reason="this machine has no AMX for bf16, or the system does not grant it",
)

# rows, sums, columns: with remainders of each, of less than a tile, of a tile and more
PRODUCTS = (
    (1, 64, 32),
    (5, 128, 40),
    (16, 64, 16),
    (17, 68, 33),
    (31, 4, 8),
    (32, 192, 64),
    (33, 257, 31),
    (49, 96, 100),
    (130, 70, 48),
)


def compiled(graph: Graph, names: Mapping[int, str] | None = None) -> Any:
    """On tile registers, wherever they can compute the kernel; these dimensions of inputs and outputs have names."""
    model = graph.model()
    for value in (*model.graph.input, *model.graph.output):
        for dim, name in (names or {}).items():
            value.type.tensor_type.shape.dim[dim].dim_param = name
    pipeline = aicc.cpu_pipeline(Target.host())
    pipeline.replace("choose-schedules", ChooseSchedules(only="amx"))
    return aicc.compile(model, pipeline=pipeline)


def check(exe: Any, graph: Graph) -> None:
    results = exe(dict(graph.inputs))
    results = results if isinstance(results, (list, tuple)) else [results]
    for (name, want), got in zip(graph.expected.items(), results, strict=True):
        np.testing.assert_array_equal(got, want, err_msg=name)


def schedules_for(model: onnx.ModelProto, cpu: str) -> list[str]:
    """What is chosen for the kernels of a model, on any machine."""
    options = Options(target=Target.cpu_named(cpu), stop_after="kernels")
    return re.findall(r'aicc\.schedule = "(\w+)"', compile_model(model, None, options).text or "")


def on_tiles(exe: Any) -> int:
    return sum(kernel.schedule.startswith("amx(") for kernel in exe.kernels)


@needs_tiles
@pytest.mark.parametrize("kind", KINDS)
def test_products(kind: str, rng: np.random.Generator) -> None:
    g = Graph()
    for m, k, n in PRODUCTS:
        a, b = numbers(rng, (m, k), np.uint8, kind), numbers(rng, (k, n), np.int8, kind)
        b[0, 0] = 1  # weights that are all one number become a scalar
        total = (a.astype(np.int64) @ b.astype(np.int64)).astype(np.int32)
        g.output(g.node("MatMulInteger", g.input(a), g.constant(b, np.int8)), total)
    exe = compiled(g)
    assert on_tiles(exe) == len(PRODUCTS) - 1  # one row has no row axis
    check(exe, g)


@needs_tiles
@pytest.mark.parametrize("sums,columns", [(64, 32), (150, 70)])
def test_products_of_any_number_of_rows(sums: int, columns: int, rng: np.random.Generator) -> None:
    exe = None
    b = numbers(rng, (sums, columns), np.int8, "ends")
    for rows in (1, 3, 15, 16, 17, 31, 32, 33, 47, 64, 100, 257):
        g = Graph()
        a = numbers(rng, (rows, sums), np.uint8, "ends")
        total = (a.astype(np.int64) @ b.astype(np.int64)).astype(np.int32)
        g.output(g.node("MatMulInteger", g.input(a), g.constant(b, np.int8)), total)
        exe = exe or compiled(g, {0: "rows"})
        assert on_tiles(exe) == 1
        check(exe, g)


@needs_tiles
def test_convolutions(rng: np.random.Generator) -> None:
    """Windows, strides, groups, odd sizes; requantized in the epilogue, with zero points and scales by channel."""
    g = Graph()
    more: tuple[dict[str, Any], ...] = (
        {"x": (1, 64, 14, 14), "w": (96, 64, 3, 3), "pads": (1, 1, 1, 1)},
        {"x": (2, 128, 7, 7), "w": (40, 128, 1, 1)},
        {"x": (1, 32, 23, 45), "w": (64, 32, 3, 3), "pads": (1, 1, 1, 1), "strides": (2, 2)},
    )
    for number, given_ in enumerate((*CONVOLUTIONS, *more)):
        attrs = {key: value for key, value in given_.items() if key not in ("x", "w")}
        kind = KINDS[number % len(KINDS)]
        x, w = numbers(rng, given_["x"], np.uint8, kind), numbers(rng, given_["w"], np.int8, kind)
        total = convolved(x, w, 3, 0, **attrs)
        factor = np.float32(100 / max(1, np.abs(total).max()))
        inputs = (
            g.input(x),
            g.constant(np.float32(1), np.float32),
            g.constant(3, np.uint8),
            g.constant(w, np.int8),
            g.constant(factor, np.float32),
            g.constant(0, np.int8),
            g.constant(np.float32(1), np.float32),
            g.constant(7, np.uint8),
        )
        y = g.node("QLinearConv", *inputs, **attrs)
        g.output(y, requantized(total, factor, 7, np.uint8))
    exe = compiled(g)
    assert on_tiles(exe) >= 6
    check(exe, g)


@needs_tiles
@pytest.mark.parametrize("kernel", [1, 3])
def test_convolutions_of_any_size(kernel: int, rng: np.random.Generator) -> None:
    """Batch, height and width are known at run time: lines shorter than a tile, and longer than two."""
    exe = None
    w = numbers(rng, (40, 64, kernel, kernel), np.int8, "ends")
    pads = (kernel // 2,) * 4
    for n, high, wide in ((1, 9, 9), (2, 5, 40), (1, 1, 1), (1, 33, 17), (3, 7, 100)):
        g = Graph()
        x = numbers(rng, (n, 64, high, wide), np.uint8, "ends")
        inputs = g.input(x), g.constant(w, np.int8), g.constant(3, np.uint8)
        y = g.node("ConvInteger", *inputs, pads=pads)
        g.output(y, convolved(x, w, 3, 0, pads=pads).astype(np.int32))
        exe = exe or compiled(g, {0: "batch", 2: "height", 3: "width"})
        assert on_tiles(exe) == 1
        check(exe, g)


@needs_tiles
def test_threads_have_tile_registers_of_their_own(rng: np.random.Generator) -> None:
    g = Graph()
    a, b = numbers(rng, (512, 256), np.uint8, "ends"), numbers(rng, (256, 512), np.int8, "ends")
    total = (a.astype(np.int64) @ b.astype(np.int64)).astype(np.int32)
    g.output(g.node("MatMulInteger", g.input(a), g.constant(b, np.int8)), total)
    exe = compiled(g)
    assert on_tiles(exe) == 1
    for threads in (1, 2):
        exe.num_threads = threads
        for _ in range(5):
            check(exe, g)


def halves(op: str, x: Any, w: Any, y: Any, **attrs: Any) -> onnx.ModelProto:
    """One node in bf16, of a weight."""
    kind = onnx.TensorProto.BFLOAT16
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(op, ["x", "w"], ["y"], **attrs)],
        op,
        [onnx.helper.make_tensor_value_info("x", kind, x.shape)],
        [onnx.helper.make_tensor_value_info("y", kind, y.shape)],
        [onnx.helper.make_tensor("w", kind, w.shape, w.tobytes(), raw=True)],
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10)


def on_tiles_in_halves(op: str, x: Any, w: Any, exact: Any, sizes: Any, **attrs: Any) -> None:
    """Compares with sums in f64: rounding of the result, and of each of the sums in f32; `sizes` are sums of sizes."""
    pipeline = aicc.cpu_pipeline(Target.host())
    pipeline.replace("choose-schedules", ChooseSchedules(only="amx"))
    exe = aicc.compile(halves(op, x, w, exact, **attrs), pipeline=pipeline)
    assert on_tiles(exe) == 1, [kernel.schedule for kernel in exe.kernels]
    error = np.abs(exe(x).astype(np.float64) - exact)
    assert (error <= 2.0**-8 * np.abs(exact) * 1.01 + 2.0**-20 * sizes).all(), error.max()


@needs_halves
@pytest.mark.parametrize("shape", [(128, 768, 64), (33, 70, 50), (17, 33, 40), (300, 64, 17)])
def test_products_of_halves(shape: tuple[int, int, int], rng: np.random.Generator) -> None:
    m, k, n = shape
    x, w = rng.standard_normal((m, k)).astype(BF16), rng.standard_normal((k, n)).astype(BF16)
    wide = x.astype(np.float64), w.astype(np.float64)
    on_tiles_in_halves("MatMul", x, w, wide[0] @ wide[1], np.abs(wide[0]) @ np.abs(wide[1]))


@needs_halves
@pytest.mark.parametrize("kernel,stride", [(1, 1), (3, 1), (3, 2)])
def test_convolutions_of_halves(kernel: int, stride: int, rng: np.random.Generator) -> None:
    x, w = rng.integers(-9, 10, (2, 32, 15, 21)), rng.integers(-9, 10, (48, 32, kernel, kernel))
    pads, strides = (kernel // 2,) * 4, (stride, stride)
    exact = convolved(x, w, 0, 0, pads=pads, strides=strides).astype(np.float64)
    sizes = convolved(np.abs(x), np.abs(w), 0, 0, pads=pads, strides=strides)
    attrs = {"pads": pads, "strides": strides}
    on_tiles_in_halves("Conv", x.astype(BF16), w.astype(BF16), exact, sizes, **attrs)


@needs_halves
def test_halves_without_tiles_read_them_as_they_are(rng: np.random.Generator) -> None:
    """One row: vectors multiply, and weights are not copied in f32 in each run."""
    x, w = rng.standard_normal((1, 256)).astype(BF16), rng.standard_normal((256, 64)).astype(BF16)
    exact = x.astype(np.float64) @ w.astype(np.float64)
    exe = aicc.compile(halves("MatMul", x, w, exact), target=Target.host())
    assert [kernel.schedule.split("(")[0] for kernel in exe.kernels] == ["contraction"]
    np.testing.assert_allclose(exe(x).astype(np.float64), exact, rtol=2.0**-8, atol=1e-3)


@given(st.integers(1, 4000))
def test_a_tile_is_no_deeper_than_the_sum(steps: int) -> None:
    depth = tile_depth(steps)
    assert 1 <= depth <= min(steps, ROWS)
    assert steps % ROWS or depth == ROWS


@given(st.integers(1, 400), st.integers(1, 9), st.sampled_from([0, 16]))
@settings(max_examples=300)
def test_every_register_tile_fits_two_tiles_of_equal_rows(width: int, height: int, limit: int) -> None:
    shape = tile_shapes(Size.of(height), Size.of(width), limit)[0]
    rows = tile_rows(shape, width)
    assert 1 <= rows <= ROWS and shape.rows <= 2 * ROWS
    for _, _, size in split_evenly(width, shape.wide).pieces:
        # A tile starts at the first row, and one ends at the last: none reaches beyond the line.
        assert rows <= size <= (rows if shape.high > 1 else 2 * rows)


def test_models_without_tiles_need_no_permission() -> None:
    """The features a library asks for are those its kernels use."""
    target = Target.cpu_named("sapphirerapids")
    plain = ModelInfo("m", "p", target, (), (), kernels=(KernelInfo("a", "k_1", "dot(nv=2)"),))
    tiled = ModelInfo("m", "p", target, (), (), kernels=(KernelInfo("a", "k_1", "amx()"),))
    assert {"avx512vnni"} <= plain.cpu_features and not any("amx" in name for name in plain.cpu_features)
    assert {"amx-tile", "amx-int8"} <= tiled.cpu_features


@pytest.mark.parametrize(
    ("cpu", "there"), [("sapphirerapids", True), ("graniterapids", True), ("icelake-server", False)]
)
def test_machine_code(cpu: str, there: bool) -> None:
    """Independent of the machine: tile registers are configured, used and released, where the CPU has them."""
    g = Graph()
    a, b = np.zeros((128, 256), np.uint8), np.arange(256 * 64).reshape(256, 64).astype(np.int8)
    g.output(g.node("MatMulInteger", g.input(a), g.constant(b, np.int8)), np.zeros((128, 64), np.int32))
    target = Target.cpu_named(cpu, "x86_64-unknown-linux-gnu")
    text = compile_model(g.model(), None, Options(target=target, emit="asm")).text
    for instruction in ("ldtilecfg", "tdpbusd", "tilestored", "tilerelease"):
        assert (f"\t{instruction}" in text) == there, instruction


def test_the_cost_model_leaves_few_rows_to_vectors() -> None:
    """Independent of the machine: what is chosen for a server of this kind."""
    rng = np.random.default_rng(0)
    g = Graph()
    for m in (1, 2, 8, 128):
        a, b = numbers(rng, (m, 768), np.uint8), numbers(rng, (768, 768), np.int8)
        g.output(
            g.node("MatMulInteger", g.input(a), g.constant(b, np.int8)),
            (a.astype(np.int64) @ b.astype(np.int64)).astype(np.int32),
        )
    model: onnx.ModelProto = g.model()
    chosen = schedules_for(model, "sapphirerapids")
    assert chosen == ["dot", "dot", "amx", "amx"]
    assert schedules_for(model, "znver5") == ["dot"] * 4
