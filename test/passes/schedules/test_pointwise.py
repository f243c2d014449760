"""Kernels without reductions, compiled by the schedule and run, against NumPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aicc.passes.schedules import jit
from aicc.passes.schedules.cpu.pointwise import SCHEDULE
from aicc.passes.schedules.cpu.pointwise.plan import PointwiseConfig
from aicc.passes.schedules.schedule import Config
from aicc.target import Target
from test.passes.schedules.kernel_text import KernelText

TARGETS = ["x86-64-v3", "x86-64-v4"]
HAS_V4 = Target.host().vector_bits == 512


def run(
    text: KernelText,
    inputs: Sequence[Any],
    outputs: Sequence[tuple[Sequence[int], Any]],
    target: str = "x86-64-v3",
    config: Config | None = None,
    sizes: Sequence[int] = (),
) -> list[Any]:
    """The outputs. Everything around them must stay untouched, and the tiles are run in two parts."""
    if target == "x86-64-v4" and not HAS_V4:
        pytest.skip("needs AVX-512")
    kernel = jit.compile_kernel(str(text), SCHEDULE, Target.cpu_named(target), config)
    results = []
    for shape, dtype in outputs:
        guard = jit.aligned((int(np.prod(shape)) + 128,), dtype)
        guard.view(np.uint8)[...] = 0xAB
        results.append(guard)
    args = [*inputs, *(r[64:] for r in results), *sizes]
    count = kernel.count(args)
    kernel(*args, lo=count // 2, hi=count)
    kernel(*args, lo=0, hi=count // 2)
    found = []
    for guard, (shape, _) in zip(results, outputs, strict=True):
        size = int(np.prod(shape))
        assert (guard[:64].view(np.uint8) == 0xAB).all() and (guard[64 + size :].view(np.uint8) == 0xAB).all()
        found.append(guard[64 : 64 + size].reshape(shape))
    return found


def floats(shape: Sequence[int], seed: int = 0) -> Any:
    values = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    result = jit.aligned(shape)
    result[...] = values
    return result


ADD = "%s = arith.addf %x0, %x1 : f32\nlinalg.yield %s : f32"
COPY = "linalg.yield %x0 : {}"


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    "shape", [(3,), (16,), (100003,), (5, 7), (128, 768), (2, 3, 4, 5), (1, 1), (9, 16385)]
)
def test_add(shape: tuple[int, ...], target: str) -> None:
    dims = ",".join(f"d{i}" for i in range(len(shape)))
    k = KernelText("pointwise")
    a, b = k.input(shape), k.input(shape)
    k.output(k.generic(dims, "p" * len(shape), [(a, dims), (b, dims)], ("", dims), ADD, shape=shape))
    x, y = floats(shape), floats(shape, 1)
    (z,) = run(k, [x, y], [(shape, np.float32)], target)
    np.testing.assert_array_equal(z, x + y)


@pytest.mark.parametrize("target", TARGETS)
def test_broadcasts(target: str) -> None:
    shape = (6, 35, 50)
    k = KernelText("pointwise")
    row, column, scalar, full = k.input((50,)), k.input((6, 35, 1)), k.input(()), k.input(shape)
    body = """%p = arith.addf %x0, %x1 : f32
    %q = arith.mulf %x2, %x3 : f32
    %r = arith.maximumf %p, %q : f32
    linalg.yield %r : f32"""
    ins = [(row, "k"), (column, "i,j,0"), (scalar, ""), (full, "i,j,k")]
    k.output(k.generic("i,j,k", "ppp", ins, ("", "i,j,k"), body, shape=shape))
    r, c, s, f = floats((50,)), floats((6, 35, 1), 1), floats((), 2), floats(shape, 3)
    f[1, 2, 3] = np.nan
    (z,) = run(k, [r, c, s, f], [(shape, np.float32)], target)
    np.testing.assert_array_equal(z, np.maximum(r + c, s * f))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    "config", [PointwiseConfig(), PointwiseConfig(transpose=False), PointwiseConfig(lanes=1)]
)
@pytest.mark.parametrize(
    ("shape", "perm"),
    [
        ((3, 224, 9), (1, 2, 0)),
        ((64, 64), (1, 0)),
        ((33, 47), (1, 0)),
        ((2, 12, 16, 64), (0, 2, 1, 3)),
        ((2, 5, 6, 20), (3, 1, 0, 2)),
        ((40, 16), (1, 0)),
    ],
)
def test_transposes(shape: tuple[int, ...], perm: tuple[int, ...], config: Config, target: str) -> None:
    out = tuple(shape[p] for p in perm)
    dims = [f"d{i}" for i in range(len(shape))]
    inverse = ",".join(dims[perm.index(i)] for i in range(len(shape)))
    k = KernelText("pointwise")
    a, b = k.input(shape), k.input(out)
    every = ",".join(dims)
    k.output(k.generic(every, "p" * len(dims), [(a, inverse), (b, every)], ("", every), ADD, shape=out))
    x, y = floats(shape), floats(out, 1)
    (z,) = run(k, [x, y], [(out, np.float32)], target, config)
    np.testing.assert_array_equal(z, x.transpose(perm) + y)


def cast(body: str, source: str, target: str) -> Callable[[tuple[int, ...]], KernelText]:
    def build(shape: tuple[int, ...]) -> KernelText:
        k = KernelText("pointwise")
        a = k.input(shape, source)
        k.output(k.generic("i,j", "pp", [(a, "i,j")], ("", "i,j"), body, shape=shape, element=target))
        return k

    return build


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("body", "source", "result", "dtypes"),
    [
        ("%s = arith.sitofp %x0 : i64 to f32\nlinalg.yield %s : f32", "i64", "f32", (np.int64, np.float32)),
        ("%s = arith.fptosi %x0 : f32 to i64\nlinalg.yield %s : i64", "f32", "i64", (np.float32, np.int64)),
        ("%s = arith.extf %x0 : f32 to f64\nlinalg.yield %s : f64", "f32", "f64", (np.float32, np.float64)),
        ("%s = arith.truncf %x0 : f32 to f16\nlinalg.yield %s : f16", "f32", "f16", (np.float32, np.float16)),
        ("%s = arith.extf %x0 : f16 to f32\nlinalg.yield %s : f32", "f16", "f32", (np.float16, np.float32)),
        (
            "%z = arith.constant 0.0 : f32\n%c = arith.cmpf ogt, %x0, %z : f32\n"
            "%s = arith.extui %c : i1 to i8\nlinalg.yield %s : i8",
            "f32",
            "i8",
            (np.float32, np.int8),
        ),
        (
            "%c = arith.trunci %x0 : i8 to i1\n%a = arith.constant 1.5 : f32\n%b = arith.constant -2.0 : f32\n"
            "%s = arith.select %c, %a, %b : f32\nlinalg.yield %s : f32",
            "i8",
            "f32",
            (np.int8, np.float32),
        ),
        ("%s = arith.muli %x0, %x0 : i8\nlinalg.yield %s : i8", "i8", "i8", (np.int8, np.int8)),
    ],
)
def test_types(body: str, source: str, result: str, dtypes: tuple[Any, Any], target: str) -> None:
    shape = (7, 45)
    values = np.random.default_rng(0).integers(0, 2, shape) if source == "i8" else floats(shape) * 20
    x = jit.aligned(shape, dtypes[0])
    x[...] = values
    (z,) = run(cast(body, source, result)(shape), [x], [(shape, dtypes[1])], target)
    if result == "i8" and source == "f32":
        expected: Any = x > 0
    elif source == "i8" and result == "f32":
        expected = np.where(x == 1, 1.5, -2.0)
    elif source == "i8":
        expected = x * x
    else:
        expected = x.astype(dtypes[1])
    np.testing.assert_array_equal(z, expected.astype(dtypes[1]))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("columns", [64, 50])
def test_gather_rows(columns: int, target: str) -> None:
    """A gather of rows is contiguous, whatever the row."""
    k = KernelText("pointwise")
    ids, table = k.input((11,), "i64"), k.input((30, columns))
    body = f"""%i = arith.index_cast %x0 : i64 to index
    %j = linalg.index 1 : index
    %v = tensor.extract {table}[%i, %j] : {k.type(table)}
    linalg.yield %v : f32"""
    k.output(k.generic("i,j", "pp", [(ids, "i")], ("", "i,j"), body, shape=(11, columns)))
    rows = np.random.default_rng(0).integers(0, 30, 11)
    values = floats((30, columns))
    (z,) = run(k, [rows, values], [((11, columns), np.float32)], target)
    np.testing.assert_array_equal(z, values[rows])
    kernel = jit.compile_kernel(str(k), SCHEDULE, Target.cpu_named("x86-64-v3"))
    assert "vector.load" in kernel.text and "vector.extract" not in kernel.text


@pytest.mark.parametrize("target", TARGETS)
def test_gather_elements(target: str) -> None:
    k = KernelText("pointwise")
    ids, table = k.input((5, 21), "i64"), k.input((30, 21))
    body = f"""%i = arith.index_cast %x0 : i64 to index
    %j = linalg.index 1 : index
    %v = tensor.extract {table}[%i, %j] : {k.type(table)}
    linalg.yield %v : f32"""
    k.output(k.generic("i,j", "pp", [(ids, "i,j")], ("", "i,j"), body, shape=(5, 21)))
    rows = np.random.default_rng(0).integers(0, 30, (5, 21))
    values = floats((30, 21))
    (z,) = run(k, [rows, values], [((5, 21), np.float32)], target)
    np.testing.assert_array_equal(z, np.take_along_axis(values, rows, 0))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("shape", "low", "high"),
    [
        ((1, 14, 14, 64), (0, 1, 1, 0), (0, 1, 1, 0)),
        ((3, 20), (1, 2), (0, 5)),
        ((2, 3, 5, 3), (0, 3, 3, 0), (0, 2, 2, 0)),
        ((100,), (3,), (40,)),
    ],
)
@pytest.mark.parametrize("element", ["f32", "i8"])
def test_pad(shape: Any, low: Any, high: Any, element: str, target: str) -> None:
    dtype = {"f32": np.float32, "i8": np.int8}[element]
    out = tuple(a + b + c for a, b, c in zip(low, shape, high, strict=True))
    k = KernelText("pointwise")
    x = k.input(shape, element)
    value = k.constant("7.0" if element == "f32" else "7", element)
    names = ", ".join(f"%q{i}: index" for i in range(len(shape)))
    result = f"tensor<{'x'.join(map(str, out))}x{element}>"
    k.output(
        k.op(
            f"tensor.pad {x} low{list(low)} high{list(high)} {{\n^bb0({names}):\ntensor.yield {value} : {element}\n}}"
            f" : {k.type(x)} to {result}",
            out,
            element,
        )
    )
    values = jit.aligned(shape, dtype)
    values[...] = np.random.default_rng(0).integers(-9, 9, shape)
    (z,) = run(k, [values], [(out, dtype)], target)
    np.testing.assert_array_equal(z, np.pad(values, tuple(zip(low, high, strict=True)), constant_values=7))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("tile", [8, 16, 32])
@pytest.mark.parametrize("transposed", [False, True])
def test_pack(tile: int, transposed: bool, target: str) -> None:
    """A runtime pack of B: [K][N] or [N][K] to [N/tile][K][tile]."""
    rows, columns = 48, 70
    shape = (columns, rows) if transposed else (rows, columns)
    n, perm = (0, [0, 1]) if transposed else (1, [1, 0])
    panels = -(-columns // tile)
    k = KernelText("pointwise")
    x = k.input(shape)
    zero = k.constant("0.0", "f32")
    init = k.empty((panels, rows, tile))
    k.output(
        k.op(
            f"linalg.pack {x} padding_value({zero} : f32) outer_dims_perm = {perm} inner_dims_pos = [{n}] "
            f"inner_tiles = [{tile}] into {init} : {k.type(x)} -> {k.type(init)}",
            (panels, rows, tile),
        )
    )
    values = floats(shape)
    (z,) = run(k, [values], [((panels, rows, tile), np.float32)], target)
    plain = np.zeros((rows, panels * tile), np.float32)
    plain[:, :columns] = values.T if transposed else values
    np.testing.assert_array_equal(z, plain.reshape(rows, panels, tile).transpose(1, 0, 2))


@pytest.mark.parametrize("target", TARGETS)
def test_two_outputs_one_chain(target: str) -> None:
    """A stage that is stored and used again is computed once."""
    k = KernelText("pointwise")
    a = k.input((9, 33))
    square = "%s = arith.mulf %x0, %x0 : f32\nlinalg.yield %s : f32"
    one = k.generic("i,j", "pp", [(a, "i,j")], ("", "i,j"), square, shape=(9, 33))
    two = k.generic("i,j", "pp", [(one, "j,i"), (one, "j,i")], ("", "i,j"), ADD, shape=(33, 9))
    k.output(one)
    k.output(two)
    x = floats((9, 33))
    z, w = run(k, [x], [((9, 33), np.float32), ((33, 9), np.float32)], target)
    np.testing.assert_array_equal(z, x * x)
    np.testing.assert_allclose(w, 2 * (x * x).T, rtol=1e-6)


@pytest.mark.parametrize("target", TARGETS)
def test_strided_slice_and_halo(target: str) -> None:
    k = KernelText("pointwise")
    a = k.input((12, 40))
    k.output(
        k.generic("i,j", "pp", [(a, "i * 2 + 1, j * 3")], ("", "i,j"), COPY.format("f32"), shape=(5, 13)),
        strides=(20, 1),
    )
    x = floats((12, 40))
    kernel = jit.compile_kernel(str(k), SCHEDULE, Target.cpu_named("x86-64-v3"))
    z = np.full((5, 20), 9.0, np.float32)
    kernel(x, z)
    np.testing.assert_array_equal(z[:, :13], x[1:11:2, 0:39:3])
    assert (z[:, 13:] == 9).all()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("size", [1, 7, 16, 77])
def test_dynamic(size: int, target: str) -> None:
    k = KernelText("pointwise")
    a, b = k.input(("n", 24)), k.input((24, "n"))
    k.output(k.generic("i,j", "pp", [(a, "i,j"), (b, "j,i")], ("", "i,j"), ADD, shape=("n", 24)))
    x, y = floats((size, 24)), floats((24, size), 1)
    (z,) = run(k, [x, y], [((size, 24), np.float32)], target, sizes=[size])
    np.testing.assert_array_equal(z, x + y.T)


@settings(max_examples=25)
@given(
    st.lists(st.integers(1, 19), min_size=1, max_size=4),
    st.randoms(use_true_random=False),
    st.sampled_from([0, 8, 64]),
)
def test_any_permutation(shape: list[int], random: Any, points: int) -> None:
    rank = len(shape)
    perm = list(range(rank))
    random.shuffle(perm)
    keep = [random.random() < 0.7 for _ in shape]
    out = [shape[p] for p in perm]
    dims = [f"d{i}" for i in range(rank)]
    inverse = [dims[perm.index(i)] for i in range(rank)]
    k = KernelText("pointwise")
    a = k.input(shape)
    b = k.input([s if c else 1 for s, c in zip(out, keep, strict=True)])
    second = ",".join(d if c else "0" for d, c in zip(dims, keep, strict=True))
    ins = [(a, ",".join(inverse)), (b, second)]
    k.output(k.generic(",".join(dims), "p" * rank, ins, ("", ",".join(dims)), ADD, shape=out))
    x, y = floats(shape), floats([s if c else 1 for s, c in zip(out, keep, strict=True)], 1)
    (z,) = run(k, [x, y], [(out, np.float32)], config=PointwiseConfig(points=points))
    np.testing.assert_array_equal(z, x.transpose(perm) + y)
