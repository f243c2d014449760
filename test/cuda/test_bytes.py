"""Products of bytes on tensor cores: exact in i32, whatever is signed and however operands lie; quantized models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from aicc.codegen import device_build
from aicc.codegen.gpu_code import assemble, find_ptxas
from aicc.driver import Options, compile_model
from aicc.target import Target
from test.cuda.cases import compiled, make_constant, model_of, pipeline_for, random_inputs, schedules
from test.cuda.test_shapes import FEW, SIZE

NUMBERS = np.random.default_rng(3)
EXTREMES = {np.dtype(np.uint8): (0, 255), np.dtype(np.int8): (-128, 127)}


def full_range(model: onnx.ModelProto) -> dict[str, NDArray[np.generic]]:
    """Inputs of a model; bytes of their whole range, a fifth of them extreme."""
    inputs = dict(random_inputs(model))
    for name, value in inputs.items():
        if value.dtype not in EXTREMES:
            continue
        low, high = EXTREMES[value.dtype]
        some = NUMBERS.integers(low, high + 1, value.shape)
        ends = np.where(NUMBERS.random(value.shape) < 0.5, low, high)
        inputs[name] = np.where(NUMBERS.random(value.shape) < 0.2, ends, some).astype(value.dtype)
    return inputs


def check(text: str, weights: str = "", arch: str = "sm_80", only: str = "contraction") -> set[str]:
    """Equal to the reference's integers (ONNX Runtime's sums saturate on x86 without VNNI); returns the schedules."""
    model = model_of(text)
    inputs = full_range(model)
    make_constant(model, {name: inputs.pop(name) for name in weights})
    expected = ReferenceEvaluator(model).run(None, inputs)
    executable = compiled(model, only, arch)
    found = executable(dict(inputs))
    found = found if isinstance(found, tuple) else (found,)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    return schedules(executable)


CASES = {
    "weights": ("(uint8[70,96] X, int8[96,72] W) => (int32[70,72] Y) { Y = MatMulInteger(X,W) }", "W"),
    "weights_signed": ("(int8[33,80] X, int8[80,40] W) => (int32[33,40] Y) { Y = MatMulInteger(X,W) }", "W"),
    "zero_points": (
        "(uint8[33,71] X, uint8[71,40] W, uint8 A, uint8[40] B) => (int32[33,40] Y)"
        " { Y = MatMulInteger(X,W,A,B) }",
        "W",
    ),
    "activations": (
        "(uint8[2,33,64] X, uint8[2,64,40] W) => (int32[2,33,40] Y) { Y = MatMulInteger(X,W) }",
        "",
    ),
    "turned": (
        "(uint8[2,33,64] X, int8[2,48,64] W) => (int32[2,33,48] Y)"
        " { T = Transpose<perm=[0,2,1]>(W) Y = MatMulInteger(X,T) }",
        "",
    ),
    "left_turned": (
        "(uint8[64,48] X, int8[64,48] W) => (int32[48,48] Y)"
        " { T = Transpose<perm=[1,0]>(X) Y = MatMulInteger(T,W) }",
        "",
    ),
    "convolution": (
        "(uint8[2,32,9,10] X, int8[48,32,3,3] W, uint8 Z) => (int32[2,48,5,5] Y)"
        " { Y = ConvInteger<pads=[1,1,1,1],strides=[2,2]>(X,W,Z) }",
        "WZ",
    ),
    "stem": (
        "(uint8[1,3,9,10] X, int8[24,3,3,3] W) => (int32[1,24,9,10] Y)"
        " { Y = ConvInteger<pads=[1,1,1,1]>(X,W) }",
        "W",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_exact(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for order in ("ascending", "descending"):
        monkeypatch.setenv("AICC_SIMT_ORDER", order)
        assert "contraction" in check(*CASES[name]), order


@FEW
@given(m=SIZE, n=SIZE, k=SIZE, signed=st.booleans(), weights=st.sampled_from(["", "W"]))
def test_any_sizes(m: int, n: int, k: int, signed: bool, weights: str) -> None:
    kind = "int8" if signed else "uint8"
    check(f"({kind}[{m},{k}] X, int8[{k},{n}] W) => (int32[{m},{n}] Y) {{ Y = MatMulInteger(X,W) }}", weights)


def test_before_tensor_cores_of_bytes() -> None:
    """sm_75 has other shapes: its products are another schedule's."""
    assert "contraction" not in check(*CASES["weights"], arch="sm_75")


