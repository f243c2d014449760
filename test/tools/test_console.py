"""What all commands share: files appear whole or not at all, errors are paragraphs, arguments are checked."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from aicc.errors import CompileError
from aicc.tools import console


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), console.replacing(path) as unfinished:
        unfinished.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="AICC-4001.*no such file"):
        console.write_text(tmp_path / "missing" / "out.txt", "text")


def test_pairs() -> None:
    assert console.value_pairs(["a=b=c", "d=e"], "--x") == {"a": "b=c", "d": "e"}
    assert console.sizes(["n=3"], "--dim") == {"n": 3}
    for wrong in (["a"], ["=b"], ["a="], ["a=b", "a=c"]):
        with pytest.raises(click.UsageError, match="--x"):
            console.value_pairs(wrong, "--x")
    with pytest.raises(click.UsageError, match="number of elements"):
        console.sizes(["n=many"], "--dim")


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (
            CompileError("AICC-3003", "no cc.", hint="install one."),
            1,
            "error[AICC-3003]: no cc.\n  help: install one.",
        ),
        (KeyboardInterrupt(), 130, "interrupted"),
        (click.UsageError("wrong"), 2, "wrong"),
    ],
)
def test_exit_codes(error: BaseException, code: int, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    @click.command()
    @console.reporting
    def command() -> int:
        raise error

    with pytest.raises(SystemExit) as leaving:
        console.start(command, [])
    assert leaving.value.code == code
    captured = capsys.readouterr()
    assert text in captured.err and "Traceback" not in captured.err and captured.out == ""
