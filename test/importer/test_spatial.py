"""Import rules of the families that move, index, convolve and recur: what a node becomes, by opset."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from aicc.errors import ImportError_
from test.importer.test_arithmetic import imported, names

INT64 = TensorProto.INT64


def _ints(*values: int) -> Any:
    return np.asarray(values, np.int64)


def _floats(*shape: int) -> Any:
    return np.zeros(shape, np.float32)


def _fails(code: str, text: str, op: str, *shapes: Any, **settings: Any) -> None:
    with pytest.raises(ImportError_) as caught:
        imported(op, *shapes, **settings)
    assert caught.value.code == code and text in str(caught.value), str(caught.value)
    assert '"the_node"' in str(caught.value)


def test_auto_pad_becomes_pads() -> None:
    (text,) = imported("Conv", [1, 2, 7, 8], _floats(3, 2, 3, 2), auto_pad="SAME_LOWER", strides=[2, 2])
    assert "pads = array<i64: 1, 0, 1, 0>" in text and 'auto_pad = "NOTSET"' in text
    (text,) = imported("Conv", [1, 2, "h", 8], _floats(3, 2, 3, 2), auto_pad="SAME_UPPER", strides=[2, 2])
    assert 'auto_pad = "SAME_UPPER"' in text and "tensor<1x3x?x4xf32>" in text
    (text,) = imported("Conv", [1, 2, "h", 8], _floats(3, 2, 3, 2), auto_pad="SAME_UPPER")
    assert "pads = array<i64: 1, 0, 1, 1>" in text


def test_transposed_convolution_is_a_convolution() -> None:
    ops = imported("ConvTranspose", [1, 4, 5, 5], _floats(4, 6, 3, 3), strides=[2, 2], pads=[1, 1, 1, 1])
    assert "aicc.transpose" in ops[0] and "aicc.slice" in ops[1]
    assert "input_dilations = array<i64: 2, 2>" in ops[2] and "-> tensor<1x6x9x9xf32>" in ops[2]
    # pads that follow from a size of the run
    ops = imported("ConvTranspose", [1, 4, "h", 5], _floats(4, 6, 3, 3), output_shape=[9, 9])
    assert any("aicc.pad" in op for op in ops) and ops[-1].endswith("-> tensor<1x6x9x9xf32>")


def test_pools() -> None:
    assert names("MaxPool", [1, 2, 8, 8], kernel_shape=[2, 2]) == ["max_pool"]
    assert names("MaxPool", [1, 2, 8, 8], kernel_shape=[2, 2], outputs=2) == ["max_pool_indices"]
    assert names("GlobalAveragePool", [1, 2, 8, 8]) == ["reduce_mean"]
    (text,) = imported("MaxPool", [1, 2, 7, 7], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    assert "-> tensor<1x2x4x4xf32>" in text
    _fails("AICC-1006", "kernel_shape", "MaxPool", [1, 2, 7], kernel_shape=[2, 2])


def test_squeeze_and_unsqueeze_by_opset() -> None:
    for opset, operands, attrs in ((11, [], {"axes": [-2]}), (13, [_ints(-2)], {})):
        (text,) = imported("Squeeze", [3, 1, 4], *operands, opset=opset, **attrs)
        assert "axes = array<i64: 1>" in text
        (text,) = imported("Unsqueeze", [3, 4], *operands, opset=opset, **attrs)
        assert "axes = array<i64: 1>" in text
    assert names("Squeeze", [3, 1], [1], dtypes=(1, INT64))[-1] == "reshape"
    _fails("AICC-1005", "static size", "Squeeze", [3, 1], ["n"], dtypes=(1, INT64))
    _fails("AICC-1006", "out of range", "Squeeze", [3, 1], _ints(5))


def test_split_is_slices() -> None:
    assert names("Split", [4, 7], outputs=3, axis=1, num_outputs=3) == ["slice"] * 3
    parts = imported("Split", [4, 7], _ints(2, 5), outputs=2, axis=1)
    assert "tensor<4x2xf32>" in parts[0] and "tensor<4x5xf32>" in parts[1]
    assert imported("Split", [4, 7], opset=11, outputs=2, axis=1, split=[2, 5])[1].endswith("tensor<4x5xf32>")
    halves = imported("Split", [4, "n"], outputs=2, axis=1, num_outputs=2)
    assert sum("aicc.slice" in t for t in halves) == 2
    _fails("AICC-1005", "do not add up", "Split", [4, 7], _ints(2, 4), outputs=2, axis=1)


def test_slices_and_pads_by_opset() -> None:
    assert names("Slice", [5, 6], opset=9, starts=[1], ends=[3]) == ["slice"]
    (text,) = imported("Slice", [5, 6], _ints(1), _ints(-1), _ints(-1), _ints(2))
    assert "axes = array<i64: 1>" in text and "-> tensor<5x2xf32>" in text
    (text,) = imported("Pad", [2, 3], opset=10, pads=[0, 1, 0, 1])
    assert "-> tensor<2x5xf32>" in text
    (text,) = imported("Pad", [2, 3], _ints(1, 1), None, _ints(-1))
    assert "axes = array<i64: 1>" in text and "-> tensor<2x5xf32>" in text


@pytest.mark.parametrize("shape", [["n", 3, 4], [2, 3, 4], ["n", "m", 4]])
def test_flatten_is_a_reshape(shape: Any) -> None:
    texts = imported("Flatten", shape, axis=2)
    assert "aicc.reshape" in texts[-1] and "x4xf32>" in texts[-1]


def test_shape_arithmetic_is_known() -> None:
    (text,) = imported("Shape", ["n", 3, 4], start=-2)
    assert "start = 1" in text and "end = 3" in text and "tensor<2xi64>" in text


def test_resize_keeps_only_axes_that_change() -> None:
    scales = np.array([1, 1, 2, 3], np.float32)
    (text,) = imported("Resize", [1, 2, 3, 4], None, scales)
    assert "axes = array<i64: 2, 3>" in text and "-> tensor<1x2x6x12xf32>" in text
    (text,) = imported("Resize", [1, 2, "h", 4], None, None, _ints(1, 2, 6, 4))
    assert "axes = array<i64: 2>" in text
    (text,) = imported("Upsample", [1, 2, 3, 4], opset=7, scales=[1.0, 1.0, 2.0, 3.0])
    assert 'coordinates = "asymmetric"' in text and 'rounding = "simple"' in text


def test_recurrent_layers_are_products_and_one_op_per_direction() -> None:
    w, r, b = _floats(2, 16, 3), _floats(2, 16, 4), _floats(2, 32)
    ops = imported("LSTM", ["t", 2, 3], w, r, b, outputs=3, direction="bidirectional", hidden_size=4)
    assert sum("aicc.lstm" in t for t in ops) == 2 and sum("aicc.matmul" in t for t in ops) == 2
    _fails("AICC-1006", "'sideways'", "LSTM", [5, 2, 3], w, r, outputs=3, direction="sideways", hidden_size=4)
    _fails(
        "AICC-1006",
        "'Foo' is unknown",
        "RNN",
        [5, 2, 3],
        _floats(1, 4, 3),
        _floats(1, 4, 4),
        activations=["Foo"],
    )
