"""Convolutions by cuDNN: numbers on the emulated GPU with a stand-in for the library, which reads the graph that it is
given and computes it; what takes over where it has no plan; when it is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aicc
from aicc.driver import Options, compile_model
from aicc.errors import RuntimeError_
from aicc.executable import Executable
from aicc.target import Target
from test.cuda.cases import (
    expected,
    make_constant,
    model_of,
    pipeline_for,
    random_inputs,
    tolerance,
)

LIBRARIES = ("cudnn",)

# Graph, how many convolutions it has. Names of weights begin with W or B.
CONVOLUTIONS = {
    "windows": (
        "(float[1,8,6,7] X, float[16,8,3,3] Wa, float[16] Ba, float[16,2,3,3] Wb, float[8,1,3,3] Wc,"
        " float[16,1,3,2] Wd, float[8,8,1,1] We, float[4,8,6,7] Wf)"
        " => (float[1,16,3,4] A, float[1,16,6,7] B, float[1,8,2,5] C, float[1,16,4,6] D, float[1,8,3,4] E,"
        " float[1,4,1,1] F) {"
        " A = Conv<strides=[2,2],pads=[0,1,2,1]>(X,Wa,Ba)"
        " B = Conv<group=4,dilations=[2,2],pads=[2,2,2,2]>(X,Wb)"
        " C = Conv<group=8,strides=[2,1]>(X,Wc)"
        " D = Conv<group=8>(X,Wd)"
        " E = Conv<strides=[2,2]>(X,We)"
        " F = Conv(X,Wf) }",
        6,
    ),
    "ranks": (
        "(float16[2,8,9] X, float16[n,4,4,5,4] Z, float16[n,32,5,6] Zb, float16[8,8,3] Wa, float16[6,4,2,3,2] Wb,"
        " float16[64,8,3,3] Wc, float16[64] Bc) => (float16[2,8,11] A, float16[n,6,4,3,4] B, float16[n,64,5,6] C) {"
        " A = Conv<pads=[2,2]>(X,Wa) B = Conv<pads=[1,0,1,0,0,0]>(Z,Wb)"
        " C = Conv<pads=[2,2,2,2],dilations=[2,2],group=4>(Zb,Wc,Bc) }",
        3,
    ),
    "steps": (
        "(float[1,8,4,5] X, float[8,8,3,3] W, float[8] Ba, float lo, float hi) => (float[1,8,4,5] Y) {"
        " A = Conv<pads=[1,1,1,1]>(X,W,Ba) Q = Sigmoid(A) B = Mul(A,Q) C = Clip(B,lo,hi) D = LeakyRelu<alpha=0.1>(C)"
        " E = Tanh(D) F = Conv<pads=[1,1,1,1]>(E,W,Ba) G = Add(F,E) H = Relu(G) I = Gelu(H) J = Mul(I,E)"
        ' K = Conv<pads=[1,1,1,1]>(J,W) L = Elu(K) M = Gelu<approximate="tanh">(L) N = Sigmoid(M)'
        " Y = Conv<pads=[1,1,1,1]>(N,W) }",
        4,
    ),
}
_FIXED = {"lo": np.float32(-0.25), "hi": np.float32(0.75)}


def values_of(text: str) -> dict[str, Any]:
    """Weights of about one sum in f32."""
    inputs = random_inputs(model_of(text), {"n": 3})
    inputs = {k: (v * 0.3).astype(v.dtype) if k[0] in "WB" else v for k, v in inputs.items()}
    return {k: np.asarray(_FIXED.get(k, v)) for k, v in inputs.items()}


def compiled(text: str, values: Mapping[str, Any], arch: str = "sm_80", **options: Any) -> Executable:
    """For the emulated GPU, by the library where it can; weights are constants."""
    target = Target.simt(arch)
    model = model_of(text)
    make_constant(model, {k: v for k, v in values.items() if k[0] in "WB" or k in _FIXED})
    pipeline = pipeline_for(target, "cudnn")
    return aicc.compile(model, target, pipeline=pipeline, vendor_libraries=LIBRARIES, jobs=0, **options)


def check(executable: Executable, text: str, values: Mapping[str, Any]) -> float:
    """The largest error, relative to an output's largest number."""
    found = executable({k: v for k, v in values.items() if k[0] in "XZ"})
    worst = 0.0
    for ours, theirs in zip(
        found if isinstance(found, tuple) else (found,), expected(text, values), strict=True
    ):
        assert ours.shape == theirs.shape
        worst = max(worst, float(np.abs(ours.astype(np.float64) - theirs).max() / np.abs(theirs).max()))
    return worst


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_numbers(name: str, cudnn: Any) -> None:
    """By the library, its own paddings included; then by kernels of aicc's, since it has no plan."""
    text, count = CONVOLUTIONS[name]
    values = values_of(text)
    executable = compiled(text, values)
    assert sum(kernel.schedule.startswith("cudnn") for kernel in executable.kernels) == count
    assert not any("pad" in kernel.name for kernel in executable.kernels)
    for _ in range(2):
        assert check(executable, text, values) <= tolerance(text)
    state = cudnn.state
    assert (state.executions, state.graphs) == (2 * count, count)
    if name == "steps":
        assert state.seen == 0b1101_1111_0000_0011, "every step: of the modes from 100 on all but softplus"
    executable.close()
    state.proposals = 0
    again = compiled(text, values)
    assert check(again, text, values) <= tolerance(text)
    assert state.executions == 2 * count, "kernels of aicc's take over"
    again.close()


