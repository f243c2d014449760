"""What `--stats` shows of a compilation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from aicc.kernel_facts import KernelFacts, Traffic


def report(stats: Mapping[str, Any]) -> RenderableType:
    """The stages' times, one line per distinct kernel, what a run moves; other facts passes left, by name."""
    parts: list[RenderableType] = [_stages(stats)]
    kernels = stats.get("kernel_results", {})
    if kernels:
        parts.append(_kernels(kernels))
        parts.append(_program(stats))
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
    """Microseconds and bytes are those of one call; predictions are for one thread, or for the device."""
    parts = "blocks" if _on_device(kernels) else "tiles"
    table = Table(
        "kernel", "nodes", "schedule", "calls", parts, "predicted us", "instead of", "moved", "built in s"
    )
    failures = any(k["failures"] for k in kernels.values())
    if failures:
        table.add_column("failed before")
    for name, k in kernels.items():
        facts: KernelFacts = k["facts"]
        row = [
            name,
            facts.label,
            f"{k['schedule']}({k['config']})",
            "dynamic" if facts.calls is None else str(facts.calls),
            _parts(k),
            _micros(facts.costs.get(k["schedule"])),
            _others(facts.costs, k["schedule"]),
            _bytes(facts.moved),
            "cached" if k["cached"] else f"{sum(k['seconds'].values()):.2f}",
        ]
        if failures:
            row.append("; ".join(text.splitlines()[0] for text in k["failures"]))
        table.add_row(*row)
    return table


def _on_device(kernels: Mapping[str, Mapping[str, Any]]) -> bool:
    return any(k["launches"] for k in kernels.values())


def _parts(kernel: Mapping[str, Any]) -> str:
    """Tiles, or the blocks of each launch."""
    if kernel["launches"]:
        counts = [launch.blocks for launch in kernel["launches"]]
        return " + ".join("dynamic" if count is None else str(count) for count in counts)
    return "dynamic" if kernel["tiles"] is None else str(kernel["tiles"])


def _others(costs: Mapping[str, float], chosen: str) -> str:
    """The schedules that were not chosen, the best first: `contraction 12.0, window 40.1`."""
    ranked = sorted((seconds, name) for name, seconds in costs.items() if name != chosen)
    return ", ".join(f"{name} {_micros(seconds)}" for seconds, name in ranked)


def _micros(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1e6:.1f}"


def _bytes(count: int | None) -> str:
    return "dynamic" if count is None else byte_count(count)


def _program(stats: Mapping[str, Any]) -> Table:
    """What one run moves, against what it has to: inputs, outputs and weights once."""
    traffic: Traffic = stats["traffic"]
    table = Table("one run", "")
    kernels = stats["kernel_results"]
    table.add_row("predicted" if _on_device(kernels) else "predicted, one thread", _predicted(kernels))
    table.add_row("moved by kernels", _bytes(traffic.moved))
    if traffic.copied != 0:
        table.add_row("copied between kernels", _bytes(traffic.copied))
    table.add_row("minimum: inputs, outputs, weights", _bytes(traffic.minimum))
    if traffic.moved is not None and traffic.copied is not None and traffic.minimum:
        table.add_row("times the minimum", f"{(traffic.moved + traffic.copied) / traffic.minimum:.2f}")
    return table


def _predicted(kernels: Mapping[str, Mapping[str, Any]]) -> str:
    """The sum over all calls, and how many kernels it leaves out."""
    total, unknown = 0.0, 0
    for k in kernels.values():
        facts: KernelFacts = k["facts"]
        seconds = facts.costs.get(k["schedule"])
        if facts.calls is None or seconds is None:
            unknown += 1
        else:
            total += facts.calls * seconds
    without = f", without {unknown} of {len(kernels)} kernels" if unknown else ""
    return f"{total * 1e3:.2f} ms{without}"


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
