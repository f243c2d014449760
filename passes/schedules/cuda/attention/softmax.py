"""The softmax of rows whose scores come block by block, in the registers of a warp.

A thread has, of two rows, two neighbouring scores of each 8 keys; the four threads of a row are neighbours. It
keeps of each row the maximum so far and its part of the sum of exponentials.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from aicc.passes.schedules.cpu.attention.body import only_forbids, scaling_of
from aicc.passes.schedules.cpu.attention.roles import Attention
from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cpu.inline import Inliner, Lanes, constant_of, uniform
from aicc.passes.schedules.cpu.nest import Fill, Generic, Result
from aicc.passes.schedules.cpu.read import read_scalar
from aicc.passes.schedules.cuda.attention.engines import TILE, Weights
from aicc.passes.schedules.cuda.emitter import GpuEmitter

LOWEST = "0xFF800000"
LOG2_E = math.log2(math.e)


def exponential(e: GpuEmitter, value: str) -> str:
    """As the device computes it."""
    return e.op(f"math.exp {value} fastmath<afn> : f32")


def power_of_two(e: GpuEmitter, value: str) -> str:
    """As NVIDIA's GPUs compute it."""
    return e.op(
        f'llvm.inline_asm asm_dialect = att "ex2.approx.ftz.f32 $0, $1;", "=f,f" {value} : (f32) -> f32'
    )


def scaling(roles: Attention) -> tuple[Any, float] | None:
    """The operation that multiplies all scores with a factor above 0, and that, when nothing else changes scores that
    are allowed: the maximum is that of the products."""
    if not roles.stages:
        return None
    first, *others = roles.stages
    found = scaling_of(first)
    if found is None or not 0.0 < found[1] < math.inf or not all(only_forbids(stage) for stage in others):
        return None
    return found


def finite(e: GpuEmitter, top: str) -> str:
    """What to take from scores: their maximum, 0 for a row in which no key has been allowed so far."""
    empty = e.op(f"arith.cmpf oeq, {top}, {e.constant(LOWEST, 'f32')} : f32")
    return e.op(f"arith.select {empty}, {e.constant('0.0', 'f32')}, {top} : f32")


def inverse(e: GpuEmitter, roles: Attention, total: str) -> str:
    """1 / the sum of a row in which perhaps no key is allowed."""
    one = e.constant("1.0", "f32")
    if roles.guarded:
        empty = e.op(f"arith.cmpf oeq, {total}, {e.constant('0.0', 'f32')} : f32")
        total = e.op(f"arith.select {empty}, {one}, {total} : f32")
    return e.op(f"arith.divf {one}, {total} : f32")


def larger(e: GpuEmitter, value: str, top: str) -> str:
    """The maximum; `top` where `value` is NaN: the row's sum becomes NaN all the same."""
    return e.op(f"arith.maxnumf {value}, {top} : f32")


class _Inliner(Inliner):
    """Of bodies in which one product with a constant is left out: its result is the other operand."""

    def __init__(
        self,
        e: GpuEmitter,
        position: Callable[[int], tuple[Index, bool]],
        captured: Callable[[Any], str],
        left_out: Any | None,
    ) -> None:
        super().__init__(e, 1, position, captured)
        self._left_out = left_out

    def _op(self, op: Any, values: dict[Any, Lanes | None]) -> Lanes:
        if self._left_out is not None and op == self._left_out:
            return self._value(next(x for x in op.operands if constant_of(x) is None), values)
        return super()._op(op, values)


