"""Reads a loop over time: which states it carries, and the phases of a step.

    scf.for %t iter_args(%y, %h, %c) {          states: y is written row by row, h and c are replaced
      %x = tensor.extract_slice %gates[%t, …]    read at the step's place
      %p = linalg.generic {mulf, addf} (%h, %r)  a contraction over a whole state
      %n:2 = linalg.generic {…} (%x, %p, %c)     elementwise: phase 0 ends with it
      tensor.insert_slice %n#0 into %y[%t, …] }

What a contraction reads has to be complete, so that one of a value computed in the same step begins another phase.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aicc.bindings import ir
from aicc.passes.kernels.ir_tools import outside_operands
from aicc.passes.schedules.cpu.indexing import Expr, bounds
from aicc.passes.schedules.cpu.inline import constant_of
from aicc.passes.schedules.cpu.nest import Buffer, Empty, Fill, Generic, Nest, Operand, Result, View
from aicc.passes.schedules.cpu.nest_reader import Reader, integers
from aicc.passes.schedules.cpu.sizes import Size
from aicc.passes.schedules.schedule import NoMatch

_FLOATS = ("f32", "f64")


@dataclass(frozen=True, eq=False)
class State:
    """What the loop carries as argument `number`."""

    number: int


@dataclass(frozen=True, eq=False)
class Row:
    """`source[time]`, a row of an argument."""

    source: Any
    time: Any


@dataclass(frozen=True, eq=False)
class Written:
    """`state` with row `time` replaced by `source`."""

    state: State
    source: Any
    time: Any


@dataclass(frozen=True, eq=False)
class Last:
    """State `number` after the loop."""

    number: int


@dataclass(frozen=True, eq=False)
class Contraction:
    """`out[b, g, j] = sum over k of lhs[b, k] * rhs[g, j, k]`; `lhs` is a State or a Result of an earlier phase, `rhs`
    of the sums' type, or bytes that become it where they are multiplied."""

    stage: Generic
    lhs: Any
    rhs: Buffer
    gates: int


@dataclass(frozen=True, eq=False)
class Carried:
    """A state: its first value, what it is after a step, and the output it goes to.

    `rows` is set when it is written row by row (`time` says which), then it has no first value. `whole` says that
    a contraction reads it: the old one is needed until the step ends.
    """

    number: int
    init: Buffer | None
    value: Result
    rows: bool
    time: Any
    whole: bool


@dataclass(eq=False)
class Phase:
    """What can be computed without waiting for other columns."""

    contractions: list[Contraction] = field(default_factory=list)
    pointwise: list[Generic] = field(default_factory=list)


@dataclass(eq=False)
class Recurrence:
    """A loop over `steps` (its counter is `counter`) with states of `batch` rows of `hidden` columns."""

    steps: Size
    counter: Any
    batch: int
    hidden: int
    element: str
    carried: list[Carried]
    phases: list[Phase]
    outputs: dict[int, Buffer]

    @property
    def contractions(self) -> list[Contraction]:
        """Those of all phases."""
        return [c for phase in self.phases for c in phase.contractions]

    def phase_of(self, stage: Generic) -> int:
        """The phase a stage is computed in."""
        for number, phase in enumerate(self.phases):
            if stage in phase.pointwise or any(c.stage is stage for c in phase.contractions):
                return number
        raise AssertionError("a stage of no phase")


