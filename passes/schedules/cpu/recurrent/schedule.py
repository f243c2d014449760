"""The recurrent schedule: LSTM, GRU, RNN, all steps in one kernel.

before: a loop over time of contractions of a state with weights, and elementwise stages (docs/contracts.md)
after:  for each step, for each tile (some columns, all gates of them): the sums, the stages on registers, the stores

The kernel has steps (`aicc.steps`): the runtime lets the threads wait for each other between them, and gives every
thread the same tiles in each. Its weights are then those it read in the step before: they stay in its caches as far
as they fit, and going through the tiles forwards and backwards in turn makes the part that fits be read from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aicc.passes.schedules.cpu.emit import Index, element_bits
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter, replace
from aicc.passes.schedules.cpu.recurrent.emit import Shape, StepEmitter
from aicc.passes.schedules.cpu.recurrent.reader import LoopReader, Recurrence
from aicc.passes.schedules.schedule import Config, PackLayout, Schedule
from aicc.target import Target

# Vectors of sums for each row: enough of them hide the latency of a multiply-add, with two rounds at once.
_SUMS = 4
# Seconds of a step worth a thread: some times what waiting for the others costs.
_WORTH = 2.0e-6
_BANDWIDTH = 6.0e10
_FLOPS = 1.0e11


@dataclass(frozen=True)
class RecurrentConfig(Config):
    """`lanes` of a vector, `vectors` of a gate in a tile, `rows` of the batch at once; 0: chosen."""

    lanes: int = 0
    vectors: int = 0
    rows: int = 0


class Recurrent(Schedule):
    """See the module."""

    name = "recurrent"
    config_type = RecurrentConfig

    def check(self, kernel: Any, target: Target) -> None:
        """Raises NoMatch."""
        LoopReader(kernel).recurrence()

    def configs(self, kernel: Any, target: Target) -> list[Config]:
        """The recommended one, then other tiles."""
        return [RecurrentConfig(), RecurrentConfig(vectors=1), RecurrentConfig(vectors=2)]

    def cost(self, kernel: Any, target: Target, config: Config) -> float:
        """The weights once a step."""
        assert isinstance(config, RecurrentConfig)
        r = LoopReader(kernel).recurrence()
        return r.steps.guess() * r.hidden * _column_seconds(r)

    def layouts(self, kernel: Any, target: Target, config: Config) -> dict[int, PackLayout]:
        """The weights of a tile in the order in which they are read: column tile, term, gate, column."""
        assert isinstance(config, RecurrentConfig)
        r = LoopReader(kernel).recurrence()
        width = _shape(r, target, config).width
        return {
            c.rhs.number: PackLayout((1, 2, 0), (1,), (width,))
            for c in r.contractions
            if c.rhs.layout is None
        }

    def lower(self, module: Any, func: Any, target: Target, config: Config) -> None:
        """Raises NoMatch."""
        assert isinstance(config, RecurrentConfig)
        reader = LoopReader(func)
        r = reader.recurrence()
        e = KernelEmitter(reader.nest, target)
        steps = StepEmitter(e, r, _shape(r, target, config))
        steps.emit()
        phases = len(r.phases)

        def count(counter: KernelEmitter) -> Index:
            # Without any step the last states still have to be written.
            return counter.mul(counter.max(counter.size(r.steps), 1), phases)

        grain = max(1, round(_WORTH * phases / (_column_seconds(r) * r.hidden / steps.tiles)))
        replace(module, func, e.finish(lambda _: steps.tiles, grain, count))


def _column_seconds(r: Recurrence) -> float:
    """Of one column of the states in one step."""
    weights = sum(c.gates for c in r.contractions) * r.hidden
    size = sum(c.gates * r.hidden * element_bits(c.rhs.element) // 8 for c in r.contractions)
    return max(size / _BANDWIDTH, 2.0 * weights * r.batch / _FLOPS)


def _shape(r: Recurrence, target: Target, config: RecurrentConfig) -> Shape:
    gates = max(sum(c.gates for c in phase.contractions) for phase in r.phases)
    can_mask = target.triple.startswith("x86_64") and bool({"avx512bw", "avx2"} & target.features)
    lanes = config.lanes or target.lanes(element_bits(r.element))
    if can_mask:
        while lanes // 2 >= r.hidden:
            lanes //= 2
    else:
        while r.hidden % lanes:
            lanes //= 2
    vectors = config.vectors or max(1, _SUMS // gates)
    while vectors > 1 and (r.hidden % (lanes * vectors) if not can_mask else vectors * lanes >= 2 * r.hidden):
        vectors -= 1
    rows = config.rows or min(6, r.batch, max(1, (target.registers - 4) // (gates * vectors)))
    return Shape(lanes, vectors, min(rows, r.batch), r.hidden % (lanes * vectors) != 0)


SCHEDULE = Recurrent()
