"""What a user can do wrong with `aicc`: a coded paragraph, an exit code, nothing half-written."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from aicc.tools.aicc import main as aicc
from aicc.tools.aicc_run import main as aicc_run
from test.models import encoder
from test.models.builder import Graph
from test.shell import Outcome, run


def check(outcome: Outcome, code: str, *words: str) -> None:
    """One paragraph with its code and these words on standard error, nothing else."""
    assert outcome.code == 1 and outcome.out == ""
    assert outcome.err.startswith(f"error[{code}]"), outcome.err
    assert outcome.err.count("error[") == 1 and "Traceback" not in outcome.err
    for word in words:
        assert word in outcome.err, outcome.err


def compile_fails(model: onnx.ModelProto | bytes, folder: Path, code: str, *words: str) -> None:
    data = model if isinstance(model, bytes) else model.SerializeToString()
    path = folder / "model.onnx"
    path.write_bytes(data)
    check(run(aicc, path, "-o", folder / "model.so"), code, *words)
    assert [p.name for p in folder.iterdir()] == ["model.onnx"]


def one_node(
    op: str, *shapes: tuple[int, ...], dtype: int = TensorProto.FLOAT, domain: str = ""
) -> onnx.ModelProto:
    inputs = [helper.make_tensor_value_info(f"x{n}", dtype, shape) for n, shape in enumerate(shapes)]
    node = helper.make_node(op, [i.name for i in inputs], ["y"], name="the_node", domain=domain)
    graph = helper.make_graph([node], "g", inputs, [helper.make_tensor_value_info("y", dtype, None)])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.example", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def test_unsupported_operator(tmp_path: Path) -> None:
    model = one_node("Frobnicate", (2, 3), domain="com.example")
    compile_fails(model, tmp_path, "AICC-1003", "the_node", "Frobnicate", "com.example")


def test_unsupported_dtype(tmp_path: Path) -> None:
    model = one_node("Sigmoid", (2, 3), dtype=TensorProto.COMPLEX64)
    path = tmp_path / "model.onnx"
    onnx.save(model, path)
    outcome = run(aicc, path, "-o", tmp_path / "model.so")
    assert outcome.code == 1 and outcome.err.startswith("error[AICC-10"), outcome.err
    assert (
        "complex<f32>" in outcome.err and "the_node" in outcome.err and not (tmp_path / "model.so").exists()
    )


def test_shapes_that_do_not_fit(tmp_path: Path) -> None:
    compile_fails(one_node("MatMul", (2, 3), (4, 5)), tmp_path, "AICC-1005", "the_node")


def test_not_a_model(tmp_path: Path) -> None:
    compile_fails(b"this is no protobuf at all", tmp_path, "AICC-1001")


def test_truncated_model(tmp_path: Path) -> None:
    data = encoder().SerializeToString()
    compile_fails(data[: len(data) // 2], tmp_path, "AICC-1001")


def test_empty_file(tmp_path: Path) -> None:
    compile_fails(b"", tmp_path, "AICC-1001")


def test_missing_file(tmp_path: Path) -> None:
    check(run(aicc, tmp_path / "none.onnx", "-o", tmp_path / "x.so"), "AICC-1001", "none.onnx")


def test_missing_external_data(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save_model(encoder(), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    (tmp_path / "weights.bin").unlink()
    check(run(aicc, path, "-o", tmp_path / "model.so"), "AICC-1002", "weights.bin")
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]


def test_future_opset(tmp_path: Path) -> None:
    model = one_node("Relu", (2,))
    model.opset_import[0].version = 999
    compile_fails(model, tmp_path, "AICC-1007", "999")


def test_unknown_dimension(tmp_path: Path, relu: Path) -> None:
    outcome = run(aicc, relu, "-o", tmp_path / "x.so", "--dim", "bach=3")
    check(outcome, "AICC-1008", "bach")


@pytest.fixture
def relu(tmp_path: Path) -> Path:
    g = Graph("relu")
    g.output(g.Relu(g.input("x", "batch", 3)), "batch", 3, name="y")
    folder = tmp_path / "relu"
    folder.mkdir()
    path = folder / "relu.onnx"
    onnx.save(g.model(), path)
    return path


def test_output_in_a_missing_folder(relu: Path, tmp_path: Path) -> None:
    check(run(aicc, relu, "-o", tmp_path / "no" / "x.so"), "AICC-4001", "no")


def test_output_is_a_folder(relu: Path, tmp_path: Path) -> None:
    check(run(aicc, relu, "-o", tmp_path), "AICC-4001")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_output_in_a_read_only_folder(relu: Path, tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    check(run(aicc, relu, "-o", folder / "x.so"), "AICC-4001")


def test_dump_into_a_file(relu: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    outcome = run(aicc, relu, "-o", tmp_path / "x.so", "--dump", tmp_path / "file")
    check(outcome, "AICC-4001", "dump")


def test_no_linker(relu: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = run(aicc, relu, "-o", tmp_path / "x.so", "--linker", "no-such-compiler-anywhere")
    check(outcome, "AICC-3003", "no-such-compiler-anywhere")
    assert not (tmp_path / "x.so").exists()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setitem(__import__("sys").modules, "ziglang", None)
    check(run(aicc, relu, "-o", tmp_path / "x.so"), "AICC-3003")


def test_failing_linker(relu: Path, tmp_path: Path) -> None:
    check(run(aicc, relu, "-o", tmp_path / "x.so", "--linker", "false"), "AICC-3004")
    assert not (tmp_path / "x.so").exists()


def test_an_old_output_survives_a_failed_compilation(relu: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.so"
    out.write_text("the old one")
    assert run(aicc, relu, "-o", out, "--linker", "false").code == 1
    assert out.read_text() == "the old one"


def test_unknown_cpu(relu: Path, tmp_path: Path) -> None:
    check(run(aicc, relu, "-o", tmp_path / "x.so", "--mcpu", "z80"), "AICC-3002", "z80")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--no-such-option"],
        ["--dim", "batch"],
        ["--dim", "batch=many"],
        ["--emit", "poetry"],
        ["--emit", "linalg", "--stop-after", "graph"],
        ["--stop-after", "nowhere"],
        ["-O", "9"],
        ["--verify", "--stop-after", "graph"],
    ],
)
def test_usage(relu: Path, tmp_path: Path, arguments: list[str]) -> None:
    outcome = run(aicc, relu, "-o", tmp_path / "x.so", *arguments)
    assert outcome.code == 2 and "Usage:" in outcome.err and "Traceback" not in outcome.err
    assert not (tmp_path / "x.so").exists()


def test_invalid_ir(tmp_path: Path) -> None:
    path = tmp_path / "bad.mlir"
    path.write_text("func.func @main( {")
    check(run(aicc, path, "--start-from", "linalg", "-o", tmp_path / "x.so"), "AICC-2001", "bad.mlir")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def pipeline(target, opt_level): return 3", "aicc.Pipeline"),
        ("def pipeline(target, opt_level): raise KeyError('oops')", "KeyError: 'oops'"),
        ("syntax error", "SyntaxError"),
        ("x = 1", "no function pipeline"),
    ],
)
def test_pipeline_files(relu: Path, tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "p.py"
    path.write_text(text)
    check(run(aicc, relu, "-o", tmp_path / "x.so", "--pipeline", path), "AICC-2003", words)


def test_pipeline_text_with_an_unknown_pass(relu: Path, tmp_path: Path) -> None:
    path = tmp_path / "p.txt"
    path.write_text("graph(no-such-pass)")
    check(run(aicc, relu, "-o", tmp_path / "x.so", "--pipeline", path), "AICC-2003", "no-such-pass")


# ---- running ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((2, 4), np.float32), ["x", "4"]),
        (np.zeros(3, np.float32), ["x", "rank"]),
        (np.zeros((2, 3), np.float64), ["x", "float"]),
    ],
)
def test_wrong_inputs(relu: Path, tmp_path: Path, array: np.ndarray, words: list[str]) -> None:
    np.save(tmp_path / "x.npy", array)
    outcome = run(aicc_run, relu, "--input", f"x={tmp_path / 'x.npy'}", "--output", tmp_path / "out")
    check(outcome, "AICC-5002", *words)
    assert not (tmp_path / "out").exists()


def test_unknown_input(relu: Path) -> None:
    check(run(aicc_run, relu, "--input", "z=random"), "AICC-4002", "no input 'z'", "it has x")


def test_unreadable_input(relu: Path, tmp_path: Path) -> None:
    (tmp_path / "x.npy").write_text("no array")
    check(run(aicc_run, relu, "--input", f"x={tmp_path / 'x.npy'}"), "AICC-4002", "x.npy")
    check(run(aicc_run, relu, "--input", "x=missing.npy"), "AICC-4002", "no such file")


def test_not_a_library(tmp_path: Path) -> None:
    path = tmp_path / "model.so"
    path.write_bytes(b"\x7fELF and then nothing")
    check(run(aicc_run, path), "AICC-5001", "model.so")
    check(run(aicc_run, tmp_path / "missing.so"), "AICC-1001", "missing.so")


def test_compare_needs_the_model(tmp_path: Path) -> None:
    path = tmp_path / "model.so"
    path.write_bytes(b"\x7fELF and then nothing")
    outcome = run(aicc_run, path, "--compare", "reference")
    assert outcome.code == 2 and "--onnx" in outcome.err