class LoopReader(Reader):
    """Reads a kernel (contract 3 or 4) that is one loop over time."""

    def __init__(self, func: Any) -> None:
        self._loop: Any = None
        super().__init__(func)

    def recurrence(self) -> Recurrence:
        """Raises NoMatch."""
        self.nest = self.read()
        if self._loop is None:
            raise NoMatch("no loop")
        outputs: dict[int, Buffer] = {}
        for store in self.nest.stores:
            source: Any = store.source
            if not isinstance(source, Last) or source.number in outputs:
                raise NoMatch("an output that is no state")
            outputs[source.number] = store.target
        return _Analysis(self, self._loop).recurrence(outputs)

    def shape_of(self, value: Any) -> tuple[Size, ...]:
        """The shape of a tensor."""
        return self._shapes[value]

    def _op_scf_for(self, op: Any) -> None:
        if self._loop is not None and self._loop != op:
            raise NoMatch("two loops")
        self._loop = op
        low, high, step = list(op.operands)[:3]
        if self.size(low).static != 0 or self.size(step).static != 1:
            raise NoMatch("a loop that does not count from 0 by 1")
        self.steps = self.size(high)
        body = op.regions[0].blocks[0]
        for number, (argument, init) in enumerate(
            zip(list(body.arguments)[1:], list(op.operands)[3:], strict=True)
        ):
            if init not in self._shapes:
                raise NoMatch("a state that is no tensor")
            self._define(argument, State(number), self._shapes[init])  # type: ignore[arg-type]
            self._define(op.results[number], Last(number), self._shapes[init])  # type: ignore[arg-type]
        for inner in body.operations:
            if inner.operation.name != "scf.yield":
                self._operation(inner.operation)

    def _op_tensor_extract_slice(self, op: Any) -> None:
        if len(op.operands) == 1:
            super()._op_tensor_extract_slice(op)
            return
        time = self._row(op, 1)
        source = self._nest.sources[op.operands[0]]
        shape = [Size.of(x) for x in op.results[0].type.shape]
        self._define(op.results[0], Row(source, time), shape)  # type: ignore[arg-type]

    def _op_tensor_insert_slice(self, op: Any) -> None:
        state: Any = self._nest.sources[op.operands[1]]
        if not isinstance(state, State):
            raise NoMatch("a slice inserted into something else than a state")
        written = Written(state, self._nest.sources[op.operands[0]], self._row(op, 2))
        self._define(op.results[0], written, self._shapes[op.operands[1]])  # type: ignore[arg-type]

    def _row(self, op: Any, operands: int) -> Any:
        """The index of the row that a slice is; raises NoMatch on other slices."""
        unknown = ir.ShapedType.get_dynamic_size()
        offsets, sizes, steps = (
            integers(op, name) for name in ("static_offsets", "static_sizes", "static_strides")
        )
        single = offsets[0] == unknown and not any(offsets[1:]) and sizes[0] == 1 and set(steps) == {1}
        if not single or len(op.operands) != operands + 1 or unknown in sizes:
            raise NoMatch("a slice that is no row")
        whole = op.operands[operands - 1].type
        if list(whole.shape)[1:] != sizes[1:]:
            raise NoMatch("a part of a row")
        return op.operands[operands]


class HostLoopReader(LoopReader):
    """Reads a loop that still is in the host program: what it reads from outside stands for arguments."""

    def __init__(self, op: Any) -> None:
        self._op = op
        super().__init__(op)

    def _start(self) -> None:
        self._nest = Nest(self._op, "loop")
        self._names = {}
        self._shapes = {}

    def _pass(self) -> None:
        for _, _, value in outside_operands(self._op):
            self._outside(value)
        self._op_scf_for(self._op)

    def _outside(self, value: Any) -> None:
        if value in self._nest.sources or not isinstance(value.type, ir.RankedTensorType):
            return
        owner = None if isinstance(value.owner, ir.Block) else value.owner.operation
        if owner is not None and owner.name in ("tensor.empty", "linalg.fill", "arith.constant"):
            for operand in owner.operands:
                self._outside(operand)
            self._operation(owner)
        else:
            self._argument(len(self._nest.sources), value)


def is_recurrence(op: Any) -> bool:
    """Whether a loop of the host program can be a kernel of the schedule `recurrent`."""
    if op.name != "scf.for" or not any(
        o.operation.name == "linalg.generic" for o in op.regions[0].blocks[0].operations
    ):
        return False
    try:
        HostLoopReader(op).recurrence()
    except NoMatch:
        return False
    return True


def unwrapped(source: Any) -> Any:
    """What lies under reshapes: they keep the order of the elements."""
    while isinstance(source, View) and source.kind in ("collapse", "expand"):
        source = source.source
    return source


