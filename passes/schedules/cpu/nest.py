"""What a kernel computes: its buffers, its stages and which stage result goes to which output.

`analyze` reads a kernel on tensors (contract 3) as well as one on buffers (contract 4), so that the
questions asked of a schedule before bufferization see what its `lower` will see.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from aicc.passes.schedules.cpu.indexing import Expr, floordiv, remainder
from aicc.passes.schedules.cpu.sizes import Size
from aicc.passes.schedules.schedule import NoMatch, PackLayout


@dataclass(frozen=True, eq=False)
class Buffer:
    """Argument `number`, seen as a tensor of `shape`; `strides` are those of its memory, in elements.

    When `layout` is set the memory holds the tensor packed that way, and `strides` has one entry for
    each packed dimension.
    """

    number: int
    element: str
    shape: tuple[Size, ...]
    strides: tuple[Size, ...]
    layout: PackLayout | None = None

    def physical(self, indices: Sequence[Expr], extents: Sequence[Size]) -> list[Expr]:
        """Indices of the memory for indices of the tensor."""
        if self.layout is None:
            return list(indices)
        tiles = dict(zip(self.layout.inner_dims_pos, self.layout.inner_tiles, strict=True))
        outer = [floordiv(x, tiles[i], extents) if i in tiles else x for i, x in enumerate(indices)]
        perm = self.layout.outer_dims_perm or range(len(outer))
        inner = [remainder(indices[i], tile, extents) for i, tile in tiles.items()]
        return [outer[i] for i in perm] + inner


@dataclass(frozen=True, eq=False)
class Fill:
    """A tensor of one scalar, `value` (an SSA value, or an attribute)."""

    value: Any
    element: str


@dataclass(frozen=True, eq=False)
class Empty:
    """An uninitialized tensor: never read."""


@dataclass(frozen=True, eq=False)
class Padded:
    """`source` with a border of `value`: index i of it is i - low of the source."""

    source: Source
    low: tuple[int, ...]
    shape: tuple[Size, ...]
    value: Any


@dataclass(frozen=True, eq=False)
class Packed:
    """`source` packed (`linalg.pack`), the last tiles filled up with `value` (None: they are full)."""

    source: Source
    layout: PackLayout
    shape: tuple[Size, ...]
    value: Any


@dataclass(frozen=True, eq=False)
class View:
    """`source` under another shape; `kind` is one of collapse, expand, slice.

    collapse, expand: `groups` are the reassociation, `shape` the shape of the side with more dimensions.
    slice: index i of it is offset + stride * i of the source, dimensions in `dropped` have size 1.
    """

    source: Source
    kind: str
    groups: tuple[tuple[int, ...], ...] = ()
    shape: tuple[int, ...] = ()
    offsets: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    dropped: frozenset[int] = frozenset()

    def indices(self, indices: Sequence[Expr], extents: Sequence[Size]) -> list[Expr]:
        """Indices of the source for indices of the view."""
        if self.kind == "slice":
            kept = iter(indices)
            return [
                Expr(offset) if i in self.dropped else next(kept) * stride + offset
                for i, (offset, stride) in enumerate(zip(self.offsets, self.strides, strict=True))
            ]
        if self.kind == "expand":
            return [self._linear(group, indices) for group in self.groups]
        result: list[Expr] = []
        for group, index in zip(self.groups, indices, strict=True):
            parts: list[Expr] = []
            for dim in reversed(group[1:]):
                parts.append(remainder(index, self.shape[dim], extents))
                index = floordiv(index, self.shape[dim], extents)
            result += [index, *reversed(parts)] if group else []
        return result

    def _linear(self, group: tuple[int, ...], indices: Sequence[Expr]) -> Expr:
        index = Expr()
        for dim in group:
            index = index * self.shape[dim] + indices[dim] if index.used() or index.const else indices[dim]
        return index


@dataclass(frozen=True, eq=False)
class Result:
    """Result `number` of a stage."""

    stage: Generic
    number: int


Source: TypeAlias = Buffer | Fill | Empty | Padded | Packed | View | Result


@dataclass(frozen=True, eq=False)
class Operand:
    """What a stage reads: the element `indices` (over its dimensions) of a source."""

    source: Source
    indices: tuple[Expr, ...]
    element: str


@dataclass(frozen=True, eq=False)
class Generic:
    """A `linalg.generic`. `operands` are its inputs and then its inits, as the arguments of its body are."""

    op: Any
    extents: tuple[Size, ...]
    parallel: tuple[bool, ...]
    operands: tuple[Operand, ...]
    inputs: int

    @property
    def inits(self) -> tuple[Operand, ...]:
        """One for each result; their indices are where the results go."""
        return self.operands[self.inputs :]

    @property
    def block(self) -> Any:
        """Its body."""
        return self.op.regions[0].blocks[0]

    @property
    def reduces(self) -> bool:
        """Whether a dimension is reduced."""
        return not all(self.parallel)


@dataclass(frozen=True, eq=False)
class Store:
    """`source` is what `target`, an output argument, is to hold."""

    source: Source
    target: Buffer


@dataclass(eq=False)
class Nest:
    """A kernel. `values` are the run-time values that sizes name; `dims` those that are an argument's size."""

    func: Any
    name: str
    buffers: list[Buffer] = field(default_factory=list)
    stages: list[Generic] = field(default_factory=list)
    stores: list[Store] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    sources: dict[Any, Source] = field(default_factory=dict)

    def users(self, stage: Generic) -> Iterable[Generic]:
        """The stages that read a result of `stage` directly."""
        for other in self.stages:
            for operand in other.operands:
                if isinstance(operand.source, Result) and operand.source.stage is stage:
                    yield other
                    break


@dataclass
class _Asked:
    """A kernel that schedules are asked about in turn, and what was found of it."""

    kernel: Any
    found: Nest | NoMatch | None = None


_asked: ContextVar[_Asked | None] = ContextVar("asked", default=None)


@contextmanager
def analyzed_once(kernel: Any) -> Iterator[None]:
    """Inside, `kernel` stays as it is: all schedules that analyze it share one nest, which none of them changes."""
    token = _asked.set(_Asked(kernel.operation))
    try:
        yield
    finally:
        _asked.reset(token)


def analyze(func: Any) -> Nest:
    """The nest of a kernel (`func.func`). Raises NoMatch on ops that kernels do not hold."""
    asked = _asked.get()
    if asked is None or asked.kernel != func.operation:
        return _read(func)
    if asked.found is None:
        try:
            asked.found = _read(func)
        except NoMatch as error:
            asked.found = error
    if isinstance(asked.found, NoMatch):
        raise NoMatch(*asked.found.args)
    return asked.found


def _read(func: Any) -> Nest:
    from aicc.passes.schedules.cpu.nest_reader import Reader

    return Reader(func).read()
