"""Indices, windows and addends that do not fit: an error that names the node, or what is documented; never memory of
somebody else."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest

import aicc
from aicc.errors import AiccError, ImportError_, RuntimeError_


def model(text: str, opset: int = 17) -> onnx.ModelProto:
    return onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": {opset}]> {text}')


def floats(*shape: int) -> Any:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


CONSTANT = {
    "Gather": ("g (float[3,4] x) => (float[a,b] y) <int64[2] i = {0, 3}> { [n1] y = Gather(x, i) }", 3),
    "Gather negative": ("g (float[3,4] x) => (float[a,b] y) <int64[1] i = {-5}> { [n1] y = Gather<axis=1>(x, i) }", -5),
    "Gather of nothing": ("g (float[0,4] x) => (float[a,b] y) <int64[1] i = {0}> { [n1] y = Gather(x, i) }", 0),
    "GatherElements": (
        "g (float[3,4] x) => (float[a,b] y) <int64[1,2] i = {0, 4}> { [n1] y = GatherElements<axis=1>(x, i) }", 4
    ),
    "GatherND": ("g (float[3,4] x) => (float[a] y) <int64[2,2] i = {0, 3, 1, 4}> { [n1] y = GatherND(x, i) }", 4),
    "ScatterElements": (
        "g (float[3,4] x, float[1,2] u) => (float[3,4] y) <int64[1,2] i = {0, 9}>"
        " { [n1] y = ScatterElements<axis=1>(x, i, u) }", 9
    ),
    "ScatterND": (
        "g (float[3,4] x, float[1,4] u) => (float[3,4] y) <int64[1,1] i = {-4}> { [n1] y = ScatterND(x, i, u) }", -4
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONSTANT)
def test_constant_indices(name: str) -> None:
    text, wrong = CONSTANT[name]
    with pytest.raises(ImportError_, match=f"index {wrong} is out of range") as caught:
        aicc.compile(model(text))
    assert caught.value.code == "AICC-1005" and "n1" in str(caught.value.node)


def test_indices_in_a_branch_that_may_not_be_taken() -> None:
    text = """g (float[3] x, bool c) => (float y) <int64 i = {7}, int64 j = {1}> {
      y = If(c) <then_branch = t () => (float p) { p = Gather(x, i) }, else_branch = f () => (float q) {
        q = Gather(x, j) }> }"""
    exe, x = aicc.compile(model(text)), floats(3)
    assert exe(x, np.array(False)) == x[1]
    assert exe(x, np.array(True)) == x[2]  # the nearest


def test_indices_of_a_run_are_clamped() -> None:
    exe = aicc.compile(model("g (float[n,4] x, int64[k] i) => (float[k,4] y) { y = Gather(x, i) }"))
    x = floats(3, 4)
    wild = np.array([-(2**63), -4, -3, -1, 0, 2, 3, 2**63 - 1])
    np.testing.assert_array_equal(exe(x, wild), x[[0, 0, 0, 2, 0, 2, 2, 2]])


EMPTY = {
    "Gather": ("g (float[n,4] x, int64[k] i) => (float[k,4] y) { [n1] y = Gather(x, i) }", [(0, 4)], (2,)),
    "GatherElements": (
        "g (float[n,4] x, int64[k,4] i) => (float[k,4] y) { [n1] y = GatherElements<axis=0>(x, i) }", [(0, 4)], (2, 4)
    ),
    "GatherND": ("g (float[n,4] x, int64[k,1] i) => (float[k,4] y) { [n1] y = GatherND(x, i) }", [(0, 4)], (2, 1)),
    "ScatterElements": (
        "g (float[n,4] x, int64[k,4] i, float[k,4] u) => (float[n,4] y) { [n1] y = ScatterElements(x, i, u) }",
        [(0, 4), (2, 4)], (2, 4)
    ),
    "ScatterND": (
        "g (float[n,4] x, int64[k,1] i, float[k,4] u) => (float[n,4] y) { [n1] y = ScatterND(x, i, u) }",
        [(0, 4), (2, 4)], (2, 1)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EMPTY)
def test_nothing_to_index(name: str) -> None:
    """No element is near to an index into nothing; no index into nothing is fine."""
    text, shapes, index = EMPTY[name]
    exe = aicc.compile(model(text))
    feed = {key: np.zeros(s, np.float32) for key, s in zip(("x", "u"), shapes, strict=False)}
    with pytest.raises(RuntimeError_, match="ode 'n1'.*has elements") as caught:
        exe(i=np.zeros(index, np.int64), **feed)
    assert caught.value.code == "AICC-5003"
    feed = {key: value[:0] for key, value in feed.items()}
    assert exe(i=np.zeros((0, *index[1:]), np.int64), **feed).shape == ((0, 4))


SIZES = {
    "GatherElements": (
        "g (float[n,4] x, int64[k,m] i) => (float[k,m] y) { [n1] y = GatherElements<axis=0>(x, i) }",
        {"x": (3, 4)}, (3, 5), "no more than the data"
    ),
    "ScatterElements": (
        "g (float[n,4] x, int64[k,m] i, float[p,q] u) => (float[n,4] y) { [n1] y = ScatterElements<axis=0>(x, i, u) }",
        {"x": (3, 4), "u": (1, 4)}, (2, 4), "updates are as many"
    ),
    "ScatterND": (
        "g (float[n,4] x, int64[k,1] i, float[p,4] u) => (float[n,4] y) { [n1] y = ScatterND(x, i, u) }",
        {"x": (3, 4), "u": (1, 4)}, (2, 1), "one for each tuple"
    ),
    "GatherND": (
        "g (float[n,4] x, int64[k,1] i) => (float[k] y) { [n1] y = GatherND<batch_dims=1>(x, i) }",
        {"x": (3, 4)}, (5, 1), "batch dims agree"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SIZES)
def test_sizes_of_indices(name: str) -> None:
    text, shapes, index, message = SIZES[name]
    feed = {key: floats(*shape) for key, shape in shapes.items()}
    with pytest.raises(RuntimeError_, match=f"ode 'n1'.*{message}"):
        aicc.compile(model(text))(i=np.zeros(index, np.int64), **feed)
    static = text
    sizes = {"x": shapes["x"], "i": index, "u": shapes.get("u", ())}
    given = {k: v for k, v in sizes.items() if k in (*shapes, "i")}
    with pytest.raises(ImportError_) as caught:
        aicc.compile(model(static), shapes=given)
    assert "n1" in str(caught.value.node)


def test_padding_of_nothing() -> None:
    text = "g (float[n,40] x, int64[4] p) => (float[a,b] y) { y = Pad(x, p) }"
    exe = aicc.compile(model(text))
    for pads in ([2, 0, 1, 0], [0, 3, 2, 0]):
        np.testing.assert_array_equal(
            exe(floats(0, 40), np.array(pads)), np.pad(floats(0, 40), [pads[::2], pads[1::2]])
        )
    text = """g (float[n,3] u) => (float[a,b] y) <int64[2] q = {0, 3}, int64[2] low = {0, 0}, int64[1] last = {0}> {
      z = ConstantOfShape(q)  s = Shape<start = 0, end = 1>(u)  p = Concat<axis = 0>(low, s, last)  y = Pad(z, p) }"""
    np.testing.assert_array_equal(aicc.compile(model(text))(floats(5, 3)), np.zeros((5, 3)))


WINDOWS = {
    "Conv": "Conv(x, w)",
    "Conv with strides": "Conv<strides = [3]>(x, w)",
    "MaxPool": "MaxPool<kernel_shape = [3]>(x)",
    "AveragePool": "AveragePool<kernel_shape = [3]>(x)",
    "LpPool": "LpPool<kernel_shape = [3], strides = [2]>(x)",
}


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("level", [1, 2])
def test_windows_larger_than_the_input(name: str, level: int) -> None:
    text = f"g (float[b,1,n] x) => (float[b,c,m] y) <float[1,1,3] w = {{1, 2, 3}}> {{ [n1] y = {WINDOWS[name]} }}"
    exe = aicc.compile(model(text), opt_level=level)
    assert exe(floats(2, 1, 3)).shape == (2, 1, 1) and exe(floats(0, 1, 3)).shape == (0, 1, 1)
    for size in (2, 1, 0):
        with pytest.raises(RuntimeError_, match="ode 'n1'.*the window fits|would give output 'y' -2"):
            exe(floats(2, 1, size))
        with pytest.raises(ImportError_, match="window is larger than the padded input") as refused:
            aicc.compile(model(text), shapes={"x": (2, 1, size)})
        assert "n1" in str(refused.value.node)
    assert exe(floats(2, 1, 4)).shape[2] in (1, 2)


def test_the_addend_of_gemm() -> None:
    text = "g (float[m,4] a, float[4,n] b, float[p,q] c) => (float[m,n] y) { [n1] y = Gemm(a, b, c) }"
    exe = aicc.compile(model(text))
    a, b = floats(2, 4), floats(4, 3)
    for shape in ((2, 3), (1, 3), (2, 1), (1, 1)):
        np.testing.assert_allclose(exe(a, b, floats(*shape)), a @ b + floats(*shape), rtol=1e-5)
    for left, right, shape in ((a, b, (3, 3)), (a[:1], b, (2, 3)), (a, b[:, :1], (2, 3))):
        with pytest.raises(RuntimeError_, match="ode 'n1'"):
            exe(left.copy(), right.copy(), floats(*shape))
        given = {"a": left.shape, "b": right.shape, "c": shape}
        with pytest.raises(ImportError_, match="C is .*does not broadcast") as caught:
            aicc.compile(model(text), shapes=given)
        assert caught.value.code == "AICC-1005"
    with pytest.raises(AiccError, match="C is"):
        aicc.compile(model(text.replace("float[p,q] c", "float[1,m,n] c")))
