"""The schedule `affine` against float64 NumPy: kernels of every form that stage *kernels* can make."""

from __future__ import annotations

from collections.abc import Sequence

import ml_dtypes
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aicc.bindings import ir
from aicc.codegen.jit import LoadedKernel, run_kernel_text
from aicc.codegen.jobs import KernelJob
from aicc.codegen.kernel_build import build
from aicc.passes.schedules import registry
from aicc.target import Target
from test.codegen.kernel_text import MATMUL_BIAS_RELU, generic, kernel

Array = np.ndarray
F32_ADD = "%m = arith.addf %0in, %1in : f32\nlinalg.yield %m : f32"
DOT = "%m = arith.mulf %0in, %1in : f32\n%s = arith.addf %out, %m : f32\nlinalg.yield %s : f32"
SUM = "%s = arith.addf %out, %0in : f32\nlinalg.yield %s : f32"


def check(
    text: str,
    inputs: Sequence[Array],
    expected: Sequence[Array],
    sizes: Sequence[int] = (),
    tolerance: float = 1e-5,
) -> tuple[int, int]:
    """Runs the kernel with all tiles at once and one by one; returns its tiles and bytes of scratch."""
    kept = [array.copy() for array in inputs]
    region = None
    for schedule, chunk in (("affine", None), ("affine", 1), ("affine{tiles=0}", None)):
        outputs = [np.empty_like(array) for array in expected]
        for output in outputs:
            output.view(np.uint8).fill(0x7F)
        _, got = run_kernel_text(text, [*inputs, *outputs], sizes, schedule, chunk=chunk)
        region = region or got
        for output, want in zip(outputs, expected, strict=True):
            if want.dtype.kind in "iub":
                np.testing.assert_array_equal(output, want)
            else:
                np.testing.assert_allclose(
                    output.astype(np.float64), want.astype(np.float64), rtol=tolerance, atol=tolerance
                )
        for array, before in zip(inputs, kept, strict=True):
            np.testing.assert_array_equal(array.view(np.uint8), before.view(np.uint8))
    assert region is not None
    return region.tiles, region.scratch


def lowered(text: str, config: str = "") -> str:
    """The kernel after the schedule, as text; for a fixed target."""
    schedule = registry.get("affine")
    with ir.Context(), ir.Location.unknown():
        module = ir.Module.parse(text)
        function = module.body.operations[0]
        schedule.lower(module, function, Target.cpu_named("x86-64-v3"), schedule.config_type.parse(config))
        return str(module)


def randn(rng: np.random.Generator, *shape: int) -> Array:
    return rng.standard_normal(shape).astype(np.float32)


def test_contraction_with_epilogue_works_in_the_output(rng: np.random.Generator) -> None:
    a, b, bias = randn(rng, 24, 40), randn(rng, 40, 48), randn(rng, 48)
    tiles, scratch = check(MATMUL_BIAS_RELU, [a, b, bias], [np.maximum(a @ b + bias, 0)])
    assert scratch == 0
    assert tiles > 1


def test_the_contiguous_loop_is_innermost_and_slices_are_outermost() -> None:
    text = lowered(MATMUL_BIAS_RELU)
    loops = [line for line in text.splitlines() if "affine.for" in line]
    assert "aicc.scratch = 0" in text
    assert "memref.alloc" not in text
    # one loop over tiles; fill: 2 loops, contraction: m, k, n; epilogue: 2
    assert len(loops) == 8
    assert "to 40" in loops[4] and "to 48" in loops[5]


