"""Random numbers: with a seed NumPy's, bit for bit; without one of the right distribution, other ones in each run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx.onnx_pb import TensorProto
from onnx.reference import ReferenceEvaluator

import aicc
from aicc.errors import ImportError_

Array = np.ndarray[Any, Any]
FLOAT, DOUBLE, HALF = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16


def model(
    op: str,
    output: int,
    inputs: dict[str, tuple[int, list[Any]]] | None = None,
    outputs: int = 1,
    copies: int = 1,
    **attributes: Any,
) -> onnx.ModelProto:
    inputs = inputs or {}
    names = [[f"y{k}_{i}" for i in range(outputs)] for k in range(copies)]
    kinds = [output, TensorProto.BOOL][:outputs]
    graph = helper.make_graph(
        [helper.make_node(op, list(inputs), row, **attributes) for row in names],
        "random",
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
        [
            helper.make_tensor_value_info(name, kind, None)
            for row in names
            for name, kind in zip(row, kinds, strict=True)
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)


def compiled(*args: Any, **kwargs: Any) -> Any:
    return aicc.compile(model(*args, **kwargs), jobs=0, cache=False)


def distance(sample: Array, cdf: Any) -> float:
    """Kolmogorov and Smirnov's, times the root of the sample's size: above 1.95 once in a thousand samples."""
    ordered = np.sort(sample.ravel().astype(np.float64))
    n = ordered.size
    theory = cdf(ordered)
    steps = np.arange(n + 1) / n
    return float(math.sqrt(n) * max(np.abs(theory - steps[1:]).max(), np.abs(theory - steps[:-1]).max()))


def normal_cdf(x: Array) -> Array:
    return np.asarray([0.5 * math.erfc(-v / math.sqrt(2)) for v in x])


@pytest.mark.parametrize("dtype", [FLOAT, DOUBLE])
def test_uniform_without_seed(dtype: int) -> None:
    exe = compiled("RandomUniform", dtype, copies=2, shape=[300, 400], low=-2.0, high=6.0, dtype=dtype)
    first, other = exe()
    for y in (first, other):
        assert y.dtype == helper.tensor_dtype_to_np_dtype(dtype)
        assert y.min() >= -2 and y.max() < 6
        assert distance(y, lambda x: (x + 2) / 8) < 2.5
        assert abs(y.mean() - 2) < 5 * 8 / math.sqrt(12 * y.size)
    assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.02  # two nodes
    assert abs(np.corrcoef(first.ravel()[1:], first.ravel()[:-1])[0, 1]) < 0.02  # neighbours
    assert not np.array_equal(first, exe()[0])  # two runs
    assert np.unique(first).size > 0.98 * first.size


@pytest.mark.parametrize("dtype", [FLOAT, DOUBLE, HALF])
def test_normal_without_seed(dtype: int) -> None:
    exe = compiled("RandomNormalLike", dtype, {"x": (dtype, ["n", 500])}, mean=1.0, scale=3.0)
    y = exe(np.zeros((200, 500), helper.tensor_dtype_to_np_dtype(dtype))).astype(np.float64)
    z = (y - 1) / 3
    count = z.size
    assert abs(z.mean()) < 5 / math.sqrt(count)
    assert abs(z.var() - 1) < 5 * math.sqrt(2 / count)
    assert abs((z**3).mean()) < 5 * math.sqrt(15 / count)
    assert abs((z**4).mean() - 3) < 5 * math.sqrt(96 / count)
    assert 3.5 < np.abs(z).max() < 6.7
    if dtype != HALF:  # whose steps are coarser than the test
        assert distance(z, normal_cdf) < 2.5


@pytest.mark.parametrize(
    ("op", "attributes"),
    [
        ("RandomUniform", {"low": -1.0, "high": 4.0}),
        ("RandomNormal", {"mean": 2.0, "scale": 0.5}),
    ],
)
@pytest.mark.parametrize("dtype", [FLOAT, DOUBLE])
@pytest.mark.parametrize("seed", [0.0, 42.0])
def test_with_seed_as_the_reference(op: str, attributes: dict[str, float], dtype: int, seed: float) -> None:
    m = model(op, dtype, shape=[7, 91], seed=seed, dtype=dtype, **attributes)
    (want,) = ReferenceEvaluator(m).run(None, {})
    exe = aicc.compile(m, jobs=0, cache=False)
    for _ in range(2):
        np.testing.assert_allclose(exe(), want, rtol=1e-6, atol=1e-6)


def test_bernoulli_with_seed_as_the_reference() -> None:
    m = model("Bernoulli", FLOAT, {"p": (FLOAT, ["n"])}, seed=3.0)
    exe = aicc.compile(m, jobs=0, cache=False)
    p = np.linspace(0.001, 1, 5000, dtype=np.float32)
    np.testing.assert_array_equal(exe(p), ReferenceEvaluator(m).run(None, {"p": p})[0])


def test_bernoulli_without_seed() -> None:
    exe = compiled("Bernoulli", TensorProto.INT64, {"p": (DOUBLE, [5, 40_000])}, dtype=TensorProto.INT64)
    p = np.asarray([0.0, 0.1, 0.5, 0.9, 1.0])
    y = exe(np.repeat(p[:, None], 40_000, 1))
    assert set(np.unique(y)) == {0, 1}
    means = y.mean(1)
    assert means[0] == 0 and means[4] == 1
    assert np.all(np.abs(means - p) <= 5 * np.sqrt(p * (1 - p) / 40_000))


@pytest.mark.parametrize("seed", [None, 5.0])
def test_multinomial(seed: float | None) -> None:
    attributes = {} if seed is None else {"seed": seed}
    exe = compiled(
        "Multinomial", TensorProto.INT32, {"x": (FLOAT, ["n", 4])}, sample_size=30_000, **attributes
    )
    p = np.asarray([[0.1, 0.2, 0.3, 0.4], [0.0, 0.5, 0.0, 0.5]])
    with np.errstate(divide="ignore"):
        y = exe(np.log(p * [[1], [3]]).astype(np.float32))  # log-probabilities of any scale
    assert y.dtype == np.int32 and y.shape == (2, 30_000)
    for row, want in zip(y, p, strict=True):
        found = np.bincount(row, minlength=4) / row.size
        assert np.all(np.abs(found - want) <= 5 * np.sqrt(want * (1 - want) / row.size))


@pytest.mark.parametrize("seed", [None, 0])
def test_dropout_that_trains(seed: int | None) -> None:
    """The mode is known at run time only."""
    inputs = {"x": (FLOAT, ["n", 100]), "ratio": (FLOAT, []), "training": (TensorProto.BOOL, [])}
    m = model("Dropout", FLOAT, inputs, outputs=2, **({} if seed is None else {"seed": seed}))
    exe = aicc.compile(m, jobs=0, cache=False)
    x = np.random.default_rng(0).standard_normal((300, 100), np.float32)
    y, mask = exe(x, np.float32(0.3), np.bool_(True))
    np.testing.assert_allclose(y, np.where(mask, x / 0.7, 0), rtol=1e-6)
    assert abs(mask.mean() - 0.7) < 5 * math.sqrt(0.21 / x.size)
    if seed is not None:
        want = ReferenceEvaluator(m).run(None, {"x": x, "ratio": np.float32(0.3), "training": np.bool_(True)})
        np.testing.assert_array_equal(mask, want[1])
    for ratio, training in ((0.3, False), (0.0, True)):
        y, mask = exe(x, np.float32(ratio), np.bool_(training))
        np.testing.assert_array_equal(y, x)
        assert mask.all()


def test_threads_do_not_change_the_stream() -> None:
    """Each number depends on its position and the key alone: neighbouring blocks of threads do not repeat."""
    exe = compiled("RandomUniform", FLOAT, shape=[1 << 20])
    exe.num_threads = 2
    y = exe()
    halves = y.reshape(2, -1)
    assert abs(np.corrcoef(halves[0], halves[1])[0, 1]) < 0.01
    assert not np.array_equal(halves[0], halves[1])


def test_seeds_out_of_range_are_refused() -> None:
    with pytest.raises(ImportError_, match="seed"):
        compiled("RandomUniform", FLOAT, shape=[2], seed=-1.0)
