"""Products with weights of 4, 8 and 16 bits, against NumPy in float64 and ONNX Runtime."""

from __future__ import annotations

import re
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import aicc
from aicc.driver import Options, compile_model
from aicc.target import Target
from aicc.weight_packing import Rounding, quantize_blocks, words_of

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(3)


def model(nodes: list[Any], x: list[Any], y: list[Any], constants: dict[str, Any], opset: int = 21) -> Any:
    tensors = [
        c if isinstance(c, onnx.TensorProto) else numpy_helper.from_array(c, name)
        for name, c in constants.items()
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, y)],
        tensors,
    )
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


def peer(m: onnx.ModelProto, x: Array) -> Array:
    options = onnxruntime.SessionOptions()
    # fused, these sum products of integers, of an x rounded to 8 bits
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    result: Array = onnxruntime.InferenceSession(m.SerializeToString(), options).run(None, {"x": x})[0]
    return result


def schedules(m: onnx.ModelProto, **options: Any) -> set[str]:
    found = compile_model(m, None, Options(stop_after="kernels", **options)).stats["schedules"]
    return {text.split("(")[0] for text in found.values()}


def normal(*shape: int) -> Array:
    return RNG.standard_normal(shape).astype(np.float32)


NBITS = [
    # rows, K, N, block, bits, zero points
    ([1, 1], 256, 96, 32, 4, False),
    ([1], 64, 40, 32, 4, True),
    ([2], 1024, 520, 32, 4, True),
    ([3], 256, 100, 16, 4, True),
    ([7], 512, 256, 128, 4, False),
    ([5], 128, 64, 64, 8, True),
    ([2, 33], 256, 200, 32, 4, True),
    (["n"], 256, 300, 64, 4, True),
    ([1], 2048, 640, 32, 8, False),
    ([40], 512, 96, 512, 4, False),
    ([65], 128, 50, 64, 8, True),
    ([130], 64, 33, 16, 4, True),
]