@pytest.mark.parametrize("n", [48, 40])
def test_packed_operand(n: int, rng: np.random.Generator) -> None:
    panels = -(-n // 16)
    text = kernel(
        "k",
        {"a": "5x24xf32", "p": f"{panels}x24x16xf32"},
        {"y": f"5x{n}xf32"},
        f"""%be = tensor.empty() : tensor<24x{n}xf32>
        %b = linalg.unpack %p outer_dims_perm = [1, 0] inner_dims_pos = [1] inner_tiles = [16] into %be
          : tensor<{panels}x24x16xf32> -> tensor<24x{n}xf32>
        %z = arith.constant 0.0 : f32
        %e = tensor.empty() : tensor<5x{n}xf32>
        %f = linalg.fill ins(%z : f32) outs(%e : tensor<5x{n}xf32>) -> tensor<5x{n}xf32>
        """
        + generic(
            "%c",
            ["(m,n,k)->(m,k)", "(m,n,k)->(k,n)", "(m,n,k)->(m,n)"],
            "ppr",
            ["%a: 5x24xf32", f"%b: 24x{n}xf32"],
            f"%f: 5x{n}xf32",
            DOT,
        ),
        ["%c"],
    )
    a, b = randn(rng, 5, 24), randn(rng, 24, n)
    padded = np.zeros((24, panels * 16), np.float32)
    padded[:, :n] = b
    packed = np.ascontiguousarray(padded.reshape(24, panels, 16).transpose(1, 0, 2))
    _, scratch = check(text, [a, packed], [a @ b])
    assert scratch == 0  # read in place, not unpacked
    assert (" mod " in lowered(text)) == (n % 16 != 0)


CONV = kernel(
    "k0_conv",
    {"x": "1x8x9x6xf32", "p": "2x3x3x6x16xf32", "b": "32xf32"},
    {"y": "1x6x7x32xf32, strided<[2304, 288, 32, 1]>"},
    """%we = tensor.empty() : tensor<3x3x6x32xf32>
    %w = linalg.unpack %p outer_dims_perm = [3, 0, 1, 2] inner_dims_pos = [3] inner_tiles = [16] into %we
      : tensor<2x3x3x6x16xf32> -> tensor<3x3x6x32xf32>
    %z = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<1x6x7x32xf32>
    %f = linalg.fill ins(%z : f32) outs(%e : tensor<1x6x7x32xf32>) -> tensor<1x6x7x32xf32>
    """
    + generic(
        "%c",
        [
            "(b,h,w,f,i,j,c)->(b,h+i,w+j,c)",
            "(b,h,w,f,i,j,c)->(i,j,c,f)",
            "(b,h,w,f,i,j,c)->(b,h,w,f)",
        ],
        "pppprrr",
        ["%x: 1x8x9x6xf32", "%w: 3x3x6x32xf32"],
        "%f: 1x6x7x32xf32",
        DOT,
    )
    + "\n"
    + generic(
        "%r",
        ["(b,h,w,f)->(b,h,w,f)", "(b,h,w,f)->(f)", "(b,h,w,f)->(b,h,w,f)"],
        "pppp",
        ["%c: 1x6x7x32xf32", "%b: 32xf32"],
        "%e: 1x6x7x32xf32",
        F32_ADD,
    ),
    ["%r"],
)


def convolve(x: Array, w: Array) -> Array:
    kh, kw = w.shape[:2]
    h, v = x.shape[1] - kh + 1, x.shape[2] - kw + 1
    return sum(x[:, i : i + h, j : j + v].astype(np.float64) @ w[i, j] for i in range(kh) for j in range(kw))


def test_convolution_writes_the_interior_of_a_bordered_buffer(rng: np.random.Generator) -> None:
    x, w, b = randn(rng, 1, 8, 9, 6), randn(rng, 3, 3, 6, 32), randn(rng, 32)
    packed = np.ascontiguousarray(w.reshape(3, 3, 6, 2, 16).transpose(3, 0, 1, 2, 4))
    buffer = np.full((1, 8, 9, 32), 7, np.float32)
    _, region = run_kernel_text(CONV, [x, packed, b, buffer[:, 1:7, 1:8]])
    assert region.tiles == 6  # rows: the batch of one is no loop worth slicing
    np.testing.assert_allclose(buffer[:, 1:7, 1:8], convolve(x, w) + b, rtol=1e-5, atol=1e-5)
    buffer[:, 1:7, 1:8] = 7
    assert (buffer == 7).all()


def softmax_like(attributes: str = "", rows: int = 37, columns: int = 50) -> str:
    shape = f"{rows}x{columns}xf32"
    identity, row = "(i,j)->(i,j)", "(i,j)->(i)"
    return kernel(
        "k",
        {"x": shape},
        {"y": shape},
        "\n".join(
            [
                "%low = arith.constant 0xFF800000 : f32",
                "%z = arith.constant 0.0 : f32",
                f"%e1 = tensor.empty() : tensor<{rows}xf32>",
                f"%e2 = tensor.empty() : tensor<{shape}>",
                f"%f1 = linalg.fill ins(%low : f32) outs(%e1 : tensor<{rows}xf32>) -> tensor<{rows}xf32>",
                generic(
                    "%mx",
                    [identity, row],
                    "pr",
                    [f"%x: {shape}"],
                    f"%f1: {rows}xf32",
                    "%m = arith.maximumf %0in, %out : f32\nlinalg.yield %m : f32",
                ),
                generic(
                    "%ex",
                    [identity, row, identity],
                    "pp",
                    [f"%x: {shape}", f"%mx: {rows}xf32"],
                    f"%e2: {shape}",
                    "%s = arith.subf %0in, %1in : f32\n%q = arith.mulf %s, %s : f32\nlinalg.yield %q : f32",
                ),
                f"%f2 = linalg.fill ins(%z : f32) outs(%e1 : tensor<{rows}xf32>) -> tensor<{rows}xf32>",
                generic("%sm", [identity, row], "pr", [f"%ex: {shape}"], f"%f2: {rows}xf32", SUM),
                generic(
                    "%d",
                    [identity, row, identity],
                    "pp",
                    [f"%ex: {shape}", f"%sm: {rows}xf32"],
                    f"%e2: {shape}",
                    "%q = arith.divf %0in, %1in : f32\nlinalg.yield %q : f32",
                ),
            ]
        ),
        ["%d"],
        attributes,
    )


def softmax_like_reference(x: Array) -> Array:
    q = (x.astype(np.float64) - x.max(1, keepdims=True)) ** 2
    return (q / q.sum(1, keepdims=True)).astype(np.float32)


def test_rows_are_tiles_and_temporaries_hold_the_rows_of_one(rng: np.random.Generator) -> None:
    x = randn(rng, 37, 50)
    check(softmax_like(), [x], [softmax_like_reference(x)])
    x = randn(rng, 2000, 500)
    tiles, scratch = check(softmax_like(rows=2000, columns=500), [x], [softmax_like_reference(x)])
    assert tiles > 10
    assert scratch < 500 * 4 * 2000 // 10


def test_an_output_that_is_an_input(rng: np.random.Generator) -> None:
    x = randn(rng, 37, 50)
    expected, memory = softmax_like_reference(x), x.copy()
    run_kernel_text(softmax_like("aicc.alias = [[0, 1]]"), [memory, memory])
    np.testing.assert_allclose(memory, expected, rtol=1e-5, atol=1e-6)


def test_pad(rng: np.random.Generator) -> None:
    text = kernel(
        "k",
        {"x": "5x6xf32"},
        {"y": "9x9xf32"},
        """%z = arith.constant 0.5 : f32
        %p = tensor.pad %x low[1, 2] high[3, 1] { ^bb0(%i: index, %j: index): tensor.yield %z : f32 }
          : tensor<5x6xf32> to tensor<9x9xf32>""",
        ["%p"],
    )
    x = randn(rng, 5, 6)
    check(text, [x], [np.pad(x, ((1, 3), (2, 1)), constant_values=0.5)])


SCATTER = kernel(
    "k",
    {"x": "10x4xf32", "at": "3xi64", "u": "3x4xf32"},
    {"y": "10x4xf32"},
    """%c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    %c4 = arith.constant 4 : index
    %r = scf.for %i = %c0 to %c3 step %c1 iter_args(%t = %x) -> tensor<10x4xf32> {
      %k64 = tensor.extract %at[%i] : tensor<3xi64>
      %k = arith.index_cast %k64 : i64 to index
      %q = scf.for %j = %c0 to %c4 step %c1 iter_args(%t2 = %t) -> tensor<10x4xf32> {
        %v = tensor.extract %u[%i, %j] : tensor<3x4xf32>
        %o = tensor.extract %t2[%k, %j] : tensor<10x4xf32>
        %s = arith.addf %v, %o : f32
        %t3 = tensor.insert %s into %t2[%k, %j] : tensor<10x4xf32>
        scf.yield %t3 : tensor<10x4xf32>
      }
      scf.yield %q : tensor<10x4xf32>
    }""",
    ["%r"],
)


def test_loops_that_insert(rng: np.random.Generator) -> None:
    x, u, at = randn(rng, 10, 4), randn(rng, 3, 4), np.array([2, 7, 2])
    expected = x.copy()
    np.add.at(expected, at, u)
    _, scratch = check(SCATTER, [x, at, u], [expected])
    assert scratch == 0  # the copy of the input is made in the output


def test_gather_compare_and_bool(rng: np.random.Generator) -> None:
    text = kernel(
        "k",
        {"x": "10x4xf32", "at": "3xi64"},
        {"y": "3x4xi8"},
        "%e = tensor.empty() : tensor<3x4xi8>\n%z = arith.constant 0.0 : f32\n"
        + generic(
            "%r",
            ["(i,j)->(i)", "(i,j)->(i,j)"],
            "pp",
            ["%at: 3xi64"],
            "%e: 3x4xi8",
            """%k = arith.index_cast %0in : i64 to index
            %j = linalg.index 1 : index
            %v = tensor.extract %x[%k, %j] : tensor<10x4xf32>
            %b = arith.cmpf ogt, %v, %z : f32
            %q = arith.extui %b : i1 to i8
            linalg.yield %q : i8""",
        ),
        ["%r"],
    )
    x, at = randn(rng, 10, 4), np.array([2, 7, 2])
    check(text, [x, at], [(x[at] > 0).astype(np.int8)])


def test_two_outputs_and_a_fused_producer(rng: np.random.Generator) -> None:
    text = kernel(
        "k",
        {"x": "33x20xf32"},
        {"y": "33x20xf32", "total": "33xf32"},
        "%z = arith.constant 0.0 : f32\n"
        "%e = tensor.empty() : tensor<33x20xf32>\n%e1 = tensor.empty() : tensor<33xf32>\n"
        + generic(
            "%d",
            ["(i,j)->(i,j)", "(i,j)->(i,j)"],
            "pp",
            ["%x: 33x20xf32"],
            "%e: 33x20xf32",
            "%m = arith.addf %0in, %0in : f32\nlinalg.yield %m : f32",
        )
        + "\n%f = linalg.fill ins(%z : f32) outs(%e1 : tensor<33xf32>) -> tensor<33xf32>\n"
        + generic("%s", ["(i,j)->(i,j)", "(i,j)->(i)"], "pr", ["%d: 33x20xf32"], "%f: 33xf32", SUM),
        ["%d", "%s"],
    )
    x = randn(rng, 33, 20)
    check(text, [x], [2 * x, (2 * x).sum(1)])


def test_transposed_use_of_an_intermediate_is_one_tile(rng: np.random.Generator) -> None:
    identity = "(i,j)->(i,j)"
    text = kernel(
        "k",
        {"x": "24x24xf32"},
        {"y": "24x24xf32"},
        "%z = arith.constant 0.0 : f32\n%e = tensor.empty() : tensor<24x24xf32>\n"
        "%f = linalg.fill ins(%z : f32) outs(%e : tensor<24x24xf32>) -> tensor<24x24xf32>\n"
        + generic(
            "%c",
            ["(i,j,k)->(i,k)", "(i,j,k)->(k,j)", "(i,j,k)->(i,j)"],
            "ppr",
            ["%x: 24x24xf32", "%x: 24x24xf32"],
            "%f: 24x24xf32",
            DOT,
        )
        + "\n"
        + generic(
            "%t",
            [identity, "(i,j)->(j,i)", identity],
            "pp",
            ["%c: 24x24xf32", "%c: 24x24xf32"],
            "%e: 24x24xf32",
            F32_ADD,
        ),
        ["%t"],
    )
    x = randn(rng, 24, 24)
    tiles, scratch = check(text, [x], [x @ x + (x @ x).T])
    assert tiles == 1
    assert scratch == 24 * 24 * 4


@pytest.mark.parametrize("rows", [1, 7, 300])
def test_dynamic_rows_with_temporaries(rows: int, rng: np.random.Generator) -> None:
    text = kernel(
        "k",
        {"x": "?x24xf32 @n", "w": "24x20xf32"},
        {"y": "?x20xf32 @n"},
        "\n".join(
            [
                "%z = arith.constant 0.0 : f32",
                "%e = tensor.empty(%n) : tensor<?x20xf32>",
                "%e1 = tensor.empty(%n) : tensor<?xf32>",
                "%f = linalg.fill ins(%z : f32) outs(%e : tensor<?x20xf32>) -> tensor<?x20xf32>",
                generic(
                    "%c",
                    ["(m,n,k)->(m,k)", "(m,n,k)->(k,n)", "(m,n,k)->(m,n)"],
                    "ppr",
                    ["%x: ?x24xf32", "%w: 24x20xf32"],
                    "%f: ?x20xf32",
                    DOT,
                ),
                "%f1 = linalg.fill ins(%z : f32) outs(%e1 : tensor<?xf32>) -> tensor<?xf32>",
                generic("%s", ["(i,j)->(i,j)", "(i,j)->(i)"], "pr", ["%c: ?x20xf32"], "%f1: ?xf32", SUM),
                generic(
                    "%d",
                    ["(i,j)->(i,j)", "(i,j)->(i)", "(i,j)->(i,j)"],
                    "pp",
                    ["%c: ?x20xf32", "%s: ?xf32"],
                    "%e: ?x20xf32",
                    "%m = arith.subf %0in, %1in : f32\nlinalg.yield %m : f32",
                ),
            ]
        ),
        ["%d"],
        sizes=["n"],
    )
    x, w = randn(rng, rows, 24), randn(rng, 24, 20)
    c = x.astype(np.float64) @ w
    check(text, [x, w], [(c - c.sum(1, keepdims=True)).astype(np.float32)], sizes=[rows], tolerance=1e-4)


def test_scratch_of_dynamic_size(rng: np.random.Generator) -> None:
    text = kernel(
        "k",
        {"x": "?xf32 @n"},
        {"y": "?xf32 @n"},
        "\n".join(
            [
                "%z = arith.constant 0.0 : f32",
                "%e = tensor.empty(%n) : tensor<?xf32>",
                "%es = tensor.empty() : tensor<f32>",
                generic(
                    "%a",
                    ["(i)->(i)", "(i)->(i)"],
                    "p",
                    ["%x: ?xf32"],
                    "%e: ?xf32",
                    "%m = arith.mulf %0in, %0in : f32\nlinalg.yield %m : f32",
                ),
                "%f = linalg.fill ins(%z : f32) outs(%es : tensor<f32>) -> tensor<f32>",
                generic("%s", ["(i)->(i)", "(i)->()"], "r", ["%a: ?xf32"], "%f: f32", SUM),
                generic(
                    "%d",
                    ["(i)->(i)", "(i)->()", "(i)->(i)"],
                    "p",
                    ["%a: ?xf32", "%s: f32"],
                    "%e: ?xf32",
                    "%m = arith.divf %0in, %1in : f32\nlinalg.yield %m : f32",
                ),
            ]
        ),
        ["%d"],
        sizes=["n"],
    )
    x = randn(rng, 1001)
    q = x.astype(np.float64) ** 2
    check(text, [x], [(q / q.sum()).astype(np.float32)], sizes=[1001])


@pytest.mark.parametrize(
    ("kind", "dtype", "tolerance"),
    [
        ("f64", np.float64, 1e-12),
        ("f16", np.float16, 1e-2),
        ("bf16", ml_dtypes.bfloat16, 5e-2),
        ("i32", np.int32, 0),
        ("i64", np.int64, 0),
        ("i8", np.int8, 0),
    ],
)
def test_contraction_in_other_dtypes(
    kind: str, dtype: type, tolerance: float, rng: np.random.Generator
) -> None:
    suffix, zero = ("f", "0.0") if "f" in kind else ("i", "0")
    text = kernel(
        "k",
        {"a": f"9x17x{kind}", "b": f"17x13x{kind}"},
        {"y": f"9x13x{kind}"},
        f"%z = arith.constant {zero} : {kind}\n%e = tensor.empty() : tensor<9x13x{kind}>\n"
        f"%f = linalg.fill ins(%z : {kind}) outs(%e : tensor<9x13x{kind}>) -> tensor<9x13x{kind}>\n"
        + generic(
            "%c",
            ["(m,n,k)->(m,k)", "(m,n,k)->(k,n)", "(m,n,k)->(m,n)"],
            "ppr",
            [f"%a: 9x17x{kind}", f"%b: 17x13x{kind}"],
            f"%f: 9x13x{kind}",
            f"%m = arith.mul{suffix} %0in, %1in : {kind}\n"
            f"%s = arith.add{suffix} %out, %m : {kind}\nlinalg.yield %s : {kind}",
        ),
        ["%c"],
    )
    if suffix == "i":
        a, b = rng.integers(-3, 4, (9, 17)).astype(dtype), rng.integers(-3, 4, (17, 13)).astype(dtype)
        expected = (a.astype(np.int64) @ b.astype(np.int64)).astype(dtype)
    else:
        a, b = rng.standard_normal((9, 17)).astype(dtype), rng.standard_normal((17, 13)).astype(dtype)
        expected = (a.astype(np.float64) @ b.astype(np.float64)).astype(dtype)
    check(text, [a, b], [expected], tolerance=tolerance)


@st.composite
def contractions(draw: st.DrawFn) -> tuple[str, list[tuple[int, ...]], list[str], tuple[int, ...]]:
    """An einsum over four letters, operands possibly transposed or broadcast: (spec, input shapes, maps, output)."""
    sizes = {letter: draw(st.sampled_from([1, 2, 3, 8, 17])) for letter in "abcd"}
    used = draw(st.permutations("abcd"))[: draw(st.integers(1, 4))]
    operands = [draw(st.permutations(used))[: draw(st.integers(1, len(used)))] for _ in range(2)]
    seen = sorted(set(operands[0]) | set(operands[1]))
    output = draw(st.permutations(seen))[: draw(st.integers(0, len(seen)))]
    loops = draw(st.permutations(seen))
    spec = f"{''.join(operands[0])},{''.join(operands[1])}->{''.join(output)}"
    domain = f"({','.join(loops)})"
    maps = [f"{domain}->({','.join(letters)})" for letters in (*operands, output)]
    iterators = "".join("p" if letter in output else "r" for letter in loops)
    shapes = [tuple(sizes[letter] for letter in letters) for letters in operands]
    return spec, shapes, [*maps, iterators], tuple(sizes[letter] for letter in output)


def typed(shape: Sequence[int]) -> str:
    return "x".join([*map(str, shape), "f32"])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=contractions(), seed=st.integers(0, 1000))
