"""Products by cuBLASLt: numbers on the emulated GPU with a stand-in for the library, which checks what it is asked for;
what is left to kernels; when it is chosen."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aicc
from aicc.driver import Options, compile_model, cuda_pipeline
from aicc.errors import CompileError, RuntimeError_
from aicc.executable import Executable
from aicc.passes.kernels.choose import ChooseSchedules
from aicc.pipeline import Pipeline
from aicc.target import Target
from test.cuda.cases import (
    CASES,
    expected,
    make_constant,
    model_of,
    pipeline_for,
    random_inputs,
    schedules,
    tolerance,
    worst_error,
)

LIBRARIES = ("cublaslt",)
F32, F16, BF16, I8, I32 = 0, 2, 14, 3, 10
RELU, BIAS, GELU = 2, 4, 32

# Graph, whether stages are left to kernels, epilogue of the call.
PRODUCTS = {
    "plain": ("(float[33,70] X, float[70,45] W) => (float[33,45] Y) { Y = MatMul(X,W) }", False, 1),
    "bias": (
        "(float[33,70] X, float[70,45] W, float[45] B) => (float[33,45] Y) { T = MatMul(X,W) Y = Add(B,T) }",
        False,
        BIAS,
    ),
    "relu": (
        "(float[33,70] X, float[70,45] W) => (float[33,45] Y) { T = MatMul(X,W) Y = Relu(T) }",
        False,
        RELU,
    ),
    "bias_relu": (CASES["matmul"], False, BIAS | RELU),
    "half_bias_relu": (CASES["half_matmul"], False, BIAS | RELU),
    "half_odd": (CASES["half_matmul_odd"], False, BIAS | RELU),
    "right_turned": (CASES["half_gemm_transposed"], False, BIAS),
    "both_turned": (CASES["half_gemm_both"], False, BIAS),
    "left_turned": (
        "(float[70,33] X, float[70,45] W) => (float[33,45] Y) { Y = Gemm<transA=1>(X,W) }",
        False,
        1,
    ),
    "batches": (CASES["matmul_batched"], False, 1),
    "shared_weights": (
        "(float16[3,72,64] X, float16[64,200] W) => (float16[3,72,200] Y) { Y = MatMul(X,W) }",
        False,
        1,
    ),
    "rows_apart": (
        "(float16[2,5,72,64] X, float16[2,1,64,40] W) => (float16[2,5,72,40] Y) { Y = MatMul(X,W) }",
        False,
        1,
    ),
    "one_row": ("(float[1,70] X, float[70,45] W) => (float[1,45] Y) { Y = MatMul(X,W) }", False, 1),
    "gelu_tanh": (
        "(float16[34,72] X, float16[72,48] W, float16[48] B) => (float16[34,48] Y)"
        ' { T = MatMul(X,W) S = Add(T,B) Y = Gelu<approximate="tanh">(S) }',
        False,
        BIAS | GELU,
    ),
    "gelu_erf": (
        "(float[34,72] X, float[72,48] W, float[48] B) => (float[34,48] Y)"
        " { T = MatMul(X,W) S = Add(T,B) Y = Gelu(S) }",
        True,
        BIAS,
    ),
    "residual": (
        "(float16[34,72] X, float16[72,48] W, float16[48] B, float16[34,48] Z) => (float16[34,48] Y)"
        " { T = MatMul(X,W) S = Add(T,B) U = Add(S,Z) Y = Relu(U) }",
        True,
        BIAS,
    ),
    "bias_by_row": (
        "(float[34,72] X, float[72,48] W, float[34,1] B) => (float[34,48] Y) { T = MatMul(X,W) Y = Add(T,B) }",
        True,
        1,
    ),
    "wider_result": (
        "(float16[64,64] X, float16[64,64] W, float[64,64] Z) => (float[64,64] Y)"
        " { T = MatMul(X,W) U = Cast<to=1>(T) V = Tanh(U) Y = Mul(V,Z) }",
        True,
        1,
    ),
    "two_outputs": (
        "(float[34,72] X, float[72,48] W) => (float[34,48] Y, float[34,48] Z)"
        " { Y = MatMul(X,W) Z = Tanh(Y) }",
        True,
        1,
    ),
}


def compiled(model: Any, arch: str = "sm_80", **options: Any) -> Executable:
    """For the emulated GPU, by the library where it can."""
    target = Target.simt(arch)
    pipeline = pipeline_for(target, "cublaslt")
    return aicc.compile(model, target, pipeline=pipeline, vendor_libraries=LIBRARIES, jobs=0, **options)


@pytest.mark.parametrize("name", PRODUCTS)
def test_numbers(name: str, cublaslt: Any) -> None:
    text, rest, epilogue = PRODUCTS[name]
    executable = compiled(model_of(text))
    assert "cublaslt" in schedules(executable)
    for _ in range(2):
        assert worst_error(executable, text, random_inputs(model_of(text))) <= tolerance(text)
    state = cublaslt.state
    assert state.matmuls == 2
    assert state.last.epilogue == epilogue
    element = F16 if "float16" in text else F32
    assert (state.last.a_type, state.last.compute) == (element, 68)
    # What other stages read has the type that the graph says, and partial sums are not added in it.
    assert state.last.d_type == element
    assert state.last.reductions == (2 if element == F16 else 7)
    state.no_algorithm = 1
    executable.close()
    again = compiled(model_of(text))
    assert worst_error(again, text, random_inputs(model_of(text))) <= tolerance(text)
    assert cublaslt.state.matmuls == 2, "a kernel of aicc's takes over"
    again.close()


def launches(text: str, arch: str = "sm_80") -> str:
    """The kernels as the schedules leave them."""
    target = Target.cuda(arch)
    pipeline = pipeline_for(target, "cublaslt")
    options = Options(target, stop_after="schedule", pipeline=pipeline, vendor_libraries=LIBRARIES)
    return compile_model(model_of(text).SerializeToString(), None, options).text


@pytest.mark.parametrize("name", PRODUCTS)
def test_what_is_left(name: str) -> None:
    """A launch after the call where stages are left, and none where the call is all."""
    text, rest, _ = PRODUCTS[name]
    body = launches(text)
    assert body.count("call @aicc_library_product") == 1
    done = body.split("call @aicc_library_product")[1].split("} else {")[0]
    assert ("gpu.launch" in done) == rest


@pytest.mark.parametrize("rows", [1, 33, 0])
def test_rows_that_the_run_knows(rows: int, cublaslt: Any) -> None:
    """The sizes are those of the run; an empty product is no call."""
    text = "(float16[n,2,72] X, float16[72,48] W, float16[48] B) => (float16[n,2,48] Y)"
    text += " { T = MatMul(X,W) S = Add(T,B) Y = Tanh(S) }"
    model = model_of(text)
    executable = compiled(model)
    assert "cublaslt" in schedules(executable)
    for count in (rows, rows, 7):
        inputs = random_inputs(model, {"n": max(count, 1)})
        inputs["X"] = inputs["X"][:count]
        if count:
            assert worst_error(executable, text, inputs) <= tolerance(text)
        else:
            assert executable(dict(inputs)).shape == (0, 2, 48)
    assert cublaslt.state.matmuls == (3 if rows else 1)
    assert cublaslt.state.last.columns == 14, "the library's columns are the rows"
    executable.close()


def test_bfloat16(cublaslt: Any) -> None:
    """Against sums in f64 of the same operands."""
    text = "(bfloat16[34,200] X, bfloat16[72,200] W, bfloat16[72] B) => (bfloat16[34,72] Y)"
    model = model_of(text + " { Y = Gemm<transB=1>(X,W,B) }")
    executable = compiled(model)
    inputs = random_inputs(model)
    x, w, b = (value.astype(np.float64) for value in inputs.values())
    found = executable(dict(inputs)).astype(np.float64)
    wanted = x @ w.T + b
    assert np.abs(found - wanted).max() / np.abs(wanted).max() <= 2.0**-8
    assert (cublaslt.state.last.a_type, cublaslt.state.last.d_type) == (BF16, BF16)
    executable.close()


def test_pointwise_convolution(cublaslt: Any) -> None:
    """Pixels are rows; other windows are no matrices."""
    text = "(float16[2,32,9,10] X, float16[48,32,1,1] W, float16[48] B) => (float16[2,48,9,10] Y)"
    text += " { T = Conv(X,W,B) Y = Relu(T) }"
    model = model_of(text)
    inputs = random_inputs(model)
    make_constant(model, {name: inputs[name] for name in "WB"})
    executable = compiled(model)
    assert "cublaslt" in schedules(executable)
    (wanted,) = expected(text, inputs)
    found = executable(inputs["X"])
    assert np.abs(found.astype(np.float64) - wanted).max() / np.abs(wanted).max() <= tolerance(text)
    assert cublaslt.state.last.columns == 2 * 9 * 10
    executable.close()
    window = compiled(model_of(CASES["half_convolution"]))
    assert "cublaslt" not in schedules(window)
    window.close()


def test_tf32(cublaslt: Any) -> None:
    """Only where it is asked for."""
    text = PRODUCTS["plain"][0]
    inputs = random_inputs(model_of(text))
    errors = []
    for precision, compute in (("f32", 68), ("tf32", 77)):
        executable = compiled(model_of(text), precision=precision)
        errors.append(worst_error(executable, text, inputs))
        assert cublaslt.state.last.compute == compute
        executable.close()
    assert errors[0] <= tolerance(text) < errors[1] <= 2e-3


SIGNED = """
func.func @main(%x: tensor<36x64xi8> {aicc.name = "X", aicc.dims = [36, 64], aicc.dtype = i8},
                %w: tensor<48x64xi8> {aicc.name = "W", aicc.dims = [48, 64], aicc.dtype = i8})
    -> (tensor<36x48xi32> {aicc.name = "Y", aicc.dims = [36, 48], aicc.dtype = i32}) {
  %z = arith.constant 0 : i32
  %e = tensor.empty() : tensor<36x48xi32>
  %f = linalg.fill ins(%z : i32) outs(%e : tensor<36x48xi32>) -> tensor<36x48xi32>
  %c = linalg.generic {
      indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (j, k)>,
                       affine_map<(i, j, k) -> (i, j)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<36x64xi8>, tensor<48x64xi8>) outs(%f : tensor<36x48xi32>) {
  ^bb0(%u: i8, %v: i8, %acc: i32):
    %p = arith.extsi %u : i8 to i32
    %q = arith.extsi %v : i8 to i32
    %m = arith.muli %p, %q : i32
    %s = arith.addi %acc, %m : i32
    linalg.yield %s : i32
  } -> tensor<36x48xi32>
  return %c : tensor<36x48xi32>
}
"""


def test_bytes(tmp_path: Path, cublaslt: Any) -> None:
    """The library multiplies signed bytes that lie along the sums; activations without a sign, as products of ONNX's
    operators are lowered to, are another schedule's."""
    target = Target.simt("sm_80")
    rng = np.random.default_rng(1)
    x, w = (rng.integers(-128, 128, shape).astype(np.int8) for shape in ((36, 64), (48, 64)))
    for number, text in enumerate((SIGNED, SIGNED.replace("arith.extsi %u", "arith.extui %u"))):
        source, library = tmp_path / "m.mlir", tmp_path / f"m{number}.so"
        source.write_text(text)
        options = Options(
            target,
            start_from="kernels",
            pipeline=pipeline_for(target, "cublaslt"),
            vendor_libraries=LIBRARIES,
            jobs=0,
        )
        compile_model(source, library, options)
        executable = aicc.load(library)
        assert ("cublaslt" in schedules(executable)) == (number == 0)
        left = x if number == 0 else x.view(np.uint8)
        np.testing.assert_array_equal(executable(x, w), left.astype(np.int32) @ w.T.astype(np.int32))
        executable.close()
    state = cublaslt.state
    assert state.matmuls == 1
    assert (state.last.a_type, state.last.d_type, state.last.turned_a, state.last.turned_b) == (I8, I32, 1, 0)