def test_precision(cudnn: Any, tmp_path: Path) -> None:
    """f32 is f32: an engine that rounds operands for tensor cores is left out unless the model asks for it, and so are
    others for what the library notes of them, or for want of memory. The last proposal is a plain one."""
    text = "(float[1,8,5,5] X, float[16,8,3,3] W) => (float[1,16,3,3] Y) { Y = Conv(X,W) }"
    values = values_of(text)
    for precision in ("f32", "tf32"):
        executable = compiled(text, values, precision=precision)
        executable.save(tmp_path / f"{precision}.so")
        executable.close()
    tensor_core, nondeterministic, winograd, large_tile = 1, 1 << 4, 1 << 5, 1 << 8
    for precision, notes, room, engine in (
        ("f32", tensor_core, 0, 1),
        ("f32", winograd, 0, 0),
        ("f32", winograd, 257 << 20, 1),
        ("tf32", tensor_core, 1 << 20, 0),
        ("tf32", tensor_core | nondeterministic, 0, 1),
        ("tf32", large_tile, 0, 1),
    ):
        cudnn.state.notes, cudnn.state.workspace_wanted = notes, room
        executable = aicc.load(tmp_path / f"{precision}.so")
        error = check(executable, text, values)
        assert cudnn.state.last.engine == engine
        assert (error > tolerance(text)) == (precision == "tf32" and engine == 0)
        assert error <= 2e-3
        executable.close()


def test_bfloat16_and_residual(cudnn: Any) -> None:
    """A tensor is added before the bias: what the library's own kernels do."""
    text = "(bfloat16[2,8,6,6] X, bfloat16[8,8,3,3] W, bfloat16[8] B) => (bfloat16[2,8,6,6] Y)"
    text += " { A = Conv<pads=[1,1,1,1]>(X,W,B) C = Conv<pads=[1,1,1,1]>(A,W,B) D = Add(C,A) E = Relu(D)"
    text += " Y = Conv<pads=[1,1,1,1]>(E,W) }"
    values = values_of(text)
    executable = compiled(text, values)
    found = executable(values["X"]).astype(np.float64)
    wide = {k: v.astype(np.float32) for k, v in values.items()}
    (wanted,) = expected(text.replace("bfloat16", "float"), wide)
    assert np.abs(found - wanted).max() / np.abs(wanted).max() <= 2.0**-6
    assert cudnn.state.executions == 3
    assert (cudnn.state.last.element, cudnn.state.last.result, cudnn.state.last.x_alignment) == (9, 9, 16)
    executable.close()
    shown = stopped(text, values, "schedule")
    assert '[{op = "add", operand = "all"}, {op = "add", operand = "filters"}, {op = "relu"}]' in shown


# The choice -------------------------------------------------------------------------------------------


def stopped(text: str, values: Mapping[str, Any], stage: str, **options: Any) -> str:
    """The IR after a stage, by the library wherever it can."""
    target = Target.cuda("sm_80")
    model = model_of(text)
    make_constant(model, {k: v for k, v in values.items() if k[0] in "WB"})
    made = {"pipeline": pipeline_for(target, "cudnn"), "vendor_libraries": LIBRARIES, **options}
    return compile_model(model.SerializeToString(), None, Options(target, stop_after=stage, **made)).text


LARGE = "(float16[32,256,28,28] X, float16[256,256,3,3] W) => (float16[32,256,28,28] Y)"
LARGE += " { Y = Conv<pads=[1,1,1,1]>(X,W) }"
BYTES = "(uint8[1,8,6,6] X, int8[8,8,3,3] W) => (int32[1,8,4,4] Y) { Y = ConvInteger(X,W) }"


def test_off_by_default() -> None:
    """It competes with the others where it is allowed; convolutions of bytes are none of its."""
    values = {"W": np.zeros((256, 256, 3, 3), np.float16)}
    chosen = 'aicc.schedule = "cudnn"'
    assert chosen not in stopped(LARGE, values, "kernels", pipeline=None, vendor_libraries=())
    assert chosen in stopped(LARGE, values, "kernels", pipeline=None)
    assert chosen not in stopped(LARGE, values, "kernels", pipeline=None, opt_level=1)
    assert chosen not in stopped(BYTES, random_inputs(model_of(BYTES)), "kernels")
    assert chosen not in stopped(
        "(float[4,64] X, float[64,8] W) => (float[4,8] Y) { Y = MatMul(X,W) }", {}, "kernels"
    )


def test_a_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model loads nowhere without it, and says what to do."""
    monkeypatch.setenv("AICC_CUDNN", "/nowhere/libcudnn.so.9")
    text = "(float[1,8,5,5] X, float[16,8,3,3] W) => (float[1,16,3,3] Y) { Y = Conv(X,W) }"
    with pytest.raises(
        RuntimeError_, match=r"AICC-5006.*call cuDNN.*not here: /nowhere/lib.*nvidia-cudnn-cu12"
    ):
        compiled(text, values_of(text))
