"""Weights of f16 and bf16 are read as they are stored: products sum in f32, nothing is converted beforehand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import aicc
from aicc.driver import Options, compile_model
from aicc.target import Target

Array = np.ndarray[Any, Any]
KINDS = {
    "f16": (TensorProto.FLOAT16, np.float16, 2.0**-11),
    "bf16": (TensorProto.BFLOAT16, ml_dtypes.bfloat16, 2.0**-8),
}
PLAIN = Target.cpu_named("x86-64-v3")
RNG = np.random.default_rng(11)


def model(kind: str, node: Any, x: list[int], y: list[int], w: Array) -> onnx.ModelProto:
    element, dtype, _ = KINDS[kind]
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", element, x)],
        [helper.make_tensor_value_info("y", element, y)],
        [numpy_helper.from_array(w.astype(dtype), "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)


def product(
    kind: str, rows: int, depth: int, columns: int, transposed: bool
) -> tuple[onnx.ModelProto, Array]:
    """A product, and its weights in float64 `[depth, columns]`."""
    w = RNG.standard_normal((columns, depth) if transposed else (depth, columns)).astype(KINDS[kind][1])
    node = helper.make_node("Gemm", ["x", "w"], ["y"], transB=int(transposed))
    plain = w.astype(np.float64)
    return model(kind, node, [rows, depth], [rows, columns], w), plain.T if transposed else plain


def host_program(m: onnx.ModelProto, folder: Path) -> str:
    """The IR before kernels are built, for a CPU without products of halves."""
    compile_model(m, None, Options(target=PLAIN, dump=folder, stop_after="kernels"))
    return next(folder.glob("*-kernels.mlir")).read_text()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("rows", "depth", "columns"), [(1, 300, 200), (7, 64, 100), (40, 129, 33)])
def test_products(kind: str, rows: int, depth: int, columns: int, transposed: bool):
    m, w = product(kind, rows, depth, columns, transposed)
    _, dtype, half_step = KINDS[kind]
    x = RNG.standard_normal((rows, depth)).astype(dtype)
    want = x.astype(np.float64) @ w
    # rounded once, at the end
    bound = 1.01 * half_step * np.abs(want) + 1e-5 * np.abs(want).max()
    for target in (PLAIN, Target.host()):
        if not set(target.features) <= set(Target.host().features):
            continue
        y = np.asarray(aicc.compile(m, target=target)(x)).astype(np.float64)
        assert (np.abs(y - want) <= bound).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("transposed", [False, True])
def test_no_wide_copy_of_a_weight(kind: str, transposed: bool, tmp_path: Path):
    m, _ = product(kind, 3, 96, 160, transposed)
    text = host_program(m, tmp_path)
    # the one kernel that takes the weight, in panels, multiplies with it
    takers = re.findall(rf"func.func private @(\w+)\([^\n]*tensor<10x96x16x{kind}>", text)
    assert len(takers) == 1
    kernel = text[text.index(f"func private @{takers[0]}(") :].split("func.func")[0]
    assert "arith.mulf" in kernel and 'schedule = "contraction"' in kernel
    assert not re.search(r"-> \(?tensor<(96x160|160x96|10x96x16)xf32>", text)


@pytest.mark.parametrize("kind", KINDS)
def test_convolution(kind: str, tmp_path: Path):
    _, dtype, half_step = KINDS[kind]
    w = RNG.standard_normal((24, 16, 3, 3)).astype(dtype)
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])
    m = model(kind, node, [1, 16, 9, 11], [1, 24, 9, 11], w)
    x = RNG.standard_normal((1, 16, 9, 11)).astype(dtype)
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))
    want = np.einsum("nchwij,ocij->nohw", windows, w.astype(np.float64))
    bound = 1.01 * half_step * np.abs(want) + 1e-5 * np.abs(want).max()
    y = np.asarray(aicc.compile(m)(x)).astype(np.float64)
    assert (np.abs(y - want) <= bound).all()
    assert re.search(rf"tensor<[0-9x]+x{kind}>[^\n]*\{{[^\n]*aicc.kernel", host_program(m, tmp_path))