def test_a_bias_that_is_not_aligned(cublaslt: Any) -> None:
    """The library wants 16 bytes; a kernel of aicc's takes over in that run."""
    text = PRODUCTS["bias"][0]
    executable = compiled(model_of(text))
    inputs = random_inputs(model_of(text))
    memory = np.zeros(46, np.float32)
    at = 1 if memory.ctypes.data % 16 == 0 else 0
    memory[at : at + 45] = inputs["B"]
    inputs["B"] = memory[at : at + 45]
    assert worst_error(executable, text, inputs) <= tolerance(text)
    assert cublaslt.state.matmuls == 0
    executable.close()


# The choice -------------------------------------------------------------------------------------------


def chosen(text: str, **options: Any) -> str:
    """The schedules of a large product's kernels."""
    result = compile_model(
        model_of(text).SerializeToString(),
        None,
        Options(Target.cuda("sm_80"), stop_after="kernels", **options),
    )
    return " ".join(result.stats["schedules"].values())


LARGE = "(float16[4096,4096] X, float16[4096,4096] W) => (float16[4096,4096] Y) { Y = MatMul(X,W) }"


def test_off_by_default() -> None:
    assert "cublaslt" not in chosen(LARGE)
    assert "cublaslt" in chosen(LARGE, vendor_libraries=LIBRARIES)
    assert "cublaslt" not in chosen(LARGE, vendor_libraries=LIBRARIES, opt_level=1)
    # Where it is no faster, kernels of aicc's are preferred.
    assert "cublaslt" not in chosen(CASES["add_tanh"], vendor_libraries=LIBRARIES)


