"""Small models, and what to compile them with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnxruntime
from numpy.typing import NDArray

import aicc
from aicc.driver import cuda_pipeline
from aicc.executable import Executable
from aicc.passes.kernels.choose import ChooseSchedules
from aicc.pipeline import Pipeline
from aicc.target import Target
from aicc.tools.inputs import random_inputs

Array = NDArray[Any]

CASES: dict[str, str] = {
    # elementwise, transposes
    "add_tanh": "(float[4,64,128] X, float[128] B) => (float[4,64,128] Y) { T = Add(X,B) Y = Tanh(T) }",
    "add_odd": "(float[4,61,13] X, float[13] B) => (float[4,61,13] Y) { T = Add(X,B) Y = Tanh(T) }",
    "transpose": "(float[3,70,45,33] X) => (float[3,45,33,70] Y) { Y = Transpose<perm=[0,2,3,1]>(X) }",
    "transpose_add": "(float[70,45] X, float[45,70] B) => (float[45,70] Y)"
    " { T = Transpose<perm=[1,0]>(X) S = Add(T,B) Y = Relu(S) }",
    "half_mul": "(float16[8,64] X, float16[8,64] B) => (float16[8,64] Y) { Y = Mul(X,B) }",
    # rows
    "softmax": "(float[37,129] X) => (float[37,129] Y) { Y = Softmax<axis=-1>(X) }",
    "softmax_many": "(float[70,256] X) => (float[70,256] Y) { Y = Softmax<axis=-1>(X) }",
    "softmax_long": "(float[3,20000] X) => (float[3,20000] Y) { Y = Softmax<axis=-1>(X) }",
    "softmax_outer": "(float[37,5,129] X) => (float[37,5,129] Y) { Y = Softmax<axis=1>(X) }",
    "layer_norm": "(float[9,7,256] X, float[256] S, float[256] B) => (float[9,7,256] Y)"
    " { Y = LayerNormalization<axis=-1>(X,S,B) }",
    "half_norm": "(float16[9,256] X, float16[256] S, float16[256] B) => (float16[9,256] Y)"
    " { Y = LayerNormalization<axis=-1>(X,S,B) }",
    "mean_columns": "(float[2,19,23,67] X) => (float[2,67] Y)"
    " { A = Constant<value_ints=[1,2]>() Y = ReduceMean<keepdims=0>(X,A) }",
    "max_all": "(float[19,23,64] X) => (float[1,1,1] Y) { Y = ReduceMax<keepdims=1>(X) }",
    "argmax": "(float[19,200] X) => (int64[19] Y) { Y = ArgMax<axis=1,keepdims=0>(X) }",
    "max_pool": "(float[2,8,17,19] X) => (float[2,8,8,9] Y) { Y = MaxPool<kernel_shape=[3,3],strides=[2,2]>(X) }",
    "cumulative_sum": "(float[7,33] X) => (float[7,33] Y) { A = Constant<value_int=1>() Y = CumSum(X,A) }",
    "top_k": "(float[4,300] X) => (float[4,100] V, int64[4,100] I)"
    " { K = Constant<value_ints=[100]>() V, I = TopK<axis=1>(X,K) }",
    # contractions
    "matmul": "(float[130,70] X, float[70,150] W, float[150] B) => (float[130,150] Y)"
    " { T = MatMul(X,W) S = Add(T,B) Y = Relu(S) }",
    "matmul_even": "(float[128,64] X, float[64,128] W, float[128] B) => (float[128,128] Y)"
    " { T = MatMul(X,W) S = Add(T,B) Y = Relu(S) }",
    "gemm_transposed": "(float[66,70] X, float[130,70] W, float[130] B) => (float[66,130] Y)"
    " { Y = Gemm<transB=1>(X,W,B) }",
    "matmul_batched": "(float[3,2,33,64] X, float[3,2,64,35] W) => (float[3,2,33,35] Y) { Y = MatMul(X,W) }",
    "convolution": "(float[2,16,20,22] X, float[32,16,3,3] W, float[32] B) => (float[2,32,10,11] Y)"
    " { T = Conv<pads=[1,1,1,1],strides=[2,2]>(X,W,B) Y = Relu(T) }",
    "half_matmul": "(float16[130,72] X, float16[72,152] W, float16[152] B) => (float16[130,152] Y)"
    " { T = MatMul(X,W) S = Add(T,B) Y = Relu(S) }",
    "half_matmul_odd": "(float16[33,71] X, float16[71,45] W, float16[45] B) => (float16[33,45] Y)"
    " { T = MatMul(X,W) S = Add(T,B) Y = Relu(S) }",
    "half_gemm_transposed": "(float16[66,72] X, float16[136,72] W, float16[136] B) => (float16[66,136] Y)"
    " { Y = Gemm<transB=1>(X,W,B) }",
    "half_gemm_both": "(float16[72,66] X, float16[136,72] W, float16[136] B) => (float16[66,136] Y)"
    " { Y = Gemm<transB=1,transA=1>(X,W,B) }",
    "matmul_deep": "(float[5,210] X, float[210,68] W, float[68] B) => (float[5,68] Y)"
    " { T = MatMul(X,W) S = Add(T,B) Y = Relu(S) }",
    "half_matmul_deep": "(float16[1,520] X, float16[520,72] W, float16[72] B) => (float16[1,72] Y)"
    " { T = MatMul(X,W) S = Add(T,B) Y = Relu(S) }",
    "convolutions": "(float16[1,16,8,6] X, float16[16,16,3,3] V, float16[16,16,3,3] W, float16[32,16,5,5] U)"
    " => (float16[1,32,8,6] Y) { A = Conv<pads=[1,1,1,1]>(X,V) B = Relu(A) C = Conv<pads=[1,1,1,1]>(B,W) D = Relu(C)"
    " E = Conv<pads=[1,1,1,1]>(D,V) F = Add(E,B) G = Relu(F) Y = Conv<pads=[2,2,2,2]>(G,U) }",
    "half_attention": "(float16[2,3,70,32] Q, float16[2,3,133,32] K, float16[2,3,133,32] V, float16[2,1,70,133] M)"
    " => (float16[2,3,70,32] Y) { T = Transpose<perm=[0,1,3,2]>(K) S = MatMul(Q,T) D = Add(S,M)"
    " P = Softmax<axis=-1>(D) Y = MatMul(P,V) }",
    "half_convolution": "(float16[2,32,20,22] X, float16[32,32,3,3] W, float16[32] B) => (float16[2,32,10,11] Y)"
    " { T = Conv<pads=[1,1,1,1],strides=[2,2]>(X,W,B) Y = Relu(T) }",
}


def model_of(text: str) -> onnx.ModelProto:
    """A model from the text of a graph."""
    return onnx.parser.parse_model('<ir_version: 10, opset_import: ["" : 20]> agraph ' + text)


def make_constant(model: onnx.ModelProto, values: Mapping[str, Array]) -> None:
    """Makes inputs of a model weights."""
    kept = [x for x in model.graph.input if x.name not in values]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    model.graph.initializer.extend(onnx.numpy_helper.from_array(v, name) for name, v in values.items())


def pipeline_for(target: Target, only: str = "") -> Pipeline:
    """The pipeline of GPUs, choosing `only` where it matches."""
    pipeline = cuda_pipeline(target)
    if only:
        pipeline.replace("choose-schedules", ChooseSchedules(only=only))
    return pipeline


def compiled(model: onnx.ModelProto, only: str = "", arch: str = "sm_80") -> Executable:
    """The model for the emulated GPU `arch`."""
    target = Target.simt(arch)
    return aicc.compile(model, target, pipeline=pipeline_for(target, only), jobs=0)


def schedules(executable: Executable) -> set[str]:
    """Names of the schedules that built its kernels."""
    return {kernel.schedule.split("(")[0] for kernel in executable.kernels}


def expected(text: str, inputs: Mapping[str, Array]) -> list[Array]:
    """What ONNX Runtime computes, in f32 for a graph of f16."""
    wide = model_of(text.replace("float16", "float"))
    session = onnxruntime.InferenceSession(wide.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {
        name: value.astype(np.float32) if value.dtype == np.float16 else value
        for name, value in inputs.items()
    }
    return list(session.run(None, feeds))


def worst_error(executable: Executable, text: str, inputs: Mapping[str, Array]) -> float:
    """The largest difference from the reference, relative to the largest number of an output."""
    results = executable(dict(inputs))
    results = results if isinstance(results, tuple) else (results,)
    worst = 0.0
    for ours, theirs in zip(results, expected(text, inputs), strict=True):
        assert ours.shape == theirs.shape
        difference = np.abs(ours.astype(np.float64) - theirs.astype(np.float64)).max(initial=0.0)
        worst = max(worst, float(difference / max(float(np.abs(theirs).max(initial=0.0)), 1e-9)))
    return worst


def tolerance(text: str) -> float:
    """By dtype."""
    return 2e-3 if "float16" in text else 2e-5


__all__ = [
    "CASES",
    "compiled",
    "expected",
    "make_constant",
    "model_of",
    "pipeline_for",
    "random_inputs",
    "schedules",
    "tolerance",
    "worst_error",
]
