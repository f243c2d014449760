"""Folds of the ops that move, index and scan against their lowering; symbolic folds."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from aicc.dialects import OPS
from aicc.dialects.op import TypeRuleError
from aicc.dialects.sizes import slice_bounds
from aicc.dialects.symbolic import Dim, element_dim, has_elements, product
from aicc.dialects.types import DType, TensorType
from test.ops.rig import assert_close
from test.ops.upstream import run_ops

Array = np.ndarray[Any, np.dtype[Any]]
Case = tuple[str, list[Array | None], dict[str, Any]]
S, P = Dim.symbol("s"), Dim.symbol("p")


def _i(*values: int) -> Array:
    return np.asarray(values, np.int64)


def _agree(cases: list[Case]) -> None:
    for (name, inputs, attrs), ran in zip(cases, run_ops(cases), strict=True):
        complete = OPS[name].complete_attributes(attrs)
        fold = OPS[name].fold
        assert fold is not None, name
        folded = fold(*inputs, **complete)
        assert_close(ran, np.asarray(folded[0] if isinstance(folded, tuple) else folded), name)


def test_movement(rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 3, 4)).astype(np.float32)
    cases: list[Case] = [
        ("transpose", [x], {"perm": [2, 0, 1]}),
        ("expand", [x, _i(5, 1, 3, 1)], {}),
        ("tile", [x, _i(1, 2, 3)], {}),
        ("concat", [x, x[:, :1]], {"dim": 1}),
        ("slice", [x, _i(-1, 1), _i(-9, 3), _i(-2, 1)], {"axes": [1, 2]}),
        ("reshape", [x, _i(0, -1, 2)], {}),
        ("squeeze", [x[:, :1]], {"axes": [1]}),
        ("unsqueeze", [x], {"axes": [0, 4]}),
        ("shape", [x], {"start": 1, "end": 3}),
        ("size", [x], {}),
        ("constant_of_shape", [_i(2, 2)], {"value": np.array([3], np.int32)}),
        ("range", [np.int32(7), np.int32(-2), np.int32(-3)], {}),
        ("eye", [_i(3, 4)], {"k": -1, "dtype": DType.F32}),
        ("trilu", [x, np.int64(1)], {"upper": False}),
    ]
    modes = ("constant", "reflect", "edge", "wrap")
    cases += [("pad", [x, _i(2, -1, 1, 2), None], {"mode": m, "axes": [1, 2]}) for m in modes]
    _agree([(n, [None if v is None else np.asarray(v) for v in inputs], attrs) for n, inputs, attrs in cases])


def test_indexing(rng: np.random.Generator) -> None:
    x = rng.standard_normal((3, 4, 2)).astype(np.float32)
    updates = rng.standard_normal((2, 4, 2)).astype(np.float32)
    elements = np.broadcast_to(_i(2, 0).reshape(2, 1, 1), (2, 4, 2)).copy()
    cases: list[Case] = [
        ("gather", [x, _i(-1, 0, 9)], {"axis": 1}),
        ("gather_elements", [x, elements], {"axis": 0}),
        ("gather_nd", [x, _i(0, 1, -1, 2).reshape(2, 2)], {}),
        ("one_hot", [_i(0, -1, 7), _i(3), _i(4, 5)], {"axis": 0}),
        ("cumsum", [x], {"axis": 1, "exclusive": True, "reverse": True}),
        ("topk", [np.round(x), _i(2)], {"axis": 1}),
        ("topk", [np.round(x), _i(3)], {"axis": 0, "largest": False}),
        ("reverse_sequence", [x, _i(1, 4, 0)], {"batch_axis": 0, "time_axis": 1}),
    ]
    for reduction in ("none", "add", "mul", "max", "min"):
        cases.append(("scatter_elements", [x, elements, updates], {"axis": 0, "reduction": reduction}))
        cases.append(("scatter_nd", [x, _i(2, 0).reshape(2, 1), updates], {"reduction": reduction}))
    _agree(cases)


def _type(*shape: int | Dim) -> TensorType:
    return TensorType(shape, DType.F32)


def _shape_operand(*values: Any) -> TensorType:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return TensorType((len(values),), DType.I64, array)


@pytest.mark.parametrize(
    ("source", "wanted", "result"),
    [
        ((S, 8), (S, 2, -1), (S, 2, 4)),
        ((P, S, 8), (-1, 8), (P * S, 8)),
        ((P + S, 12), (P + S, 3, -1), (P + S, 3, 4)),
        ((P, S, 64), (P * S, -1), (P * S, 64)),
        ((2, S), (0, -1), (2, S)),
    ],
)
def test_symbolic_reshape(source: Any, wanted: Any, result: Any) -> None:
    out = OPS["reshape"].infer(_type(*source), _shape_operand(*wanted), allowzero=False)
    assert out.shape == result


def test_an_element_of_a_run_time_shape_may_mean_anything() -> None:
    e = element_dim()
    out = OPS["reshape"].infer(_type(6, S), _shape_operand(e, 4), allowzero=False)
    assert out.shape[0] != e and out.shape[1] == 4
    assert OPS["expand"].infer(_type(1, 4), _shape_operand(e, 4)).shape == (e, 4)
    assert has_elements(e * 2 + S) and not has_elements(product([S, P]))


@pytest.mark.parametrize(
    ("start", "end", "step", "size", "bounds"),
    [
        (0, S, 1, 512, (0, S)),
        (P, P + S, 1, 1024, (P, S)),
        (-1, 2**63 - 1, 1, S, (S - 1, 1)),
        (0, -1, 1, S, (0, S - 1)),
        (1, 2**63 - 1, 2, 2 * S, (1, S)),
        (-1, -(2**63), -1, S, (S - 1, S)),
        (3, 100, 2, 8, (3, 3)),
        (0, 100, 1, 8, (0, 8)),
    ],
)
def test_slice_bounds(start: Any, end: Any, step: int, size: Any, bounds: Any) -> None:
    assert slice_bounds(start, end, step, size) == bounds


def test_bounds_that_only_run_time_knows() -> None:
    assert slice_bounds(element_dim(), 4, 1, 8) is None
    assert slice_bounds(0, 4, element_dim(), 8) is None


def test_type_rules_say_what_is_wrong() -> None:
    wrong: list[tuple[str, list[TensorType], dict[str, Any], str]] = [
        ("reshape", [_type(2, 3), _shape_operand(4, -1)], {"allowzero": False}, "do not divide"),
        ("reshape", [_type(2, 3), _shape_operand(-1, -1)], {"allowzero": False}, "at most one"),
        ("transpose", [_type(2, 3)], {"perm": (0, 0)}, "no permutation"),
        ("concat", [_type(2, 3), _type(4, 3)], {"dim": 1}, "differ in dim 0"),
        ("squeeze", [_type(2, 3)], {"axes": (0,)}, "is not 1"),
        ("tile", [_type(2, 3), _shape_operand(1)], {}, "has 1 elements for rank 2"),
    ]
    for name, operands, attrs, text in wrong:
        with pytest.raises(TypeRuleError, match=text):
            OPS[name].infer(*operands, **attrs)


def _at(d: Any, n: int) -> int:
    """A size of `Dim.symbol("n")` when that is `n`."""
    if isinstance(d, int):
        return d
    pick = {"floordiv": lambda a, b: a // b, "max": max, "min": min}
    return sum(
        coef
        * math.prod(n if a.kind == "symbol" else pick[a.kind](*(_at(x, n) for x in a.args)) for a in mono)
        for mono, coef in d.terms.items()
    )


@pytest.mark.parametrize("step", [1, 2, 3, -1, -2, -7])
def test_slices_of_a_symbolic_size(step: int) -> None:
    """NumPy's, for every size but 1 (where the first element and the last but one are taken to exist)."""
    far = 2**63 - 1
    for start, end in itertools.product([*range(-6, 7), far, -far], repeat=2):
        first, count = slice_bounds(start, end, step, Dim.symbol("n")) or (0, 0)
        for n in range(2, 9):
            if step < 0 and start < -n:
                continue  # ONNX starts from the first element here, NumPy from none
            want = range(n)[start:end:step]
            assert _at(count, n) == len(want), (start, end, n)
            assert not want or _at(first, n) == want[0], (start, end, n)
            assert (
                slice_bounds(start, end, step, n) == (slice(start, end, step).indices(n)[0], len(want))
                or not want
            )


def test_a_slice_backwards_starts_at_an_element() -> None:
    """ "For negative stepping it is clamped to [0, dims[axes[i]]-1]": `x[-9::-1]` is `x[:1]`, unlike NumPy's."""
    assert slice_bounds(-9, -(2**63), -1, 5) == (0, 1)
    assert slice_bounds(-9, -(2**63), -1, 0) == (0, 0)
    assert slice_bounds(9, -(2**63), -1, 5) == (4, 5)