def test_as_text() -> None:
    """Command line, Python and pipeline text mean the same."""
    options = Options(Target.cuda("sm_80"), vendor_libraries=LIBRARIES)
    text = str(options.chosen_pipeline())
    assert "choose-schedules{libraries=cublaslt}" in text
    assert str(Pipeline.parse(text)) == text
    assert "libraries" not in str(cuda_pipeline(Target.cuda("sm_80")))
    parsed = Pipeline.parse(text)
    assert "cublaslt" in chosen(LARGE, pipeline=parsed)
    own = cuda_pipeline(Target.cuda("sm_80"))
    Options(Target.cuda("sm_80"), pipeline=own, vendor_libraries=LIBRARIES).chosen_pipeline()
    assert ChooseSchedules() in list(own), "the caller's pipeline stays as it is"


@pytest.mark.parametrize(
    ("target", "name", "hint"),
    [
        (Target.cuda("sm_80"), "mkl", "there are cublaslt, cudnn"),
        (Target.host(), "cublaslt", "--target cuda"),
        (Target.rocm(), "cublaslt", "--target cuda"),
    ],
)
def test_libraries_that_there_are_not(target: Target, name: str, hint: str) -> None:
    with pytest.raises(CompileError, match=rf"(?s)AICC-4002.*{name}.*{hint}"):
        Options(target, vendor_libraries=(name,))


