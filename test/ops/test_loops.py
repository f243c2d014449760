"""Loops over scalars: rows are tiles; many elements, ties, heaps of every size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from aicc.driver import Options, compile_model
from aicc.loader import load

Rng = np.random.Generator


def _run(folder: Path, op: str, x: Any, constant: Any, outputs: int, **attrs: Any) -> tuple[Any, Any, int]:
    """Results of aicc on two threads and of ONNX Runtime, and the most tiles of a kernel."""
    kind = helper.np_dtype_to_tensor_dtype(x.dtype)
    names = [f"y{i}" for i in range(outputs)]
    types = [kind, TensorProto.INT64]
    graph = helper.make_graph(
        [helper.make_node(op, ["x", "c"], names, **attrs)],
        "g",
        [helper.make_tensor_value_info("x", kind, x.shape)],
        [helper.make_tensor_value_info(n, t, None) for n, t in zip(names, types, strict=False)],
        [numpy_helper.from_array(np.asarray(constant), "c")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    result = compile_model(model, folder / "m.so", Options())
    run = load(folder / "m.so")
    run.num_threads = 2
    got = run(x=x)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    tiles = [k["tiles"] for k in result.stats["kernel_results"].values()]
    return got if isinstance(got, tuple) else (got,), session.run(None, {"x": x}), max(tiles)


@pytest.mark.parametrize(
    ("shape", "k", "axis", "largest"),
    [((6, 700), 60, 1, 1), ((40, 90), 90, 1, 0), ((300, 5), 33, 0, 1), ((2, 3, 400), 8, 2, 1)],
    ids=str,
)
def test_top_k_of_many(
    shape: tuple[int, ...], k: int, axis: int, largest: int, rng: Rng, tmp_path: Path
) -> None:
    for x in (rng.standard_normal(shape).astype(np.float32), rng.integers(-9, 9, shape)):
        got, want, _ = _run(tmp_path, "TopK", x, np.array([k]), 2, axis=axis, largest=largest)
        np.testing.assert_array_equal(got[0], want[0])
        np.testing.assert_array_equal(got[1], want[1])


SELECTED = {
    "some": ((16, 1000), 5, 1, np.float32),
    "many": ((3, 5000), 100, 1, np.float32),
    "most": ((2, 600), 512, 1, np.float32),
    "one_row": ((1, 5000), 100, 1, np.float32),
    "first_axis": ((300, 7), 33, 0, np.float32),
    "half": ((2, 700), 40, 1, np.float16),
    "bytes": ((2, 700), 40, 1, np.uint8),
    "whole": ((4, 3000), 40, 1, np.int32),
}


def _numbers(name: str, kind: str, rng: Rng) -> Any:
    shape, _, _, dtype = SELECTED[name]
    if np.dtype(dtype).kind != "f":
        info = np.iinfo(dtype)
        spread = rng.integers(info.min, info.max, shape, dtype, endpoint=True)
        return np.where(rng.random(shape) < 0.1, rng.choice([info.min, info.max], shape), spread).astype(
            dtype
        )
    x = rng.standard_normal(shape)
    if kind == "equal":
        x = rng.choice([0.0, -0.0, 1.0], shape)
    elif kind == "rising":
        x = np.sort(x, axis=SELECTED[name][2])
    elif kind == "special":
        for value in (np.nan, -np.nan, np.inf, -np.inf):
            x[rng.random(shape) < 0.02] = value
    return x.astype(dtype)


@pytest.mark.parametrize("largest", [1, 0])
@pytest.mark.parametrize("name", SELECTED)
def test_top_k_selects(name: str, largest: int, rng: Rng, tmp_path: Path) -> None:
    """Against a stable sort: equal ones in order, both zeros equal, a NaN the greatest."""
    _, k, axis, dtype = SELECTED[name]
    kinds = ("plain", "equal", "rising", "special") if np.dtype(dtype).kind == "f" else ("whole",)
    for kind in kinds:
        x = _numbers(name, kind, rng)
        got, _, _ = _run(tmp_path, "TopK", x, np.array([k]), 2, axis=axis, largest=largest)
        wide = x.astype(np.float64)
        order = np.where(np.isnan(wide), np.inf, wide) * (-1 if largest else 1)
        later = np.isnan(wide) != bool(largest)
        places = np.broadcast_to(np.arange(x.shape[axis]).reshape((-1, 1) if axis == 0 else (1, -1)), x.shape)
        wanted = np.take(np.lexsort((places, later, order), axis=axis), range(k), axis=axis)
        np.testing.assert_array_equal(got[1], wanted, err_msg=kind)
        np.testing.assert_array_equal(got[0], np.take_along_axis(x, wanted, axis), err_msg=kind)


def test_rows_are_tiles(rng: Rng, tmp_path: Path) -> None:
    x = rng.standard_normal((64, 3000)).astype(np.float32)
    got, want, tiles = _run(tmp_path, "TopK", x, np.array([20]), 2)
    assert tiles == 64
    np.testing.assert_array_equal(got[1], want[1])
    got, want, tiles = _run(tmp_path, "CumSum", x, np.array(1), 1)
    assert tiles == 64
    np.testing.assert_allclose(got[0], want[0], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("exclusive", [0, 1])
@pytest.mark.parametrize("reverse", [0, 1])
def test_sums_along_outer_dims(exclusive: int, reverse: int, rng: Rng, tmp_path: Path) -> None:
    for shape, axis in (((37, 50), 0), ((3, 9, 4, 5), 1), ((1, 6), 0)):
        x = rng.standard_normal(shape).astype(np.float32)
        got, want, _ = _run(tmp_path, "CumSum", x, np.array(axis), 1, exclusive=exclusive, reverse=reverse)
        np.testing.assert_allclose(got[0], want[0], rtol=1e-5, atol=1e-5)
