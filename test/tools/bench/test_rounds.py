"""Processes measured in turn; failures that are told and stop nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aicc.errors import AiccError, AiccWarning
from aicc.knobs import knobs
from aicc.tools.bench import rounds
from aicc.tools.bench.environments import python_of
from aicc.tools.bench.memory import PeakMemory, tree_bytes
from aicc.tools.bench.peers import Peer
from aicc.tools.bench.process import WorkerProcess, ending
from aicc.tools.bench.rounds import Contestant, Plan, Result, compile_ahead, cores, measure
from test.tools.bench.fakes import fake

INPUTS = {"x": np.arange(4, dtype=np.float32)}
SHORT = Plan(rounds=4, seconds=0.005, slow_rounds=2, compile_limit=20.0, limit=20.0)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path) -> Iterator[None]:
    with knobs.scope(cache_dir=tmp_path / "cache"):
        yield


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"any")
    return path


def results(model: Path, *peers: Peer, plan: Plan = SHORT) -> list[Result]:
    return measure([Contestant(peer, model) for peer in peers], INPUTS, [1], plan)


def test_every_runtime_takes_its_turns(model: Path, tmp_path: Path) -> None:
    first, second = results(model, fake(tmp_path, "a"), fake(tmp_path, "b", slow=True))
    assert (len(first.rounds), len(second.rounds)) == (4, 2)
    assert first.error is None and second.error == 0.0  # the first is the reference
    for result in (first, second):
        assert result.version == "1.0" and not result.failure
        assert 0 < result.best <= result.median and result.load > 0


def test_slow_runtimes_take_part_in_rounds_spread_over_all() -> None:
    plan, slow = Plan(rounds=9, slow_rounds=3), Peer("x", "x", slow=True)
    assert [n for n in range(9) if plan.takes_part(slow, n)] == [0, 3, 6]
    assert all(plan.takes_part(Peer("y", "y"), n) for n in range(9))
    assert [n for n in range(2) if Plan(rounds=2, slow_rounds=5).takes_part(slow, n)] == [0, 1]


def test_each_thread_count_has_its_results(model: Path, tmp_path: Path) -> None:
    peers = [fake(tmp_path, "a"), replace(fake(tmp_path, "b", "threads"), rethreads=True)]
    found = measure([Contestant(peer, model) for peer in peers], INPUTS, [1, 2], SHORT)
    assert [(r.runtime, r.threads) for r in found] == [("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert all(len(r.rounds) == 4 for r in found)
    # The fake adds its number of threads to what it returns, and keeps its process.
    assert [r.error for r in found if r.runtime == "b"] == [pytest.approx(1 / 6), pytest.approx(2 / 6)]
    assert found[1].load == found[3].load and found[0].load != found[2].load


def test_wrong_outputs_show_in_the_agreement(model: Path, tmp_path: Path) -> None:
    _, other = results(model, fake(tmp_path, "a"), fake(tmp_path, "b", "wrong"))
    assert other.error == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("fault", "words"),
    [("broken", "b: ValueError: no such operator: Foo"), ("crashing", "b was killed by SIGABRT")],
)
def test_a_runtime_that_fails_stops_no_other(model: Path, tmp_path: Path, fault: str, words: str) -> None:
    first, failed, last = results(model, fake(tmp_path, "a"), fake(tmp_path, "b", fault), fake(tmp_path, "c"))
    assert words in failed.failure and not failed.rounds
    assert len(first.rounds) == len(last.rounds) == 4
    assert last.error == 0.0


def test_the_last_words_of_a_crash_are_told(model: Path, tmp_path: Path) -> None:
    (failed,) = results(model, fake(tmp_path, "b", "crashing"))
    assert "about to die" in failed.failure


def test_a_runtime_that_hangs_is_ended(model: Path, tmp_path: Path) -> None:
    plan = Plan(rounds=1, seconds=0.01, run_limit=1.0)
    failed, good = results(model, fake(tmp_path, "a", "hanging"), fake(tmp_path, "b"), plan=plan)
    assert failed.failure == "a took more than 1 s."
    assert good.rounds and good.error is None


def test_where_a_run_takes_long_one_is_enough(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "LONG_RUN", 0.0)
    (result,) = results(model, fake(tmp_path, "a"))
    assert result.rounds == [result.first]


def test_a_failure_is_not_tried_again_with_more_threads(model: Path, tmp_path: Path) -> None:
    peer = fake(tmp_path, "a", "counting")
    found = measure([Contestant(peer, model)], INPUTS, [1, 2], SHORT)
    assert [r.failure for r in found] == ["a: ValueError: no"] * 2
    assert Path(f"{model}.loads").read_text() == "x"


def test_what_was_compiled_is_kept(model: Path, tmp_path: Path) -> None:
    peer = fake(tmp_path, "a", "loaded", compiles=True)
    for _ in range(2):
        (result,) = results(model, peer)
        assert not result.failure and result.compile is not None
    assert Path(f"{model}.compilations").read_text() == "x"
    model.write_bytes(b"another")
    results(model, peer)
    assert Path(f"{model}.compilations").read_text() == "xx"


def test_compilations_that_fail_or_hang_are_told(model: Path, tmp_path: Path) -> None:
    plan = Plan(rounds=1, seconds=0.01, compile_limit=2.0)
    peers = [fake(tmp_path, "a", "uncompiled", compiles=True), fake(tmp_path, "b", "endless", compiles=True)]
    first, second = results(model, *peers, plan=plan)
    assert first.failure == "a: ValueError: cannot compile"
    assert second.failure == "b took more than 2 s."


def test_a_worker_that_was_killed_is_told(tmp_path: Path) -> None:
    peer = fake(tmp_path, "a")
    worker = WorkerProcess(peer, python_of(peer))
    try:
        worker.kill()
        worker.process.wait()
        with pytest.raises(AiccError, match="AICC-5003.*a was killed by SIGKILL"):
            worker.ask("round", seconds=0.1)
    finally:
        worker.close()


def test_endings() -> None:
    assert ending(3) == "ended with status 3"
    assert ending(-11) == "was killed by SIGSEGV (status -11)"


def test_cores_are_the_first_of_those_allowed() -> None:
    assert len(cores(1)) == 1
    assert cores(1)[0] == cores(0)[0]


def test_memory_of_a_process_and_its_children() -> None:
    block = "import sys, subprocess; x = bytearray(64 << 20); "
    child = f"{block} print('ready', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", f"{block} subprocess.run([sys.executable, '-c', {child!r}])"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout and process.stdin
    try:
        process.stdout.readline()
        memory = PeakMemory(process.pid)
        memory.sample()
    finally:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()
    assert 128 << 20 < memory.bytes < 256 << 20
    assert tree_bytes(process.pid) == 0


def test_compiling_ahead_is_what_a_measurement_finds(model: Path, tmp_path: Path) -> None:
    peer = fake(tmp_path, "a", "loaded", compiles=True)
    (made,) = compile_ahead([Contestant(peer, model)], INPUTS, SHORT)
    assert not made.error and made.version == "1.0"
    (result,) = results(model, peer)
    assert result.compile == made.seconds
    assert Path(f"{model}.compilations").read_text() == "x"


def test_processes_of_different_priority_are_warned_of() -> None:
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(2)]
    pids = [process.pid for process in processes]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            rounds._check_priorities(pids)
        os.setpriority(os.PRIO_PROCESS, pids[1], 19)
        with pytest.warns(AiccWarning, match="different priorities"):
            rounds._check_priorities(pids)
    finally:
        for process in processes:
            process.communicate()
