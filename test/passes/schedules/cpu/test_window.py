"""Kernels of windows compiled by the schedule and run, against float64 NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aicc.passes.schedules.cpu.window import SCHEDULE, WindowConfig
from aicc.passes.schedules.schedule import Config
from test.passes.schedules.cpu.reduction_texts import STARTS, Window, floats, reduce, run

TARGETS = ["x86-64", "x86-64-v3", "x86-64-v4"]


def patches(x: Any, window: Window) -> Any:
    """`[b, oh, ow, c, kh, kw]`."""
    _, oh, ow, _ = window.out
    (kh, kw), (sh, sw), (dh, dw) = window.kernel, window.stride, window.dilation
    rows = [
        [x[:, i * dh : i * dh + oh * sh : sh, j * dw : j * dw + ow * sw : sw] for j in range(kw)]
        for i in range(kh)
    ]
    stacked = np.stack([np.stack(row, -1) for row in rows], -2)
    return stacked[:, :oh, :ow]


def depthwise(
    window: Window, target: str = "x86-64-v3", config: Config | None = None, relu: bool = True
) -> None:
    x, w = floats(window.input, 1), floats((*window.kernel, window.out[-1]), 2)
    bias = floats((window.out[-1],), 3)
    (y,) = run(SCHEDULE, window.depthwise(relu), [x, w, bias], [window.out], target, config)
    want = np.einsum("bhwcij,ijc->bhwc", patches(x.astype(np.float64), window), w) + bias
    np.testing.assert_allclose(y, np.maximum(want, 0) if relu else want, rtol=0, atol=2e-5)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("channels", [1, 5, 16, 40, 67])
def test_depthwise(channels: int, target: str) -> None:
    depthwise(Window((2, 9, 11, channels), (3, 3)), target)


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(
    st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(1, 2), st.integers(1, 2),
    st.integers(1, 9), st.sampled_from([3, 8, 24, 33]), st.sampled_from([(0, 0), (1, 1), (3, 2), (6, 1)]),
)  # fmt: skip
def test_depthwise_of_any_window(
    kh: int, kw: int, sh: int, sw: int, dilation: int, width: int, channels: int, tile: tuple[int, int]
) -> None:
    window = Window((1, 3, width, channels), (kh, kw), (sh, sw), (dilation, dilation))
    depthwise(window, config=WindowConfig(pixels=tile[0], vectors=tile[1]), relu=False)


def test_large_windows_are_loops() -> None:
    depthwise(Window((1, 5, 6, 24), (13, 11)))


def test_weights_with_channels_first_are_read_and_packed() -> None:
    window = Window((1, 6, 7, 20), (3, 3))
    text = window.depthwise(channels_first=True)
    x, w, bias = floats(window.input, 1), floats((20, 3, 3), 2), floats((20,), 3)
    (y,) = run(SCHEDULE, text, [x, w, bias], [window.out])
    want = np.einsum("bhwcij,cij->bhwc", patches(x.astype(np.float64), window), w) + bias
    np.testing.assert_allclose(y, np.maximum(want, 0), rtol=0, atol=2e-5)
    packed = np.ascontiguousarray(w.transpose(1, 2, 0)).reshape(1, 3, 3, 20)
    text = window.depthwise(channels_first=True, packed=True)
    (y,) = run(SCHEDULE, text, [x, packed, bias], [window.out])
    np.testing.assert_allclose(y, np.maximum(want, 0), rtol=0, atol=2e-5)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("op, stride", [("max", 2), ("sum", 1), ("max", 3)])
def test_pooling(op: str, stride: int, target: str) -> None:
    window = Window((2, 5, 6, 19), (3, 2), (stride, stride))
    x = floats(window.input, 1)
    (y,) = run(SCHEDULE, window.pool(op), [x], [window.out], target)
    want = patches(x.astype(np.float64), window)
    want = want.max((-1, -2)) if op == "max" else want.sum((-1, -2))
    np.testing.assert_allclose(y, want, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("stride", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("width", [3, 16, 29])
def test_pooling_with_channels_first(stride: int, width: int) -> None:
    window = Window((2, 3, width, 4), (2, 3), (1, stride))
    x = floats(window.input, 1)
    flat = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    b, h, w, c = window.out
    (y,) = run(SCHEDULE, window.pool("max", channels_first=True), [flat], [(b, c, h, w)])
    np.testing.assert_array_equal(y, patches(x, window).max((-1, -2)).transpose(0, 3, 1, 2))


def test_maximum_of_integers_and_of_nan() -> None:
    window = Window((1, 4, 4, 10), (2, 2), (2, 2))
    x = np.random.default_rng(0).integers(-128, 128, window.input).astype(np.int8)
    (y,) = run(SCHEDULE, window.pool("max", "i8"), [x], [window.out], dtype=np.int8)
    np.testing.assert_array_equal(y, patches(x, window).max((-1, -2)))
    z = floats(window.input, 1)
    z[0, 0, 0, 0] = z[0, 3, 3, 5] = np.nan
    (y,) = run(SCHEDULE, window.pool("max"), [z], [window.out])
    np.testing.assert_array_equal(y, patches(z, window).max((-1, -2)))


def test_two_results_of_one_reduction() -> None:
    window = Window((1, 4, 5, 12), (3, 3), (2, 2))
    x = np.random.default_rng(0).integers(0, 4, window.input).astype(np.float32)
    text = window.pool_with_indices()
    values, places = run_pair(text, x, window.out)
    flat = patches(x, window).reshape(*window.out, -1)
    np.testing.assert_array_equal(values, flat.max(-1))
    np.testing.assert_array_equal(places, flat.argmax(-1))


def run_pair(text: Any, x: Any, shape: Sequence[int]) -> list[Any]:
    from aicc.passes.schedules import jit

    kernel = jit.compile_kernel(str(text), SCHEDULE)
    outs = [jit.aligned(shape), jit.aligned(shape, np.int64)]
    kernel(x, *outs)
    return outs


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1), (1, 2)])
@pytest.mark.parametrize("op", ["sum", "max"])
def test_reductions_of_outer_dimensions(axes: tuple[int, ...], op: str, target: str) -> None:
    shape = (7, 5, 30, 33)
    x = floats(shape, 1)
    kept = [x for i, x in enumerate(shape) if i not in axes]
    (y,) = run(SCHEDULE, reduce(shape, axes, op, "f32", "window"), [x], [kept], target)
    want = x.astype(np.float64).sum(axes) if op == "sum" else x.max(axes)
    np.testing.assert_allclose(y, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("columns", [3072, 1000, 272, 17])
@pytest.mark.parametrize("op", ["sum", "max"])
def test_lines_far_apart(op: str, columns: int, target: str) -> None:
    """Many vectors side by side, and what is left of them."""
    x = floats((29, columns), 5)
    want = x.astype(np.float64).sum(0) if op == "sum" else x.max(0)
    (y,) = run(SCHEDULE, reduce(x.shape, (0,), op, "f32", "window"), [x], [want.shape], target)
    np.testing.assert_allclose(y, want, rtol=0, atol=2e-5)


@pytest.mark.parametrize("sizes", [(1, 1, 1), (3, 40, 70), (5, 7, 16), (2, 0, 9)])
@pytest.mark.parametrize("target", ["x86-64", "x86-64-v3"])
def test_sizes_known_at_run_time(sizes: tuple[int, ...], target: str) -> None:
    x = floats(sizes, 1)
    want = x.astype(np.float64).sum(1)
    (y,) = run(
        SCHEDULE, reduce(("n", "m", "w"), (1,), "sum", "f32"), [x], [want.shape], target, sizes=list(sizes)
    )
    np.testing.assert_allclose(y, want, rtol=1e-5, atol=1e-5)


def test_every_operator_has_a_start() -> None:
    assert set(STARTS) == {"sum", "sum_square", "prod", "max", "min"}
