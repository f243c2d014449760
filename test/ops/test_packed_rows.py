"""Products of many rows with weights of 4, 8 and 16 bits, of a static number of rows and of one that a run counts."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import aicc
from aicc.target import Target

Array = np.ndarray[Any, Any]
ROWS = (1, 2, 7, 15, 16, 33, 300)
CPUS = ("x86-64-v3", "icelake-server", "native")


def target(cpu: str) -> Target:
    """Skips where this CPU is not one of these."""
    host = Target.host()
    wanted = host if cpu == "native" else Target.named("cpu", cpu)
    if not wanted.features <= host.features:
        pytest.skip(f"this CPU is no {cpu}")
    return wanted


def weights(rng: Any, kind: str, depth: int, columns: int, block: int, zeros: bool) -> tuple[Array, Any]:
    """`[depth, columns]` in float64, and the node and what it reads: its inputs after `x`, and all constants."""
    if kind in ("f16", "bf16"):
        stored = np.float16 if kind == "f16" else ml_dtypes.bfloat16
        w = rng.standard_normal((depth, columns)).astype(stored)
        return w.astype(np.float64), (
            [helper.make_node("MatMul", ["x", "w"], ["y"])],
            {"w": w.astype(np.float32)},
        )
    if kind == "columns":
        q, s = rng.integers(-128, 128, (depth, columns), np.int8), rng.uniform(0.01, 0.1, columns)
        constants = {"w": q, "s": s.astype(np.float32)}
        nodes = [helper.make_node("DequantizeLinear", ["w", "s"], ["f"], axis=1)]
        nodes.append(helper.make_node("MatMul", ["x", "f"], ["y"]))
        return q * constants["s"].astype(np.float64), (nodes, constants)
    bits = 4 if kind == "int4" else 8
    blocks = -(-depth // block)
    constants = {
        "w": rng.integers(0, 256, (columns, blocks, block * bits // 8), np.uint8),
        "s": rng.uniform(0.01, 0.1, columns * blocks).astype(np.float32),
    }
    zero = np.full((columns, blocks), 8 if bits == 4 else 128, np.uint8)
    if zeros:
        constants["z"] = rng.integers(0, 256, columns * ((blocks * bits + 7) // 8), np.uint8)
        zero = _numbers(constants["z"].reshape(columns, -1), bits)[:, :blocks]
    q = _numbers(constants["w"], bits).reshape(columns, blocks, block) - zero[..., None].astype(np.float64)
    plain = (q * constants["s"].reshape(columns, blocks, 1)).reshape(columns, -1)[:, :depth].T
    attributes = {"K": depth, "N": columns, "bits": bits, "block_size": block}
    node = helper.make_node("MatMulNBits", ["x", *constants], ["y"], domain="com.microsoft", **attributes)
    return plain, ([node], constants)


def _numbers(stored: Array, bits: int) -> Array:
    """The numbers of the last dim, the lower four bits of a byte first."""
    return stored if bits == 8 else np.stack([stored & 15, stored >> 4], -1).reshape(*stored.shape[:-1], -1)


def model(nodes: list[Any], constants: dict[str, Array], rows: int | str, depth: int, columns: int) -> Any:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, depth])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [rows, columns])],
        [numpy_helper.from_array(c, name) for name, c in constants.items()],
    )
    imports = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


def compiled(m: onnx.ModelProto, cpu: str, kind: str) -> Any:
    return aicc.compile(m, target=target(cpu), precision=kind if kind in ("f16", "bf16") else "f32")


# kind, K, N, block, zero points
CASES = [
    ("int4", 11008, 40, 32, False),
    ("int4", 1024, 100, 16, True),
    ("int4", 1000, 33, 32, True),
    ("int4", 1536, 64, 256, False),
    ("int4", 96, 70, 32, False),
    ("int4", 512, 48, 512, True),
    ("int8", 1120, 48, 32, True),
    ("int8", 768, 50, 128, False),
    ("columns", 11008, 40, 0, False),
    ("columns", 1003, 64, 0, False),
    ("f16", 11008, 40, 0, False),
    ("f16", 1003, 70, 0, False),
    ("bf16", 1003, 70, 0, False),
]


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize(("kind", "depth", "columns", "block", "zeros"), CASES)
def test_rows_that_a_run_counts(cpu: str, kind: str, depth: int, columns: int, block: int, zeros: bool):
    rng = np.random.default_rng(depth + columns + block)
    plain, (nodes, constants) = weights(rng, kind, depth, columns, block, zeros)
    exe = compiled(model(nodes, constants, "n", depth, columns), cpu, kind)
    for rows in ROWS:
        x = rng.standard_normal((rows, depth)).astype(np.float32)
        want = x @ plain
        atol = 4e-6 * np.abs(want).max()
        np.testing.assert_allclose(exe(x), want, rtol=0, atol=atol, err_msg=f"{rows} rows")


@pytest.mark.parametrize("rows", [33, 300])
@pytest.mark.parametrize(("kind", "depth", "columns", "block", "zeros"), CASES[::2])
def test_static_rows(rows: int, kind: str, depth: int, columns: int, block: int, zeros: bool):
    rng = np.random.default_rng(rows)
    plain, (nodes, constants) = weights(rng, kind, depth, columns, block, zeros)
    exe = compiled(model(nodes, constants, rows, depth, columns), "native", kind)
    x = rng.standard_normal((rows, depth)).astype(np.float32)
    want = x @ plain
    np.testing.assert_allclose(exe(x), want, rtol=0, atol=4e-6 * np.abs(want).max())


def test_rows_of_several_dims_and_a_residual():
    """The result lies over what is added, and the sum in several parts."""
    rng = np.random.default_rng(5)
    plain, (nodes, constants) = weights(rng, "int4", 1024, 1024, 32, False)
    nodes[0].output[0] = "p"
    nodes += [helper.make_node("Add", ["p", "x"], ["a"]), helper.make_node("Relu", ["a"], ["y"])]
    m = model(nodes, constants, "n", 1024, 1024)
    for value in (*m.graph.input, *m.graph.output):
        value.type.tensor_type.shape.dim.insert(0, onnx.TensorShapeProto.Dimension(dim_param="b"))
    exe = aicc.compile(m)
    for shape in ((1, 1), (2, 9), (3, 50), (1, 129)):
        x = rng.standard_normal((*shape, 1024)).astype(np.float32)
        want = np.maximum(x @ plain + x, 0)
        np.testing.assert_allclose(exe(x), want, rtol=0, atol=4e-6 * np.abs(want).max())


@pytest.mark.parametrize("kind", ["int4", "columns", "f16"])
def test_a_row_is_the_same_in_whichever_tile_of_a_run(kind: str):
    rng = np.random.default_rng(7)
    _, (nodes, constants) = weights(rng, kind, 2048, 96, 32, False)
    exe = compiled(model(nodes, constants, "n", 2048, 96), "native", kind)
    row = rng.standard_normal((1, 2048)).astype(np.float32)
    for rows in (16, 33, 47, 300):
        y = exe(np.repeat(row, rows, 0))
        assert (y == y[:1]).all()
