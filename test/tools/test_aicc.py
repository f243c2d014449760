"""`aicc` and `aicc-run` when all goes well."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnx
import pytest

import aicc
from aicc.driver import Options
from aicc.passes.base import Pass, PassContext
from aicc.passes.graph.rewrite import Rewriter, apply, pattern
from aicc.target import Target
from aicc.tools.aicc import main as aicc_command
from aicc.tools.aicc_run import main as aicc_run
from aicc.tools.verify import verify_model
from test.models.builder import Graph
from test.shell import run


@pytest.fixture
def model(tmp_path: Path) -> Path:
    g = Graph("small")
    x = g.input("x", "batch", 8)
    g.output(g.Relu(g.Gemm(x, g.weight(8, 300), g.weight(300))), "batch", 300, name="y")
    path = tmp_path / "small.onnx"
    onnx.save(g.model(), path)
    return path


def test_default_output(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    outcome = run(aicc_command, model)
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    assert [p.name for p in folder.iterdir()] == ["small.so"]


def test_emit_prints_ir(model: Path, tmp_path: Path) -> None:
    graph, linalg = (run(aicc_command, model, "--emit", kind).out for kind in ("mlir", "linalg"))
    assert '"aicc.' in graph and '"aicc.' not in linalg and "linalg.generic" in linalg
    assert run(aicc_command, model, "--stop-after", "linalg", "-o", tmp_path / "x.mlir").out == ""
    assert (tmp_path / "x.mlir").read_text() == linalg


def test_emit_prints_code(model: Path) -> None:
    llvm = run(aicc_command, model, "--emit", "llvm", "--mcpu", "x86-64-v3").out
    assert "define " in llvm and "aicc_model_main" in llvm
    asm = run(aicc_command, model, "--emit", "asm", "--mcpu", "x86-64-v3").out
    assert "ymm0" in asm and "zmm" not in asm
    asm = run(
        aicc_command, model, "--emit", "asm", "--mtriple", "aarch64-unknown-linux-gnu", "--mcpu", "generic"
    ).out
    assert "fmla" in asm and "# ---- kernel matmul_" in asm and "# ---- host program" in asm


def test_dump_and_resume(model: Path, tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((3, 8)).astype(np.float32)
    whole, dump = tmp_path / "whole.so", tmp_path / "ir"
    assert run(aicc_command, model, "-o", whole, "--dump", dump).code == 0
    stages = ["01-import", "02-graph", "03-linalg", "04-kernels", "05-buffers"]
    assert {f"{name}.mlir" for name in stages} <= {p.name for p in dump.iterdir()}
    expected = aicc.load(whole)(x)
    for stage, following in zip(stages, ("graph", "linalg", "kernels", "buffers", "schedule"), strict=True):
        out = tmp_path / f"{stage}.so"
        outcome = run(aicc_command, dump / f"{stage}.mlir", "--start-from", following, "-o", out)
        assert outcome.code == 0, outcome.err
        assert np.array_equal(aicc.load(out)(x), expected), stage


def test_stats(model: Path, tmp_path: Path) -> None:
    out = run(aicc_command, model, "-o", tmp_path / "x.so", "--stats").out
    for word in ("import", "link", "total", "schedule", "tiles", "predicted", "one run", "minimum"):
        assert word in out


def test_profile(model: Path) -> None:
    outcome = run(aicc_run, model, "--dim", "batch=16", "--threads", 1, "--profile", "--runs", 3)
    assert outcome.code == 0 and "predicted" in outcome.out and "3 runs" in outcome.out, outcome.err


def test_pipeline_text_parses_back(model: Path, tmp_path: Path) -> None:
    text = run(aicc_command, model, "--print-pipeline").out
    path = tmp_path / "pipeline.txt"
    path.write_text(text.replace(";", ";\n"))
    assert run(aicc_command, model, "--print-pipeline", "--pipeline", path).out == text


def test_vendor_libraries(model: Path) -> None:
    """The command's pipeline is the one that Python's option makes."""
    arguments = (model, "--target", "cuda", "--mcpu", "sm_80", "--print-pipeline")
    shown = run(aicc_command, *arguments, "--vendor-libraries", "cublaslt").out.strip()
    assert shown == str(Options(Target.cuda("sm_80"), vendor_libraries=("cublaslt",)).chosen_pipeline())
    assert "libraries" not in run(aicc_command, *arguments).out
    refused = run(aicc_command, *arguments, "--vendor-libraries", "cublaslt,mkl")
    assert refused.code == 1 and "AICC-4002" in refused.err and "mkl" in refused.err


def test_external_weights(model: Path, tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside.so", tmp_path / "outside.so"
    assert run(aicc_command, model, "-o", inside).code == 0
    assert run(aicc_command, model, "-o", outside, "--weights", "external").code == 0
    assert outside.stat().st_size + 8 * 300 * 4 <= inside.stat().st_size + 4096
    x = np.ones((2, 8), np.float32)
    assert np.array_equal(aicc.load(inside)(x), aicc.load(outside)(x))


def test_levels_agree(model: Path, tmp_path: Path) -> None:
    x = np.random.default_rng(1).standard_normal((5, 8)).astype(np.float32)
    results = []
    for level in (0, 1, 2):
        assert run(aicc_command, model, "-o", tmp_path / "x.so", "-O", level).code == 0
        results.append(aicc.load(tmp_path / "x.so")(x))
    for result in results[1:]:
        np.testing.assert_allclose(result, results[0], rtol=1e-5, atol=1e-5)


def test_run_and_compare(model: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((4, 8), np.float32))
    arguments = [
        model,
        "--input",
        f"x={tmp_path / 'x.npy'}",
        "--output",
        tmp_path / "out",
        "--compare",
        "reference",
    ]
    outcome = run(aicc_run, *arguments)
    assert outcome.code == 0, outcome.err
    assert "4x300" in outcome.out and "ok" in outcome.out
    assert np.load(tmp_path / "out" / "y.npy").shape == (4, 300)


def test_run_a_library_with_its_model(model: Path, tmp_path: Path) -> None:
    assert run(aicc_command, model, "-o", tmp_path / "x.so").code == 0
    outcome = run(
        aicc_run, tmp_path / "x.so", "--onnx", model, "--compare", "onnxruntime", "--dim", "batch=6"
    )
    assert outcome.code == 0 and "6x300" in outcome.out, outcome.err


def test_compare_tells_a_difference(model: Path, tmp_path: Path) -> None:
    """A library compared with another model's reference."""
    assert run(aicc_command, model, "-o", tmp_path / "x.so").code == 0
    g = Graph("other", seed=99)
    x = g.input("x", "batch", 8)
    g.output(g.Relu(g.Gemm(x, g.weight(8, 300), g.weight(300))), "batch", 300, name="y")
    onnx.save(g.model(), tmp_path / "other.onnx")
    outcome = run(aicc_run, tmp_path / "x.so", "--onnx", tmp_path / "other.onnx", "--compare", "reference")
    assert outcome.code == 1 and "DIFFERS" in outcome.out


