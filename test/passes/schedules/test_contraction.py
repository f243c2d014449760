"""Contractions compiled by the schedule and run, against float64 NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aicc.passes.schedules import jit
from aicc.passes.schedules.cpu.contraction import SCHEDULE
from aicc.passes.schedules.cpu.contraction.plan import ContractionConfig
from aicc.passes.schedules.schedule import NoMatch
from aicc.target import Target
from test.passes.schedules.kernel_text import CONTRACTION_BODY, KernelText

HAS_V4 = Target.host().vector_bits == 512
TARGETS = ["x86-64-v3", "x86-64-v4"]
BODY = CONTRACTION_BODY.format(e="f32")


def floats(shape: Sequence[int], seed: int, dtype: Any = np.float32) -> Any:
    result = jit.aligned(shape, dtype)
    result[...] = np.random.default_rng(seed).standard_normal(shape)
    return result


def packed(b: Any, axis: int, tile: int, perm: Sequence[int]) -> Any:
    """`linalg.pack` along one axis, zero padded."""
    short = -b.shape[axis] % tile
    b = np.pad(b, [(0, short if i == axis else 0) for i in range(b.ndim)])
    shape = [*b.shape[:axis], b.shape[axis] // tile, tile, *b.shape[axis + 1 :]]
    parts = b.reshape(shape)
    parts = np.moveaxis(parts, axis + 1, -1).transpose([*perm, b.ndim])
    result = jit.aligned(parts.shape, b.dtype)
    result[...] = parts
    return result


def run(
    text: KernelText,
    inputs: Sequence[Any],
    shapes: Sequence[Sequence[int]],
    target: str = "x86-64-v3",
    config: ContractionConfig | None = None,
    sizes: Sequence[int] = (),
    dtype: Any = np.float32,
) -> list[Any]:
    """The outputs. What surrounds them stays as it is; tiles run in two parts, the later ones first."""
    if target == "x86-64-v4" and not HAS_V4:
        pytest.skip("needs AVX-512")
    kernel = jit.compile_kernel(str(text), SCHEDULE, Target.cpu_named(target), config)
    guards = []
    for shape in shapes:
        guard = jit.aligned((int(np.prod(shape)) + 128,), dtype)
        guard.view(np.uint8)[...] = 0xAB
        guards.append(guard)
    args = [*inputs, *(guard[64:] for guard in guards), *sizes]
    count = kernel.count(args)
    kernel(*args, lo=count // 2, hi=count)
    kernel(*args, lo=0, hi=count // 2)
    found = []
    for guard, shape in zip(guards, shapes, strict=True):
        size = int(np.prod(shape))
        assert (guard[:64].view(np.uint8) == 0xAB).all() and (guard[64 + size :].view(np.uint8) == 0xAB).all()
        found.append(guard[64 : 64 + size].reshape(shape))
    return found


def close(found: Any, expected: Any, depth: int) -> None:
    scale = float(np.abs(expected).max()) + 1.0
    np.testing.assert_allclose(found, expected, rtol=0, atol=scale * 1.2e-7 * (8 + depth**0.5))


def matmul(
    m: int | str, n: int, k: int, tile: int, epilogue: str = "", element: str = "f32"
) -> tuple[KernelText, str]:
    """`[m, k] x [k, n]`, B packed in panels of `tile` columns (0: not packed), and an epilogue."""
    text = KernelText("contraction")
    a = text.input((m, k), element)
    if tile:
        b = text.unpack(text.input((-(-n // tile), k, tile), element), (k, n), (1, 0), 1, tile)
    else:
        b = text.input((k, n), element)
    extra = {"bias": [((n,), "j")], "residual": [((m, n), "i,j")], "column": [((m, 1), "i,0")]}.get(
        epilogue, []
    )
    args = [(text.input(shape, element), where) for shape, where in extra]
    acc = text.fill(text.constant("0.0", element), (m, n), element)
    body = CONTRACTION_BODY.format(e=element)
    result = text.generic("i,j,k", "ppr", [(a, "i,k"), (b, "k,j")], ("", "i,j"), body, init=acc)
    if args:
        ins = [(result, "i,j"), *args]
        add = f"%s = arith.addf %x0, %x1 : {element}\nlinalg.yield %s : {element}"
        result = text.generic("i,j", "pp", ins, ("", "i,j"), add, shape=(m, n), element=element)
    text.output(result)
    return text, result


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("tile", [8, 16, 32, 48, 0])
@pytest.mark.parametrize("size", [(128, 96, 64), (1, 50, 33), (7, 100, 13), (3, 5, 1), (29, 64, 100)])
def test_matmul(size: tuple[int, int, int], tile: int, target: str) -> None:
    if tile == 8 and target == "x86-64-v4":
        tile = 64
    m, n, k = size
    text, _ = matmul(m, n, k, tile, "bias")
    a, b, bias = floats((m, k), 0), floats((k, n), 1), floats((n,), 2)
    (c,) = run(text, [a, packed(b, 1, tile, (1, 0)) if tile else b, bias], [(m, n)], target)
    close(c, a.astype(np.float64) @ b + bias, k)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("m", [1, 2, 3])
@pytest.mark.parametrize("n", [1024, 1100, 1157])
def test_few_rows_read_panels_side_by_side(m: int, n: int, target: str) -> None:
    """The last panels, fewer than a tile takes and not whole; equal columns give equal sums."""
    text, _ = matmul(m, n, 30, 32)
    a, b = floats((m, 30), 1), floats((30, n), 2)
    b[:, -1] = b[:, 0]
    (found,) = run(text, [a, packed(b, 1, 32, (1, 0))], [(m, n)], target)
    close(found, a.astype(np.float64) @ b, 30)
    np.testing.assert_array_equal(found[:, -1], found[:, 0])


@pytest.mark.parametrize("m", [1, 2, 3, 5, 14, 100])
@pytest.mark.parametrize("tile", [16, 0])
@pytest.mark.parametrize("target", TARGETS)
def test_dynamic_rows(m: int, tile: int, target: str) -> None:
    """Rows known at run time: whole register tiles and remainders."""
    text, _ = matmul("m", 40, 24, tile, "residual")
    a, b, c0 = floats((m, 24), 0), floats((24, 40), 1), floats((m, 40), 2)
    (c,) = run(text, [a, packed(b, 1, tile, (1, 0)) if tile else b, c0], [(m, 40)], target, sizes=[m])
    close(c, a.astype(np.float64) @ b + c0, 24)


@pytest.mark.parametrize("shape", [(2, 3, 5), (17, 20, 33), (6, 64, 16), (40, 1, 70)])
@pytest.mark.parametrize("target", TARGETS)
def test_all_dynamic(shape: tuple[int, int, int], target: str) -> None:
    m, n, k = shape
    text = KernelText("contraction")
    a, b = text.input(("m", "k")), text.input(("k", "n"))
    acc = text.fill(text.constant("0.0", "f32"), ("m", "n"))
    text.output(text.generic("i,j,k", "ppr", [(a, "i,k"), (b, "k,j")], ("", "i,j"), BODY, init=acc))
    x, y = floats((m, k), 0), floats((k, n), 1)
    (z,) = run(text, [x, y], [(m, n)], target, sizes=[m, k, n])
    close(z, x.astype(np.float64) @ y, k)


@pytest.mark.parametrize("tile", [8, 0])
@pytest.mark.parametrize("target", TARGETS)
def test_f64(tile: int, target: str) -> None:
    text, _ = matmul(21, 30, 17, tile, "bias", "f64")
    a, b, bias = (floats(s, i, np.float64) for i, s in enumerate([(21, 17), (17, 30), (30,)]))
    b_in = packed(b, 1, tile, (1, 0)) if tile else b
    (c,) = run(text, [a, b_in, bias], [(21, 30)], target, dtype=np.float64)
    np.testing.assert_allclose(c, a @ b + bias, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("target", TARGETS)
def test_f16_accumulates_in_f32(target: str) -> None:
    text, _ = matmul(5, 40, 600, 32, "bias", "f16")
    a, b, bias = (floats(s, i, np.float16) for i, s in enumerate([(5, 600), (600, 40), (40,)]))
    (c,) = run(text, [a, packed(b, 1, 32, (1, 0)), bias], [(5, 40)], target, dtype=np.float16)
    expected = (a.astype(np.float64) @ b.astype(np.float64)).astype(np.float16) + bias
    np.testing.assert_allclose(c.astype(np.float64), expected, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("target", TARGETS)
def test_epilogues(target: str) -> None:
    """Row, column, transposed, scalar operands; the root read twice; positions; two outputs."""
    m, n, k = 19, 40, 12
    text = KernelText("contraction")
    a = text.input((m, k))
    b = text.unpack(text.input((3, k, 16)), (k, n), (1, 0), 1, 16)
    column, turned, scalar = text.input((m, 1)), text.input((n, m)), text.input(())
    mask = text.input((m, n), "i8")
    acc = text.fill(text.constant("1.0", "f32"), (m, n))
    root = text.generic("i,j,k", "ppr", [(a, "i,k"), (b, "k,j")], ("", "i,j"), BODY, init=acc)
    body = """%p = arith.mulf %x0, %x1 : f32
    %q = arith.addf %p, %x2 : f32
    %j = linalg.index 1 : index
    %i = arith.index_cast %j : index to i32
    %f = arith.sitofp %i : i32 to f32
    %r = arith.addf %q, %f : f32
    linalg.yield %r : f32"""
    one = text.generic(
        "i,j", "pp", [(root, "i,j"), (column, "i,0"), (turned, "j,i")], ("", "i,j"), body, shape=(m, n)
    )
    pick = """%c = arith.trunci %x2 : i8 to i1
    %p = arith.maximumf %x0, %x1 : f32
    %q = arith.select %c, %p, %x3 : f32
    linalg.yield %q : f32"""
    ins = [(one, "i,j"), (root, "i,j"), (mask, "i,j"), (scalar, "")]
    text.output(root)
    text.output(text.generic("i,j", "pp", ins, ("", "i,j"), pick, shape=(m, n)))
    x, y, c, t = floats((m, k), 0), floats((k, n), 1), floats((m, 1), 2), floats((n, m), 3)
    s, bits = floats((), 4), np.random.default_rng(5).integers(0, 2, (m, n)).astype(np.int8)
    z, w = run(text, [x, packed(y, 1, 16, (1, 0)), c, t, s, bits], [(m, n), (m, n)], target)
    expected = x.astype(np.float64) @ y + 1
    close(z, expected, k)
    one_value = expected * c + t.T + np.arange(n)
    close(w, np.where(bits == 1, np.maximum(one_value, expected), s), k)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("size", [(64, 40, 64), (5, 33, 7), (70, 90, 20)])
@pytest.mark.parametrize("dynamic", [False, True])
def test_transposed_operand(size: tuple[int, int, int], dynamic: bool, target: str) -> None:
    """B as [n, k], not packed: panels are turned into the scratch. Queries by keys of a dynamic length."""
    m, n, k = size
    text = KernelText("contraction")
    rows: Any = "m" if dynamic else m
    columns: Any = "n" if dynamic else n
    a, b = text.input((2, rows, k)), text.input((2, columns, k))
    acc = text.fill(text.constant("0.0", "f32"), (2, rows, columns))
    ins = [(a, "b,i,k"), (b, "b,j,k")]
    text.output(text.generic("b,i,j,k", "pppr", ins, ("", "b,i,j"), BODY, init=acc))
    x, y = floats((2, m, k), 0), floats((2, n, k), 1)
    sizes = [m, n] if dynamic else []
    (z,) = run(text, [x, y], [(2, m, n)], target, sizes=sizes)
    close(z, x.astype(np.float64) @ y.transpose(0, 2, 1), k)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("rows", [(1, 50), (7, 7), (13, 4)])
@pytest.mark.parametrize("transposed", [False, True])
def test_long_epilogue(rows: tuple[int, int], transposed: bool, target: str) -> None:
    """Functions in the epilogue: accumulators go through the scratch, and so may the panel."""
    n, k = 44, 20
    text = KernelText("contraction")
    a, b = text.input((*rows, k)), text.input((n, k) if transposed else (k, n))
    bias, other = text.input((n,)), text.input((rows[0], 1, n))
    acc = text.fill(text.constant("0.0", "f32"), (*rows, n))
    # The rows do not merge: `other` is the same for a whole line.
    ins = [(a, "h,w,k"), (b, "j,k" if transposed else "k,j")]
    root = text.generic("h,w,j,k", "pppr", ins, ("", "h,w,j"), BODY, init=acc)
    body = """%u = arith.addf %x0, %x1 : f32
    %e = math.exp %u : f32
    %t = math.tanh %x2 : f32
    %r = arith.mulf %e, %t : f32
    linalg.yield %r : f32"""
    ins = [(root, "h,w,j"), (bias, "j"), (other, "h,0,j")]
    text.output(text.generic("h,w,j", "ppp", ins, ("", "h,w,j"), body, shape=(*rows, n)))
    x, y = floats((*rows, k), 0) / 8, floats((n, k) if transposed else (k, n), 1)
    c, d = floats((n,), 2), floats((rows[0], 1, n), 3)
    (z,) = run(text, [x, y, c, d], [(*rows, n)], target)
    expected = np.exp(x.astype(np.float64) @ (y.T if transposed else y) + c) * np.tanh(d)
    np.testing.assert_allclose(z, expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("element", ["i32", "i64"])
def test_integers_wrap(element: str, target: str) -> None:
    dtype = {"i32": np.int32, "i64": np.int64}[element]
    text = KernelText("contraction")
    a, b = text.input((9, 20), element), text.input((20, 37), element)
    acc = text.fill(text.constant("0", element), (9, 37), element)
    body = f"%p = arith.muli %x0, %x1 : {element}\n%s = arith.addi %y, %p : {element}\nlinalg.yield %s : {element}"
    text.output(text.generic("i,j,k", "ppr", [(a, "i,k"), (b, "k,j")], ("", "i,j"), body, init=acc))
    rng = np.random.default_rng(0)
    x, y = (rng.integers(-(2**30), 2**30, shape).astype(dtype) for shape in ((9, 20), (20, 37)))
    (z,) = run(text, [x, y], [(9, 37)], target, dtype=dtype)
    np.testing.assert_array_equal(z, x @ y)


def test_no_call_without_fused_multiply_add() -> None:
    """On a baseline x86-64 a fused multiply-add would be a call to libm."""
    text, _ = matmul(4, 8, 3, 0, "bias")
    kernel = jit.compile_kernel(str(text), SCHEDULE, Target.cpu_named("x86-64"))
    assert "fma" not in kernel.text


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("heads_last", [False, True])
def test_batches(heads_last: bool, target: str) -> None:
    """Batched products; with heads last the output is written where [batch, token, head, depth] wants it."""
    batch, m, n, k = 3, 10, 24, 7
    text = KernelText("contraction")
    a, b = text.input((batch, m, k)), text.input((batch, k, n))
    shape = (m, batch, n) if heads_last else (batch, m, n)
    where = "i,b,j" if heads_last else "b,i,j"
    acc = text.fill(text.constant("0.0", "f32"), shape)
    ins = [(a, "b,i,k"), (b, "b,k,j")]
    text.output(text.generic("b,i,j,k", "pppr", ins, ("", where), BODY, init=acc))
    x, y = floats((batch, m, k), 0), floats((batch, k, n), 1)
    (z,) = run(text, [x, y], [shape], target)
    expected = x.astype(np.float64) @ y
    close(z, expected.transpose(1, 0, 2) if heads_last else expected, k)


def convolution(
    image: Sequence[int],
    channels: int,
    features: int,
    window: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    groups: int,
    batch: int,
    tile: int,
) -> tuple[KernelText, list[Any], Any]:
    """Any rank, NHWC (with groups: …GC), weights [G, window…, C, F]; ReLU after. The text, inputs, result."""
    rank = len(image)
    out = [
        (size - d * (w - 1) - 1) // s + 1
        for size, w, s, d in zip(image, window, strides, dilations, strict=True)
    ]
    text = KernelText("contraction")
    a = text.input((batch, *image, groups, channels))
    panels = -(-features // tile)
    perm = (0, rank + 2, *range(1, rank + 2))
    b = text.unpack(
        text.input((groups, panels, *window, channels, tile)),
        (groups, *window, channels, features),
        perm,
        rank + 2,
        tile,
    )
    h, k = [f"h{i}" for i in range(rank)], [f"k{i}" for i in range(rank)]
    dims = ",".join(["b", *h, "g", "f", *k, "c"])
    places = [f"{x} * {s} + {y} * {d}" for x, y, s, d in zip(h, k, strides, dilations, strict=True)]
    acc = text.fill(text.constant("0.0", "f32"), (batch, *out, groups, features))
    ins = [(a, ",".join(["b", *places, "g", "c"])), (b, ",".join(["g", *k, "c", "f"]))]
    where = ",".join(["b", *h, "g", "f"])
    root = text.generic(dims, "p" * (rank + 3) + "r" * (rank + 1), ins, ("", where), BODY, init=acc)
    relu = """%z = arith.constant 0.0 : f32
    %r = arith.maximumf %x0, %z : f32
    linalg.yield %r : f32"""
    shape = (batch, *out, groups, features)
    own = ",".join(["b", *h, "g", "f"])
    text.output(text.generic(own, "p" * (rank + 3), [(root, own)], ("", own), relu, shape=shape))
    x, w = floats((batch, *image, groups, channels), 0), floats((groups, *window, channels, features), 1)
    expected = np.zeros(shape)
    for place in np.ndindex(*window):
        slices = [
            slice(p * d, p * d + s * (o - 1) + 1, s)
            for p, d, s, o in zip(place, dilations, strides, out, strict=True)
        ]
        part = x[(slice(None), *slices)].astype(np.float64)
        expected += np.einsum("...gc,gcf->...gf", part, w[(slice(None), *place)])
    return text, [x, packed(w, rank + 2, tile, perm)], np.maximum(expected, 0)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("image", "channels", "features", "window", "strides", "dilations", "groups", "batch"),
    [
        ((10, 10), 8, 32, (3, 3), (1, 1), (1, 1), 1, 1),
        ((9, 9), 16, 40, (3, 3), (1, 1), (1, 1), 1, 2),
        ((30, 30), 3, 16, (7, 7), (2, 2), (1, 1), 1, 1),
        ((14, 14), 16, 33, (1, 1), (1, 1), (1, 1), 1, 1),
        ((15, 15), 16, 32, (1, 1), (2, 2), (1, 1), 1, 1),
        ((16, 13), 4, 16, (3, 2), (2, 1), (2, 3), 1, 1),
        ((9, 9), 4, 20, (3, 3), (1, 1), (1, 1), 4, 2),
        ((40,), 5, 16, (4,), (3,), (2,), 1, 2),
        ((5, 6, 7), 3, 16, (2, 3, 2), (1, 2, 1), (1, 1, 2), 1, 1),
        ((3, 3), 5, 7, (3, 3), (1, 1), (1, 1), 1, 1),
    ],
)
def test_convolution(
    image: Any,
    channels: int,
    features: int,
    window: Any,
    strides: Any,
    dilations: Any,
    groups: int,
    batch: int,
    target: str,
) -> None:
    text, inputs, expected = convolution(
        image, channels, features, window, strides, dilations, groups, batch, 16
    )
    (y,) = run(text, inputs, [expected.shape], target)
    close(y, expected, channels * int(np.prod(window)))


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=2),
    st.lists(st.integers(0, 14), min_size=2, max_size=2),
    st.integers(1, 9),
    st.integers(1, 37),
    st.integers(1, 2),
    st.integers(1, 2),
    st.sampled_from(["", "mr=4", "mr=2,ku=1", "block=3", "ahead=1", "ahead=1,block=2"]),
)
def test_any_convolution(
    axes: list[tuple[int, int, int]],
    extra: list[int],
    channels: int,
    features: int,
    groups: int,
    batch: int,
    config: str,
) -> None:
    window, strides, dilations = ([axis[i] for axis in axes] for i in range(3))
    image = [d * (w - 1) + 1 + x for w, d, x in zip(window, dilations, extra, strict=False)]
    text, inputs, expected = convolution(
        image, channels, features, window, strides, dilations, groups, batch, 16
    )
    (y,) = run(text, inputs, [expected.shape], config=ContractionConfig.parse(config))
    close(y, expected, channels * int(np.prod(window)))


@settings(max_examples=40)
@given(
    st.integers(1, 40),
    st.integers(1, 70),
    st.integers(1, 50),
    st.sampled_from([0, 8, 16, 24, 32]),
    st.sampled_from(["", "mr=3", "mr=2,ku=2", "block=5", "ahead=1", "ahead=1,block=7,ku=8"]),
    st.sampled_from(["", "bias", "residual", "column"]),
    st.booleans(),
)
def test_any_matmul(m: int, n: int, k: int, tile: int, config: str, epilogue: str, dynamic: bool) -> None:
    text, _ = matmul("m" if dynamic else m, n, k, tile, epilogue)
    a, b = floats((m, k), 0), floats((k, n), 1)
    extra = {"bias": (n,), "residual": (m, n), "column": (m, 1)}.get(epilogue)
    args = [a, packed(b, 1, tile, (1, 0)) if tile else b]
    expected = a.astype(np.float64) @ b
    if extra is not None:
        args.append(floats(extra, 2))
        expected = expected + args[-1]
    sizes = [m] if dynamic else []
    (c,) = run(text, args, [(m, n)], config=ContractionConfig.parse(config), sizes=sizes)
    close(c, expected, k)


def test_layouts_are_asked_for_on_tensors() -> None:
    """At stage kernels a kernel is a function on tensors; B may lie any way, and is wanted in panels."""
    from aicc.bindings import ir

    text = """func.func private @k(%a: tensor<8x12xf32>, %b: tensor<100x12xf32>) -> tensor<8x100xf32>
      attributes {aicc.kernel} {
      %z = arith.constant 0.0 : f32
      %e = tensor.empty() : tensor<8x100xf32>
      %f = linalg.fill ins(%z : f32) outs(%e : tensor<8x100xf32>) -> tensor<8x100xf32>
      %c = linalg.generic {indexing_maps = [affine_map<(i,j,k) -> (i,k)>, affine_map<(i,j,k) -> (j,k)>,
        affine_map<(i,j,k) -> (i,j)>], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%a, %b : tensor<8x12xf32>, tensor<100x12xf32>) outs(%f : tensor<8x100xf32>) {
        ^bb0(%u: f32, %v: f32, %w: f32):
          %m = arith.mulf %u, %v : f32
          %s = arith.addf %w, %m : f32
          linalg.yield %s : f32 } -> tensor<8x100xf32>
      return %c : tensor<8x100xf32> }"""
    with ir.Context(), ir.Location.unknown():
        module = ir.Module.parse(text)
        func = module.body.operations[0].operation
        target = Target.cpu_named("x86-64-v3")
        assert SCHEDULE.matches(func, target)
        config, *others = SCHEDULE.configs(func, target)
        ((number, layout),) = SCHEDULE.layouts(func, target, config).items()
        assert number == 1
        assert (layout.outer_dims_perm, layout.inner_dims_pos, layout.inner_tiles) == ((0, 1), (0,), (16,))
        assert layout.packed_shape((100, 12)) == (7, 12, 16)
        assert SCHEDULE.cost(func, target, config) > 0
        assert all(type(c).parse(str(c)) == c and SCHEDULE.cost(func, target, c) > 0 for c in others)


def test_no_match_says_why() -> None:
    text, _ = matmul(4, 8, 3, 0, "bias")
    broken = str(text).replace("arith.mulf", "arith.addf")
    with pytest.raises(NoMatch, match="sum of products"):
        jit.compile_kernel(broken, SCHEDULE, Target.cpu_named("x86-64-v3"))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("epilogue", ["", "bias", "residual"])
@pytest.mark.parametrize(("m", "n", "parts"), [(50, 70, 3), (33, 48, 2), (25, 16, 4)])
def test_sum_in_parts(m: int, n: int, parts: int, epilogue: str, target: str) -> None:
    """Accumulators that wait in the scratch between the parts of a sum."""
    k, tile = 48, 16
    text, _ = matmul(m, n, k, tile, epilogue)
    a, b = floats((m, k), 0), floats((k, n), 1)
    extra = {"bias": [floats((n,), 2)], "residual": [floats((m, n), 2)]}.get(epilogue, [])
    config = ContractionConfig(parts=parts)
    (c,) = run(text, [a, packed(b, 1, tile, (1, 0)), *extra], [(m, n)], target, config)
    close(c, a.astype(np.float64) @ b + (extra[0] if extra else 0), k)


def test_long_sums_come_in_parts() -> None:
    """A panel that fills the L2 cache is used in parts; one that does not is not, nor is one that few rows use."""
    target = Target.cpu_named("x86-64-v3")
    scratch = []
    for m, k in ((64, 4096), (64, 256), (8, 4096)):
        text, _ = matmul(m, 32, k, 16)
        scratch.append(jit.compile_kernel(str(text), SCHEDULE, target).scratch)
    assert scratch[0] > 0 and scratch[1:] == [0, 0]
