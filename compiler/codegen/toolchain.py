"""The C compiler driver that compiles the runtime and links models."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from aicc.errors import CompileError
from aicc.knobs import knobs
from aicc.target import Target


@dataclass(frozen=True)
class Toolchain:
    """A compiler driver with the arguments that make it compile and link for a target."""

    command: tuple[str, ...]

    def run(self, arguments: list[str], what: str, cwd: Path | None = None) -> None:
        """Raises CompileError AICC-3004, with what the driver says, or AICC-3003 if it cannot be started."""
        try:
            done = subprocess.run(
                [*self.command, *arguments], capture_output=True, text=True, cwd=cwd, check=False
            )
        except OSError as error:
            raise CompileError(
                "AICC-3003",
                f"'{self.command[0]}' cannot be run: {error.strerror or error}.",
                stage="link",
                hint=_HINT,
            ) from error
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines()
            raise CompileError(
                "AICC-3004",
                f"{what} failed: {' '.join(self.command)} ended with {done.returncode}.",
                stage="link",
                notes=lines[:12],
                hint="AICC_DEBUG=1 keeps the files of the link.",
            )

    @property
    def identity(self) -> str:
        """What the objects it makes depend on: for cache keys."""
        return _version(self.command)


_HINT = "install a C compiler, or `pip install aicc[zig]`, or name one with --linker or AICC_LINKER."


def find_toolchain(target: Target, linker: str | None = None) -> Toolchain:
    """The driver for `target`: `linker`, else AICC_LINKER, else $CC, else what is installed, else ziglang.

    Raises CompileError AICC-3003 when there is none.
    """
    chosen = linker or knobs.linker
    if chosen:
        return Toolchain(_given(chosen))
    native = _arch(target.triple) == os.uname().machine
    if native and os.environ.get("CC"):
        return Toolchain(_given(os.environ["CC"]))
    names = ("cc", "gcc", "clang") if native else (f"{_arch(target.triple)}-linux-gnu-gcc",)
    for name in names:
        path = shutil.which(name)
        if path is not None:
            return Toolchain((path,))
    if importlib.util.find_spec("ziglang") is not None:
        zig = (sys.executable, "-m", "ziglang", "cc", "-target", f"{_arch(target.triple)}-linux-gnu")
        return Toolchain(zig)
    raise CompileError(
        "AICC-3003", f"no C compiler driver for {target.triple} was found.", stage="link", hint=_HINT
    )


def _given(text: str) -> tuple[str, ...]:
    """A command as the user writes it. Raises CompileError AICC-3003 if its program does not exist."""
    try:
        words = shlex.split(text)
    except ValueError:
        words = []
    program = shutil.which(words[0]) if words else None
    if program is None:
        raise CompileError("AICC-3003", f"the linker '{text}' was not found.", stage="link", hint=_HINT)
    return (program, *words[1:])


def _arch(triple: str) -> str:
    return triple.split("-")[0]


@cache
def _version(command: tuple[str, ...]) -> str:
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False)
    return " ".join(command) + " " + (done.stdout or done.stderr).split("\n")[0]