class Softmax:
    """`places[half]` is where the thread's two rows are, `column` its first key within eight.

    `binary`: exponentials are powers of two as an NVIDIA GPU computes them, and a scale of all scores is multiplied
    with the difference to the maximum, in one operation.
    """

    def __init__(
        self,
        e: GpuEmitter,
        roles: Attention,
        keys: int,
        places: list[list[Index]],
        column: Index,
        binary: bool = False,
    ) -> None:
        self.e, self.roles, self.keys, self.places, self.column = e, roles, keys, places, column
        self.last = e.size(roles.extents[roles.key])
        self.factor: str | None = None
        self.left_out: Any | None = None
        if binary:
            self.left_out, scale = scaling(roles) or (None, 1.0)
            self.factor = e.constant(repr(scale * LOG2_E), "f32")

    def start(self) -> list[str]:
        """Maxima and sums of both rows."""
        e = self.e
        return [e.constant(LOWEST, "f32")] * 2 + [e.constant("0.0", "f32")] * 2

    def kinds(self) -> list[str]:
        """Their types."""
        return ["f32"] * 4

    def take(self, scores: list[str], first: Index, state: list[str]) -> tuple[Weights, list[str], list[str]]:
        """Weights of the keys from `first` on; what sums so far are to be multiplied with, by row; and the state
        after."""
        e = self.e
        values = self._staged(scores, first)
        changes, after = [], []
        weights: Weights = ([], [])
        for half in range(2):
            top = state[half]
            for value in values[half]:
                top = larger(e, value, top)
            for distance in (1, 2):
                top = larger(e, e.shuffle_xor(top, distance, "f32"), top)
            weight_of = self._weights(finite(e, top))
            changes.append(weight_of(state[half]))
            total = e.op(f"arith.mulf {state[2 + half]}, {changes[half]} : f32")
            for value in values[half]:
                weight = weight_of(value)
                weights[half].append(weight)
                total = e.op(f"arith.addf {total}, {weight} : f32")
            after.append((top, total))
        return weights, changes, [after[0][0], after[1][0], after[0][1], after[1][1]]

    def _weights(self, base: str) -> Callable[[str], str]:
        """Of scores of a row, relative to that of a score of `base`."""
        e, factor = self.e, self.factor
        if factor is None:
            return lambda value: exponential(e, e.op(f"arith.subf {value}, {base} : f32"))
        less = e.op(f"arith.mulf {base}, {factor} : f32")
        shift = e.op(f"arith.negf {less} : f32")
        return lambda value: power_of_two(e, e.fma(value, factor, shift, "f32", 1))

    def scaled(self, value: str, change: list[str]) -> str:
        """A tile of sums, each row times its change."""
        e = self.e
        for half in range(2):
            row = e.op(f"vector.extract {value}[{half}] : vector<2xf32> from {TILE}")
            wide = e.broadcast(change[half], "f32", 2)
            row = e.op(f"arith.mulf {row}, {wide} : vector<2xf32>")
            value = e.op(f"vector.insert {row}, {value} [{half}] : vector<2xf32> into {TILE}")
        return value

    def totals(self, state: list[str]) -> list[str]:
        """The sum of each row, known to its four threads."""
        e, result = self.e, []
        for total in state[2:]:
            for distance in (1, 2):
                total = e.op(f"arith.addf {total}, {e.shuffle_xor(total, distance, 'f32')} : f32")
            result.append(total)
        return result

    # Scale and mask --------------------------------------------------------------------------------

    def _staged(self, scores: list[str], first: Index) -> list[list[str]]:
        """Scores of both rows in the order of the keys, -inf past the last one."""
        e, roles = self.e, self.roles
        whole = isinstance(self.last, int) and self.last % self.keys == 0
        found: list[list[str]] = [[], []]
        for j, tile in enumerate(scores):
            for i in range(2):
                key = e.add(first, self.column, j * 8 + i)
                here = key if whole else e.min(key, e.sub(self.last, 1))
                for half in range(2):
                    score = e.op(f"vector.extract {tile}[{half}, {i}] : f32 from {TILE}")
                    place = list(self.places[half])
                    place[roles.key] = here
                    value = self._stages(score, place)
                    if not whole:
                        inside = e.compare("slt", key, self.last)
                        lowest = e.constant(LOWEST, "f32")
                        value = e.op(f"arith.select {inside}, {value}, {lowest} : f32")
                    found[half].append(value)
        return found

    def _stages(self, score: str, place: list[Index]) -> str:
        e, roles = self.e, self.roles
        values: dict[Generic, Lanes] = {roles.product: uniform(score)}
        result = uniform(score)
        for stage in roles.stages:
            args = [self._operand(stage, number, values, place) for number in range(len(stage.operands))]
            dims = roles.dimensions[stage]
            position = lambda d, dims=dims: (place[dims[d]], False)  # noqa: E731
            inliner = _Inliner(e, position, e.scalar, self.left_out)
            result = values[stage] = inliner.inline(stage.block, args)[0]
        return result.name

    def _operand(
        self, stage: Generic, number: int, values: dict[Generic, Lanes], place: list[Index]
    ) -> Lanes | None:
        e = self.e
        source: Any = stage.operands[number].source
        if isinstance(source, Result):
            return values[source.stage]
        if isinstance(source, Fill):
            return uniform(read_scalar(e, source.value, source.element))
        access = self.roles.accesses.get((stage, number))
        if access is None or number >= stage.inputs:
            return None
        return uniform(
            e.load(e.base(access.buffer), e.address(access, place.__getitem__), access.buffer.element)
        )
