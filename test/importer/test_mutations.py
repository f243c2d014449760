"""Broken models: each gives an error with a code, or is a model again and computes what ONNX Runtime does."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import aicc
from aicc.bindings import ir
from aicc.dialects import context
from aicc.errors import AiccError
from aicc.importer.model import import_model
from aicc.runtime.values import TENSOR

from .mutations import damaged, mutated

# By family of operators; numbers of nodes and attributes that a mutation can go wrong at.
TEXTS = {
    "convolution": """g (float[1,4,9,9] x) => (float[a,b,c,d] y) <float[6,2,3,3] w = {W108}, float[6] k = {W6}> {
      c = Conv<group = 2, pads = [1,1,1,1], strides = [2,2], dilations = [1,1], kernel_shape = [3,3]>(x, w, k)
      y = MaxPool<kernel_shape = [2,2], strides = [1,1], pads = [0,0,1,1], ceil_mode = 1>(c) }""",
    "transposed": """g (float[1,2,5,5] x) => (float[a,b,c,d] y) <float[2,3,3,3] w = {W54}> {
      c = ConvTranspose<strides = [2,2], output_padding = [1,1], pads = [1,1,1,1]>(x, w)
      y = AveragePool<kernel_shape = [3,3], auto_pad = "SAME_UPPER", count_include_pad = 1>(c) }""",
    "shapes": """g (float[2,3,4] x, int64[3] s) => (float[a,b,c] y) <int64[2] f = {6, -1}, int64[1] ax = {1}> {
      r = Reshape<allowzero = 0>(x, f)  u = Unsqueeze(r, ax)  t = Transpose<perm = [2,1,0]>(u)
      e = Expand(t, s)  y = Abs(e) }""",
    "slices": """g (float[6,5] x, int64[2] b) => (float[a,c] y) <int64[2] e = {5, 9}, int64[2] ax = {0, 1}> {
      s = Slice(x, b, e, ax)  p, q = Split<axis = 1, num_outputs = 2>(s)  y = Concat<axis = -1>(q, p) }""",
    "gathers": """g (float[3,4] x, int64[2,2] i) => (float[a,b] y) <int64[2] k = {0, -1}> {
      r = Gather<axis = 1>(x, k)  e = GatherElements<axis = 0>(x, i)  z = GatherND<batch_dims = 0>(x, i)
      s = ScatterElements<axis = 1, reduction = "add">(x, i, e)  m = MatMul(s, x2)  y = Add(m, z) }""",
    "reductions": """g (float[2,3,4] x) => (float[a,b] y, int64[c] k) <int64[2] ax = {1, -1}, int64[1] n = {2}> {
      m = ReduceMean<keepdims = 1>(x, ax)  d = Sub(x, m)  s = Softmax<axis = -1>(d)
      v, k = TopK<axis = -1, largest = 1, sorted = 1>(s, n)  a = ArgMax<axis = 1, keepdims = 0>(s)
      y = Cast<to = 1>(a) }""",
    "products": """g (float[3,4] x, float[4,5] w, float[5] c) => (float[a,b] y) {
      g1 = Gemm<alpha = 0.5, beta = 2.0, transA = 0, transB = 0>(x, w, c)
      e = Einsum<equation = "ij,kj->ik">(g1, g1)  y = MatMul(e, x) }""",
    "normalizations": """g (float[2,4,5] x) => (float[a,b,c] y)
      <float[4] s = {W4}, float[4] b = {W4}, float[5] g5 = {W5}> {
      n1 = InstanceNormalization<epsilon = 0.01>(x, s, b)  l = LayerNormalization<axis = -1>(n1, g5)
      r = LRN<size = 3, alpha = 0.1, beta = 0.5, bias = 1.0>(l)  y = LpNormalization<axis = 1, p = 2>(r) }""",
    "recurrent": """g (float[4,2,3] x) => (float[a,b,c,d] y, float[e,f,h] z)
      <float[1,20,3] w = {W60}, float[1,20,5] r = {W100}> {
      y, z = LSTM<hidden_size = 5, direction = "forward", input_forget = 0>(x, w, r) }""",
    "resize": """g (float[1,2,4,4] x, float[4] s) => (float[a,b,c,d] y) {
      z = Resize<mode = "linear", coordinate_transformation_mode = "half_pixel">(x, , s)
      p = Pad<mode = "reflect">(z, pads)  y = DepthToSpace<blocksize = 1, mode = "DCR">(p) }""",
    "loop": """g (float[3] x, int64 t) => (float[a] y, float[b,c] r) <bool go = {1}> {
      y, r = Loop(t, go, x) <body = b (int64 i, bool c, float[3] v) => (bool d, float[3] w, float[3] o) {
        d = Identity(c)  f = Cast<to = 1>(i)  w = Add(v, f)  o = Mul(w, w) }> }""",
    "branch": """g (float[3] x, bool c) => (float[a] y) {
      y = If(c) <then_branch = t () => (float[3] p) { e = Exp(x)  p = Neg(e) },
                 else_branch = f () => (float[k] q) { q = Concat<axis = 0>(x, x) }> }""",
    "sequences": """g (float[6,2] x, int64 p) => (float[a,b] y, int64 n) {
      s = SplitToSequence<axis = 0, keepdims = 1>(x)  i = SequenceInsert(s, x, p)  n = SequenceLength(i)
      y = ConcatFromSequence<axis = 0, new_axis = 0>(i) }""",
    "quantized": """g (float[4,8] x) => (float[a,b] y) <float s = {0.1}, uint8 z = {128}, float[1] many = {0.2}> {
      q = QuantizeLinear<axis = 1>(x, s, z)  d = DequantizeLinear<axis = 1>(q, s, z)
      y = Clip(d, s, ten) }""",
}
CONSTANTS = {
    "gathers": {"x2": np.ones((4, 2), np.float32)},
    "resize": {"pads": np.array([0, 0, 1, 1, 0, 0, 1, 1])},
    "quantized": {"ten": np.array(10, np.float32)},
}


def _model(name: str) -> onnx.ModelProto:
    text = TEXTS[name]
    for count in (4, 5, 6, 54, 60, 100, 108):
        text = text.replace(
            f"{{W{count}}}", "{" + ", ".join(f"{0.1 * (i % 7 - 3):.1f}" for i in range(count)) + "}"
        )
    model = onnx.parser.parse_model(f'<ir_version: 9, opset_import: ["": 18]> {text}')
    model.graph.initializer.extend(
        onnx.numpy_helper.from_array(array, key) for key, array in CONSTANTS.get(name, {}).items()
    )
    return model


def _import(source: Any) -> None:
    """Imports, or raises an AiccError that is not aicc's own defect."""
    try:
        with context() as mlir, ir.Location.unknown():
            mlir.emit_error_diagnostics = False
            module, _ = import_model(source)
            assert module.operation.verify()
    except AiccError as error:
        assert error.code != "AICC-9001", error


