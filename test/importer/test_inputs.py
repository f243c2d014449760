"""Shapes that a user gives inputs: of those that have none, and in place of symbolic sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

import aicc
from aicc.errors import AiccError
from aicc.tools.aicc_run import main

W = np.random.default_rng(1).standard_normal((4, 3)).astype(np.float32)


def product(shape: list[Any] | None) -> onnx.ModelProto:
    """x @ w, where x has `shape`: None for no rank."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [x],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(W, "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def test_an_input_without_rank_says_what_to_do() -> None:
    with pytest.raises(AiccError, match="input 'x' has no rank") as caught:
        aicc.compile(product(None))
    assert caught.value.code == "AICC-1005" and "--shape x=1,3,n" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("given", "expected"),
    [((2, 4), (2, 4)), (("n", 4), ("n", 4)), ((None, "m", 4), ("x_dim0", "m", 4)), ((4,), (4,))],
    ids=str,
)
def test_a_shape_for_an_input_without_rank(given: Any, expected: Any) -> None:
    model = product(None)
    exe = aicc.compile(model, shapes={"x": given})
    assert exe.inputs[0].shape == expected and not model.graph.input[0].type.tensor_type.HasField("shape")
    session = onnxruntime.InferenceSession(model.SerializeToString())
    x = np.ones([d if isinstance(d, int) else 5 for d in expected], np.float32)
    np.testing.assert_allclose(exe(x), session.run(None, {"x": x})[0], rtol=1e-5)


def test_a_size_given_holds_wherever_its_symbol_stands() -> None:
    text = "g (float[b,n] x, float[b,n] y) => (float[b,n] z) { z = Add(x, y) }"
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> {text}')
    exe = aicc.compile(model, shapes={"x": (3, None)})
    assert [i.shape for i in exe.inputs] == [(3, "n"), (3, "n")]
    exe = aicc.compile(model, shapes={"x": (3, "n")}, dims={"n": (1, 8), "b": 3})
    with pytest.raises(AiccError, match="1 to 8"):
        exe(np.ones((3, 9), np.float32), np.ones((3, 9), np.float32))


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (product([2, 4]), {"shapes": {"x": (3, 4)}}, "3, 4; in the model dim 0 is 2"),
        (product([2, 4]), {"shapes": {"x": (2,)}}, "in the model it has rank 2"),
        (product([2, 4]), {"shapes": {"x": ("n", 4)}}, "in the model dim 0 is 2"),
        (product(["n", 4]), {"shapes": {"x": ("m", 4)}}, "in the model dim 0 is n"),
        (product(["n", "n"]), {"shapes": {"x": (3, 4)}}, "dim 1 is n, which is 3"),
        (product(["n", 4]), {"shapes": {"x": (3, 4)}, "dims": {"n": 2}}, "'n' is 3 by the shapes.*2..2"),
        (product(None), {"shapes": {"x": (-1, 4)}}, "sizes go from 0"),
        (product(None), {"shapes": {"w": (1, 4)}}, "'w', which is no input.*"),
        (product(None), {"shapes": {"x": (1, 4)}, "dims": {"n": 2}}, "no symbolic dimension 'n'"),
    ],
)
def test_shapes_that_are_not_the_models(model: Any, options: Any, message: str) -> None:
    with pytest.raises(AiccError, match=message) as caught:
        aicc.compile(model, **options)
    assert caught.value.code == "AICC-1008"


def test_on_the_command_line(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(product(None), path)
    arguments = [str(path), "--shape", "x=n,4", "--dim", "n=3", "--compare", "onnxruntime"]
    assert main.main(arguments, standalone_mode=False) == 0
    assert "3x3" in capsys.readouterr().out.replace(" ", "").replace(",", "x")
    assert main.main([str(path)], standalone_mode=False) == 1
    assert "--shape x=" in capsys.readouterr().err
