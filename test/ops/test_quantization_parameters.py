"""Scales and zero points of named sizes: of blocks, and of one element."""

import numpy as np
import onnx
import onnx.helper
import pytest

import aicc
from aicc.errors import RuntimeError_
from test.ops.rig import case, check_all


@pytest.mark.parametrize("axis", [0, 1])
def test_blocks_of_sizes_that_only_a_run_knows(axis: int, rng: np.random.Generator) -> None:
    """The last block may be cut off."""
    x = rng.standard_normal((5, 5)).astype(np.float32) * 4
    shape = (3, 5) if axis == 0 else (5, 3)
    scale = rng.uniform(0.1, 0.2, shape).astype(np.float32)
    zero = rng.integers(0, 200, shape).astype(np.uint8)
    repeated = [np.repeat(v, 2, axis)[: x.shape[0], : x.shape[1]] for v in (scale, zero)]
    want = np.clip(np.round(x / repeated[0]) + repeated[1], 0, 255).astype(np.uint8)
    back = (want.astype(np.float32) - repeated[1]) * repeated[0]
    attrs = {"axis": axis, "block_size": 2}
    cases = [
        case("QuantizeLinear", x, scale, zero, expected=[want], **attrs),
        case("DequantizeLinear", want, scale, zero, expected=[back], **attrs),
    ]
    check_all(cases)


def test_one_scale_of_a_vector() -> None:
    """The default axis is the second; a scale of one element needs none, and a run checks that it is one."""
    info = onnx.helper.make_tensor_value_info
    node = onnx.helper.make_node("QuantizeLinear", ["x", "scale"], ["y"], name="here")
    inputs = [info(name, onnx.TensorProto.FLOAT, [name]) for name in ("x", "scale")]
    graph = onnx.helper.make_graph([node], "g", inputs, [info("y", onnx.TensorProto.UINT8, None)])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10)
    exe = aicc.compile(model.SerializeToString())
    assert exe(np.float32([1, 2, 300]), np.float32([2])).tolist() == [0, 1, 150]
    with pytest.raises(RuntimeError_, match="ode 'here'"):
        exe(np.float32([1, 2, 3]), np.float32([1, 1, 1]))
