"""What a library and `--stats` say of kernels: nodes, calls, bytes, predictions; names stay outside of objects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from aicc.codegen.jobs import KernelJob
from aicc.codegen.workers import build_kernels
from aicc.driver import CompileResult, Options, compile_model
from aicc.errors import CompileError
from aicc.kernel_facts import node_label
from aicc.loader import load
from aicc.target import Target


def layers(prefix: str, rows: int | str = 8) -> onnx.ModelProto:
    """x[rows, 64] -> two layers of relu(x W + b), which are one kernel, -> softmax."""
    rng = np.random.default_rng(0)
    nodes, weights, x = [], {}, "x"
    for i in range(2):
        weights[f"w{i}"], weights[f"b{i}"] = rng.standard_normal((64, 64)), rng.standard_normal(64)
        name = f"{prefix}/layer.{i}"
        nodes += [
            helper.make_node("MatMul", [x, f"w{i}"], [f"m{i}"], name=f"{name}/MatMul"),
            helper.make_node("Add", [f"m{i}", f"b{i}"], [f"a{i}"], name=f"{name}/Add"),
            helper.make_node("Relu", [f"a{i}"], [f"r{i}"], name=f"{name}/Relu"),
        ]
        x = f"r{i}"
    nodes.append(helper.make_node("Softmax", [x], ["y"], name=f"{prefix}/Softmax", axis=-1))
    graph = helper.make_graph(
        nodes,
        "layers",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [rows, 64])],
        [onnx.numpy_helper.from_array(w.astype(np.float32), n) for n, w in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def compiled(model: onnx.ModelProto, path: Path) -> CompileResult:
    return compile_model(model, path, Options(target=Target.cpu_named("x86-64-v3")))


def test_nodes_calls_bytes_and_predictions(tmp_path: Path) -> None:
    stats = compiled(layers(""), tmp_path / "m.so").stats
    facts = {name: row["facts"] for name, row in stats["kernel_results"].items()}
    dense, soft = (next(f for n, f in facts.items() if n.startswith(kind)) for kind in ("matmul", "rows"))
    first = [f"/layer.0/{op}" for op in ("MatMul", "Add", "Relu")]
    assert dense.nodes == (*first, *(name.replace("0", "1") for name in first))
    assert dense.label == "/layer.0/MatMul + 5" and soft.label == "/Softmax"
    assert (dense.calls, soft.calls) == (2, 1)
    assert (dense.read, dense.written) == (4 * (8 * 64 + 64 * 64 + 64), 4 * 8 * 64)
    assert (soft.read, soft.written) == (4 * 8 * 64, 4 * 8 * 64)
    assert all(0 < seconds < 1e-3 for f in facts.values() for seconds in f.costs.values())
    assert min(dense.costs, key=lambda name: dense.costs[name]) == "contraction"
    traffic = stats["traffic"]
    assert traffic.minimum == 4 * (2 * 8 * 64 + 2 * (64 * 64 + 64))
    assert traffic.moved == 2 * dense.moved + soft.moved and traffic.copied == 0


def test_the_library_carries_them(tmp_path: Path) -> None:
    stats = compiled(layers("/net"), tmp_path / "m.so").stats
    exe = load(tmp_path / "m.so")
    x = np.ones((8, 64), np.float32)
    with exe.profile() as profile:
        exe(x)
    for kernel in profile:
        facts = stats["kernel_results"][kernel.name]["facts"]
        assert kernel.info.nodes == facts.nodes and kernel.info.calls == facts.calls == kernel.calls
        assert (kernel.info.read, kernel.info.written) == (facts.read, facts.written)
        assert kernel.info.schedule.startswith(stats["kernel_results"][kernel.name]["schedule"] + "(")
        assert kernel.ratio is not None and kernel.ratio > 0
    assert "/net/layer.0/MatMul + 5" in str(profile)


def test_names_are_no_part_of_kernels(tmp_path: Path) -> None:
    """Models that differ in the names of nodes have the same kernels."""
    one, other = (compiled(layers(p), tmp_path / f"{n}.so") for n, p in enumerate(("/a", "/other")))
    assert one.stats["kernel_results"].keys() == other.stats["kernel_results"].keys()
    assert all(row["cached"] for row in other.stats["kernel_results"].values())
    assert load(tmp_path / "0.so").kernels[0].nodes != load(tmp_path / "1.so").kernels[0].nodes


def test_sizes_of_run_time_are_unknown(tmp_path: Path) -> None:
    stats = compiled(layers("", "rows"), tmp_path / "m.so").stats
    dense = next(r["facts"] for n, r in stats["kernel_results"].items() if n.startswith("matmul"))
    assert dense.calls == 2 and dense.moved is None
    assert stats["traffic"].moved is None and stats["traffic"].minimum is None
    assert all(k.bytes is None for k in load(tmp_path / "m.so").kernels if k.name.startswith("matmul"))


def test_of_a_table_only_the_rows_that_are_read_count(tmp_path: Path) -> None:
    table = np.random.default_rng(0).standard_normal((1000, 48)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "i"], ["y"], name="lookup")],
        "lookup",
        [helper.make_tensor_value_info("i", TensorProto.INT64, [5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [5, 48])],
        [onnx.numpy_helper.from_array(table, "table")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    stats = compiled(model, tmp_path / "m.so").stats
    (row,) = stats["kernel_results"].values()
    assert (row["facts"].read, row["facts"].written) == (5 * 48 * 4 + 5 * 8, 5 * 48 * 4)
    assert stats["traffic"].minimum == stats["traffic"].moved


def test_an_error_of_a_kernel_names_its_nodes() -> None:
    job = KernelJob(
        "func.func @k0_x() { broken }", ("affine",), Target.cpu_named("x86-64-v3"), node="/fc + 1"
    )
    with pytest.raises(CompileError, match=r"AICC-3001\] at node /fc \+ 1 in stage 'schedule'"):
        build_kernels([job])


def test_labels() -> None:
    assert [node_label(n) for n in ((), ("a",), ("a", "b", "c"))] == ["", "a", "a + 2"]
