"""docs/tutorial.md and the README are run: every command and program on them works as printed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from aicc.tools.bench.peers import PEERS
from test.tools.bench.fakes import stand_in

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```(?P<language>\w+)(?P<flags>[^\n]*)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)
_FILE_NAME = re.compile(r"^(?:#|/\*) (?P<name>[\w.]+)(?: \*/)?$")


@dataclass(frozen=True)
class Block:
    language: str
    flags: str
    text: str

    @property
    def file_name(self) -> str | None:
        """Named by a comment in the first line: the block is that file."""
        match = _FILE_NAME.match(self.text.split("\n")[0])
        return match["name"] if match else None


def blocks(page: Path) -> Iterator[Block]:
    for match in _BLOCK.finditer(page.read_text()):
        yield Block(match["language"], match["flags"].strip(), match["text"])


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the commands as scripts of this interpreter, whatever PATH has."""
    folder = tmp_path_factory.mktemp("bin")
    for name in ("aicc", "aicc-opt", "aicc-run", "aicc-bench", "aicc-quantize"):
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m aicc.tools.{name.replace("-", "_")} "$@"\n')
        script.chmod(0o755)
    # A link would hide the virtual environment.
    (folder / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (folder / "python").chmod(0o755)
    return folder


def run(command: list[str], folder: Path, commands: Path) -> subprocess.CompletedProcess[str]:
    path = f"{commands}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=300
    )


_PARTS = """
import json, sys
for line in sys.stdin:
    exec(compile(json.loads(line), "<page>", "exec"), globals())
    print(end="\\0", flush=True)
"""


class Program:
    """A Python program that is given part by part."""

    def __init__(self, folder: Path, commands: Path) -> None:
        environment = {**os.environ, "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PARTS],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, text: str) -> str | None:
        """Runs a part; what the program printed if it ended there."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(json.dumps(text) + "\n")
        stdin.flush()
        printed = ""
        while not printed.endswith("\0"):
            found = stdout.read(1)
            if not found:
                return printed
            printed += found
        return None

    def end(self) -> None:
        """There are no more parts."""
        self._process.communicate(timeout=300)
        assert self._process.returncode == 0


@pytest.mark.parametrize("page", ["docs/tutorial.md", "README.md"])
def test_page(page: str, tmp_path: Path, commands: Path) -> None:
    """Blocks run one after the other, those of Python as parts of one program."""
    program = Program(tmp_path, commands)
    stand_in(PEERS["onnxruntime"])
    if page == "README.md":
        assert run([sys.executable, "-m", "aicc.tools.demo", "."], tmp_path, commands).returncode == 0
        (tmp_path / "demo.onnx").rename(tmp_path / "model.onnx")
    for block in blocks(ROOT / page):
        if block.language == "sh":
            lines = "\n".join(line for line in block.text.splitlines() if not line.startswith(("make", "#")))
            result = run(["bash", "-euc", lines], tmp_path, commands)
            assert (result.returncode != 0) == (block.flags == "fails"), (
                f"{block.text}\n{result.stdout}{result.stderr}"
            )
            assert "Traceback" not in result.stderr
        elif block.language == "c":
            (tmp_path / (block.file_name or "main.c")).write_text(block.text)
            result = run(["bash", "-euc", C_PROGRAM], tmp_path, commands)
            assert result.returncode == 0, result.stdout + result.stderr
        elif block.file_name:
            (tmp_path / block.file_name).write_text(block.text)
        elif block.language == "python":
            output = program.run(block.text)
            assert output is None, f"{block.text}\n{output}"
    program.end()


C_PROGRAM = 'cc -Wall -Werror main.c ./model.so -I "$(aicc --include-dir)" -o main && ./main'
