"""What the networks should take on a GPU, kernel by kernel, without one: docs/predictions-cuda.md.

    python -m benchmarks.cuda.predictions                        the networks of NETWORKS, for an H200
    python -m benchmarks.cuda.predictions --device a100 bert-base-b1 --all

Of each kernel: what it moves and computes, its blocks against the multiprocessors, what its code needs (of ptxas), the
time in which the device could do that at the very best, and what the cost model says. Nothing is measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from aicc.codegen.launches import Launch
from aicc.devices import DEVICES, Device
from aicc.driver import Options, compile_model
from aicc.kernel_facts import KernelFacts
from aicc.target import Target
from aicc.tools import console
from benchmarks.cuda.networks import NETWORKS
from benchmarks.cuda.planting import planted
from benchmarks.zoo import exported

PAGE = Path("docs/predictions-cuda.md")
WORST = 12
"""Kernels of a network that the page shows."""
PEAKS = {"f16": 1.0, "bf16": 1.0, "i8": 2.0}
"""Of the tensor cores' rate in 16 bits."""


@dataclass(frozen=True)
class Plan:
    """A network to predict: its ONNX file, sizes of symbolic dims, whether all of it is f16, `precision` of weights."""

    source: str
    sizes: Mapping[str, int] = field(default_factory=dict)
    half: bool = True
    precision: str = "f32"


PLANS: dict[str, Plan] = {
    **{name: Plan(n.source, n.sizes, n.half) for name, n in NETWORKS.items()},
    "gpt2-decode": Plan("gpt2-decode", {"past": 512}),
    "gpt2-decode-int4": Plan("gpt2-decode", {"past": 512}, half=False, precision="int4-weights"),
}


@dataclass(frozen=True)
class Row:
    """A kernel of a network; seconds are those of one call."""

    name: str
    schedule: str
    calls: int
    facts: KernelFacts
    launches: tuple[Launch, ...]
    predicted: float
    device: Device
    target: Target

    @property
    def best(self) -> float:
        """Seconds in which the device could move the bytes, or do the products."""
        plain = self.device.flops
        peak = PEAKS[self.facts.product] * self.device.tensor_flops if self.facts.product in PEAKS else plain
        return max((self.facts.moved or 0) / self.device.bandwidth, (self.facts.flops or 0.0) / peak)

    @property
    def lost(self) -> float:
        """Seconds of all calls beyond that."""
        return self.calls * (self.predicted - self.best)

    @property
    def blocks(self) -> str:
        """Of each launch: `256 of 264`, and how many rounds it takes if there is more than one."""
        return ", ".join(self._blocks(launch) for launch in self.launches)

    def _blocks(self, launch: Launch) -> str:
        if launch.blocks is None:
            return "?"
        room = self.device.multiprocessors * launch.resident(self.target)
        rounds = launch.blocks / room
        return f"{launch.blocks} of {room}" + (f" ({rounds:.1f} rounds)" if rounds > 1 else "")

    @property
    def needs(self) -> str:
        """Threads of a block, registers of a thread, KiB of shared memory, of each launch."""
        return ", ".join(f"{x.threads} x {x.registers}, {x.shared / 1024:.0f} KiB" for x in self.launches)


def rows_of(plan: Plan, device: Device) -> list[Row]:
    """The kernels of a network, those that lose most first. Raises AiccError."""
    path = exported(plan.source)
    model: Any = planted(path, True).model.SerializeToString() if plan.half else path
    target = Target.cuda(device.arch)
    result = compile_model(model, None, Options(target=target, dims=plan.sizes, precision=plan.precision))
    rows = []
    for name, kernel in result.stats["kernel_results"].items():
        facts: KernelFacts = kernel["facts"]
        predicted = facts.costs.get(kernel["schedule"], 0.0)
        schedule = f"{kernel['schedule']}({kernel['config']})"
        rows.append(
            Row(name, schedule, facts.calls or 1, facts, kernel["launches"], predicted, device, target)
        )
    return sorted(rows, key=lambda row: -row.lost)