@pytest.mark.parametrize("name", TEXTS)
def test_imports(name: str) -> None:
    model = _model(name)
    onnx.checker.check_model(model)
    for seed in range(20):
        changed, what = mutated(model, np.random.default_rng(seed))
        try:
            _import(changed)
        except Exception as error:
            raise AssertionError(f"{name}, seed {seed}: {what}") from error


@pytest.mark.parametrize("name", TEXTS)
def test_damaged_files(name: str) -> None:
    data = _model(name).SerializeToString()
    for seed in range(6):
        _import(damaged(data, np.random.default_rng(seed)))


RUNS = {"convolution": 1, "slices": 1, "gathers": 2, "reductions": 1, "shapes": 1, "loop": 1}
"""How many mutations of a model are also compiled and run."""


@pytest.mark.parametrize("name", RUNS)
def test_results(name: str) -> None:
    """What is accepted is right, where ONNX Runtime accepts it too."""
    model, left = _model(name), RUNS[name]
    for seed in range(200):
        rng = np.random.default_rng(seed)
        changed, what = mutated(model, rng)
        feeds = {i.name: _value(i, rng) for i in changed.graph.input}
        want = _by_onnxruntime(changed, feeds)
        if want is None:
            continue
        try:
            exe = aicc.compile(changed, opt_level=1)
            found = exe.run([feeds[i.name] for i in exe.inputs])
        except AiccError as error:
            assert error.code != "AICC-9001", (name, seed, what)
            continue
        assert all(v.kind == TENSOR for v in exe.values)
        for got, wanted in zip(found, want, strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5, err_msg=f"seed {seed}: {what}")
        left -= 1
        if not left:
            return
    raise AssertionError("too few of the mutations are models")


def _value(info: onnx.ValueInfoProto, rng: np.random.Generator) -> Any:
    """Zeros and ones of integers, else standard normal; at most 4 elements along a dim that absurd numbers name."""
    tensor = info.type.tensor_type
    try:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    except KeyError:
        return None
    shape = [
        d.dim_value if 0 <= d.dim_value < 1000 and d.HasField("dim_value") else 4 for d in tensor.shape.dim
    ]
    if dtype.kind in "iub":
        return rng.integers(0, 2, shape).astype(dtype)
    return rng.standard_normal(shape).astype(np.float32).astype(dtype)


def _by_onnxruntime(model: onnx.ModelProto, feeds: dict[str, Any]) -> list[Any] | None:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        results: list[Any] = session.run(None, feeds)
    except Exception:
        return None
    return results if all(isinstance(r, np.ndarray) and np.isfinite(r).all() for r in results) else None
