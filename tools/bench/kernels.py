"""Each kernel of a profiled model beside the machine's limits: multiplications or bytes, whichever bind it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from aicc.kernel_facts import KernelFacts
from aicc.tools.bench.peaks import Peaks

HOST = "(host)"


@dataclass(frozen=True)
class KernelRow:
    """One kernel. `calls` of one run, `seconds` of one call, `share` of the whole run.

    `flops` and `moved` bytes are those of one call, None where unknown (sizes of run time, no contraction).
    `bound` is what limits the kernel, `of_bound` the part of that limit it reaches: `FMA` for contractions that
    compute longer than they read from memory (Winograd counts the multiplications of the direct algorithm, so it
    may pass 1), else `bytes`: what it must read and write over the speed of a copy of that many bytes, or of
    reading memory where weights are streamed.
    """

    name: str
    nodes: str
    schedule: str
    calls: float
    seconds: float
    share: float
    flops: float | None = None
    moved: int | None = None
    bound: str = ""
    of_bound: float | None = None


def kernel_rows(
    profile: Mapping[str, Any], results: Mapping[str, Mapping[str, Any]], peaks: Peaks
) -> list[KernelRow]:
    """The kernels by time, and the host program between them.

    `profile` is that of the worker, `results` what the compiler's statistics say of each kernel
    (`kernel_results`), empty for a model that was compiled before.
    """
    runs, total = profile["runs"], profile["seconds"]
    rows = []
    for name, calls, seconds, _ in profile["kernels"]:
        known = results.get(name, {})
        facts: KernelFacts = known.get("facts") or KernelFacts(read=None, written=None, flops=None)
        each, work = seconds / max(1, calls), facts.flops or contraction_flops(name)
        bound, of_bound = limit(each, work, facts.moved, peaks)
        schedule = " ".join(filter(None, (known.get("schedule", ""), known.get("config", ""))))
        label = kernel_label(name, facts) if known else name
        share, moved = seconds / total, facts.moved
        row = KernelRow(label, facts.label, schedule, calls / runs, each, share, work, moved, bound, of_bound)
        rows.append(row)
    host = max(0.0, total - sum(k[2] for k in profile["kernels"]))
    return [*rows, KernelRow(HOST, "", "", 1.0, host / runs, host / total)]


def kernel_label(name: str, facts: KernelFacts) -> str:
    """The kernel's name without its hash; with the shapes it writes where the name tells none."""
    label = name.rsplit("_", 1)[0]
    shapes = [] if re.search(r"\d", label) else [shape for shape in facts.results if shape]
    return " ".join([label, *shapes[:2]])


def contraction_flops(name: str) -> float | None:
    """2 times the product of the loops in a contraction's name (`matmul_128x768_by_3072_…`): what is known of a
    model that was compiled before."""
    match = re.match(r"(?:matmul|conv)_([\dx]+)_by_([\dx]+)_", name)
    return 2.0 * math.prod(int(n) for group in match.groups() for n in group.split("x")) if match else None


def limit(seconds: float, flops: float | None, moved: int | None, peaks: Peaks) -> tuple[str, float | None]:
    """What binds a kernel that takes `seconds` a call, and the part of that limit it reaches."""
    computing = (flops or 0.0) / peaks.flops
    if flops is None:
        moving = (moved or 0) / peaks.copy(moved or 0)
    else:
        moving = (moved or 0) / peaks.read
    if not seconds or not (computing or moving):
        return "", None
    return ("FMA", computing / seconds) if computing >= moving else ("bytes", moving / seconds)


def kernel_table(rows: Sequence[KernelRow], least: float = 0.0) -> Table:
    """A line for each kernel with at least the share `least` of a run."""
    table = Table("kernel", "nodes", "algorithm", "calls", "us each", "share", "GFLOP/s", "GB/s", "of limit")
    for row in rows:
        if row.share >= least:
            table.add_row(*cells(row))
    return table


def cells(row: KernelRow) -> list[str]:
    """The columns of `kernel_table`."""
    each = row.seconds or math.inf
    return [
        row.name,
        row.nodes,
        row.schedule,
        f"{row.calls:g}",
        f"{row.seconds * 1e6:.1f}",
        f"{row.share:.1%}",
        "" if row.flops is None else f"{row.flops / each / 1e9:.0f}",
        "" if row.moved is None else f"{row.moved / each / 1e9:.1f}",
        "" if row.of_bound is None else f"{row.of_bound:.0%} {row.bound}",
    ]


def contraction_share(rows: Sequence[KernelRow], peaks: Peaks) -> float | None:
    """The part of the FMA peak that all kernels bound by multiplications reach together."""
    bound = [r for r in rows if r.bound == "FMA" and r.flops is not None]
    seconds = sum(r.seconds * r.calls for r in bound)
    return sum((r.flops or 0.0) * r.calls for r in bound) / seconds / peaks.flops if seconds else None


def describe_peaks(peaks: Peaks) -> str:
    """`2 threads: 510 GFLOP/s; memory 47 GB/s read, 30 GB/s copied`."""
    threads = f"{peaks.threads} thread{'s' if peaks.threads > 1 else ''}"
    return (
        f"{threads}: {peaks.flops / 1e9:.0f} GFLOP/s; memory {peaks.read / 1e9:.0f} GB/s read, "
        f"{peaks.levels[-1][2] / 1e9:.0f} GB/s copied"
    )
