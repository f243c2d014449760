"""Initializers that a model lists as inputs, too: constants, or inputs with a default."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import aicc
from aicc.errors import AiccError

from .conftest import WARNINGS, cc
from .test_c_programs import INCLUDE, run

RNG = np.random.default_rng(5)
X = RNG.standard_normal((3, 40)).astype(np.float32)
W = RNG.standard_normal((40, 30)).astype(np.float32)
B = RNG.standard_normal(30).astype(np.float32)
OTHER = RNG.standard_normal((40, 30)).astype(np.float32)


def linear(rows: Any = "n", width: Any = 30, ir_version: int = 10) -> onnx.ModelProto:
    """x @ w + b; w and b are initializers and inputs, w the first of them."""
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w", "b"], ["y"])],
        "g",
        [
            info("w", TensorProto.FLOAT, [40, width]),
            info("x", TensorProto.FLOAT, [rows, 40]),
            info("b", TensorProto.FLOAT, [width]),
        ],
        [info("y", TensorProto.FLOAT, [rows, width])],
        [numpy_helper.from_array(W, "w"), numpy_helper.from_array(B, "b")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=ir_version)


@pytest.mark.parametrize("weights", ["embedded", "external"])
def test_as_onnxruntime_has_it(weights: str, tmp_path: Path) -> None:
    data = linear().SerializeToString()
    theirs = onnxruntime.InferenceSession(data)
    options = {"overridable": ["w", "b"], "weights": weights, "check_ir": True}
    aicc.compile(data, **options).save(tmp_path / "model.so")
    ours = aicc.InferenceSession(tmp_path / "model.so")
    for ask in ("get_inputs", "get_overridable_initializers"):
        found, want = (sorted((a.name, a.type, a.shape) for a in getattr(s, ask)()) for s in (ours, theirs))
        assert found == want
    for more in ({}, {"w": OTHER}, {"b": B[::-1].copy()}, {"w": OTHER, "b": np.zeros_like(B)}, {}):
        feed = {"x": X, **more}
        np.testing.assert_allclose(ours.run(None, feed)[0], theirs.run(None, feed)[0], rtol=1e-4, atol=1e-5)


def test_calls() -> None:
    exe = aicc.compile(linear(), overridable=["w"])
    assert [(i.name, i.has_default) for i in exe.inputs] == [("x", False), ("w", True)]
    np.testing.assert_allclose(exe(X), X @ W + B, rtol=1e-4, atol=1e-5)
    for found in (exe(X, OTHER), exe(x=X, w=OTHER), exe({"w": OTHER, "x": X}), exe.run([X, OTHER])[0]):
        np.testing.assert_allclose(found, X @ OTHER + B, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(exe.run([X[:2], None])[0], X[:2] @ W + B, rtol=1e-4, atol=1e-5)
    with pytest.raises(AiccError, match="Input 'x' is missing"):
        exe(w=OTHER)
    with pytest.raises(AiccError, match="'w': dim 0 is 39"):
        exe(X, OTHER[1:].copy())


def test_sizes_of_a_default() -> None:
    """A symbolic size is that of the default, unless another tensor is given; what shares it must agree."""
    exe = aicc.compile(linear(width="k"), overridable=["w", "b"])
    assert exe(X).shape == (3, 30)
    np.testing.assert_allclose(
        exe(X, OTHER[:, :7].copy(), B[:7]), X @ OTHER[:, :7] + B[:7], rtol=1e-4, atol=1e-5
    )
    with pytest.raises(AiccError, match="'b': dim 0 .'k'. is 30, but 'k' is 7 in input 'w'"):
        exe(X, OTHER[:, :7].copy())


def test_constants_unless_asked_for() -> None:
    exe = aicc.compile(linear())
    assert [i.name for i in exe.inputs] == ["x"]
    with pytest.raises(AiccError, match="no input 'w'") as caught:
        exe(X, w=OTHER)
    assert "--overridable" in str(caught.value.hint)
    with pytest.raises(AiccError, match="no input 'w'") as caught:
        aicc.InferenceSession(linear().SerializeToString()).run(None, {"x": X, "w": OTHER})
    assert "overridable=" in str(caught.value.hint)
    exe = aicc.compile(linear(ir_version=3), overridable=["b"])
    np.testing.assert_allclose(exe(X, B * 2), X @ W + B * 2, rtol=1e-4, atol=1e-5)


def test_what_cannot_be_overridden() -> None:
    for name, message in (("x", "no initializer"), ("q", "no initializer")):
        with pytest.raises(AiccError, match=message) as caught:
            aicc.compile(linear(), overridable=[name])
        assert caught.value.code == "AICC-1008" and "w, b" in str(caught.value.hint)
    model = linear()
    del model.graph.input[0]
    with pytest.raises(AiccError, match="an initializer, but no input"):
        aicc.compile(model, overridable=["w"])
    model = linear(width=29)
    with pytest.raises(AiccError, match="'w'.*initializer has the shape"):
        aicc.compile(model, overridable=["w"])


def test_resumed_from_ir(tmp_path: Path) -> None:
    from aicc.driver import Options, compile_model

    onnx.save(linear(), tmp_path / "model.onnx")
    options = Options(overridable=["w"], dump=tmp_path / "ir")
    compile_model(tmp_path / "model.onnx", tmp_path / "a.so", options)
    compile_model(tmp_path / "ir" / "03-linalg.mlir", tmp_path / "b.so", Options(start_from="kernels"))
    exe = aicc.load(tmp_path / "b.so")
    np.testing.assert_allclose(exe(X), X @ W + B, rtol=1e-4, atol=1e-5)


def test_in_c(tmp_path: Path) -> None:
    aicc.compile(linear(rows=1), overridable=["b"]).save(tmp_path / "model.so")
    source = tmp_path / "main.c"
    source.write_text(r"""
        #include <stdio.h>
        #include "aicc.h"
        int main(void) {
          static float x[40], b[30], y[2][30];
          int64_t x_shape[] = {1, 40}, b_shape[] = {30}, y_shape[] = {1, 30};
          aicc_context *ctx;
          if (aicc_context_create(&ctx) != AICC_OK) return 1;
          if (aicc_input_has_default(0) || !aicc_input_has_default(1) || aicc_input_has_default(2)) return 2;
          DLTensor inputs[] = {aicc_tensor(x, aicc_float32, 2, x_shape), {0}};
          DLTensor out = aicc_tensor(y[0], aicc_float32, 2, y_shape);
          if (aicc_run(ctx, inputs, 2, &out, 1) != AICC_OK) return puts(aicc_last_error()), 3;
          inputs[1] = aicc_tensor(b, aicc_float32, 1, b_shape);
          out = aicc_tensor(y[1], aicc_float32, 2, y_shape);
          if (aicc_run(ctx, inputs, 2, &out, 1) != AICC_OK) return puts(aicc_last_error()), 4;
          printf("%.6g %.6g\n", y[0][3], y[1][3]);
          inputs[0] = (DLTensor){0};
          if (aicc_run(ctx, inputs, 2, &out, 1) != AICC_ERROR_INPUT) return 5;
          puts(aicc_last_error());
          aicc_context_destroy(ctx);
          return 0;
        }""")
    program = tmp_path / "main"
    cc("-std=gnu11", *WARNINGS, INCLUDE, source, tmp_path / "model.so", "-o", program)
    done = run(program)
    assert done.returncode == 0, done
    assert done.stdout.splitlines() == [f"{B[3]:.6g} 0", "input 'x' is not given"]
