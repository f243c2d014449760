"""Products of f32 on tile registers: as accurate as sums in f32, whatever is left over, infinite or no number."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import helper

import aicc
from aicc.driver import Options, compile_model
from aicc.knobs import knobs
from aicc.passes.kernels.choose import ChooseSchedules
from aicc.target import Target

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
needs_tiles = pytest.mark.skipif(
    not Target.host().features >= {"amx-tile", "amx-bf16"},
    reason="this machine has no AMX for bf16, or the system does not grant it",
)


@pytest.fixture(autouse=True)
def _tiles() -> Iterator[None]:
    with knobs.scope(tile_f32=True):
        yield


# Of the sum of the sizes of products: 3 units of the last place.
BOUND = 3 * 2.0**-23

# rows, sums, columns: with remainders of each, of less than a tile, of a tile and more, and of several parts of a sum
PRODUCTS = (
    (1, 64, 32),
    (2, 3, 5),
    (7, 33, 17),
    (16, 64, 16),
    (17, 68, 33),
    (31, 16, 8),
    (32, 192, 64),
    (33, 257, 31),
    (49, 97, 100),
    (64, 31, 48),
    (70, 2049, 70),
    (130, 70, 49),
    (300, 1100, 33),
)


@dataclass
class Model:
    """Nodes on f32: `input` and `weight` make operands; `output` takes what it is to be."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.TensorProto] = field(default_factory=list)
    inputs: dict[str, F32] = field(default_factory=dict)
    outputs: dict[str, F64] = field(default_factory=dict)

    def input(self, value: F32) -> str:
        name = f"x{len(self.inputs)}"
        self.inputs[name] = value
        return name

    def weight(self, value: F32) -> str:
        self.weights.append(onnx.numpy_helper.from_array(value, f"w{len(self.weights)}"))
        return self.weights[-1].name

    def node(self, op: str, *names: str, **attributes: Any) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(names), [name], **attributes))
        return name

    def output(self, name: str, value: F64) -> None:
        self.outputs[name] = value

    def proto(self, names: Mapping[int, str] | None = None) -> onnx.ModelProto:
        """With these dimensions of inputs and outputs named."""

        def info(name: str, value: Any) -> onnx.ValueInfoProto:
            shape = [(names or {}).get(d, size) for d, size in enumerate(value.shape)]
            return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)

        graph = helper.make_graph(
            self.nodes,
            "products",
            [info(*item) for item in self.inputs.items()],
            [info(*item) for item in self.outputs.items()],
            self.weights,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def compiled(model: onnx.ModelProto, only: str = "split") -> Any:
    pipeline = aicc.cpu_pipeline(Target.host())
    pipeline.replace("choose-schedules", ChooseSchedules(only=only))
    return aicc.compile(model, pipeline=pipeline)


def on_tiles(exe: Any) -> int:
    return sum(kernel.schedule.startswith("split(") for kernel in exe.kernels)


def run(exe: Any, model: Model) -> list[F32]:
    results = exe(dict(model.inputs))
    return list(results) if isinstance(results, (list, tuple)) else [results]


def product(a: F32, b: F32) -> tuple[F64, F64]:
    """The exact product, and that of sizes."""
    return a.astype(np.float64) @ b.astype(np.float64), np.abs(a).astype(np.float64) @ np.abs(b)


def normal(rng: np.random.Generator, *shape: int) -> F32:
    return rng.standard_normal(shape).astype(np.float32)


def check(exe: Any, model: Model, sizes: list[F64]) -> None:
    for got, want, size in zip(run(exe, model), model.outputs.values(), sizes, strict=True):
        assert (np.abs(got - want) <= BOUND * size).all(), np.abs((got - want) / size).max() * 2.0**24


@needs_tiles
@pytest.mark.parametrize("second", ["weight", "input", "transposed weight", "transposed input"])
def test_products(second: str, rng: np.random.Generator) -> None:
    model, sizes = Model(), []
    for m, k, n in PRODUCTS:
        a, b = normal(rng, m, k), normal(rng, k, n)
        turned = second.startswith("transposed")
        operand = np.ascontiguousarray(b.T) if turned else b
        name = model.weight(operand) if second.endswith("weight") else model.input(operand)
        exact, size = product(a, b)
        model.output(model.node("Gemm", model.input(a), name, transB=int(turned)), exact)
        sizes.append(size)
    exe = compiled(model.proto())
    assert on_tiles(exe) == len(PRODUCTS) - 1  # one row is none for tiles
    check(exe, model, sizes)


@needs_tiles
def test_stages_after_the_sum(rng: np.random.Generator) -> None:
    """A bias, a residual, and functions that are long; panels that are whole, and one that is not."""
    model, sizes = Model(), []
    for m, k, n in ((40, 100, 96), (37, 64, 70), (130, 2100, 50)):
        a, b, bias, more = normal(rng, m, k), normal(rng, k, n), normal(rng, n), normal(rng, m, n)
        exact, size = product(a, b)
        y = model.node("MatMul", model.input(a), model.weight(b))
        y = model.node("Relu", model.node("Add", y, model.weight(bias)))
        model.output(model.node("Add", y, model.input(more)), np.maximum(exact + bias, 0) + more)
        y = model.node("MatMul", model.input(a / 8), model.weight(b))
        model.output(model.node("Tanh", model.node("Add", y, model.weight(bias))), np.tanh(exact / 8 + bias))
        sizes += [size + np.abs(bias) + np.abs(more), size / 8 + np.abs(bias) + 1]
    exe = compiled(model.proto())
    assert on_tiles(exe) == 6
    check(exe, model, sizes)


@needs_tiles
def test_batches(rng: np.random.Generator) -> None:
    """Of both operands, and of one."""
    model, sizes = Model(), []
    for a_batch, b_batch in (((3,), (3,)), ((2, 3), (2, 3)), ((4,), ())):
        a, b = normal(rng, *a_batch, 37, 70), normal(rng, *b_batch, 70, 50)
        exact, size = product(a, b)
        model.output(model.node("MatMul", model.input(a), model.input(b)), exact)
        sizes.append(size)
    exe = compiled(model.proto())
    assert on_tiles(exe) == 3
    check(exe, model, sizes)


@needs_tiles
@pytest.mark.parametrize("sums,columns", [(64, 32), (75, 70), (2100, 40)])
def test_any_number_of_rows(sums: int, columns: int, rng: np.random.Generator) -> None:
    exe, b = None, normal(rng, sums, columns)
    for rows in (*range(1, 20), 31, 32, 33, 47, 64, 70, 100, 127, 128, 129, 257):
        model, a = Model(), normal(rng, rows, sums)
        exact, size = product(a, b)
        model.output(model.node("Relu", model.node("MatMul", model.input(a), model.weight(b))), exact)
        model.outputs = {name: np.maximum(value, 0) for name, value in model.outputs.items()}
        exe = exe or compiled(model.proto({0: "rows"}))
        assert on_tiles(exe) == 1
        check(exe, model, [size])


def spread(rng: np.random.Generator, kind: str, *shape: int) -> F32:
    if kind == "wide":
        return (rng.standard_normal(shape) * np.exp(rng.uniform(-12, 12, shape))).astype(np.float32)
    return rng.random(shape).astype(np.float32) if kind == "positive" else normal(rng, *shape)


@needs_tiles
@pytest.mark.parametrize("kind", ["normal", "positive", "wide"])
@pytest.mark.parametrize("sums", [16, 300, 16384])
def test_accuracy(kind: str, sums: int, rng: np.random.Generator) -> None:
    """Errors are those of sums in f32, or smaller: the largest and the mean."""
    model, (a, b) = Model(), (spread(rng, kind, 64, sums), spread(rng, kind, sums, 64))
    exact, size = product(a, b)
    model.output(model.node("MatMul", model.input(a), model.input(b)), exact)
    errors = []
    for only in ("split", "contraction"):
        exe = compiled(model.proto(), only)
        assert [kernel.schedule for kernel in exe.kernels] == [f"{only}()"]
        errors.append((run(exe, model)[0] - exact) / size)
    tiles, vectors = errors
    assert np.sqrt((tiles**2).mean()) <= 1.1 * np.sqrt((vectors**2).mean())
    assert np.abs(tiles).max() <= 1.5 * np.abs(vectors).max()


INF, NAN, MOST = np.float32(np.inf), np.float32(np.nan), np.finfo(np.float32).max


@needs_tiles
@pytest.mark.parametrize("rows", ["known", "named"])
@pytest.mark.parametrize("where", ["first", "second"])
def test_what_is_not_finite(rows: str, where: str, rng: np.random.Generator) -> None:
    """Infinities, numbers that are none, the largest numbers, products and sums that overflow: what f32 has."""
    cases: dict[str, tuple[Any, Any]] = {
        # the numbers of a row of A at two places of the sum, and of a column of B at those
        "infinity": ((INF, 1), (2, 1)),
        "minus infinity": ((1, -INF), (2, 3)),
        "infinity times a negative": ((INF, 1), (-2, 1)),
        "infinity times zero": ((INF, 1), (0, 1)),
        "infinity less infinity": ((INF, INF), (1, -1)),
        "no number": ((NAN, 1), (0, 1)),
        "no number of few bits": ((np.uint32(0x7F800001).view(np.float32), 1), (1, 1)),
        "no number of all bits": ((np.uint32(0xFFFFFFFF).view(np.float32), 1), (1, 1)),
        "largest": ((MOST, 0), (1, 1)),
        "largest, negative": ((-MOST, 0), (1, 1)),
        "largest, small": ((MOST, 1), (2.0**-126, 1)),
        "overflowing product": ((MOST, 1), (2, 1)),
        "overflowing product of moderate ones": ((2.0**70, 1), (-(2.0**70), 1)),
        "overflowing sum": ((MOST, MOST), (1, 1)),
        "terms that overflow": ((1.999 * 2.0**63, 0), (1.999 * 2.0**63, 0)),
    }
    for m, k, n in ((40, 70, 50), (70, 2100, 33)):
        a, b = normal(rng, m, k), normal(rng, k, n)
        at = [(3 + number * (m - 3) // len(cases), (number * 3) % n) for number in range(len(cases))]
        for number, (row, column) in enumerate(zip(*zip(*at, strict=True), strict=True)):
            left, right = list(cases.values())[number]
            first, second = (left, right) if where == "first" else (right, left)
            places = [number * 2, k - 1 - number * 2]
            a[row], b[:, column] = 0, 0
            a[row, places], b[places, column] = np.float32(first), np.float32(second)
        with np.errstate(all="ignore"):
            want = np.zeros((m, n), np.float32)
            for step in range(k):
                want = want + a[:, step : step + 1] * b[step : step + 1]
        model = Model()
        model.output(model.node("MatMul", model.input(a), model.weight(b)), want.astype(np.float64))
        exe = compiled(model.proto({0: "rows"} if rows == "named" else None))
        assert on_tiles(exe) == 1
        got = run(exe, model)[0]
        with np.errstate(all="ignore"):
            size = np.abs(a.astype(np.float64)) @ np.abs(b.astype(np.float64))
        # Elsewhere a sum may overflow or not as products are rounded before they are added.
        sure = (size < MOST) | ~np.isfinite(size)
        sure[tuple(np.array(at).T)] = True
        assert sure.sum() > 0.8 * sure.size
        got, want, size = got[sure], want[sure], size[sure]
        there = np.isfinite(want)
        np.testing.assert_array_equal(got[~there], want[~there])
        assert (np.abs(got[there] - want[there].astype(np.float64)) <= 8 * BOUND * size[there]).all()


@needs_tiles
def test_small_numbers(rng: np.random.Generator) -> None:
    """Numbers keep 24 bits down to 2**-110; of smaller ones what is below 2**-126 is lost, and no more."""
    model, sizes = Model(), []
    for exponent in (-100, -109, -120, -126, -140):
        a = normal(rng, 40, 64) * np.float32(2.0**exponent)
        b = normal(rng, 64, 40)
        exact, size = product(a, b)
        model.output(model.node("MatMul", model.input(a), model.weight(b)), exact)
        sizes.append(size + 2.0**-126 / BOUND * np.abs(b).sum(0, dtype=np.float64) * 2)
    exe = compiled(model.proto())
    assert on_tiles(exe) == 1  # one kernel for all
    check(exe, model, sizes)


@needs_tiles
def test_results_do_not_depend_on_threads(rng: np.random.Generator) -> None:
    model = Model()
    for m, k, n in ((300, 256, 512), (50, 3000, 300)):
        a, b = normal(rng, m, k), normal(rng, k, n)
        a[17, 3] = INF
        model.output(model.node("MatMul", model.input(a), model.weight(b)), np.zeros((m, n)))
    exe = compiled(model.proto())
    assert on_tiles(exe) == 2
    exe.num_threads = 1
    alone = run(exe, model)
    for threads in (2, 3, 2):
        exe.num_threads = threads
        for one, other in zip(alone, run(exe, model), strict=True):
            np.testing.assert_array_equal(one, other)


def convolved(x: F32, w: F32, pad: int, stride: int) -> F64:
    """NCHW, in float64."""
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    high, wide = w.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(padded, (high, wide), (2, 3))[:, :, ::stride, ::stride]
    return np.einsum("nchwij,fcij->nfhw", windows, w.astype(np.float64), optimize=True)


CONVOLUTIONS = (
    # x, w, pad, stride
    ((1, 64, 14, 14), (96, 64, 1, 1), 0, 1),
    ((1, 48, 9, 13), (40, 48, 1, 1), 0, 2),
    ((2, 20, 7, 7), (33, 20, 3, 3), 1, 1),
    ((1, 3, 30, 30), (32, 3, 7, 7), 3, 2),
    ((1, 32, 23, 17), (64, 32, 3, 3), 1, 2),
    ((1, 16, 40, 5), (24, 16, 5, 5), 2, 1),
)


@needs_tiles
@pytest.mark.parametrize("sizes", ["known", "named"])
def test_convolutions(sizes: str, rng: np.random.Generator) -> None:
    names = {0: "batch", 2: "height", 3: "width"} if sizes == "named" else None
    for x_shape, w_shape, pad, stride in CONVOLUTIONS:
        model, x, w = Model(), normal(rng, *x_shape), normal(rng, *w_shape)
        y = model.node("Conv", model.input(x), model.weight(w), pads=[pad] * 4, strides=[stride] * 2)
        model.output(model.node("Relu", y), np.maximum(convolved(x, w, pad, stride), 0))
        proto = model.proto(names)
        if names is not None:
            for d, name in names.items():
                proto.graph.output[0].type.tensor_type.shape.dim[d].dim_param = f"out_{name}"
        exe = compiled(proto)
        assert on_tiles(exe) == 1, [kernel.schedule for kernel in exe.kernels]
        check(exe, model, [convolved(np.abs(x), np.abs(w), pad, stride)])


def schedules_for(model: onnx.ModelProto, cpu: str) -> list[str]:
    """What is chosen for the kernels of a model, on any machine."""
    options = Options(target=Target.cpu_named(cpu), stop_after="kernels")
    return re.findall(r'aicc\.schedule = "(\w+)"', compile_model(model, None, options).text or "")


def test_the_choice() -> None:
    """Independent of the machine: few rows wait for memory, and stay on vectors; CPUs without tiles as they were."""
    rng, model = np.random.default_rng(0), Model()
    for m in (1, 2, 8, 128):
        model.output(
            model.node("MatMul", model.input(normal(rng, m, 768)), model.weight(normal(rng, 768, 768))),
            np.zeros((m, 768)),
        )
    proto = model.proto()
    assert schedules_for(proto, "sapphirerapids") == ["contraction"] * 3 + ["split"]
    for cpu in ("znver5", "icelake-server", "x86-64-v3"):
        assert schedules_for(proto, cpu) == ["contraction"] * 4
    with knobs.scope(tile_f32=False):
        assert schedules_for(proto, "sapphirerapids") == ["contraction"] * 4


@pytest.mark.parametrize(("cpu", "there"), [("sapphirerapids", True), ("icelake-server", False)])
def test_machine_code(cpu: str, there: bool) -> None:
    """Independent of the machine: tile registers are configured, used and released, where the CPU has them."""
    model = Model()
    b = np.arange(768 * 768).reshape(768, 768).astype(np.float32)
    model.output(
        model.node("MatMul", model.input(np.zeros((128, 768), np.float32)), model.weight(b)),
        np.zeros((128, 768)),
    )
    target = Target.cpu_named(cpu, "x86_64-unknown-linux-gnu")
    text = compile_model(model.proto(), None, Options(target=target, emit="asm")).text
    for instruction in ("ldtilecfg", "tdpbf16ps", "tilestored", "tilerelease"):
        assert (f"\t{instruction}" in text) == there, instruction
