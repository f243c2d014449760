"""Partial results of the reductions of one pass: where they start, and how they become one result per row."""

from __future__ import annotations

from collections.abc import Sequence

from aicc.passes.schedules.cpu.emit import vector
from aicc.passes.schedules.cpu.inline import uniform, varying
from aicc.passes.schedules.cpu.read import read_scalar
from aicc.passes.schedules.cpu.reduction.combine import (
    across_lanes,
    combine,
    combine_all,
    neutral,
    neutral_text,
    same_constant,
)
from aicc.passes.schedules.cpu.reduction.state import TileState
from aicc.passes.schedules.cpu.reduction.tree import Step


class Partials:
    """A list of values, in the order chain, column, result. Along rows, tails without masks have a chain of their
    own, the last one, in scalars."""

    def __init__(self, tile: TileState, steps: Sequence[Step]) -> None:
        self._tile = tile
        self.steps = steps
        splits = all(step.splits for step in steps)
        self.chains = min(tile.plan.chains, _turns(tile)) if splits else 1
        self.scalar_tail = tile.arrangement.along and tile.plan.lanes > 1 and not tile.plan.masked
        self._results = [(step, number) for step in steps for number in range(len(step.combiners))]
        # With just one, it starts where the reduction does.
        one_lane = not tile.arrangement.along or tile.plan.lanes == 1
        self._single = self.chains == 1 and one_lane

    def at(self, chain: int, column: int) -> int:
        """The first value of a column in a chain."""
        return (chain * len(self._tile.columns) + column) * len(self._results)

    def _lanes(self) -> list[int]:
        return [self._tile.plan.lanes] * self.chains + ([1] if self.scalar_tail else [])

    def kinds(self) -> list[str]:
        """The types of all."""
        return [
            vector(step.stage.inits[number].element, lanes)
            for lanes in self._lanes()
            for _ in self._tile.columns
            for step, number in self._results
        ]

    def start(self) -> list[str]:
        """Their first values."""
        return [
            self._first(step, number, lanes)
            for lanes in self._lanes()
            for _ in self._tile.columns
            for step, number in self._results
        ]

    def _first(self, step: Step, number: int, lanes: int) -> str:
        element, name = step.stage.inits[number].element, step.combiners[number]
        if not self._single and name is not None:
            return neutral(self._tile.e, name, element, lanes)
        start = step.starts[number]
        return self._tile.e.broadcast(read_scalar(self._tile.e, start.value, element), element, lanes)

    def finish(self, values: Sequence[str]) -> None:
        """Joins them to the results of the rows."""
        lanes = self._tile.row_lanes
        for c, column in enumerate(self._tile.columns):
            for r, (step, number) in enumerate(self._results):
                parts = [values[self.at(chain, c) + r] for chain in range(len(self._lanes()))]
                value = parts[0] if self._single else self._joined(step, number, parts)
                column.row.given[step.stage, number] = varying(value) if lanes > 1 else uniform(value)

    def _joined(self, step: Step, number: int, parts: Sequence[str]) -> str:
        e, tile = self._tile.e, self._tile
        element, name = step.stage.inits[number].element, step.combiners[number]
        assert name is not None
        ordered = step.stage in tile.shifted.maxima
        lanes = tile.plan.lanes
        value = combine_all(e, name, parts[: self.chains], element, lanes, ordered)
        if tile.arrangement.along:
            value = across_lanes(e, name, value, element, lanes, ordered)
            lanes = 1
        if self.scalar_tail:
            value = combine(e, name, value, parts[-1], element, 1, ordered)
        start, text = step.starts[number], neutral_text(name, element)
        if text is not None and same_constant(start.value, text, element):
            return value
        first = e.broadcast(read_scalar(e, start.value, element), element, lanes)
        return combine(e, name, first, value, element, lanes, ordered)


def _turns(tile: TileState) -> int:
    """Points of a row that are written out one after the other; many when there are loops."""
    arrangement = tile.arrangement
    count = 1
    for axis in arrangement.sums:
        extent = arrangement.extent(axis).static
        if extent is None or axis not in tile.plan.unrolled:
            return 1 << 30
        lanes = tile.plan.lanes if arrangement.along and axis == arrangement.vector else 1
        count *= max(1, -(-extent // lanes))
    return count