class _Analysis:
    """Sorts the stages of a loop body into phases and checks what the schedule relies on."""

    def __init__(self, reader: LoopReader, loop: Any) -> None:
        self.reader = reader
        self.loop = loop
        self.nest = reader.nest
        self.contractions: dict[Generic, Contraction] = {}
        self.level: dict[Generic, int] = {}

    def recurrence(self, outputs: dict[int, Buffer]) -> Recurrence:
        """Raises NoMatch."""
        for stage in self.nest.stages:
            if stage.reduces:
                self.contractions[stage] = self._contraction(stage)
        if not self.contractions:
            raise NoMatch("a loop without a contraction")
        first = next(iter(self.contractions.values()))
        self.batch, self.hidden = self._static(first.stage.extents[0]), self._static(first.stage.extents[2])
        for contraction in self.contractions.values():
            sizes = [self._static(x) for x in contraction.stage.extents]
            if sizes[0] != self.batch or sizes[2] != self.hidden or sizes[3] != self.hidden:
                raise NoMatch("contractions of several sizes")
        self.element = element = first.stage.inits[0].element
        for c in self.contractions.values():
            lhs, rhs, init = (x.element for x in c.stage.operands)
            if element not in _FLOATS or {lhs, init} != {element} or rhs not in (element, "i8"):
                raise NoMatch("contractions of several types")
        phases = self._phases()
        return Recurrence(
            self.reader.steps,
            self.loop.regions[0].blocks[0].arguments[0],
            self.batch,
            self.hidden,
            element,
            self._carried(phases),
            phases,
            outputs,
        )

    @staticmethod
    def _static(size: Size) -> int:
        if size.static is None:
            raise NoMatch("a batch or hidden size known at run time")
        return size.static

    def _contraction(self, stage: Generic) -> Contraction:
        body = [o.operation.name for o in stage.block.operations]
        if stage.operands[1].element == "i8" and body[:1] == ["arith.sitofp"]:
            body = body[1:]
        dims = [tuple(x.single for x in operand.indices) for operand in stage.operands]
        if body != ["arith.mulf", "arith.addf", "linalg.yield"] or stage.parallel != (
            True,
            True,
            True,
            False,
        ):
            raise NoMatch("a reduction that is no contraction")
        if dims != [(0, 3), (1, 2, 3), (0, 1, 2)]:
            raise NoMatch("a contraction of other dimensions")
        lhs, rhs, init = (operand.source for operand in stage.operands)
        if not isinstance(rhs, Buffer) or not _is_zero(init):
            raise NoMatch("a contraction of something else")
        if not isinstance(lhs, (State, Result)):
            raise NoMatch("a contraction of no state")
        return Contraction(stage, lhs, rhs, self._static(stage.extents[1]))

    # Phases ----------------------------------------------------------------------------------------

    def _phases(self) -> list[Phase]:
        """Elementwise stages as soon as what they read is there, contractions when they are first used."""
        for stage in self.nest.stages:
            if stage in self.contractions:
                lhs = self.contractions[stage].lhs
                self.level[stage] = self.level[lhs.stage] + 1 if isinstance(lhs, Result) else 0
            else:
                self._check_pointwise(stage)
                read = [x.source for x in stage.operands if isinstance(x.source, Result)]
                self.level[stage] = max((self.level[r.stage] for r in read), default=0)
        phases = [Phase() for _ in range(max(self.level.values()) + 1)]
        for stage in self.nest.stages:
            if stage not in self.contractions:
                phases[self.level[stage]].pointwise.append(stage)
        for stage, contraction in self.contractions.items():
            users = [self.level[user] for user in self.nest.users(stage)]
            if not users:
                raise NoMatch("a contraction nobody reads")
            phases[min(users)].contractions.append(contraction)
        return phases

    def _check_pointwise(self, stage: Generic) -> None:
        if [x.static for x in stage.extents] != [self.batch, self.hidden]:
            raise NoMatch("an elementwise stage of another shape")
        if any(tuple(x.single for x in init.indices) != (0, 1) for init in stage.inits):
            raise NoMatch("an elementwise stage that transposes")
        if any(init.element != self.element for init in stage.inits):
            raise NoMatch("states of another type than the sums")
        for operand in stage.operands[: stage.inputs]:
            self._check_read(operand)
        for op in stage.block.operations:
            name = op.operation.name
            if not name.startswith(("arith.", "math.")) and name != "linalg.yield":
                raise NoMatch(f"{name} in a recurrent layer")

    def _check_read(self, operand: Operand) -> None:
        dims = tuple(x.single for x in operand.indices)
        source: Any = operand.source
        if isinstance(source, Result) and source.stage in self.contractions:
            if len(dims) != 3 or dims[0] != 0 or dims[2] != 1 or operand.indices[1].used():
                raise NoMatch("a read across columns")
        elif isinstance(source, (Result, State)):
            if dims != (0, 1):
                raise NoMatch("a read across columns")
        elif not isinstance(source, Fill):
            resolve(source, operand.indices, (Size.of(self.batch), Size.of(self.hidden)))

    # States ----------------------------------------------------------------------------------------

    def _carried(self, phases: list[Phase]) -> list[Carried]:
        block = self.loop.regions[0].blocks[0]
        yielded = list(block.operations)[-1].operation.operands
        inits = list(self.loop.operands)[3:]
        sources = self.nest.sources
        last = len(phases) - 1
        carried = []
        for number, (init, value) in enumerate(zip(inits, yielded, strict=True)):
            first: Any = sources[init]
            new: Any = sources[value]
            rows = isinstance(new, Written)
            time = new.time if rows else None
            if rows:
                if new.state.number != number or not isinstance(first, Empty):
                    raise NoMatch("rows written to something else")
                if self._is_read(number):
                    raise NoMatch("rows that are read again")
                new = unwrapped(new.source)
                if [x.static for x in self.reader.shape_of(value)[1:]] != [self.batch, self.hidden]:
                    raise NoMatch("rows of another size")
            elif not isinstance(first, Buffer):
                raise NoMatch("a first state that is no buffer")
            elif [x.static for x in first.shape] != [self.batch, self.hidden]:
                raise NoMatch("a state of another size")
            if not isinstance(new, Result) or new.stage in self.contractions:
                raise NoMatch("a state that is not computed")
            if not rows and self.level[new.stage] != last:
                raise NoMatch("a state that is replaced while it may be read")
            whole = any(
                isinstance(c.lhs, State) and c.lhs.number == number for c in self.contractions.values()
            )
            carried.append(Carried(number, None if rows else first, new, rows, time, whole))
        return carried

    def _is_read(self, number: int) -> bool:
        return any(
            isinstance(operand.source, State) and operand.source.number == number
            for stage in self.nest.stages
            for operand in stage.operands
        )


def _is_zero(source: Any) -> bool:
    if not isinstance(source, Fill):
        return False
    known = constant_of(source.value) if hasattr(source.value, "owner") else ir.FloatAttr(source.value).value
    return known == 0.0


def resolve(source: Any, indices: Sequence[Expr], extents: Sequence[Size]) -> tuple[Buffer, list[Expr], Any]:
    """The argument that element `indices` of a source is in, its indices there, and, when the first of them is a
    step's, that index (the first expression is then 0). Raises NoMatch."""
    found = list(indices)
    while not isinstance(source, Buffer):
        if isinstance(source, View):
            found = source.indices(found, extents)
        elif isinstance(source, Row) and isinstance(source.source, Buffer):
            # a slice may have dropped dimensions of size 1: the first of all
            if len(found) < len(source.source.shape):
                found = [Expr(), *found]
            if len(found) != len(source.source.shape) or bounds(found[0], extents) != (0, 0):
                raise NoMatch("a row that is read across")
            return source.source, [Expr(), *found[1:]], source.time
        else:
            raise NoMatch("a read of something else than an argument")
        source = source.source
    return source, found, None
