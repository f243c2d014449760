"""What `--stats` shows of a compilation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table


def report(stats: Mapping[str, Any]) -> RenderableType:
    """The stages' times, one line per distinct kernel, sizes; other facts passes left, by name."""
    parts: list[RenderableType] = [_stages(stats)]
    kernels = stats.get("kernel_results", {})
    if kernels:
        parts.append(_kernels(kernels))
    facts = _facts(stats)
    if facts:
        parts.append(facts)
    return Group(*parts)


def _stages(stats: Mapping[str, Any]) -> Table:
    table = Table("stage", "seconds")
    for stage, seconds in stats.get("seconds", {}).items():
        table.add_row(stage, f"{seconds:.3f}")
    table.add_row("total", f"{stats.get('total_seconds', 0.0):.3f}")
    return table


def _kernels(kernels: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table("kernel", "schedule", "config", "tiles", "bytes", "seconds", "failed before")
    for name, k in kernels.items():
        seconds = "cached" if k["cached"] else f"{sum(k['seconds'].values()):.2f}"
        tiles = "dynamic" if k["tiles"] is None else str(k["tiles"])
        failed = "; ".join(text.splitlines()[0] for text in k["failures"])
        table.add_row(name, k["schedule"], k["config"], tiles, f"{k['bytes']:,}", seconds, failed)
    return table


def _facts(stats: Mapping[str, Any]) -> Table | None:
    facts = {key: value for key, value in stats.items() if isinstance(value, (int, str))}
    if not facts:
        return None
    table = Table("fact", "value")
    for key, value in facts.items():
        text = byte_count(value) if isinstance(value, int) and key.endswith("_bytes") else str(value)
        table.add_row(key.removesuffix("_bytes").replace("_", " "), text)
    return table


def byte_count(count: int) -> str:
    """`1.5 MB`, in decimal units."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"
