"""What a kernel without reductions computes at each point of an output, as an expression tree.

Stages are composed through their maps, so that only arguments are read and only outputs written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from aicc.passes.schedules.cpu.access import Access, access_of
from aicc.passes.schedules.cpu.indexing import Expr, bounds
from aicc.passes.schedules.cpu.nest import (
    Buffer,
    Empty,
    Fill,
    Generic,
    Nest,
    Packed,
    Padded,
    Result,
    Source,
    Store,
    View,
)
from aicc.passes.schedules.cpu.op_costs import operations
from aicc.passes.schedules.cpu.sizes import Size, guess_product
from aicc.passes.schedules.schedule import NoMatch


@dataclass(frozen=True, eq=False)
class Load:
    """An element of an argument."""

    access: Access


@dataclass(frozen=True, eq=False)
class Constant:
    """A scalar: an SSA value of the kernel, or an attribute."""

    value: Any
    element: str


@dataclass(frozen=True, eq=False)
class Guarded:
    """`inner` where every index of `conditions` is at least 0 and less than its bound, else `other`."""

    inner: Node
    conditions: tuple[tuple[Expr, Size], ...]
    other: Constant


@dataclass(frozen=True, eq=False)
class Body:
    """A stage evaluated at `dims` (its dimensions, over those of the space)."""

    stage: Generic
    dims: tuple[Expr, ...]
    args: tuple[Node | None, ...]


@dataclass(frozen=True, eq=False)
class Picked:
    """Result `number` of a body."""

    body: Body
    number: int


@dataclass(frozen=True, eq=False)
class Given:
    """Result `number` of a stage that is computed before, e.g. a sum."""

    stage: Generic
    number: int


Node: TypeAlias = Load | Constant | Guarded | Picked | Given


@dataclass(eq=False)
class Space:
    """An iteration space with what is stored at each of its points: (where, what).

    `work`: vector operations, and the dimensions at whose points they are needed.
    """

    extents: tuple[Size, ...]
    stores: list[tuple[Access, Node]] = field(default_factory=list)
    loads: list[Access] = field(default_factory=list)
    fixed: set[int] = field(default_factory=set)
    guarded: bool = False
    extracts: bool = False
    weight: float = 0.0
    work: list[tuple[float, frozenset[int]]] = field(default_factory=list)
    elements: set[str] = field(default_factory=set)

    def operations(self) -> float:
        """Operations of the whole space, were all of its vectors one element long; unknown sizes are guessed."""
        return sum(
            count * guess_product(extent for d, extent in enumerate(self.extents) if d in dims)
            for count, dims in self.work
        )


def build_spaces(nest: Nest) -> list[Space]:
    """One space for each output, outputs of stages at the same points sharing one. Raises NoMatch."""
    for stage in nest.stages:
        if stage.reduces:
            raise NoMatch("a reduction")
    spaces: list[Space] = []
    pending = list(nest.stores)
    if not pending:
        raise NoMatch("no output")
    while pending:
        # The last one computed reads the others, if any does.
        builder = _StoreBuilder(nest, pending[-1])
        builder.add(pending.pop())
        for store in [s for s in pending if builder.covers(s)]:
            builder.add(store)
            pending.remove(store)
        spaces.append(builder.space)
    return spaces


class TreeBuilder:
    """Builds the trees of one space. A subclass may end them at stages that are computed otherwise."""

    def __init__(self, nest: Nest, extents: Sequence[Size]) -> None:
        self._nest = nest
        self.space = Space(tuple(extents))
        self._bodies: dict[tuple[Generic, tuple[Expr, ...]], Body] = {}

    def _node(self, source: Source, indices: Sequence[Expr], element: str) -> Node:
        extents = self.space.extents
        if isinstance(source, Buffer):
            load = Load(access_of(source, indices, extents))
            self.space.loads.append(load.access)
            self.space.elements.add(source.element)
            return load
        if isinstance(source, Fill):
            return Constant(source.value, source.element)
        if isinstance(source, View):
            return self._node(source.source, source.indices(indices, extents), element)
        if isinstance(source, Padded):
            inner = [index + -low for index, low in zip(indices, source.low, strict=True)]
            return self._guarded(source.source, inner, source.shape, source.value, element)
        if isinstance(source, Packed):
            return self._packed(source, indices, element)
        if isinstance(source, Result):
            return self._result(source, indices)
        raise NoMatch("a tensor that is read before it is written")

    def _result(self, source: Result, indices: Sequence[Expr]) -> Node:
        """The producer's dimensions from where it writes: its map must be a permutation."""
        stage = source.stage
        dims: list[Expr | None] = [Expr() if extent.static == 1 else None for extent in stage.extents]
        for there, here in zip(stage.inits[source.number].indices, indices, strict=True):
            if there.single is not None:
                dims[there.single] = here
            elif there.used():
                raise NoMatch("a stage that writes at computed places")
        known = tuple(dim for dim in dims if dim is not None)
        if len(known) != len(dims):
            raise NoMatch("a stage that writes its result more than once")
        return Picked(self._body(stage, known), source.number)

    def _body(self, stage: Generic, dims: tuple[Expr, ...]) -> Body:
        key = (stage, dims)
        if key in self._bodies:
            return self._bodies[key]
        space = self.space
        args: list[Node | None] = []
        for number, operand in enumerate(stage.operands):
            unused = not list(stage.block.arguments[number].uses)
            if unused or isinstance(operand.source, Empty):
                args.append(None)
                continue
            indices = [x.substitute(dims, space.extents) for x in operand.indices]
            args.append(self._node(operand.source, indices, operand.element))
        varying = frozenset(d for dim in dims for d in dim.used())
        space.work.append((sum(operations(op.operation) for op in stage.block.operations), varying))
        for op in stage.block.operations:
            name = op.operation.name
            if name == "linalg.index":
                space.fixed |= {d for dim in dims for d in dim.used()}
            space.extracts |= name == "tensor.extract"
            space.weight += 10.0 if name.startswith("math.") else 0.5
            for result in op.operation.results:
                if str(result.type) not in ("index", "i1"):
                    space.elements.add(str(result.type))
        body = self._bodies[key] = Body(stage, dims, tuple(args))
        return body

    def _guarded(
        self, source: Source, indices: Sequence[Expr], shape: Sequence[Size], value: Any, element: str
    ) -> Node:
        extents = self.space.extents
        conditions = []
        for index, size in zip(indices, shape, strict=True):
            limits = bounds(index, extents)
            inside = (
                limits is not None and size.static is not None and limits[0] >= 0 and limits[1] < size.static
            )
            if not inside:
                conditions.append((index, size))
        inner = self._node(source, indices, element)
        if not conditions:
            return inner
        for index, _ in conditions:
            self.space.fixed |= index.used()
        self.space.guarded = True
        return Guarded(inner, tuple(conditions), Constant(value, element))

    def _packed(self, source: Packed, indices: Sequence[Expr], element: str) -> Node:
        layout = source.layout
        rank = len(source.shape)
        perm = layout.outer_dims_perm or tuple(range(rank))
        logical = [Expr()] * rank
        for position, dim in enumerate(perm):
            logical[dim] = indices[position]
        for number, (dim, tile) in enumerate(zip(layout.inner_dims_pos, layout.inner_tiles, strict=True)):
            logical[dim] = logical[dim] * tile + indices[rank + number]
        if source.value is None:
            return self._node(source.source, logical, element)
        return self._guarded(source.source, logical, source.shape, source.value, element)