def test_verify(model: Path, tmp_path: Path) -> None:
    outcome = run(aicc_command, model, "-o", tmp_path / "x.so", "--verify")
    assert outcome.code == 0 and "ok" in outcome.out, outcome.err


@pattern("relu")
def _drop(rw: Rewriter, op: Any) -> bool:
    """relu(x) --> x, which is wrong"""
    return rw.replace(op, op.operands[0])


@dataclass(frozen=True)
class Wrong(Pass):
    """relu(x) --> x"""

    pass_name: ClassVar[str] = "wrong-for-a-test"

    def run(self, module: Any, ctx: PassContext) -> None:
        apply(module, ctx, [_drop])


def test_verify_names_the_wrong_pass(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline = aicc.cpu_pipeline()
    pipeline.insert_before("canonicalize-graph", Wrong())
    options, out = Options(pipeline=pipeline), tmp_path / "x.so"
    aicc.compile_model(model, out, options)
    assert not verify_model(model, out, options)
    assert "suspect: pass 'wrong-for-a-test'" in capsys.readouterr().err


def test_an_interrupt_leaves_nothing(model: Path, tmp_path: Path) -> None:
    """Ctrl-C in the middle: exit code 130, no traceback, no file."""
    program = (
        "import sys, aicc.driver as d, aicc.tools.console as c\n"
        "def interrupted(*a): raise KeyboardInterrupt\n"
        "d.build_program = interrupted\n"
        "from aicc.tools.aicc import main\n"
        "c.start(main, sys.argv[1:])\n"
    )
    out = tmp_path / "x.so"
    result = subprocess.run(
        [sys.executable, "-c", program, str(model), "-o", str(out)], capture_output=True, text=True
    )
    assert (result.returncode, result.stdout, result.stderr.strip()) == (130, "", "interrupted")
    assert [p.name for p in tmp_path.iterdir()] == ["small.onnx"]
