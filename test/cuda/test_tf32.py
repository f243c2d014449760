"""Products of f32 on tensor cores, by option: numbers, instructions, and that nobody gets them unasked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from aicc.driver import Options, compile_model
from aicc.errors import CompileError
from aicc.executable import Executable
from aicc.loader import load
from aicc.target import Target
from test.cuda.cases import CASES, model_of, pipeline_for, random_inputs, worst_error
from test.cuda.test_shapes import FEW, SIZE

NAMES = ("matmul", "matmul_even", "gemm_transposed", "matmul_batched", "convolution")
ROUNDING = 2.0**-11
"""Of an operand, relative."""


def compiled(text: str, tmp_path: Any, precision: str = "tf32") -> Executable:
    target = Target.simt("sm_80")
    options = Options(target, precision=precision, pipeline=pipeline_for(target, "contraction"), jobs=0)
    compile_model(model_of(text).SerializeToString(), tmp_path / "m.so", options)
    return load(tmp_path / "m.so")


def as_tf32(value: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rounded, halves away from zero."""
    bits = (value.view(np.uint32) + np.uint32(0x1000)) & np.uint32(0xFFFFE000)
    return bits.view(np.float32)


def rounded(inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Factors as the hardware sees them; B is added."""
    return {name: value if name == "B" else as_tf32(value) for name, value in inputs.items()}


@pytest.mark.parametrize("name", NAMES)
def test_numbers(name: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of rounded operands as exactly as f32, and so not those of the operands."""
    executable = compiled(CASES[name], tmp_path)
    inputs = random_inputs(model_of(CASES[name]))
    for order in ("ascending", "descending"):
        monkeypatch.setenv("AICC_SIMT_ORDER", order)
        assert worst_error(executable, CASES[name], rounded(inputs)) <= 2e-6
        assert 2e-6 < worst_error(executable, CASES[name], inputs) <= 2 * ROUNDING


@FEW
@given(m=SIZE, n=SIZE, k=SIZE, turned=st.booleans())
def test_any_sizes(tmp_path_factory: Any, m: int, n: int, k: int, turned: bool) -> None:
    w = f"{n},{k}" if turned else f"{k},{n}"
    text = (
        f"(float[{m},{k}] X, float[{w}] W, float[{n}] B) => (float[{m},{n}] Y)"
        f" {{ Y = Gemm<transB={int(turned)}>(X,W,B) }}"
    )
    executable = compiled(text, tmp_path_factory.mktemp("tf32"))
    assert worst_error(executable, text, rounded(random_inputs(model_of(text)))) <= 4e-6


def test_special_values(tmp_path: Any) -> None:
    """NaNs of any payload stay NaNs, infinities infinite."""
    text = "(float[64,16] X, float[16,64] W) => (float[64,64] Y) { Y = MatMul(X,W) }"
    x, w = np.zeros((64, 16), np.float32), np.ones((16, 64), np.float32)
    x[0, 0], x[2, 3] = np.inf, -np.inf
    x.view(np.uint32)[1, 5] = 0x7FFFFFFF
    y = compiled(text, tmp_path)(x, w)
    assert np.isposinf(y[0]).all() and np.isnan(y[1]).all() and np.isneginf(y[2]).all()
    assert (y[3:] == 0).all()


@pytest.mark.parametrize("precision", ["f32", "tf32"])
def test_instructions(precision: str) -> None:
    target = Target.cuda("sm_80")
    options = Options(
        target,
        emit="ptx",
        precision=precision,
        cache=False,
        jobs=0,
        pipeline=pipeline_for(target, "contraction"),
    )
    text = compile_model(model_of(CASES["matmul_even"]).SerializeToString(), None, options).text
    wanted = precision == "tf32"
    assert ("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32" in text) == wanted
    assert ("cvt.rna.tf32.f32" in text) == wanted
    assert ("cp.async.cg.shared.global" in text) == wanted


@pytest.mark.parametrize(
    "target", [Target.cuda("sm_75"), Target.cpu_named("x86-64-v3")], ids=["sm_75", "cpu"]
)
def test_only_where_there_are_tensor_cores(target: Target) -> None:
    with pytest.raises(CompileError, match="--precision tf32"):
        Options(target, precision="tf32")
