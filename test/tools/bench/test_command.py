"""aicc-bench as a command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest

from aicc.knobs import knobs
from aicc.tools.aicc_bench import main as aicc_bench
from aicc.tools.aicc_bench import symbolic_axes, table
from aicc.tools.bench import peers
from aicc.tools.bench.rounds import Result
from aicc.tools.inputs import specs_of_model
from test.models.builder import Graph
from test.shell import run
from test.tools.bench.fakes import fake

SHORT = ("--threads", "1", "--rounds", "1", "--seconds", "0.01")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    g = Graph("small")
    g.output(g.Add(g.input("x", 4, 8), g.input("x2", 4, 8)), 4, 8, name="y")
    path = tmp_path / "small.onnx"
    onnx.save(g.model(), path)
    return path


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`openvino` adds nothing but works, `iree` fails."""
    with knobs.scope(cache_dir=tmp_path / "cache"):
        monkeypatch.setitem(peers.PEERS, "openvino", fake(tmp_path, "openvino"))
        monkeypatch.setitem(peers.PEERS, "iree", fake(tmp_path, "iree", "broken"))
        yield


def column(results: list[Result], name: str) -> list[str]:
    columns = table(results, compared=True).columns
    return next([str(c) for c in column.cells] for column in columns if column.header == name)


def test_the_table_tells_the_ratio() -> None:
    ours = Result("aicc", "0", 1, 0.1, 0.1, 10, rounds=[0.002])
    theirs = Result("onnxruntime", "1", 1, 0.1, 0.1, 10, rounds=[0.003])
    failed = Result("iree", threads=1, failure="iree: no such operator")
    assert column([ours, theirs, failed], "aicc is faster by")[1] == "1.50x"
    assert column([ours, theirs, failed], "median ms") == ["2", "3", "failed"]
    assert column([failed, theirs], "aicc is faster by")[1] == ""


def test_wrong_arguments(model: Path) -> None:
    for arguments in (["--against", "nobody"], ["--against", "aicc"], ["--threads", "two"]):
        assert run(aicc_bench, model, *arguments).code == 2


def test_a_missing_runtime_is_told(model: Path, tmp_path: Path) -> None:
    with knobs.scope(cache_dir=tmp_path / "empty"):
        outcome = run(aicc_bench, model, "--against", "onnxruntime", "--installed-only", *SHORT)
    assert outcome.code == 1
    assert "AICC-4003" in outcome.err and "onnxruntime is not installed" in outcome.err


def test_against_others(model: Path, fakes: None) -> None:
    outcome = run(aicc_bench, model, "--against", "openvino,iree", *SHORT)
    assert outcome.code == 0, outcome.err
    assert "openvino 1.0" in outcome.out and "failed" in outcome.out
    assert "iree, 1 threads: iree: ValueError: no such operator: Foo" in outcome.err


def test_kernels(model: Path) -> None:
    outcome = run(aicc_bench, model, "--kernels", *SHORT)
    assert outcome.code == 0, outcome.err
    assert "pointwise" in outcome.out and "GFLOP/s" in outcome.out and "(host)" in outcome.out


def test_symbolic_axes() -> None:
    g = Graph("dynamic")
    g.output(g.Relu(g.input("x", "batch", 8, "n")), "batch", 8, "n", name="y")
    assert symbolic_axes(specs_of_model(g.model())) == {"x": [0, 2]}
