"""A progress line for whatever takes more than a second on a terminal; silent in a pipe or a log."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

PATIENCE = 1.0
"""Seconds before anything shows."""


class Progress:
    """The callback a compile reports to: `progress(stage, done, total)`. Use as a context manager.

    >>> with Progress() as progress:
    ...     aicc.compile("model.onnx", progress=progress)
    """

    def __init__(self, enabled: bool | None = None) -> None:
        self.enabled = sys.stderr.isatty() if enabled is None else enabled
        self._start = time.monotonic()
        self._bar: Bar | None = None

    def __enter__(self) -> Progress:
        self._start = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def __call__(self, stage: str, done: int = 0, total: int = 0) -> None:
        """`stage` goes on, with `done` of `total` pieces of work finished (0 of 0: not known)."""
        if not self.enabled or time.monotonic() - self._start < PATIENCE:
            return
        if self._bar is None:
            columns = (
                TextColumn("{task.description:<8}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
            )
            self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task(stage, total=None)
            self._bar.start()
        self._bar.update(self._task, description=stage, completed=done, total=total or None)
