"""Kernels over rows compiled by the schedule and run, against float64 NumPy."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

import aicc
from aicc.bindings import ir
from aicc.codegen.jit import LoadedKernel
from aicc.codegen.kernel_build import Attempt, build
from aicc.passes.schedules import jit
from aicc.passes.schedules.cpu.rows import SCHEDULE, RowsConfig
from aicc.target import Target
from test.passes.schedules.cpu.reduction_texts import (
    KernelText,
    argmax,
    floats,
    layer_norm,
    log_softmax,
    normalized_sum,
    reduce,
    run,
    softmax,
)

Shape = Sequence[int | str]
WIDTHS = [1, 2, 7, 8, 16, 33, 64, 100, 128, 257, 1000]


def sizes_of(shape: Shape, values: dict[str, int]) -> tuple[list[int], list[int]]:
    """The actual shape, and the sizes of the names in order of appearance."""
    names = [x for x in dict.fromkeys(shape) if isinstance(x, str)]
    return [values[x] if isinstance(x, str) else x for x in shape], [values[x] for x in names]


def matches(text: KernelText) -> bool:
    """Whether the kernel is one for the schedule: one without anything to reduce is not."""
    with ir.Context(), ir.Location.unknown():
        module = ir.Module.parse(str(text))
        return SCHEDULE.matches(module.body.operations[0].operation, Target.cpu_named("x86-64-v3"))


def reference_softmax(x: Any, axis: int = -1) -> Any:
    x = x.astype(np.float64)
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


@pytest.mark.parametrize("width", WIDTHS)
def test_softmax(width: int) -> None:
    x = floats((13, width), width) * 4
    (y,) = run(SCHEDULE, softmax((13, width)), [x], [x.shape])
    np.testing.assert_allclose(y, reference_softmax(x), rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("target", ["x86-64", "x86-64-v3", "x86-64-v4"])
@pytest.mark.parametrize("registers", [0, 64])
def test_softmax_on_targets(target: str, registers: int) -> None:
    x = floats((3, 5, 77), 1) * 4
    (y,) = run(SCHEDULE, softmax((3, 5, 77)), [x], [x.shape], target, RowsConfig(registers=registers))
    np.testing.assert_allclose(y, reference_softmax(x), rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("rows, width", [(1, 1), (9, 40), (70, 515), (0, 3)])
def test_sizes_known_at_run_time(rows: int, width: int) -> None:
    x = floats((rows, width), 3)
    (y,) = run(SCHEDULE, softmax(("n", "w")), [x], [x.shape], sizes=[rows, width])
    np.testing.assert_allclose(y, reference_softmax(x) if rows else x, rtol=2e-6, atol=1e-7)
    (y,) = run(
        SCHEDULE,
        layer_norm((4, "n", "w")),
        [floats((4, rows, width), 1), *floats((2, width), 2)],
        [(4, rows, width)],
        sizes=[rows, width],
    )


def test_not_a_number_reaches_the_whole_row_and_no_other() -> None:
    x = floats((4, 100), 5)
    x[1, 70] = np.nan
    x[2, 3] = np.inf
    x[3, :50] = -np.inf
    (y,) = run(SCHEDULE, softmax((4, 100)), [x], [x.shape])
    with np.errstate(invalid="ignore"):
        want = reference_softmax(x)
    np.testing.assert_allclose(y, want, rtol=2e-6, atol=1e-7)
    assert (y[3, :50] == 0).all()


@pytest.mark.parametrize("width", [5, 128, 1001])
def test_log_softmax(width: int) -> None:
    x = floats((6, width), width) * 4
    (y,) = run(SCHEDULE, log_softmax((6, width)), [x], [x.shape])
    np.testing.assert_allclose(y, np.log(reference_softmax(x)), rtol=2e-6, atol=4e-6)


@pytest.mark.parametrize("width", [5, 96, 128, 768, 1001])
def test_layer_norm(width: int) -> None:
    x, scale, bias = floats((6, width), 1) + 3, floats((width,), 2), floats((width,), 3)
    (y,) = run(SCHEDULE, layer_norm((6, width)), [x, scale, bias], [x.shape])
    wide = x.astype(np.float64)
    centered = wide - wide.mean(-1, keepdims=True)
    want = centered / np.sqrt((centered**2).mean(-1, keepdims=True) + 1e-5) * scale + bias
    np.testing.assert_allclose(y, want, rtol=0, atol=4e-6)


@pytest.mark.parametrize("axis", [1, 2, 3])
@pytest.mark.parametrize("size", [3, 20])
def test_softmax_over_any_dimension(axis: int, size: int) -> None:
    shape = [2, 5, 4, 37]
    shape[axis] = size
    x = floats(shape, axis)
    (y,) = run(SCHEDULE, softmax(shape, axis), [x], [shape])
    np.testing.assert_allclose(y, reference_softmax(x, axis), rtol=2e-6, atol=1e-7)


DTYPES: dict[str, Any] = {
    "f32": np.float32,
    "f64": np.float64,
    "i32": np.int32,
    "i64": np.int64,
    "i8": np.int8,
}
REFERENCES: dict[str, Any] = {
    "sum": lambda x, axes: x.sum(axes),
    "max": lambda x, axes: x.max(axes),
    "min": lambda x, axes: x.min(axes),
    "prod": lambda x, axes: x.prod(axes),
    "sum_square": lambda x, axes: (x * x).sum(axes),
}


@pytest.mark.parametrize("op", list(REFERENCES))
@pytest.mark.parametrize("element", list(DTYPES))
def test_reductions_of_the_last_dimensions(op: str, element: str) -> None:
    dtype, rng, shape = DTYPES[element], np.random.default_rng(4), (5, 6, 41)
    is_integer = element[0] == "i"
    x = (rng.integers(-9, 9, shape) if is_integer else rng.uniform(-1.5, 1.5, shape)).astype(dtype)
    (y,) = run(SCHEDULE, reduce(shape, (1, 2), op, element), [x], [(5,)], dtype=dtype)
    with np.errstate(over="ignore"):
        want = REFERENCES[op](x.astype(np.int64 if is_integer else np.float64), (1, 2))
    if is_integer:
        np.testing.assert_array_equal(y, want.astype(dtype))
    else:
        np.testing.assert_allclose(y, want, rtol=1e-5, atol=1e-5)


def test_maximum_keeps_nan() -> None:
    x = floats((5, 70), 1)
    x[0, 0], x[1, 69], x[2, 33] = np.nan, np.nan, np.nan
    (y,) = run(SCHEDULE, reduce((5, 70), (1,), "max", "f32"), [x], [(5,)])
    np.testing.assert_array_equal(y, x.max(1))


@pytest.mark.parametrize("width", [3, 50, 1000])
def test_argmax(width: int) -> None:
    x = np.random.default_rng(1).integers(0, 5, (9, width)).astype(np.float32)
    (y,) = run(SCHEDULE, argmax((9, width)), [x], [(9,)], dtype=np.int64)
    np.testing.assert_array_equal(y, x.argmax(1))


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@example([1, 1], 0, False, 2, 0, -1)
@given(
    st.lists(st.integers(1, 20), min_size=2, max_size=4), st.integers(0, 3), st.booleans(),
    st.sampled_from([0, 2, 4, 8]), st.sampled_from([0, 1, 3]), st.sampled_from([-1, 0]),
)  # fmt: skip
def test_softmax_of_any_shape(
    shape: list[int], axis: int, dynamic: bool, lanes: int, chains: int, registers: int
) -> None:
    axis %= len(shape)
    x = floats(shape, 1) * 3
    names: Shape = [f"s{i}" for i in range(len(shape))] if dynamic else shape
    config = RowsConfig(lanes=lanes, chains=chains, registers=registers)
    text = softmax(names, axis)
    if not matches(text):
        return
    (y,) = run(SCHEDULE, text, [x], [shape], config=config, sizes=shape if dynamic else [])
    np.testing.assert_allclose(y, reference_softmax(x, axis), rtol=2e-6, atol=1e-7)


def test_in_place() -> None:
    """An output that shares memory with an input is written in the last pass, and keeps no values before."""
    for width in (40, 4000):
        text = str(softmax((6, width))).replace("aicc.kernel,", "aicc.kernel, aicc.alias = [[0, 1]],")
        kernel = jit.compile_kernel(text, SCHEDULE, Target.cpu_named("x86-64-v3"))
        x = floats((6, width), 7)
        want = reference_softmax(x)
        kernel(x, x)
        np.testing.assert_allclose(x, want, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("width", [24, 3000])
@pytest.mark.parametrize("in_place", [False, True])
def test_several_outputs(width: int, in_place: bool) -> None:
    """A sum that is itself an output, values per row, and the sum normalized by them."""
    x, r = floats((7, width), 1), floats((7, width), 2)
    want_sum = x.astype(np.float64) + r
    norms = (want_sum**2).sum(1)
    text = str(normalized_sum((7, width)))
    if in_place:
        text = text.replace("aicc.kernel,", "aicc.kernel, aicc.alias = [[0, 2]],")
    kernel = jit.compile_kernel(text, SCHEDULE, Target.cpu_named("x86-64-v3"))
    total = x if in_place else jit.aligned((7, width))
    squares, y = jit.aligned((7,)), jit.aligned((7, width))
    kernel(x, r, total, squares, y)
    np.testing.assert_allclose(total, want_sum, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(squares, norms, rtol=1e-5)
    np.testing.assert_allclose(y, want_sum / norms[:, None], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("width", [48, 1000])
def test_with_the_products_own_code_generator(width: int) -> None:
    """With the expanded exponential: masked elements get exactly 0, and nothing calls the C library."""
    x = floats((9, width), 3) * 10
    x[:, 5] = -np.inf
    built = build(Attempt(str(softmax((9, width))), "rows", "k", Target.host()))
    y = jit.aligned((9, width))
    with LoadedKernel(built.object, "k") as kernel:
        kernel.run([x, y], chunk=2)
    np.testing.assert_allclose(y, reference_softmax(x), rtol=2e-6, atol=1e-7)
    assert (y[:, 5] == 0).all()


def test_values_between_passes_stay_in_the_output() -> None:
    kernel = jit.compile_kernel(str(softmax((8, 4107))), SCHEDULE, Target.cpu_named("x86-64-v3"))
    assert kernel.scratch == 0
    assert kernel.text.count("math.exp") == 6  # four in a turn, one vector, one tail


def test_values_between_passes_of_another_type_are_in_scratch() -> None:
    x = floats((8, 4000), 2).astype(np.float16)
    (y,) = run(SCHEDULE, softmax((8, 4000), element="f16"), [x], [x.shape], dtype=np.float16)
    np.testing.assert_allclose(y, reference_softmax(x), rtol=2e-3, atol=1e-7)
    kernel = jit.compile_kernel(
        str(softmax((8, 4000), element="f16")), SCHEDULE, Target.cpu_named("x86-64-v3")
    )
    assert kernel.scratch == 16000 // 64 * 64


def test_outputs_apart_in_memory_at_sizes_of_a_run() -> None:
    """Vectors fit neither direction: one lane, whose tails need no mask."""
    nodes = [
        helper.make_node("Softmax", ["x"], ["p"]),
        helper.make_node("Add", ["y", "p"], ["s"]),
        helper.make_node("Unsqueeze", ["p", "last"], ["p1"]),
        helper.make_node("Unsqueeze", ["s", "last"], ["s1"]),
        helper.make_node("Concat", ["p1", "s1"], ["z"], axis=-1),
    ]
    graph = helper.make_graph(
        nodes,
        "stacked",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", "m"]) for name in ("x", "y")],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.array([2]), "last")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exe = aicc.compile(model, jobs=0, cache=False)
    for shape in (3, 21), (1, 1), (5, 16):
        x, y = floats(shape, 1), floats(shape, 2)
        p = reference_softmax(x)
        np.testing.assert_allclose(exe(x, y), np.stack([p, p + y], -1), rtol=2e-6, atol=1e-6)
