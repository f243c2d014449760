"""A loop of multiply-adds over register tiles, with enough sums under way to hide their latency."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aicc.passes.schedules.cpu.emit import Emitter, Index, vector

# Enough accumulators for the latency of a multiply-add on two ports.
_ENOUGH = 8


def summed(
    e: Emitter,
    lanes: int,
    start: Sequence[str],
    low: Index,
    high: Index,
    steps: int,
    step: Callable[[list[str], Index], list[str]],
) -> list[str]:
    """`start` plus what `step(sums, k)` adds for k from `low` to `high`, `steps` of them in a turn of the loop.

    `high - low` is a multiple of `steps`, unless both are known.
    """
    kind, count = vector("f32", lanes), len(start)
    copies = 1
    while copies * count < _ENOUGH and copies * 2 <= steps:
        copies *= 2
    zero = e.splat("0.0", "f32", lanes)
    sums = [*start, *[zero] * (count * (copies - 1))]
    end = high
    if isinstance(low, int) and isinstance(high, int):
        end = low + (high - low) // steps * steps
    if end != low:
        with e.loop(low, end, steps, sums, [kind] * len(sums)) as loop:
            values = list(loop.args)
            for number in range(steps):
                at = number % copies * count
                values[at : at + count] = step(values[at : at + count], e.add(loop.index, number))
            loop.next = values
        sums = list(loop.results)
    if isinstance(end, int) and isinstance(high, int):
        for k in range(end, high):
            sums[:count] = step(sums[:count], k)
    while len(sums) > count:
        half = len(sums) // 2
        sums = [e.op(f"arith.addf {x}, {y} : {kind}") for x, y in zip(sums[:half], sums[half:], strict=True)]
    return sums
