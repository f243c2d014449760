"""Where the time of runs went, kernel by kernel."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass

from aicc.runtime import structs
from aicc.runtime.library import Library


@dataclass(frozen=True)
class KernelTime:
    """`seconds`: wall-clock time of all `calls`; `tiles` computed in all of them."""

    name: str
    calls: int
    seconds: float
    tiles: int


@dataclass
class Profile:
    """Filled in when the `with` block of `Executable.profile()` ends; `kernels` sorted by time.

    `seconds` is the time inside the model of all `runs`: kernels and, between them, the host program.
    """

    runs: int = 0
    seconds: float = 0.0
    kernels: tuple[KernelTime, ...] = ()

    @property
    def host_seconds(self) -> float:
        """Time between kernels: views, shape arithmetic, control flow, starting kernels."""
        return max(0.0, self.seconds - sum(k.seconds for k in self.kernels))

    def __iter__(self) -> Iterator[KernelTime]:
        return iter(self.kernels)

    def __str__(self) -> str:
        rows = [*self.kernels, KernelTime("(host)", self.runs, self.host_seconds, 0)]
        width = max(len(row.name) for row in rows)
        runs = max(1, self.runs)
        lines = [f"{'kernel':{width}}  {'calls/run':>9}  {'us/run':>10}  {'us/call':>10}  {'share':>6}"]
        for row in rows:
            micros = row.seconds * 1e6
            share = row.seconds / self.seconds if self.seconds else 0.0
            lines.append(
                f"{row.name:{width}}  {row.calls / runs:9.1f}  {micros / runs:10.1f}"
                f"  {micros / max(1, row.calls):10.2f}  {share:6.1%}"
            )
        lines.append(f"{self.runs} runs, {self.seconds * 1e6 / runs:.1f} us each")
        return "\n".join(lines)


def collect(library: Library, contexts: list[int]) -> Profile:
    """The counters of all contexts, added up."""
    entry = structs.ProfileEntry()
    totals: dict[int, KernelTime] = {}
    for context in contexts:
        for n in range(library.functions["profile_count"](context)):
            library.check(library.functions["profile_get"](context, n, ctypes.byref(entry)))
            old = totals.get(n, KernelTime(entry.name.decode(), 0, 0.0, 0))
            totals[n] = KernelTime(
                old.name,
                old.calls + entry.calls,
                old.seconds + entry.nanoseconds * 1e-9,
                old.tiles + entry.tiles,
            )
    run = totals.pop(0)
    kernels = sorted((t for t in totals.values() if t.calls), key=lambda t: -t.seconds)
    return Profile(run.calls, run.seconds, tuple(kernels))