QUANTIZED = (
    "(uint8[2,32,9,10] X, int8[48,32,3,3] W, float[48] S, int32[48] B) => (uint8[2,48,9,10] Y)"
    " { XS = Constant<value_float=0.02>() YS = Constant<value_float=0.3>()"
    " XZ = Constant<value=uint8 {131}>() YZ = Constant<value=uint8 {7}>() WZ = Constant<value=int8[48]"
    " {" + ",".join(["0"] * 48) + "}>()"
    " Y = QLinearConv<pads=[1,1,1,1]>(X,XS,XZ,W,S,WZ,YS,YZ,B) }"
)


# By warpgroups: what the sizes of the cases above are too small for, and how weights lie.
GROUPS = {
    "weights": ("(uint8[200,272] X, int8[272,72] W) => (int32[200,72] Y) { Y = MatMulInteger(X,W) }", "W"),
    "both_signed": ("(int8[72,144] X, int8[144,136] W) => (int32[72,136] Y) { Y = MatMulInteger(X,W) }", "W"),
    "unsigned_weights": (
        "(uint8[72,144] X, uint8[144,72] W, uint8 A, uint8[72] B) => (int32[72,72] Y)"
        " { Y = MatMulInteger(X,W,A,B) }",
        "W",
    ),
    "activations": (
        "(uint8[2,40,64] X, uint8[2,64,48] W) => (int32[2,40,48] Y) { Y = MatMulInteger(X,W) }",
        "",
    ),
    "turned": (
        "(uint8[2,33,64] X, int8[2,48,64] W) => (int32[2,33,48] Y)"
        " { T = Transpose<perm=[0,2,1]>(W) Y = MatMulInteger(X,T) }",
        "",
    ),
    "one_array": (
        "(uint8[48,64] X) => (int32[48,48] Y) { T = Transpose<perm=[1,0]>(X) Y = MatMulInteger(X,T) }",
        "",
    ),
    "convolution": (
        "(uint8[2,32,9,10] X, int8[48,32,3,3] W, uint8 Z) => (int32[2,48,9,10] Y)"
        " { Y = ConvInteger<pads=[1,1,1,1]>(X,W,Z) }",
        "WZ",
    ),
    "stride_of_images": (
        "(uint8[2,144,9,10] X, int8[48,144,3,3] W, uint8 Z) => (int32[2,48,5,5] Y)"
        " { Y = ConvInteger<pads=[1,1,1,1],strides=[2,2]>(X,W,Z) }",
        "WZ",
    ),
}


