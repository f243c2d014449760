"""What the link makes of a whole model's weights: which ones, where, and how they are told apart."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from aicc.codegen.link import sidecar
from aicc.codegen.link_weights import APPENDED_FROM
from aicc.driver import Options, compile_model
from aicc.errors import AiccError
from aicc.loader import load
from aicc.weights import ALIGNMENT


def matmul(k: int, n: int, seed: int) -> tuple[onnx.ModelProto, np.ndarray]:
    """y[4, n] = x[4, k] w, and w."""
    w = np.random.default_rng(seed).standard_normal((k, n)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="fc")],
        "matmul",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, k])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [4, n])],
        [numpy_helper.from_array(w, "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), w


@pytest.mark.parametrize("external", [False, True])
def test_weights_are_there_once(external: bool, tmp_path: Path) -> None:
    """Large enough to be appended; packed for the kernel, and not beside that as they came."""
    model, w = matmul(1024, 1280, 0)
    assert w.nbytes >= APPENDED_FROM
    out = tmp_path / "model.so"
    stats = compile_model(model, out, Options(weights="external" if external else "embedded")).stats
    assert stats["blob_bytes"] == w.nbytes
    size = sum(p.stat().st_size for p in tmp_path.iterdir())
    assert w.nbytes < size < w.nbytes + (1 << 20)
    assert {p.name for p in tmp_path.iterdir()} == {"model.so", *(["model.so.weights"] if external else [])}
    assert stats["seconds"]["blob"] > 0 and stats["seconds"]["link"] > 0
    x = np.random.default_rng(1).standard_normal((4, 1024)).astype(np.float32)
    want = x.astype(np.float64) @ w
    np.testing.assert_allclose(load(out)(x), want, rtol=1e-4, atol=1e-3)


def test_external_weights_of_another_training_are_refused(tmp_path: Path) -> None:
    outs = [tmp_path / f"{seed}.so" for seed in (1, 2)]
    for seed, out in enumerate(outs):
        compile_model(matmul(64, 96, seed)[0], out, Options(weights="external"))
    assert sidecar(outs[0]).stat().st_size == sidecar(outs[1]).stat().st_size
    again = tmp_path / "again.so"
    compile_model(matmul(64, 96, 0)[0], again, Options(weights="external"))
    assert sidecar(again).read_bytes() == sidecar(outs[0]).read_bytes()
    shutil.copy(sidecar(outs[1]), sidecar(outs[0]))
    with pytest.raises(AiccError) as caught:
        load(outs[0])
    assert caught.value.code == "AICC-5004" and "another model" in str(caught.value)


def test_the_blob_is_aligned(tmp_path: Path) -> None:
    stats = compile_model(matmul(37, 41, 0)[0], tmp_path / "model.so").stats
    assert stats["blob_bytes"] % ALIGNMENT == 0
