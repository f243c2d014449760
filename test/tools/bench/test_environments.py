"""Environments: made once, never in the user's own, and a clear error when they cannot be."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aicc.errors import CompileError
from aicc.knobs import knobs
from aicc.tools.bench import environments
from aicc.tools.bench.peers import AICC, PEERS, Peer

PEER = Peer("some", "some", ("some==1.0",), index="https://index.invalid")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path) -> Iterator[None]:
    with knobs.scope(cache_dir=tmp_path):
        yield


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would be run; `pip freeze` answers with one package."""
    seen: list[list[str]] = []

    def run(peer: Peer, command: list[str]) -> str:
        seen.append(command)
        return "some==1.0\n"

    monkeypatch.setattr(environments, "_run", run)
    return seen


def test_aicc_runs_where_it_is() -> None:
    assert environments.python_of(AICC) == Path(sys.executable)


def test_every_other_runtime_is_pinned() -> None:
    for peer in PEERS.values():
        assert peer is AICC or peer.requirements
        assert all("==" in requirement for requirement in peer.requirements)


def test_an_environment_is_made_once(tmp_path: Path, commands: list[list[str]]) -> None:
    python = environments.python_of(PEER)
    assert python == tmp_path / "bench" / "environments" / "some" / "bin" / "python"
    assert [c[1:3] for c in commands] == [["-m", "venv"], ["-m", "pip"], ["-m", "pip"]]
    assert commands[1][0] == str(python) and "some==1.0" in commands[1]
    environments.python_of(PEER)
    assert len(commands) == 3
    assert environments.versions_of(PEER) == ["some==1.0"]


def test_other_requirements_make_it_again(commands: list[list[str]]) -> None:
    environments.python_of(PEER)
    newer = Peer("some", "some", ("some==2.0",))
    assert not environments.is_installed(newer)
    environments.python_of(newer)
    assert len(commands) == 6 and environments.is_installed(newer)


def test_a_record_that_was_cut_off_counts_as_none(tmp_path: Path, commands: list[list[str]]) -> None:
    environments.python_of(PEER)
    (tmp_path / "bench" / "environments" / "some.json").write_text('{"requirem')
    assert not environments.is_installed(PEER)


def test_nothing_is_installed_when_that_is_not_allowed() -> None:
    with pytest.raises(CompileError, match="AICC-4003.*some is not installed"):
        environments.python_of(PEER, install=False)


def test_an_installation_that_fails_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pip = tmp_path / "python"
    pip.write_text("#!/bin/sh\necho 'no index' >&2\nexit 1\n")
    pip.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(pip))
    with pytest.raises(CompileError, match="AICC-4003.*some cannot be installed") as error:
        environments.python_of(PEER)
    assert error.value.notes == ["no index"]
    assert not environments.is_installed(PEER)


def test_a_second_index_is_asked_when_the_first_lacks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def run(peer: Peer, command: list[str]) -> str:
        asked.append(command)
        if "install" in command and "--extra-index-url" not in command:
            raise CompileError("AICC-4003", "not there")
        return ""

    monkeypatch.setattr(environments, "_run", run)
    environments.python_of(PEER)
    assert asked[2][-2:] == ["--extra-index-url", "https://index.invalid"]


def test_another_environment_sees_nothing_of_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    variables = environments.clean_environment()
    assert "PYTHONPATH" not in variables and variables["PYTHONNOUSERSITE"] == "1"


def test_the_record_is_readable(tmp_path: Path, commands: list[list[str]]) -> None:
    environments.python_of(PEER)
    record = json.loads((tmp_path / "bench" / "environments" / "some.json").read_text())
    assert record == {"requirements": ["some==1.0"], "versions": ["some==1.0"]}
