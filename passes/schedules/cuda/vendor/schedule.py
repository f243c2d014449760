"""Costs and lowering of schedules that leave a part of a kernel to a library."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aicc.passes.gpu.library_calls import LibraryCall
from aicc.passes.schedules.cpu.access import Access, touched_bytes
from aicc.passes.schedules.cpu.nest import Buffer, Nest
from aicc.passes.schedules.cpu.sizes import Size
from aicc.passes.schedules.cuda.costs import LAUNCH, rates
from aicc.passes.schedules.cuda.vendor.assemble import OWN, PADDING, REST, choices, lowered, put_together
from aicc.passes.schedules.cuda.vendor.split import Split
from aicc.passes.schedules.schedule import Config, NoMatch, Schedule
from aicc.target import Target


@dataclass(frozen=True)
class Padding:
    """An operand that the library pads, and other schedules want padded: `parts.first` pads it, into a temporary of
    `shape`, and `parts.rest` is the kernel that reads that."""

    parts: Split
    element: str
    shape: tuple[Size, ...]


@dataclass(frozen=True)
class Work:
    """What the library does. `accesses` are the call's operands over axes of `extents`, `numbers` those that the call
    wants, but for the workspace; both as `nest` has them. `out` is where the result goes, `seconds` what the arithmetic
    takes, `workspace` how many bytes the library gets at most."""

    parts: Split
    call: LibraryCall
    nest: Nest
    accesses: tuple[Access, ...]
    extents: Sequence[Size]
    numbers: Mapping[str, Size]
    out: Buffer
    seconds: float
    workspace: int
    padding: Padding | None = None


class LibrarySchedule(Schedule):
    """A call of a library in the place of the kernel, with launches of other schedules for the stages after it, and for
    the whole kernel where the library has no algorithm."""

    @abstractmethod
    def read(self, kernel: Any, target: Target) -> Work:
        """Raises NoMatch."""

    def _read(self, kernel: Any, target: Target) -> Work:
        work = self.read(kernel, target)
        if work.parts.rest is None and "aicc.alias" in kernel.attributes:
            raise NoMatch("an output in the memory of an input")
        return work

    def check(self, kernel: Any, target: Target) -> None:
        """Raises NoMatch."""
        self._read(kernel, target)

    def cost(self, kernel: Any, target: Target, config: Config) -> float:
        """The arithmetic, or the bytes; then what other stages take."""
        work = self._read(kernel, target)
        moved = touched_bytes(work.accesses, work.extents) / rates(target).bandwidth
        rest = 0.0 if work.parts.rest is None else choices(work.parts.rest, target)[0][0]
        return max(work.seconds, moved) + LAUNCH + rest

    def lower(self, module: Any, func: Any, target: Target, config: Config) -> None:
        """Raises NoMatch."""
        from aicc.passes.schedules.cuda.vendor.host import emit

        work = self._read(func, target)
        text = emit(func, work)
        if work.padding is None:
            others = {OWN: lowered(func, target)}
        else:
            parts = work.padding.parts
            others = {PADDING: lowered(parts.first, target), OWN: lowered(parts.rest, target)}
        if work.parts.rest is not None:
            others[REST] = lowered(work.parts.rest, target)
        put_together(func, text, others)
