"""Cost models: which schedule is chosen, as forcing each of them was measured to be right (AVX-512, one thread)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from aicc.driver import Options, compile_model
from aicc.passes.schedules.machine import Machine, machine
from aicc.target import Target
from test.models.builder import Graph

ZEN5 = Target.cpu_named("znver5")


def costs(graph: Graph, root: str) -> tuple[str, dict[str, float]]:
    """The chosen schedule of the kernel called `root`, and predicted seconds by schedule."""
    text = compile_model(graph.model(), None, Options(target=ZEN5, stop_after="kernels")).text
    head = next(line for line in text.splitlines() if f"_{root}_" in line and "aicc.costs" in line)
    found = re.search(r"aicc\.costs = \{(.*?)\}", head)
    chosen = re.search(r'aicc\.schedule = "(\w+)"', head)
    assert found is not None and chosen is not None
    pairs = (item.split(" = ") for item in found[1].split(", "))
    return chosen[1], {name: float(value.split(" ")[0]) for name, value in pairs}


def conv(channels: int, filters: int, side: int, kernel: int = 3, **attributes: Any) -> Graph:
    g = Graph("conv")
    x = g.input("x", 1, channels, side, side)
    w = g.weight(filters, channels // attributes.get("group", 1), kernel, kernel)
    y = g.Relu(g.Conv(g.Relu(x), w, g.weight(filters), pads=[kernel // 2] * 4, **attributes))
    g.output(g.GlobalAveragePool(y), 1, filters, 1, 1)
    return g


def product(rows: int, depth: int, columns: int) -> Graph:
    g = Graph("product")
    y = g.Relu(g.MatMul(g.input("x", rows, depth), g.weight(depth, columns)))
    g.output(y, rows, columns)
    return g


@pytest.mark.parametrize(
    ("graph", "root", "wanted"),
    [
        (conv(64, 64, 56), "conv", "winograd"),
        (conv(512, 512, 7), "conv", "winograd"),
        (conv(16, 32, 28), "conv", "winograd"),
        (conv(3, 64, 112, 7, strides=[2, 2]), "conv", "contraction"),
        (conv(112, 112, 56, group=4), "conv", "contraction"),
        (conv(384, 384, 14, group=384), "conv", "window"),
        (conv(240, 240, 28, 5, group=240), "conv", "window"),
        (product(1, 768, 3072), "matmul", "contraction"),
        (product(2, 768, 768), "matmul", "contraction"),
        (product(4, 768, 768), "matmul", "contraction"),
        (product(16, 768, 768), "matmul", "contraction"),
        (product(197, 384, 384), "matmul", "contraction"),
        (product(128, 768, 16), "matmul", "contraction"),
    ],
)
def test_the_fastest_is_chosen(graph: Graph, root: str, wanted: str) -> None:
    chosen, predicted = costs(graph, root)
    assert chosen == wanted == min(predicted, key=lambda name: predicted[name])


@pytest.mark.parametrize(
    ("graph", "root", "schedule", "measured"),
    [
        (product(197, 384, 384), "matmul", "contraction", 241e-6),
        (product(1, 4096, 4096), "matmul", "contraction", 1900e-6),
        (conv(64, 64, 56), "conv", "winograd", 325e-6),
        (conv(64, 64, 56), "conv", "contraction", 953e-6),
        (conv(384, 384, 14, group=384), "conv", "window", 9.4e-6),
        (conv(32, 32, 112, group=32), "conv", "window", 56e-6),
    ],
)
def test_predictions_are_near(graph: Graph, root: str, schedule: str, measured: float) -> None:
    """Measured on the machine of the table's first row."""
    target = costs(graph, root)[1][schedule]
    assert measured / 1.6 < target < measured * 1.6


def test_far_data_takes_longer() -> None:
    sizes = [2.0**n for n in range(10, 32)]
    rates = [size / machine(ZEN5).stream(size, ZEN5) for size in sizes]
    assert rates == sorted(rates, reverse=True) and rates[0] > 2 * rates[-1]
    assert rates[-1] >= 0.99 / machine(ZEN5).cold(1.0)


def test_every_target_has_rates() -> None:
    for name in ("x86-64-v3", "x86-64-v4", "sapphirerapids", "znver2"):
        assert machine(Target.cpu_named(name)).clock > 1e9
    assert machine(Target.cpu_named("generic", "aarch64-unknown-linux-gnu")) == Machine()