@pytest.mark.parametrize(("rows", "depth", "columns", "block", "bits", "zeros"), NBITS)
def test_matmul_nbits(rows: list[Any], depth: int, columns: int, block: int, bits: int, zeros: bool):
    blocks = depth // block
    constants: dict[str, Any] = {
        "w": RNG.integers(0, 256, (columns, blocks, block * bits // 8), np.uint8),
        "s": RNG.uniform(0.01, 0.1, columns * blocks).astype(np.float32),
    }
    if zeros:
        constants["z"] = RNG.integers(0, 256, columns * ((blocks * bits + 7) // 8), np.uint8)
    attributes = {"K": depth, "N": columns, "bits": bits, "block_size": block}
    nodes = [
        helper.make_node("MatMulNBits", ["x", *constants], ["p"], domain="com.microsoft", **attributes),
        helper.make_node("Add", ["p", "b"], ["a"]),
        helper.make_node("Relu", ["a"], ["y"]),
    ]
    constants["b"] = normal(columns)
    m = model(nodes, [*rows, depth], [*rows, columns], constants)
    x = normal(*[9 if d == "n" else d for d in rows], depth)
    want = peer(m, x)
    np.testing.assert_allclose(aicc.compile(m)(x), want, atol=2e-6 * np.abs(want).max(), rtol=1e-5)
    assert schedules(m) == {"packed"}


def test_many_rows_share_the_unpacking():
    """A part of a panel of f32 in the scratch beside the sums of the rows, where enough rows may use it."""

    def scratch(rows: int | str) -> set[int]:
        w = {"w": RNG.integers(0, 256, (512, 8, 16), np.uint8), "s": np.ones(4096, np.float32)}
        node = helper.make_node(
            "MatMulNBits", ["x", *w], ["y"], domain="com.microsoft", K=256, N=512, bits=4, block_size=32
        )
        options = Options(target=Target.cpu_named("x86-64-v4"), stop_after="schedule")
        text = compile_model(model([node], [rows, 256], [rows, 512], w), None, options).text
        assert 'aicc.schedule = "packed"' in text
        return {int(size) for size in re.findall(r"aicc.scratch = (\d+)", text)}

    assert scratch(64) == {(64 + 64) * 32 * 4}
    assert min(scratch("n")) > (64 + 64) * 32 * 4
    assert scratch(4) == {0}


def test_a_column_is_the_same_whichever_tile_it_is_in():
    q = np.repeat(RNG.integers(-8, 8, (256, 1)), 1000, 1).astype(np.int8)
    words, scale = words_of(q, 4, 32), np.full((1000, 8), 0.1, np.float32)
    stored = np.repeat((q[:, 0] + 8).astype(np.uint8)[None], 1000, 0)
    packed = (stored[:, 0::2] | (stored[:, 1::2] << 4)).reshape(1000, 8, 16)
    node = helper.make_node(
        "MatMulNBits", ["x", "w", "s"], ["y"], domain="com.microsoft", K=256, N=1000, bits=4, block_size=32
    )
    y = aicc.compile(model([node], [1, 256], [1, 1000], {"w": packed, "s": scale.reshape(-1)}))(
        normal(1, 256)
    )
    assert words.shape == (8, 4, 1000)
    assert (y == y[0, 0]).all()


@pytest.mark.parametrize("kind", [TensorProto.INT4, TensorProto.UINT4, TensorProto.INT8, TensorProto.UINT8])
@pytest.mark.parametrize("transposed", [False, True])
def test_dequantized_blocks(kind: int, transposed: bool):
    ranges = {TensorProto.INT4: (-8, 8), TensorProto.UINT4: (0, 16), TensorProto.INT8: (-128, 128)}
    low, high = ranges.get(kind, (0, 256))
    shape, sizes = ((64, 128), (64, 4)) if transposed else ((128, 64), (4, 64))
    q, z = RNG.integers(low, high, shape), RNG.integers(low, high, sizes)
    constants = {
        "q": helper.make_tensor("q", kind, shape, q.ravel().tolist()),
        "s": RNG.uniform(0.01, 0.1, sizes).astype(np.float32),
        "z": helper.make_tensor("z", kind, sizes, z.ravel().tolist()),
    }
    axis = 1 if transposed else 0
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["w"], axis=axis, block_size=32),
        helper.make_node("Gemm", ["x", "w"], ["y"], transB=axis),
    ]
    m = model(nodes, [2, 128], [2, 64], constants)
    x = normal(2, 128)
    weights = (q - np.repeat(z, 32, axis)) * np.repeat(constants["s"], 32, axis).astype(np.float64)
    want = x @ (weights.T if transposed else weights)
    np.testing.assert_allclose(aicc.compile(m)(x), want, atol=2e-6 * np.abs(want).max())
    np.testing.assert_allclose(peer(m, x), want, atol=2e-6 * np.abs(want).max())
    assert schedules(m) == {"packed"}


@pytest.mark.parametrize("block", [32, 48])
def test_blocks_that_no_product_reads(block: int):
    sizes = (-(-128 // block), 8)
    constants = {
        "q": RNG.integers(-128, 128, (128, 8)).astype(np.int8),
        "s": RNG.uniform(0.01, 0.1, sizes).astype(np.float32),
    }
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "s"], ["w"], axis=0, block_size=block),
        helper.make_node("Mul", ["x", "w"], ["y"]),
    ]
    m, x = model(nodes, [128, 8], [128, 8], constants), normal(128, 8)
    want = x * (constants["q"] * np.repeat(constants["s"], block, 0)[:128])
    np.testing.assert_allclose(aicc.compile(m)(x), want, rtol=1e-6)


def rounded(w: Array, precision: str) -> Array:
    """What a precision makes of `[K, N]`, in float64."""
    halves = {"f16": np.float16, "bf16": ml_dtypes.bfloat16}
    if precision in halves:
        return w.astype(halves[precision]).astype(np.float64)
    rounding = Rounding(4, 32) if precision == "int4-weights" else Rounding(8, 0)
    return quantize_blocks(w, rounding).dequantized().astype(np.float64)


PRECISIONS = ["f16", "bf16", "int8-weights", "int4-weights"]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("rows", [1, 3, 40])
def test_precision(precision: str, rows: int):
    table, w, g, b = normal(200, 128), normal(128, 256), normal(80, 256), normal(80)
    nodes = [
        helper.make_node("Cast", ["x"], ["i"], to=TensorProto.INT64),
        helper.make_node("Gather", ["t", "i"], ["e"]),
        helper.make_node("MatMul", ["e", "w"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "g", "b"], ["y"], transB=1),
    ]
    m = model(nodes, [rows], [rows, 80], {"t": table, "w": w, "g": g, "b": b})
    x = RNG.integers(0, 200, rows).astype(np.float32)
    rows_of = rounded(table, precision)
    if precision.startswith("int"):
        rows_of = quantize_blocks(table.T, Rounding(8, 0)).dequantized().T.astype(np.float64)
    hidden = np.maximum(rows_of[x.astype(int)] @ rounded(w, precision), 0)
    want = hidden @ rounded(np.ascontiguousarray(g.T), precision) + b
    got = aicc.compile(m, precision=precision)(x)
    np.testing.assert_allclose(got, want, atol=3e-6 * np.abs(want).max())
    # products of many rows may read halves as any product does
    wanted = {"packed"} if precision.startswith("int") else {"packed", "contraction", "amx"}
    assert wanted & schedules(m, precision=precision)


@pytest.mark.parametrize("rows", [3, 70])
@pytest.mark.parametrize("cpu", ["x86-64-v2", "x86-64-v3", "x86-64-v4"])
def test_other_cpus(cpu: str, rows: int):
    target = Target.named("cpu", cpu)
    host = Target.host()
    if not target.features <= host.features:
        pytest.skip(f"this CPU is no {cpu}")
    w, x = normal(256, 200), normal(rows, 256)
    m = model([helper.make_node("MatMul", ["x", "w"], ["y"])], [rows, 256], [rows, 200], {"w": w})
    for precision in PRECISIONS if cpu != "x86-64-v2" else PRECISIONS[2:]:
        want = x @ rounded(w, precision)
        got = aicc.compile(m, target=target, precision=precision)(x)
        np.testing.assert_allclose(got, want, atol=3e-6 * np.abs(want).max(), err_msg=precision)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("bits", [4, 8])
def test_rounding_is_within_half_a_step(bits: int, symmetric: bool):
    w = normal(100, 7)
    blocks = quantize_blocks(w, Rounding(bits, 32, symmetric))
    error = np.abs(blocks.dequantized() - w)
    step = np.repeat(np.abs(blocks.scale), 32, 0)[:100]
    # 4-bit scales without zero points clip what is at the other end; a rounded zero point moves both ends
    assert (error <= step * (1.001 if bits == 4 or not symmetric else 0.501)).all()


def test_an_unknown_precision():
    with pytest.raises(aicc.AiccError, match="AICC-4002"):
        Options(precision="int3")
