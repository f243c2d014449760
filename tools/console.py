"""What all command line tools share: how errors, interrupts and files behave.

An error the user can meet is one paragraph on standard error and exit code 1; a wrong command line is
exit code 2; an interrupt is exit code 130. Nothing ever ends in a traceback, unless `AICC_DEBUG` asks for it.
"""

from __future__ import annotations

import functools
import os
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec

import click
from rich.console import Console, RenderableType

from aicc.errors import AiccError, AiccWarning, CompileError
from aicc.knobs import knobs
from aicc.signature import DimChoice, ShapeChoice

P = ParamSpec("P")

FAILED, INTERRUPTED = 1, 130


def reporting(function: Callable[P, int]) -> Callable[P, int]:
    """Decorates a command: errors of aicc become a paragraph on standard error and exit code 1."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> int:
        try:
            return function(*args, **kwargs)
        except AiccError as error:
            if knobs.debug:
                raise
            print(error, file=sys.stderr)
            return FAILED
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except BrokenPipeError:
            # The reader (head, less) has seen enough. Python must not try to flush again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return FAILED
        except Exception as error:
            if knobs.debug:
                raise
            print(_defect(error), file=sys.stderr)
            return FAILED

    return wrapped


def _defect(error: Exception) -> AiccError:
    """What is said of an exception that should not have happened."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(frame.filename).name}:{frame.lineno}"
    text = str(error).split("\n")[0]
    return AiccError(
        "AICC-9001",
        f"{type(error).__name__} at {where}: {text}",
        hint="this is a defect of aicc, please report it with the model; AICC_DEBUG=1 shows the traceback.",
    )


_show_others = warnings.showwarning


def _show_warning(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
    if issubclass(category, AiccWarning):
        print(f"warning: {message}", file=sys.stderr)
    else:
        _show_others(message, category, *where, **more)


def start(command: click.Command, arguments: Sequence[str] | None = None) -> None:
    """Runs a click command and ends the process with its exit code."""
    warnings.showwarning = _show_warning
    try:
        code = command.main(args=arguments, standalone_mode=False)
    except click.exceptions.Exit as leave:
        code = leave.exit_code
    except click.ClickException as wrong:
        wrong.show()
        code = wrong.exit_code
    except (click.Abort, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
        code = INTERRUPTED
    sys.exit(code)


def read_text(path: Path) -> str:
    """A text file of the user's. Raises CompileError AICC-4002."""
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CompileError("AICC-4002", f"cannot read '{path}': {_reason(error)}.") from None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block succeeds, and is gone when it fails.

    Raises CompileError AICC-4001 when it cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise CompileError("AICC-4001", f"cannot write '{path}': {_reason(error)}.") from None
    unfinished = Path(name)
    try:
        yield unfinished
        unfinished.chmod(0o644)
        unfinished.replace(path)
    except OSError as error:
        raise CompileError("AICC-4001", f"cannot write '{path}': {_reason(error)}.") from None
    finally:
        unfinished.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes a file whole or not at all. Raises CompileError AICC-4001."""
    with replacing(path) as unfinished:
        unfinished.write_text(text)


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)


def value_pairs(values: Sequence[str], option: str) -> dict[str, str]:
    """`NAME=VALUE` arguments of an option as a dict. Raises a usage error."""
    pairs: dict[str, Any] = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not equals or not name or not text:
            raise click.UsageError(f"{option} takes NAME=VALUE, not '{value}'")
        if name in pairs:
            raise click.UsageError(f"{option} names '{name}' twice")
        pairs[name] = text
    return pairs


def sizes(values: Sequence[str], option: str) -> dict[str, int]:
    """`NAME=N` arguments of an option. Raises a usage error."""
    pairs = value_pairs(values, option)
    for name, text in pairs.items():
        if not text.isdigit():
            raise click.UsageError(f"{option} {name}={text}: a size is a number of elements")
    return {name: int(text) for name, text in pairs.items()}


def dim_choices(values: Sequence[str], option: str) -> dict[str, DimChoice]:
    """`NAME=N` and `NAME=LOW..HIGH` arguments of an option. Raises a usage error."""
    choices: dict[str, DimChoice] = {}
    for name, text in value_pairs(values, option).items():
        low, dots, high = text.partition("..")
        if not low.isdigit() or (dots and not high.isdigit()):
            raise click.UsageError(f"{option} {name}={text}: expected a size, or a range such as 1..512")
        choices[name] = (int(low), int(high)) if dots else int(low)
    return choices


def shape_choices(values: Sequence[str], option: str) -> dict[str, ShapeChoice]:
    """`NAME=1,3,height,?` arguments of an option: sizes, names, ? for any; [] is a scalar. Raises a usage error."""
    choices: dict[str, ShapeChoice] = {}
    for name, text in value_pairs(values, option).items():
        entries = [] if text == "[]" else [entry.strip() for entry in text.split(",")]
        if not all(entry == "?" or entry.isidentifier() or entry.isdigit() for entry in entries):
            raise click.UsageError(f"{option} {name}={text}: expected sizes such as 1,3,height,?")
        choices[name] = tuple(int(e) if e.isdigit() else None if e == "?" else e for e in entries)
    return choices


def show(renderable: RenderableType) -> None:
    """Prints a table: as wide as the terminal, or as wide as it needs to be in a file or a pipe."""
    Console(width=None if sys.stdout.isatty() else 200, highlight=False).print(renderable)