@pytest.mark.parametrize("name", GROUPS)
def test_exact_by_warpgroups(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for order in ("ascending", "descending"):
        monkeypatch.setenv("AICC_SIMT_ORDER", order)
        assert "warpgroup" in check(*GROUPS[name], arch="sm_90a", only="warpgroup"), order


@FEW
@given(m=SIZE, n=SIZE, k=SIZE, signed=st.booleans(), weights=st.sampled_from(["", "W"]))
def test_any_sizes_by_warpgroups(m: int, n: int, k: int, signed: bool, weights: str) -> None:
    """What copies cannot take is other schedules' affair."""
    kind, m, n, k = "int8" if signed else "uint8", 4 * m, 4 * n, 8 * k
    text = f"({kind}[{m},{k}] X, int8[{k},{n}] W) => (int32[{m},{n}] Y) {{ Y = MatMulInteger(X,W) }}"
    check(text, weights, "sm_90a", "warpgroup")


@pytest.mark.parametrize(("arch", "only"), [("sm_80", "contraction"), ("sm_90a", "warpgroup")])
def test_requantized_in_the_kernel(arch: str, only: str) -> None:
    """A quantized convolution is one kernel, from bytes to bytes; equal to the reference's but for ties."""
    model = model_of(QUANTIZED)
    inputs = full_range(model)
    inputs["S"] = (0.001 + 0.004 * NUMBERS.random(48)).astype(np.float32)
    inputs["B"] = NUMBERS.integers(-5000, 5000, 48).astype(np.int32)
    make_constant(model, {name: inputs.pop(name) for name in "WSB"})
    (expected,) = ReferenceEvaluator(model).run(None, inputs)
    executable = compiled(model, only, arch)
    found = executable(dict(inputs))
    assert only in schedules(executable)
    difference = np.abs(found.astype(np.int32) - expected.astype(np.int32))
    assert len(np.unique(expected)) > 50
    assert difference.max() <= 1 and (difference > 0).mean() <= 1e-3


ACTIVATIONS = (
    "(uint8[2,33,64] X, uint8[2,64,40] W) => (uint8[2,33,40] Y)"
    " { S = Constant<value_float=0.02>() Z = Constant<value=uint8 {131}>()"
    " YS = Constant<value_float=0.1>() YZ = Constant<value=uint8 {120}>()"
    " A = DequantizeLinear(X,S,Z) B = DequantizeLinear(W,S,Z) T = MatMul(A,B) Y = QuantizeLinear(T,YS,YZ) }"
)


def test_activations_are_multiplied_as_integers() -> None:
    """In a quantized attention, where tensor cores take bytes; within a step of ONNX Runtime's float product."""
    model = model_of(ACTIVATIONS)
    for arch, bytes_ in (("sm_80", True), ("sm_75", False)):
        target = Target.cuda(arch)
        pipeline = pipeline_for(target, "contraction")  # these few products would be another schedule's
        options = Options(target, emit="gpu", pipeline=pipeline, cache=False, jobs=0)
        text = compile_model(model.SerializeToString(), None, options).text
        assert ("nvvm.mma.sync" in text) == bytes_
    inputs = full_range(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, inputs)
    difference = np.abs(compiled(model)(dict(inputs)).astype(np.int32) - expected.astype(np.int32))
    assert len(np.unique(expected)) > 50
    assert difference.max() <= 1 and (difference > 0).mean() <= 1e-3


@pytest.mark.skipif(find_ptxas() is None, reason="needs ptxas: pip install nvidia-cuda-nvcc-cu12")
@pytest.mark.parametrize(
    ("arch", "only", "product", "copy"),
    [
        (
            "sm_80",
            "contraction",
            "mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32",
            "cp.async.cg.shared.global",
        ),
        (
            "sm_90",
            "contraction",
            "mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32",
            "cp.async.cg.shared.global",
        ),
        (
            "sm_90a",
            "warpgroup",
            "wgmma.mma_async.sync.aligned.m64n64k32.s32.u8.s8",
            "cp.async.bulk.tensor.2d",
        ),
    ],
)
def test_ptxas_takes_it(
    arch: str, only: str, product: str, copy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unsigned times signed on tensor cores, copies of 16 bytes or of boxes, no spills, nothing that waits."""
    reports = []

    def spy(ptx: bytes, name: str, ptxas: str) -> tuple[bytes, str]:
        cubin, report = assemble(ptx, name, ptxas)
        if product.encode() in ptx:
            assert copy.encode() in ptx
            reports.append(report)
        return cubin, report

    monkeypatch.setattr(device_build, "assemble", spy)
    model = model_of("(uint8[512,512] X, int8[512,512] W) => (int32[512,512] Y) { Y = MatMulInteger(X,W) }")
    make_constant(model, {"W": NUMBERS.integers(-128, 128, (512, 512)).astype(np.int8)})
    target = Target.cuda(arch)
    options = Options(target, emit="obj", cache=False, jobs=0, pipeline=pipeline_for(target, only))
    compile_model(model.SerializeToString(), tmp_path / "m.o", options)
    assert reports and not any("Potential Performance Loss" in report for report in reports)
    assert all(report.count(" 0 bytes spill stores") == report.count("spill stores") for report in reports)