class _StoreBuilder(TreeBuilder):
    def __init__(self, nest: Nest, lead: Store) -> None:
        source = lead.source
        super().__init__(nest, source.stage.extents if isinstance(source, Result) else lead.target.shape)
        self._lead = source

    def _unit(self, dim: int) -> Expr:
        return Expr() if self.space.extents[dim].static == 1 else Expr.dim(dim)

    def covers(self, store: Store) -> bool:
        """Whether its stage has been evaluated at every point of the space, once."""
        return isinstance(store.source, Result) and self._dims_of(store.source.stage) is not None

    def _dims_of(self, stage: Generic) -> tuple[Expr, ...] | None:
        extents = self.space.extents
        for other, dims in self._bodies:
            if other is not stage:
                continue
            used = [dim.single for dim in dims]
            live = [d for d, extent in enumerate(extents) if extent.static != 1]
            bare = [d for d in used if d is not None]
            whole = all(d is not None or e.static == 1 for d, e in zip(used, stage.extents, strict=True))
            same = all(stage.extents[i] == extents[d] for i, d in enumerate(used) if d is not None)
            if whole and same and sorted(bare) == live:
                return dims
        return None

    def add(self, store: Store) -> None:
        """Stores in this space."""
        space, source = self.space, store.source
        dims = tuple(self._unit(d) for d in range(len(space.extents)))
        if isinstance(source, Result):
            at = dims if source is self._lead else self._dims_of(source.stage)
            assert at is not None
            where = [x.substitute(at, space.extents) for x in source.stage.inits[source.number].indices]
            value: Node = Picked(self._body(source.stage, at), source.number)
        else:
            where, value = list(dims), self._node(source, dims, store.target.element)
        space.stores.append((access_of(store.target, where, space.extents), value))
        space.elements.add(store.target.element)