def test_any_contraction(
    case: tuple[str, list[tuple[int, ...]], list[str], tuple[int, ...]], seed: int
) -> None:
    spec, shapes, (*maps, iterators), output = case
    a, b = (np.random.default_rng(seed).standard_normal(shape).astype(np.float32) for shape in shapes)
    out = typed(output)
    text = kernel(
        "k",
        {"a": typed(shapes[0]), "b": typed(shapes[1])},
        {"y": out},
        f"%z = arith.constant 0.0 : f32\n%e = tensor.empty() : tensor<{out}>\n"
        f"%f = linalg.fill ins(%z : f32) outs(%e : tensor<{out}>) -> tensor<{out}>\n"
        + generic(
            "%c", maps, iterators, [f"%a: {typed(shapes[0])}", f"%b: {typed(shapes[1])}"], f"%f: {out}", DOT
        ),
        ["%c"],
    )
    expected = np.einsum(spec, a.astype(np.float64), b.astype(np.float64))
    job = KernelJob(text, ("affine",), Target.host())
    y = np.full(output, np.nan, np.float32)
    with LoadedKernel(build(job.attempt(0)).object, job.symbol) as loaded:
        loaded.run([a, b, y], chunk=1)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)


def test_a_small_batch_is_no_dimension_to_slice() -> None:
    text = CONV.replace("1x8x9x6", "2x8x9x6").replace("1x6x7x32", "2x6x7x32")
    assert "aicc.tiles = 6 " in lowered(text)
    text = CONV.replace("1x8x9x6", "20x8x9x6").replace("1x6x7x32", "20x6x7x32")
    assert "aicc.tiles = 20 " in lowered(text)


@pytest.mark.parametrize("rows", [0, 1])
def test_no_rows_are_no_tiles(rows: int, rng: np.random.Generator) -> None:
    text = kernel(
        "k",
        {"x": "?x8xf32 @n"},
        {"y": "?x8xf32 @n"},
        "%e = tensor.empty(%n) : tensor<?x8xf32>\n"
        + generic(
            "%r",
            ["(i,j)->(i,j)", "(i,j)->(i,j)"],
            "pp",
            ["%x: ?x8xf32"],
            "%e: ?x8xf32",
            "%m = arith.addf %0in, %0in : f32\nlinalg.yield %m : f32",
        ),
        ["%r"],
        sizes=["n"],
    )
    x = randn(rng, rows, 8)
    tiles, _ = check(text, [x], [2 * x], sizes=[rows])
    assert tiles == rows
