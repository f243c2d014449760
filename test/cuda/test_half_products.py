"""`--precision f16` and `bf16` on GPUs: products of an f32 model on tensor cores of 16 bits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

from aicc.driver import Options, compile_model
from aicc.executable import Executable
from aicc.loader import load
from aicc.target import Target
from test.cuda.cases import (
    CASES,
    expected,
    make_constant,
    model_of,
    pipeline_for,
    random_inputs,
    schedules,
)

DTYPES = {"f16": np.dtype(np.float16), "bf16": np.dtype(ml_dtypes.bfloat16)}
ROUNDING = {"f16": 2.0**-11, "bf16": 2.0**-8}
"""Of an operand, relative."""

NETWORK = (
    "(float[1,64,12,12] X, float[64,64,3,3] W, float[64,64,3,3] V, float[64] B) => (float[1,64,12,12] Y)"
    " { T = Conv<pads=[1,1,1,1]>(X,W,B) R = Relu(T) U = Conv<pads=[1,1,1,1]>(R,V,B) S = Add(U,R) Y = Relu(S) }"
)
ATTENTION = (
    "(float[2,3,70,32] Q, float[2,3,133,32] K, float[2,3,133,32] V) => (float[2,3,70,32] Y)"
    " { T = Transpose<perm=[0,1,3,2]>(K) S = MatMul(Q,T) P = Softmax<axis=-1>(S) Y = MatMul(P,V) }"
)


def compiled(
    text: str,
    folder: Path,
    precision: str,
    arch: str = "sm_80",
    weights: Mapping[str, Any] | None = None,
    only: str = "",
) -> Executable:
    model = model_of(text)
    make_constant(model, weights or {})
    path, target = folder / "m.so", Target.simt(arch)
    options = Options(target, precision=precision, pipeline=pipeline_for(target, only), jobs=0)
    compile_model(model.SerializeToString(), path, options)
    return load(path)


def error(found: NDArray[Any], wanted: NDArray[Any]) -> float:
    """Relative to the largest number."""
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("precision", DTYPES)
@pytest.mark.parametrize(
    "name", ["matmul", "matmul_even", "matmul_batched", "gemm_transposed", "convolution"]
)
def test_numbers(name: str, precision: str, constant: bool, tmp_path: Path) -> None:
    """Those of rounded operands as exactly as f32, and so not those of the operands; the bias is not rounded."""
    inputs = random_inputs(model_of(CASES[name]))
    weights = {"W": inputs["W"]} if constant else {}
    # by costs alone the smallest of these are rows
    executable = compiled(CASES[name], tmp_path, precision, weights=weights, only="contraction")
    assert "contraction" in schedules(executable)
    found = executable({key: value for key, value in inputs.items() if key not in weights})
    rounded = {
        key: value if key == "B" else value.astype(DTYPES[precision]).astype(np.float32)
        for key, value in inputs.items()
    }
    assert error(found, expected(CASES[name], rounded)[0]) <= 2e-6
    assert 2e-6 < error(found, expected(CASES[name], inputs)[0]) <= 2 * ROUNDING[precision]


def test_convolutions_by_warpgroups(tmp_path: Path) -> None:
    """What is added to a product stays in f32, though the product reads it rounded."""
    inputs = random_inputs(model_of(NETWORK))
    weights = {key: value for key, value in inputs.items() if key != "X"}
    executable = compiled(NETWORK, tmp_path, "f16", "sm_90a", weights)
    built = [kernel.schedule.split("(")[0] for kernel in executable.kernels]
    assert built.count("warpgroup") == 2 and "contraction" not in built
    assert error(executable(inputs["X"]), expected(NETWORK, inputs)[0]) <= 2e-3


@pytest.mark.parametrize("precision", DTYPES)
def test_attention_stays_one_kernel(precision: str, tmp_path: Path) -> None:
    executable = compiled(ATTENTION, tmp_path, precision)
    assert "attention" in schedules(executable)
    inputs = random_inputs(model_of(ATTENTION))
    assert error(executable(dict(inputs)), expected(ATTENTION, inputs)[0]) <= 8 * ROUNDING[precision]


def test_sizes_that_the_run_knows(tmp_path: Path) -> None:
    text = "(float[n,64] X, float[64,72] W) => (float[n,72] Y) { Y = MatMul(X,W) }"
    inputs = random_inputs(model_of(text), {"n": 70})
    executable = compiled(text, tmp_path, "bf16", weights={"W": inputs["W"]})
    for rows in (70, 1):
        found = executable(inputs["X"][:rows])
        wanted = expected(text, {**inputs, "X": inputs["X"][:rows]})[0]
        assert error(found, wanted) <= 2 * ROUNDING["bf16"]


def ptx(precision: str, arch: str) -> str:
    model = model_of("(float[256,256] X, float[256,256] W) => (float[256,256] Y) { Y = MatMul(X,W) }")
    make_constant(model, {"W": random_inputs(model)["W"]})
    options = Options(Target.cuda(arch), emit="ptx", precision=precision, cache=False, jobs=0)
    return compile_model(model.SerializeToString(), None, options).text


def test_instructions() -> None:
    """Tensor cores where there are such; else weights alone are stored in 16 bits."""
    assert ".f32.f16.f16" in ptx("f16", "sm_90a") and "wgmma.mma_async" in ptx("f16", "sm_90a")
    assert "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32" in ptx("bf16", "sm_80")
    assert "mma.sync" not in ptx("f16", "sm_75")
    assert "mma" not in ptx("f32", "sm_90a")
