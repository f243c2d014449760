"""Where the time of runs went, kernel by kernel."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, field

from aicc.runtime import structs
from aicc.runtime.library import Library


@dataclass(frozen=True)
class KernelInfo:
    """What the compiler knew of a kernel: `nodes` are the ONNX nodes it computes, `seconds` is predicted for one
    call on one thread, `calls` per run, `read` and `written` bytes of one call; None where unknown."""

    name: str
    schedule: str = ""
    nodes: tuple[str, ...] = ()
    seconds: float | None = None
    calls: int | None = None
    read: int | None = None
    written: int | None = None

    @property
    def bytes(self) -> int | None:
        """Bytes of one call."""
        return None if self.read is None or self.written is None else self.read + self.written

    @property
    def node(self) -> str:
        """`/layer.0/dense/MatMul + 2`: the first of `nodes`, and how many more there are."""
        more = f" + {len(self.nodes) - 1}" if len(self.nodes) > 1 else ""
        return self.nodes[0] + more if self.nodes else ""


@dataclass(frozen=True)
class KernelTime:
    """`seconds`: wall-clock time of all `calls`; `tiles` computed in all of them."""

    name: str
    calls: int
    seconds: float
    tiles: int
    info: KernelInfo = field(default_factory=lambda: KernelInfo(""))

    @property
    def ratio(self) -> float | None:
        """Measured over predicted seconds; None without a prediction."""
        predicted = self.info.seconds
        return self.seconds / self.calls / predicted if predicted and self.calls else None


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
        lines = [
            f"{'kernel':{width}}  {'calls/run':>9}  {'us/run':>10}  {'us/call':>10}  {'predicted':>10}"
            f"  {'GB/s':>6}  {'share':>6}  nodes"
        ]
        for row in rows:
            micros, each = row.seconds * 1e6, row.seconds / max(1, row.calls)
            share = row.seconds / self.seconds if self.seconds else 0.0
            predicted = "" if row.info.seconds is None else f"{row.info.seconds * 1e6:.2f}"
            rate = "" if row.info.bytes is None or not each else f"{row.info.bytes / each * 1e-9:.1f}"
            lines.append(
                f"{row.name:{width}}  {row.calls / runs:9.1f}  {micros / runs:10.1f}  {each * 1e6:10.2f}"
                f"  {predicted:>10}  {rate:>6}  {share:6.1%}  {row.info.node}".rstrip()
            )
        lines.append(f"{self.runs} runs, {self.seconds * 1e6 / runs:.1f} us each")
        return "\n".join(lines)


def kernel_infos(library: Library) -> tuple[KernelInfo, ...]:
    """What a library says of its kernels; nothing if an earlier version of aicc made it."""
    functions = library.functions
    if "kernel_info" not in functions:
        return ()
    return tuple(_info(functions["kernel_info"](n).contents) for n in range(functions["kernel_count"]()))


def _info(kernel: structs.Kernel) -> KernelInfo:
    return KernelInfo(
        kernel.name.decode(),
        kernel.schedule.decode(),
        tuple(kernel.nodes.decode().splitlines()),
        kernel.seconds if kernel.seconds >= 0 else None,
        *(n if n >= 0 else None for n in (kernel.calls, kernel.read, kernel.written)),
    )


def collect(library: Library, contexts: list[int]) -> Profile:
    """The counters of all contexts, added up."""
    entry = structs.ProfileEntry()
    totals: dict[int, KernelTime] = {}
    infos = kernel_infos(library)
    for context in contexts:
        for n in range(library.functions["profile_count"](context)):
            library.check(library.functions["profile_get"](context, n, ctypes.byref(entry)))
            name = entry.name.decode()
            info = infos[n - 1] if 0 < n <= len(infos) else KernelInfo(name)
            old = totals.get(n, KernelTime(name, 0, 0.0, 0, info))
            totals[n] = KernelTime(
                old.name,
                old.calls + entry.calls,
                old.seconds + entry.nanoseconds * 1e-9,
                old.tiles + entry.tiles,
                old.info,
            )
    run = totals.pop(0)
    kernels = sorted((t for t in totals.values() if t.calls), key=lambda t: -t.seconds)
    return Profile(run.calls, run.seconds, tuple(kernels))
