"""aicc-bench's machinery: processes measured in turn, agreement, failures that are told."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from aicc.errors import AiccError
from aicc.tools.aicc_bench import main as aicc_bench
from aicc.tools.aicc_bench import table
from aicc.tools.bench.rounds import Contestant, Result, WorkerProcess, cores, measure
from aicc.tools.inputs import random_inputs
from test.models.builder import Graph
from test.shell import run

pytest.importorskip("onnxruntime")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    g = Graph("small")
    g.output(g.Softmax(g.MatMul(g.input("x", 4, 8), g.weight(8, 8))), 4, 8, name="y")
    path = tmp_path / "small.onnx"
    onnx.save(g.model(), path)
    return path


def test_a_runtime_against_itself(model: Path) -> None:
    inputs = random_inputs(onnx.load(model))
    contestants = [Contestant("onnxruntime", model), Contestant("onnxruntime", model)]
    first, second = measure(contestants, inputs, threads=1, rounds=2, seconds=0.01)
    assert first.error is None and second.error == 0.0
    for result in (first, second):
        assert len(result.rounds) == 2 and 0 < result.best <= result.median
        assert result.load > 0 and result.first > 0 and result.memory > 1 << 20


def test_a_runtime_that_fails_is_told(model: Path) -> None:
    model.write_bytes(b"broken")
    with pytest.raises(AiccError, match="AICC-5003.*onnxruntime"):
        measure([Contestant("onnxruntime", model)], {}, threads=1, rounds=1)


def test_a_process_that_dies_is_told(model: Path) -> None:
    worker = WorkerProcess(Contestant("onnxruntime", model))
    try:
        worker.process.kill()
        worker.process.wait()
        with pytest.raises(AiccError, match="AICC-5003.*status -9"):
            worker.ask("round", seconds=0.1)
    finally:
        worker.close()


def test_cores_are_the_first_of_those_allowed() -> None:
    assert len(cores(1)) == 1
    assert cores(1)[0] == cores(0)[0]


def test_the_table_tells_the_ratio() -> None:
    ours = Result("aicc", "0", 1, 0.1, 0.1, 10, rounds=[0.002])
    theirs = Result("onnxruntime", "1", 1, 0.1, 0.1, 10, rounds=[0.003])
    cells = [list(column.cells) for column in table([ours, theirs], compared=True).columns]
    assert "1.50x" in cells[8]


def test_wrong_arguments(model: Path) -> None:
    for arguments in (["--against", "nobody"], ["--against", "aicc"], ["--threads", "two"]):
        assert run(aicc_bench, model, *arguments).code == 2


@pytest.mark.slow
def test_command(model: Path) -> None:
    outcome = run(
        aicc_bench,
        model,
        "--against",
        "onnxruntime",
        "--threads",
        "1",
        "--rounds",
        "1",
        "--seconds",
        "0.05",
        "--kernels",
    )
    assert outcome.code == 0, outcome.err
    assert "aicc" in outcome.out and "onnxruntime" in outcome.out and "us/run" in outcome.out
