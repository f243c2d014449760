"""Folds against the lowering: folding an op at compile time gives what running it gives."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from aicc.dialects import OPS
from aicc.dialects.activation import ACTIVATIONS
from aicc.dialects.elementwise import BINARY, UNARY
from aicc.dialects.reduction import REDUCTIONS
from aicc.dialects.symbolic import Dim
from aicc.dialects.types import BOOL, FLOAT, DType
from test.ops.rig import assert_close
from test.ops.upstream import run_ops

Array = np.ndarray[Any, np.dtype[Any]]
FLOATS = [np.float32, np.float16, ml_dtypes.bfloat16]
POSITIVE = {"sqrt", "log", "reciprocal", "reduce_log_sum"}


def _defaults(name: str) -> dict[str, Any]:
    return {a.name: a.default for a in OPS[name].attributes}


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: np.dtype(d).name)
def test_unary(dtype: Any, rng: np.random.Generator) -> None:
    x = rng.uniform(-0.9, 0.9, (3, 4)).astype(dtype)
    names = [
        n for n, op in {**UNARY, **ACTIVATIONS}.items() if op.operands[0].dtypes >= FLOAT and n != "acosh"
    ]
    _agree([(n, [abs(x) if n in POSITIVE else x], _defaults(n)) for n in names])


@pytest.mark.parametrize("dtype", [*FLOATS, np.int32, np.uint8], ids=lambda d: np.dtype(d).name)
def test_binary(dtype: Any, rng: np.random.Generator) -> None:
    a, b = rng.integers(1, 20, (3, 4)).astype(dtype), rng.integers(1, 6, (4,)).astype(dtype)
    kind = DType.from_numpy(dtype)
    names = [n for n, op in BINARY.items() if kind in op.operands[0].dtypes]
    _agree([(n, [a, b], {**_defaults(n), **({"fmod": True} if n == "mod" else {})}) for n in names])


@pytest.mark.parametrize("dtype", [*FLOATS, np.int32], ids=lambda d: np.dtype(d).name)
def test_reductions(dtype: Any, rng: np.random.Generator) -> None:
    x = rng.integers(1, 4, (3, 4, 2)).astype(dtype)
    names = [n for n, op in REDUCTIONS.items() if DType.from_numpy(dtype) in op.operands[0].dtypes]
    _agree([(n, [x], {"axes": (0, 2), "keepdims": False}) for n in names])


def test_everything_else(rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 6, 4)).astype(np.float32)
    c, r = rng.random(6).astype(np.float32), rng.random(4).astype(np.float32)
    q = rng.standard_normal((2, 4, 3, 8)).astype(np.float32)
    k = rng.standard_normal((2, 2, 5, 8)).astype(np.float32)
    mask = rng.random((3, 5)) > 0.5
    limits = {
        "scale": None,
        "softcap": 3.0,
        "causal": True,
        "align": "bottom_right",
        "new_keys": None,
        "left_window": 3,
        "right_window": -1,
    }
    _agree(
        [
            ("softmax", [x], {"axis": 1}),
            ("log_softmax", [x], {"axis": 2}),
            ("hardmax", [x], {"axis": 0}),
            ("arg_max", [x], {"axis": 1, "keepdims": True, "select_last_index": False}),
            ("arg_min", [x.round()], {"axis": 2, "keepdims": False, "select_last_index": True}),
            ("batch_norm", [x, c, c, c, c], {"epsilon": 1e-3}),
            ("layer_norm", [x, r, r], {"axis": 2, "epsilon": 1e-5}),
            ("layer_norm", [x, None, None], {"axis": 1, "epsilon": 1e-5}),
            ("rms_norm", [x, r], {"axis": 2, "epsilon": 1e-5}),
            ("instance_norm", [x, c, c], {"epsilon": 1e-5}),
            ("group_norm", [x, c, c], {"num_groups": 3, "epsilon": 1e-5, "per_group": False}),
            ("group_norm", [x, c[:3], c[:3]], {"num_groups": 3, "epsilon": 1e-5, "per_group": True}),
            ("matmul", [x, x], {"trans_a": False, "trans_b": True}),
            ("einsum", [x, x], {"equation": "bij,bik->kbj"}),
            ("attention", [q, k, k, mask, None], limits),
            ("attention_scores", [q, k, None, np.array([4, 5])], {**limits, "stage": "softmax"}),
            ("where", [x > 0, x, r], {}),
            ("clip", [x, None, np.array(0.5, np.float32)], {}),
            ("pow", [abs(x), r], {}),
            ("prelu", [x, r], {}),
            ("cache_write", [q[:, :2], k[:, :, :2], np.array([0, 2]), np.array([3])], {}),
            ("less", [x, r], {}),
            ("equal", [x > 0, x > 1], {}),
        ]
    )


def _agree(cases: list[tuple[str, list[Array | None], dict[str, Any]]]) -> None:
    got = run_ops(cases)
    for (name, inputs, attrs), have in zip(cases, got, strict=True):
        fold = OPS[name].fold
        assert fold is not None
        assert_close(have, np.asarray(fold(*inputs, **attrs)), f"{name} {attrs}")


def test_logic() -> None:
    a, b = np.array([True, True, False, False]), np.array([True, False, True, False])
    names = [n for n, op in BINARY.items() if op.operands[0].dtypes == BOOL]
    _agree([(n, [a, b], {}) for n in names])


def test_shape_arithmetic_folds_on_symbols() -> None:
    n = Dim.symbol("n")
    sizes = np.array([n, 3], dtype=object)
    two = np.array(2)
    fold = {
        name: OPS[name].fold for name in ("add", "mul", "div", "max", "equal", "where", "reduce_prod", "cast")
    }
    assert all(f is not None for f in fold.values())
    assert list(fold["add"](sizes, two)) == [n + 2, 5]  # type: ignore[misc]
    assert list(fold["div"](fold["mul"](sizes, two), two)) == [n, 3]  # type: ignore[misc]
    assert list(fold["equal"](sizes, np.array(-1))) == [False, False]  # type: ignore[misc]
    assert list(fold["where"](np.array([True, False]), sizes, two)) == [n, 2]  # type: ignore[misc]
    assert fold["reduce_prod"](sizes, axes=(0,), keepdims=False) == 3 * n  # type: ignore[misc]
    assert list(fold["cast"](sizes, to=DType.I32, saturate=None, rounding=None)) == [n, 3]  # type: ignore[misc]


@pytest.mark.parametrize("other", [3, 0, Dim.symbol("m")])
def test_whether_sizes_are_equal_may_depend_on_the_run(other: Any) -> None:
    fold = OPS["equal"].fold
    assert fold is not None
    with pytest.raises(TypeError, match="run time"):
        fold(np.array([Dim.symbol("n")], dtype=object), np.array([other], dtype=object))


def test_integer_division_truncates() -> None:
    fold = OPS["div"].fold
    assert fold is not None
    out = fold(np.array([7, -7, 7, -7, 5, -(2**31)], np.int32), np.array([2, 2, -2, -2, 0, -1], np.int32))
    assert out.tolist() == [3, -3, -3, 3, 0, -(2**31)]
