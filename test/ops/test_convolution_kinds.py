"""Convolutions with algorithms of their own: transposed by phases, dilated by phases, grouped across vectors,
several results of a channel; each followed by elementwise ops that join the kernel, against ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import aicc
from aicc.dialects.windows import Window
from aicc.driver import Options, compile_model
from aicc.loader import load
from aicc.passes.linalg.transposed_convolution import runs
from aicc.passes.linalg.visible_taps import segments

Kind = tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]

TRANSPOSED: dict[str, Kind] = {
    "2x2_s2": ((2, 16, 5, 4), (16, 24, 2, 2), {"strides": [2, 2]}),
    "4x4_s2": ((1, 16, 5, 4), (16, 8, 4, 4), {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
    "3x3_s2": (
        (1, 16, 5, 4),
        (16, 8, 3, 3),
        {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]},
    ),
    "5x4_s3": ((1, 8, 5, 4), (8, 16, 5, 4), {"strides": [3, 3], "pads": [0, 2, 1, 0]}),
    "2x2_s3": ((1, 16, 5, 4), (16, 8, 2, 2), {"strides": [3, 3], "output_padding": [1, 2]}),
    "dilated": ((1, 16, 5, 4), (16, 8, 3, 3), {"strides": [2, 2], "dilations": [3, 2], "pads": [1, 2, 3, 0]}),
    "both": ((1, 16, 6, 5), (16, 8, 3, 3), {"strides": [4, 6], "dilations": [2, 4]}),
    "grouped": ((1, 16, 5, 4), (16, 8, 4, 4), {"strides": [2, 2], "group": 4, "pads": [1, 1, 1, 1]}),
    "depthwise": ((1, 32, 5, 4), (32, 1, 4, 4), {"strides": [2, 2], "group": 32, "pads": [1, 1, 1, 1]}),
    "one_pixel": ((2, 16, 1, 1), (16, 8, 4, 3), {}),
    "one_line": ((1, 16, 1, 6), (16, 8, 3, 3), {"strides": [1, 2], "pads": [1, 1, 1, 1]}),
    "sound": ((1, 16, 9), (16, 8, 16), {"strides": [8], "pads": [4, 4]}),
    "volume": ((1, 8, 3, 4, 3), (8, 8, 2, 2, 2), {"strides": [2, 2, 2]}),
    "cropped": ((1, 16, 5, 4), (16, 8, 3, 3), {"strides": [2, 2], "pads": [3, 2, 2, 3]}),
}
PLAIN: dict[str, Kind] = {
    "dilated_2": ((1, 32, 9, 8), (32, 32, 3, 3), {"dilations": [2, 2], "pads": [2, 2, 2, 2]}),
    "dilated_4x3": ((2, 16, 17, 14), (48, 16, 3, 3), {"dilations": [4, 3], "pads": [4, 3, 4, 3]}),
    "dilated_no_pads": ((1, 16, 13, 12), (16, 16, 3, 3), {"dilations": [2, 3]}),
    "dilated_cropped": ((1, 16, 13, 14), (16, 16, 3, 3), {"dilations": [2, 2], "pads": [-1, 2, 3, 0]}),
    "groups_of_2": ((1, 32, 7, 6), (32, 2, 3, 3), {"group": 16, "pads": [1, 1, 1, 1]}),
    "groups_of_4": ((1, 16, 7, 6), (16, 4, 3, 3), {"group": 4, "pads": [1, 1, 1, 1]}),
    "groups_of_4_s2": ((2, 48, 7, 6), (48, 4, 3, 3), {"group": 12, "strides": [2, 2]}),
    "groups_of_8": ((1, 32, 7, 6), (32, 8, 3, 3), {"group": 4, "dilations": [2, 2], "pads": [2, 2, 2, 2]}),
    "groups_of_16": ((1, 32, 7, 6), (32, 16, 3, 3), {"group": 2, "pads": [1, 1, 1, 1]}),
    "groups_2_to_8": ((1, 8, 7, 6), (32, 2, 3, 3), {"group": 4}),
    "groups_4_to_16": ((1, 12, 7, 6), (48, 4, 1, 1), {"group": 3}),
    "groups_of_6": ((1, 24, 7, 6), (24, 6, 3, 3), {"group": 4, "pads": [1, 1, 1, 1]}),
    "times_2": ((1, 24, 7, 6), (48, 1, 3, 3), {"group": 24, "pads": [1, 1, 1, 1]}),
    "times_3": ((2, 16, 7, 6), (48, 1, 3, 3), {"group": 16, "strides": [2, 1], "pads": [0, 1, 1, 0]}),
    "groups_of_sound": ((1, 16, 21), (16, 4, 5), {"group": 4, "pads": [2, 2]}),
}

WIDE: dict[str, Kind] = {
    "dilated_5": ((1, 16, 9, 14), (16, 16, 3, 3), {"dilations": [5, 5], "pads": [5, 5, 5, 5]}),
    "dilated_8x3": ((2, 16, 11, 9), (48, 16, 3, 3), {"dilations": [8, 3], "pads": [8, 3, 8, 3]}),
    "all_padding_but_one": ((1, 32, 7, 7), (16, 32, 3, 3), {"dilations": [9, 9], "pads": [9, 9, 9, 9]}),
    "dilated_s2": (
        (1, 32, 9, 9),
        (16, 32, 3, 3),
        {"dilations": [6, 6], "pads": [6, 6, 6, 6], "strides": [2, 2]},
    ),
    "dilated_sound": ((1, 32, 40), (16, 32, 3), {"dilations": [30], "pads": [30, 30]}),
}
FEW_CHANNELS: dict[str, tuple[str, Kind]] = {
    "image_s2": ("ConvTranspose", ((1, 32, 8, 9), (32, 3, 4, 4), {"strides": [2, 2], "pads": [1, 1, 1, 1]})),
    "image_s3": ("ConvTranspose", ((2, 64, 8, 9), (64, 1, 5, 4), {"strides": [3, 2], "pads": [0, 2, 1, 0]})),
    "image_s2_more": (
        "ConvTranspose",
        ((1, 32, 8, 9), (32, 3, 3, 3), {"strides": [2, 2], "pads": [3, 1, 2, 1], "output_padding": [1, 0]}),
    ),
    "mask": ("Conv", ((1, 32, 8, 9), (1, 32, 3, 3), {"pads": [1, 1, 1, 1]})),
    "flow": ("Conv", ((2, 48, 9, 11), (2, 48, 5, 3), {})),
    "depth": ("Conv", ((1, 32, 9, 10), (1, 32, 3, 3), {"dilations": [2, 3], "pads": [2, 3, 2, 3]})),
    "wave": ("Conv", ((1, 48, 80), (1, 48, 7), {"pads": [3, 3]})),
}


def network(kinds: dict[str, tuple[str, Kind]], rng: np.random.Generator) -> onnx.ModelProto:
    """For each: convolution, ReLU, times a number of each channel, plus an input of the result's shape."""
    nodes, weights, inputs, outputs = [], [], [], []

    def weight(name: str, *shape: int) -> str:
        weights.append(numpy_helper.from_array(rng.standard_normal(shape).astype(np.float32), name))
        return name

    for name, (op, (x, w, attrs)) in kinds.items():
        channels = w[1] * attrs.get("group", 1) if op == "ConvTranspose" else w[0]
        operands = [f"{name}_x", weight(f"{name}_w", *w), weight(f"{name}_b", channels)]
        scale = weight(f"{name}_s", channels, *[1] * (len(x) - 2))
        nodes += [
            helper.make_node(op, operands, [f"{name}_c"], **attrs),
            helper.make_node("Relu", [f"{name}_c"], [f"{name}_r"]),
            helper.make_node("Mul", [f"{name}_r", scale], [f"{name}_m"]),
            helper.make_node("Add", [f"{name}_m", f"{name}_a"], [f"{name}_y"]),
        ]
        inputs.append(helper.make_tensor_value_info(f"{name}_x", TensorProto.FLOAT, x))
        given = [helper.make_tensor_value_info("w", TensorProto.FLOAT, w)]
        given.append(helper.make_tensor_value_info("b", TensorProto.FLOAT, [channels]))
        one = helper.make_graph(
            [helper.make_node(op, ["x", "w", "b"], ["y"], **attrs)],
            "one",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, x), *given],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        )
        known = onnx.shape_inference.infer_shapes(helper.make_model(one), strict_mode=True)
        y = [d.dim_value for d in known.graph.output[0].type.tensor_type.shape.dim]
        inputs.append(helper.make_tensor_value_info(f"{name}_a", TensorProto.FLOAT, y))
        outputs.append(helper.make_tensor_value_info(f"{name}_y", TensorProto.FLOAT, y))
    graph = helper.make_graph(nodes, "convolutions", inputs, outputs, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("level", [1, 2])
def test_against_onnxruntime(rng: np.random.Generator, tmp_path: Path, level: int) -> None:
    kinds = {f"t_{n}": ("ConvTranspose", k) for n, k in TRANSPOSED.items()}
    kinds |= {f"c_{n}": ("Conv", k) for n, k in PLAIN.items() if "-1" not in str(k[2].get("pads"))}
    kinds |= {f"w_{n}": ("Conv", k) for n, k in WIDE.items()}
    kinds |= {f"f_{name}": kind for name, kind in FEW_CHANNELS.items()}
    model = network(kinds, rng)
    feeds = {
        i.name: rng.standard_normal([d.dim_value for d in i.type.tensor_type.shape.dim]).astype(np.float32)
        for i in model.graph.input
    }
    path = tmp_path / "model.so"
    compile_model(model, path, Options(opt_level=level))
    expected = onnxruntime.InferenceSession(model.SerializeToString()).run(None, feeds)
    found = load(path)(**feeds)
    for output, a, b in zip(model.graph.output, found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=2e-5 * np.abs(b).max(), err_msg=output.name)


@pytest.mark.parametrize("size", range(1, 7))
@pytest.mark.parametrize("step", range(2, 6))
def test_runs_are_the_convolution(size: int, step: int) -> None:
    """Every pair of a result and a tap that meets an input is in one run, and no other."""
    inputs, count = 5, 7
    for dilation in (1, 2, 3):
        for pad in (0, 1, 4):
            wanted = {
                (o, k, (o + k * dilation - pad) // step)
                for o in range(count * step)
                for k in range(size)
                if (o + k * dilation - pad) % step == 0 and 0 <= (o + k * dilation - pad) // step < inputs
            }
            found = [
                (q * step + run.first + j, run.tap - j + t * run.stride, q + run.start + t * run.step)
                for run in runs(size, step, dilation, pad, inputs, count)
                for j in range(run.phases)
                for q in range(count)
                for t in range(run.taps)
            ]
            inside = [triple for triple in found if 0 <= triple[2] < inputs]
            assert sorted(inside) == sorted(wanted)


def test_few_channels_are_sums_of_products(rng: np.random.Generator) -> None:
    """One product of matrices for each convolution to few channels, whose columns are the taps."""
    text = compile_model(network(FEW_CHANNELS, rng), None, Options(stop_after="linalg")).text
    taps = {word for word in text.split() if word.startswith("@") and word.split("(")[0].endswith(".taps")}
    found = {name for name in FEW_CHANNELS if any(word.startswith(f"@{name}_w.") for word in taps)}
    assert found == set(FEW_CHANNELS)


def test_taps_in_the_padding_are_left_out(rng: np.random.Generator) -> None:
    """Wide dilation: pieces with weights of their own; a kernel of which one tap is seen is a product of matrices."""
    text = compile_model(
        network({n: ("Conv", k) for n, k in WIDE.items()}, rng), None, Options(stop_after="linalg")
    ).text
    seen = {word.split("_w.")[0][1:] for word in text.split() if word.startswith("@") and ".seen" in word}
    assert seen == set(WIDE)
    products = [line for line in text.splitlines() if '"reduction"' in line and "tensor<1x7x7x" in line]
    assert products and all(line.count('"reduction"') == 1 for line in products)


@pytest.mark.parametrize(("size", "dilation", "pad"), [(33, 12, 12), (33, 18, 18), (7, 9, 9), (10, 2, 1)])
def test_segments_hold_every_tap_seen(size: int, dilation: int, pad: int) -> None:
    window = Window(3, 1, dilation, pad, pad)
    found = segments(window, size, window.output(size))
    wanted = {
        (o, k, o + k * dilation - pad)
        for o in range(window.output(size))
        for k in range(3)
        if 0 <= o + k * dilation - pad < size
    }
    triples = [
        (s.first + i, s.tap + t, s.start + i + t * dilation)
        for s in found
        for i in range(s.count)
        for t in range(s.taps)
    ]
    assert sorted(triples) == sorted(wanted)


def test_activations_join_the_kernel(rng: np.random.Generator) -> None:
    """The ReLU of a transposed, a dilated and a grouped convolution is computed with its results."""
    kinds = {
        "t": ("ConvTranspose", TRANSPOSED["4x4_s2"]),
        "d": ("Conv", PLAIN["dilated_2"]),
        "g": ("Conv", PLAIN["groups_of_6"]),
    }
    model = network(kinds, rng)
    for node in model.graph.node:  # convolutions behind the ReLUs keep their channels last
        if node.op_type == "Mul":
            node.op_type = "Conv"
    for weight in model.graph.initializer:
        if weight.name.endswith("_s"):
            channels = weight.dims[0]
            filters = rng.standard_normal((channels, channels, 1, 1)).astype(np.float32)
            weight.CopyFrom(numpy_helper.from_array(filters, weight.name))
    text = compile_model(model, None, Options(stop_after="kernels")).text
    kernels = text.split("func.func private @")[1:]
    with_relu = [kernel for kernel in kernels if "maximumf" in kernel.split("func.func")[0]]
    assert len(with_relu) >= len(kinds)
    assert all(kernel.split("_")[1] == "conv" for kernel in with_relu), [k[:40] for k in with_relu]


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize(("kernel", "batch"), [((1, 1), 2), ((3, 2), "n")], ids=str)
def test_a_padded_input_of_a_transposed_convolution(
    kernel: tuple[int, int], batch: Any, level: int, rng: np.random.Generator
) -> None:
    """The pads are elements like others: zeros come between them, too."""
    w = numpy_helper.from_array(rng.standard_normal((4, 3, *kernel)).astype(np.float32), "w")
    pads = numpy_helper.from_array(np.array([0, 0, 2, 1, 0, 0, 1, 0]), "p")
    nodes = [
        helper.make_node("Pad", ["x", "p"], ["z"]),
        helper.make_node("ConvTranspose", ["z", "w"], ["y"], strides=[2, 3]),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 4, 6, 5])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "g", inputs, outputs, [w, pads])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    x = rng.standard_normal((2, 4, 6, 5)).astype(np.float32)
    (want,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    np.testing.assert_allclose(aicc.compile(model, opt_level=level)(x), want, rtol=0, atol=1e-5)