def test_going_on_from_a_dump(tmp_path: Path, cublaslt: Any) -> None:
    """The text of a stage says which kernels call it: no option is needed to go on."""
    target = Target.simt("sm_80")
    text = PRODUCTS["residual"][0]
    options = Options(
        target, dump=tmp_path, pipeline=pipeline_for(target, "cublaslt"), vendor_libraries=LIBRARIES, jobs=0
    )
    compile_model(model_of(text).SerializeToString(), tmp_path / "first.so", options)
    assert "call @aicc_library_product" in (tmp_path / "06-schedule.mlir").read_text()
    library = tmp_path / "second.so"
    compile_model(tmp_path / "05-buffers.mlir", library, Options(target, start_from="schedule", jobs=0))
    executable = aicc.load(library)
    assert worst_error(executable, text, random_inputs(model_of(text))) <= tolerance(text)
    assert cublaslt.state.matmuls == 1
    executable.close()


def test_linked_where_it_is_called(tmp_path: Path, cublaslt: Any) -> None:
    """A model whose products are kernels of aicc's has nothing of it, even if it was allowed."""
    target = Target.simt("sm_80")
    linked = {}
    for name, text in (("with", CASES["matmul"]), ("without", CASES["add_tanh"])):
        path = tmp_path / f"{name}.so"
        options = Options(
            target, pipeline=pipeline_for(target, "cublaslt"), vendor_libraries=LIBRARIES, jobs=0
        )
        compile_model(model_of(text).SerializeToString(), path, options)
        linked[name] = b"libcublasLt.so.12" in path.read_bytes()
        # Nothing of the library is linked: it is opened in a run.
        needed = subprocess.run(["readelf", "-d", path], capture_output=True, text=True).stdout
        assert "cublas" not in needed
    assert linked == {"with": True, "without": False}


def test_a_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model loads nowhere without it, and says what to do."""
    monkeypatch.setenv("AICC_CUBLASLT", "/nowhere/libcublasLt.so.12")
    with pytest.raises(RuntimeError_, match=r"AICC-5006.*not here: /nowhere/lib.*nvidia-cublas-cu12"):
        compiled(model_of(CASES["matmul"]))
