"""Kernels over rows compiled by the schedule and run, against float64 NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from aicc.passes.schedules import jit
from aicc.passes.schedules.cpu.rows import SCHEDULE, RowsConfig
from aicc.target import Target
from test.passes.schedules.cpu.reduction_texts import (
    argmax,
    floats,
    layer_norm,
    log_softmax,
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


@pytest.mark.parametrize("op", ["sum", "max", "min", "prod", "sum_square"])
@pytest.mark.parametrize("element", ["f32", "f64", "i32", "i64", "i8"])
def test_reductions_of_the_last_dimensions(op: str, element: str) -> None:
    dtype = {"f32": np.float32, "f64": np.float64, "i32": np.int32, "i64": np.int64, "i8": np.int8}[element]
    rng = np.random.default_rng(4)
    x = (
        rng.integers(-9, 9, (5, 6, 41)).astype(dtype)
        if element[0] == "i"
        else rng.uniform(-1.5, 1.5, (5, 6, 41)).astype(dtype)
    )
    (y,) = run(SCHEDULE, reduce((5, 6, 41), (1, 2), op, element), [x], [(5,)], dtype=dtype)
    functions: dict[str, Any] = {
        "sum": np.sum,
        "max": np.max,
        "min": np.min,
        "prod": np.prod,
        "sum_square": lambda v, **k: np.sum(v * v, **k),
    }
    want = (
        functions[op](x if element[0] == "i" else x.astype(np.float64), axis=(1, 2), dtype=None)
        if op not in ("max", "min")
        else functions[op](x, axis=(1, 2))
    )
    if element[0] == "i":
        np.testing.assert_array_equal(y, np.asarray(want).astype(dtype))
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
