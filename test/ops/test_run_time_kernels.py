"""Convolutions whose weights have sizes that only a run knows, one library for kernels of all sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

import aicc
from aicc.errors import RuntimeError_


def model(op: str, rank: int, kind: int = TensorProto.FLOAT, **attrs: Any) -> onnx.ModelProto:
    """Every size of x, w and b has a name, equal in none of them."""
    shapes = {"x": [f"x{i}" for i in range(rank + 2)], "w": [f"w{i}" for i in range(rank + 2)]}
    if kind == TensorProto.FLOAT:
        shapes["b"] = ["b0"]
    out = TensorProto.FLOAT if kind == TensorProto.FLOAT else TensorProto.INT32
    graph = helper.make_graph(
        [helper.make_node(op, list(shapes), ["y"], name="here", **attrs)],
        "g",
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in shapes.items()],
        [helper.make_tensor_value_info("y", out, None)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def compare(m: onnx.ModelProto, calls: list[list[np.ndarray]]) -> Any:
    """With ONNX Runtime, on every call; the compiled model."""
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(m.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [i.name for i in m.graph.input]
    exe = aicc.compile(m.SerializeToString())
    for arrays in calls:
        (want,) = session.run(None, dict(zip(names, arrays, strict=True)))
        found = exe(*arrays)
        assert found.shape == want.shape
        np.testing.assert_allclose(found, want, rtol=2e-5, atol=2e-5)
    return exe


def floats(rng: np.random.Generator, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    return [rng.standard_normal(shape).astype(np.float32) for shape in shapes]


@pytest.mark.parametrize(
    "attrs",
    [
        {"strides": [2, 1], "dilations": [1, 2], "pads": [1, 0, 2, 3], "group": 2},
        {"auto_pad": "SAME_LOWER", "strides": [2, 3]},
        {"auto_pad": "SAME_UPPER", "strides": [3, 2]},
    ],
)
def test_conv(rng: np.random.Generator, attrs: dict[str, Any]) -> None:
    group = attrs.get("group", 1)
    sizes = [((2, 4, 9, 10), (6, 4 // group, 3, 2)), ((1, 6, 8, 11), (4, 6 // group, 1, 4))]
    compare(model("Conv", 2, **attrs), [floats(rng, x, w, w[:1]) for x, w in sizes])


@pytest.mark.parametrize(
    "attrs",
    [
        {"strides": [2, 3], "dilations": [2, 1], "pads": [1, 0, 0, 1], "output_padding": [1, 2], "group": 2},
        {"auto_pad": "SAME_UPPER", "strides": [2, 3]},
        {"output_shape": [14, 17], "strides": [2, 2]},
    ],
)
def test_conv_transpose(rng: np.random.Generator, attrs: dict[str, Any]) -> None:
    group = attrs.get("group", 1)
    sizes = [((2, 4, 7, 8), (4, 3, 3, 4)), ((1, 6, 6, 8), (6, 2, 5, 3))]
    compare(model("ConvTranspose", 2, **attrs), [floats(rng, x, w, (w[1] * group,)) for x, w in sizes])


def test_an_output_shape_and_sizes_that_a_run_knows(rng: np.random.Generator) -> None:
    """The kernel is known, the pads are not."""
    m = model("ConvTranspose", 2, output_shape=[12, 15], strides=[2, 2], kernel_shape=[3, 3])
    compare(m, [floats(rng, (batch, 2, 6, 7), (2, 3, 3, 3), (3,)) for batch in (1, 3)])


def test_integer_convolution(rng: np.random.Generator) -> None:
    m = model("ConvInteger", 2, TensorProto.UINT8, pads=[1, 1, 1, 1])
    sizes = [((1, 2, 5, 5), (3, 2, 2, 2)), ((2, 1, 4, 6), (2, 1, 3, 1))]
    compare(m, [[rng.integers(0, 255, s).astype(np.uint8) for s in pair] for pair in sizes])


def test_a_kernel_that_an_attribute_says_is_checked(rng: np.random.Generator) -> None:
    m = model("Conv", 2, kernel_shape=[3, 2])
    exe = compare(m, [floats(rng, (1, 2, 5, 5), (4, 2, 3, 2), (4,))])
    with pytest.raises(RuntimeError_, match="ode 'here'"):
        exe(*floats(rng, (1, 2, 5, 5), (4, 2, 2, 2), (4,)))


def test_channels_that_do_not_fit(rng: np.random.Generator) -> None:
    exe = aicc.compile(model("Conv", 2).SerializeToString())
    with pytest.raises(RuntimeError_, match="ode 'here'"):
        exe(*floats(rng, (1, 3, 5, 5), (4, 2, 2, 2), (4,)))


@pytest.mark.parametrize(
    ("op", "kind"), [("Conv", TensorProto.FLOAT), ("ConvInteger", TensorProto.INT8)], ids=lambda v: str(v)
)
def test_a_kernel_larger_than_the_padded_input(op: str, kind: int) -> None:
    """No window fits: an error that says so, not a result without elements."""
    exe = aicc.compile(model(op, 2, kind, pads=[0, 1, 0, 0]).SerializeToString())
    dtype: Any = np.float32 if kind == TensorProto.FLOAT else np.int8
    bias = [np.zeros(4, dtype)] if kind == TensorProto.FLOAT else []

    def run(height: int, width: int) -> Any:
        return exe(np.ones((1, 2, 4, 4), dtype), np.ones((4, 2, height, width), dtype), *bias)

    assert run(4, 5).shape == (1, 4, 1, 1)
    for sizes, axis in (((5, 2), 2), ((2, 6), 3)):
        with pytest.raises(RuntimeError_, match=f"ode 'here'.*window fits.*dim {axis}"):
            run(*sizes)


def test_a_transposed_convolution_whose_pads_crop_all(rng: np.random.Generator) -> None:
    m = model("ConvTranspose", 2, pads=[1, 1, 1, 1])
    exe = compare(m, [floats(rng, (1, 2, 4, 4), (2, 3, 1, 1), (3,))])
    with pytest.raises(RuntimeError_, match="ode 'here'.*window fits.*dim 2"):
        exe(*floats(rng, (1, 2, 2, 4), (2, 3, 1, 1), (3,)))


def test_a_recurrent_layer_of_weights_whose_sizes_have_names(rng: np.random.Generator) -> None:
    names = {"x": "TBI", "w": ["d", "g", "i"], "r": ["d2", "g2", "h"], "bias": ["d3", "g3"], "": []}
    states = {"h0": ["d4", "b4", "h4"], "c0": ["d5", "b5", "h5"]}
    shapes = {k: list(v) for k, v in (names | states).items()}
    graph = helper.make_graph(
        [
            helper.make_node(
                "LSTM", list(shapes), ["y"], name="here", hidden_size=5, direction="bidirectional"
            )
        ],
        "g",
        [helper.make_tensor_value_info(k, TensorProto.FLOAT, v) for k, v in shapes.items() if k],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    m = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    sizes = ((4, 3, 6), (2, 20, 6), (2, 20, 5), (2, 40), (2, 3, 5), (2, 3, 5))
    exe = compare(m, [floats(rng, *sizes)])
    with pytest.raises(RuntimeError_, match="ode 'here'"):
        exe(*floats(rng, (4, 3, 6), (2, 20, 6), (2, 24, 6), (2, 40), (2, 3, 5), (2, 3, 5)))


@pytest.mark.parametrize("named", [False, True])
def test_causal_convolution_with_state(rng: np.random.Generator, named: bool) -> None:
    """Weights of known sizes, and of sizes that only a run knows."""
    shapes: dict[str, list[Any]] = {
        "x": ["n", "c", "l"],
        "w": [4, 1, 3],
        "b": [4],
        "past": ["n2", "c2", "k2"],
    }
    if named:
        shapes |= {"w": ["oc", "one", "k"], "b": ["bc"]}
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [
            helper.make_node(
                "CausalConvWithState", list(shapes), ["y", "state"], name="here", activation="silu"
            )
        ],
        "g",
        [info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()],
        [info(name, TensorProto.FLOAT, None) for name in ("y", "state")],
    )
    m = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 27)])
    reference, exe = ReferenceEvaluator(m), aicc.compile(m.SerializeToString())
    for batch, channels, length, kernel in [(2, 4, 7, 3), (1, 4, 1, 3), (3, 5, 6, 4)][: 3 if named else 2]:
        sizes = ((batch, channels, length), (channels, 1, kernel), (channels,), (batch, channels, kernel - 1))
        arrays = floats(rng, *sizes)
        want = reference.run(None, dict(zip(shapes, arrays, strict=True)))
        for have, wanted in zip(exe(*arrays), want, strict=True):
            np.testing.assert_allclose(have, wanted, rtol=1e-5, atol=1e-6)
    with pytest.raises(RuntimeError_, match="ode 'here'"):
        exe(*floats(rng, (1, 4, 5), (4, 2, 3) if named else (4, 1, 3), (4,), (1, 3, 2)))
