"""Reductions: axes by opset, empty axes and sets, dtypes; ArgMax and ArgMin."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import onnx
import onnx.helper
import pytest

from test.ops.rig import Case, case, check, check_all, check_model

Array = np.ndarray[Any, np.dtype[Any]]
KINDS = ("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare")


def _axes(*axes: int) -> Array:
    return np.array(axes, np.int64)


@pytest.mark.parametrize("keepdims", [0, 1])
def test_axes_as_input(keepdims: int, rng: np.random.Generator) -> None:
    x = rng.uniform(0.5, 1.5, (3, 4, 5)).astype(np.float32)
    cases: list[Case] = []
    for kind in KINDS:
        for axes in ((1,), (-1,), (0, 2), (0, 1, 2)):
            cases.append(case(f"Reduce{kind}", x, _axes(*axes), constant=(1,), keepdims=keepdims))
        cases.append(case(f"Reduce{kind}", x, keepdims=keepdims))
    check_all(cases, modes=("static", "dynamic"))


def test_axes_as_attribute(rng: np.random.Generator) -> None:
    x = rng.uniform(0.5, 1.5, (3, 4, 5)).astype(np.float32)
    kinds = {"Sum": np.sum, "Mean": np.mean, "Max": np.max, "Min": np.min, "Prod": np.prod}
    for opset in (7, 11, 12):
        cases = [
            case(f"Reduce{k}", x, axes=[0, 2], keepdims=0, expected=[f(x, axis=(0, 2))])
            for k, f in kinds.items()
        ]
        check_all(cases, opset=opset, modes=("static",))


def test_no_axes_may_mean_no_reduction(rng: np.random.Generator) -> None:
    x = rng.uniform(0.5, 1.5, (3, 4)).astype(np.float32)
    none = np.zeros(0, np.int64)
    plain = {"L1": abs(x), "L2": abs(x), "LogSum": np.log(x), "LogSumExp": x, "SumSquare": x * x}
    cases = [
        case(f"Reduce{k}", x, none, constant=(1,), noop_with_empty_axes=1, expected=[plain.get(k, x)])
        for k in KINDS
    ]
    check_all([*cases, case("ReduceSum", x, none, constant=(1,))], modes=("static",))


@pytest.mark.parametrize(
    "dtype", [np.int32, np.int64, np.uint32, np.uint64, np.int8, np.uint8], ids=lambda d: d.__name__
)
def test_integers(dtype: Any, rng: np.random.Generator) -> None:
    x = rng.integers(1, 4, (3, 4)).astype(dtype)
    at = {"constant": (1,), "keepdims": 0}
    cases = [
        case(f"Reduce{k}", x, _axes(1), expected=[f(x, axis=1).astype(dtype)], **at)
        for k, f in {"Max": np.max, "Min": np.min, "Sum": np.sum, "Prod": np.prod}.items()
    ]
    mean = (x.sum(1) // 4).astype(dtype)
    cases.append(case("ReduceMean", x, _axes(1), expected=[mean], **at))
    cases.append(case("ReduceSumSquare", x, _axes(1), expected=[(x * x).sum(1).astype(dtype)], **at))
    check_all(cases, modes=("static", "dynamic"))


@pytest.mark.parametrize(
    "dtype", [np.float64, np.float16, ml_dtypes.bfloat16], ids=lambda d: np.dtype(d).name
)
def test_floats(dtype: Any, rng: np.random.Generator) -> None:
    x = rng.uniform(0.5, 1.5, (3, 40)).astype(dtype)
    wide = x.astype(np.float64)
    expected = {"Sum": wide.sum(1), "Mean": wide.mean(1), "Max": wide.max(1), "L2": np.sqrt((wide**2).sum(1))}
    expected["LogSumExp"] = np.log(np.exp(wide).sum(1))
    cases = [
        case(f"Reduce{k}", x, _axes(1), constant=(1,), keepdims=0, expected=[v.astype(dtype)])
        for k, v in expected.items()
    ]
    check_all(cases, modes=("static",))


def test_bools(rng: np.random.Generator) -> None:
    x = rng.random((4, 3)) > 0.5
    cases = [case(f"Reduce{k}", x, _axes(1), constant=(1,)) for k in ("Max", "Min")]
    check_all(cases, modes=("static",))


def test_empty_sets_give_the_neutral_element() -> None:
    x = np.zeros((2, 0, 3), np.float32)
    neutral = {"Sum": 0, "Prod": 1, "Max": -np.inf, "Min": np.inf, "L1": 0, "L2": 0, "LogSum": -np.inf}
    neutral |= {"LogSumExp": -np.inf, "SumSquare": 0}
    cases = [
        case(f"Reduce{k}", x, _axes(1), constant=(1,), expected=[np.full((2, 1, 3), v, np.float32)])
        for k, v in neutral.items()
    ]
    check_all(cases, modes=("static", "dynamic"))


def test_log_sum_exp_neither_overflows_nor_makes_nan() -> None:
    x = np.array([[1000, 1000, -np.inf], [-np.inf, -np.inf, -np.inf], [np.inf, 0, 0]], np.float32)
    expected = np.array([1000 + np.log(2), -np.inf, np.inf], np.float32)
    check("ReduceLogSumExp", x, _axes(1), constant=(1,), keepdims=0, modes=("static",), expected=[expected])


def test_max_of_nan_is_nan() -> None:
    x = np.array([[1, np.nan, 2], [3, 4, 5]], np.float32)
    check_all([case(f"Reduce{k}", x, _axes(1), constant=(1,)) for k in ("Max", "Min")], modes=("static",))


@pytest.mark.parametrize(
    "dtype", [np.float32, np.float16, np.int32, np.uint8, np.int64], ids=lambda d: d.__name__
)
def test_arg(dtype: Any, rng: np.random.Generator) -> None:
    x = rng.integers(0, 4, (4, 5, 6)).astype(dtype)  # with ties
    cases = [
        case(op, x, axis=axis, keepdims=keepdims, select_last_index=last)
        for op in ("ArgMax", "ArgMin")
        for axis, keepdims, last in ((0, 1, 0), (1, 0, 1), (-1, 1, 1), (2, 0, 0))
    ]
    check_all(cases, modes=("static", "dynamic"))


def test_arg_of_infinities_and_nan() -> None:
    x = np.array([[1, np.nan, 2, np.nan], [-np.inf] * 4, [np.inf, 1, np.inf, 2]], np.float32)
    cases = [case("ArgMax", x, axis=1, expected=[np.array([[1], [0], [0]])])]
    cases += [case("ArgMin", x, axis=1, expected=[np.array([[1], [0], [1]])])]
    check_all(cases, modes=("static",))


@pytest.mark.parametrize("keepdims", [0, 1])
def test_axes_known_at_run_time_only(keepdims: int, rng: np.random.Generator) -> None:
    x = rng.uniform(0.5, 1.5, (3, 4, 5)).astype(np.float32)
    cases = [case(f"Reduce{k}", x, _axes(-1, 0), keepdims=keepdims) for k in KINDS]
    cases.append(case("ReduceMax", x > 1, _axes(1), keepdims=keepdims))
    check_all(cases, modes=("static",))


@pytest.mark.parametrize("size", [1, 3])
def test_a_dim_that_was_broadcast(size: int, rng: np.random.Generator) -> None:
    """Every element counts as often as it was repeated."""
    x = rng.uniform(0.5, 1.5, (4, 5)).astype(np.float32)
    info = onnx.helper.make_tensor_value_info
    nodes = [onnx.helper.make_node("Expand", ["x", "shape"], ["wide"])]
    nodes += [onnx.helper.make_node(f"Reduce{k}", ["wide"], [k], keepdims=0) for k in KINDS]
    graph = onnx.helper.make_graph(
        nodes,
        "g",
        [info("x", onnx.TensorProto.FLOAT, x.shape)],
        [info(k, onnx.TensorProto.FLOAT, []) for k in KINDS],
        [onnx.numpy_helper.from_array(np.array([size, 4, 5]), "shape")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10)
    check_model(model, {"x": x})


def test_few_results_of_many_elements_are_reduced_in_parts(rng: np.random.Generator) -> None:
    """Partial results on all threads, then one of them; sums against float64."""
    functions = {
        "Sum": np.sum,
        "Mean": np.mean,
        "Max": np.max,
        "Min": np.min,
        "Prod": np.prod,
        "L1": lambda x, axis: np.abs(x).sum(axis),
        "L2": lambda x, axis: np.sqrt((x * x).sum(axis)),
        "LogSum": lambda x, axis: np.log(x.sum(axis)),
        "SumSquare": lambda x, axis: (x * x).sum(axis),
    }
    cases = []
    for kind, f in functions.items():
        rtol = 1e-2 if kind == "Prod" else 2e-5  # each of the factors rounds
        for shape, axes in (((200_000,), (0,)), ((2, 400, 3, 500), (1, 3)), ((1, 7, 40_000), (1, 2))):
            x = (
                1 + rng.uniform(-1e-4, 1e-4, shape) if kind == "Prod" else rng.uniform(0.5, 1.5, shape)
            ).astype(np.float32)
            wide = np.array(f(x.astype(np.float64), axis=axes)).astype(np.float32)
            cases.append(
                case(f"Reduce{kind}", x, _axes(*axes), constant=(1,), keepdims=0, expected=[wide], rtol=rtol)
            )
    x = rng.integers(-5, 5, (3, 60_000))
    cases.append(case("ReduceSum", x, _axes(1), constant=(1,), keepdims=0, expected=[x.sum(1)]))
    check_all(cases, modes=("static",))