def summary(name: str, rows: Sequence[Row]) -> list[str]:
    """A line of the first table."""
    launches = sum(row.calls * len(row.launches) for row in rows)
    moved = sum(row.calls * (row.facts.moved or 0) for row in rows)
    flops = sum(row.calls * (row.facts.flops or 0.0) for row in rows)
    predicted, best = (sum(row.calls * value(row) for row in rows) for value in (_predicted, _best))
    return [
        f"| {name} | {launches} | {moved / 1e6:.1f} | {flops / 1e9:.2f} | {best * 1e6:.0f} | {predicted * 1e6:.0f} |"
    ]


def _predicted(row: Row) -> float:
    return row.predicted


def _best(row: Row) -> float:
    return row.best


def table(rows: Sequence[Row]) -> list[str]:
    """A line a kernel."""
    lines = [
        "| kernel | schedule | calls | KB read | KB written | MFLOP | blocks | a block | best µs | predicted µs |",
        "|---|---|" + "---:|" * 4 + "---|---|" + "---:|" * 2,
    ]
    for row in rows:
        facts = row.facts
        numbers = [facts.read or 0, facts.written or 0]
        lines.append(
            f"| {row.name.rpartition('_')[0] or row.name} | {row.schedule} | {row.calls} "
            f"| {numbers[0] / 1e3:.0f} | {numbers[1] / 1e3:.0f} | {(facts.flops or 0.0) / 1e6:.0f} | {row.blocks} "
            f"| {row.needs} | {row.best * 1e6:.2f} | {row.predicted * 1e6:.2f} |"
        )
    return lines


def page(found: Mapping[str, Sequence[Row]], device: Device, most: int) -> list[str]:
    """The whole text."""
    rates = (
        f"{device.multiprocessors} multiprocessors, {device.bandwidth / 1e12:.2f} TB/s, "
        f"{device.tensor_flops / 1e12:.0f} TFLOP/s in 16 bits, {device.flops / 1e12:.0f} TFLOP/s in f32"
    )
    lines = [
        "# Predictions for NVIDIA GPUs",
        "",
        "Generated by `python -m benchmarks.cuda.predictions`; do not edit. **Nothing here was measured**: it is what",
        "is known when a model is compiled, against what vendors state of a device (`compiler/devices.py`), here of an",
        f"{device.name}: {rates}.",
        "",
        "* *best*: the bytes at the memory's bandwidth, or the products at the peak, whatever takes longer; no launch",
        "* *predicted*: what the cost model of the schedule says, by which it was chosen; 0 where nothing was chosen",
        "* *MFLOP*: multiplications and additions of matrix products, convolutions and attention; 0 for elementwise",
        "  ops, other sums, and products with weights in 4 bits, which kernels unpack and add up",
        "* *blocks*: those of the grid, of as many as the device holds at once; `?`: only a run knows",
        "* *a block*: its threads x the registers of each, its dynamic shared memory",
        "",
        "| network | launches | MB moved | GFLOP | best µs | predicted µs |",
        "|---|" + "---:|" * 5,
    ]
    for name, rows in found.items():
        lines += summary(name, rows)
    for name, rows in found.items():
        lines += ["", f"## {name}", "", f"Those that lose most, {min(most, len(rows))} of {len(rows)}.", ""]
        lines += table(rows[:most])
    return [*lines, ""]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("networks", nargs=-1)
@click.option("--device", type=click.Choice(list(DEVICES)), default="h200", show_default=True)
@click.option("--all", "everything", is_flag=True, help="All kernels, not those that lose most.")
@console.reporting
def main(networks: tuple[str, ...], device: str, everything: bool) -> int:
    """Predict NETWORKS (default: all, and write the page)."""
    unknown = [name for name in networks if name not in PLANS]
    if unknown:
        raise click.UsageError(f"no such network: {', '.join(unknown)}; there are: {', '.join(PLANS)}.")
    found = {}
    for name in networks or PLANS:
        found[name] = rows_of(PLANS[name], DEVICES[device])
        print(f"{name}: {len(found[name])} kernels", flush=True)
    text = "\n".join(page(found, DEVICES[device], 1 << 20 if everything else WORST))
    if networks or device != "h200":
        print(text)
    else:
        console.write_text(PAGE, text)
    return 0


if __name__ == "__main__":
    console.start(main)
