"""Evaluates the tree of a pointwise space at one vector of points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aicc.passes.schedules.cpu.access import Access, access_of, merged_groups, regroup
from aicc.passes.schedules.cpu.emit import Index, vector
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.indexing import Expr
from aicc.passes.schedules.cpu.inline import Inliner, Kind, Lanes, uniform, varying, widened
from aicc.passes.schedules.cpu.nest import Buffer, Nest, View
from aicc.passes.schedules.cpu.pointwise.tree import Body, Constant, Given, Guarded, Load, Node, Space
from aicc.passes.schedules.cpu.read import read_scalar, read_vector
from aicc.passes.schedules.cpu.sizes import Size, product
from aicc.passes.schedules.schedule import NoMatch


class NotVector(Exception):
    """This space cannot be evaluated on vectors; it can be on scalars."""


@dataclass(frozen=True, eq=False)
class Layout:
    """A space over axes: dimensions of extent 1 dropped, others merged, outermost first by the output.

    `axis_of[d]` is the axis of a dimension, None for one that is dropped or merged.
    """

    space: Space
    extents: tuple[Size, ...]
    axis_of: dict[int, int]
    stores: tuple[tuple[Access, Node], ...]
    accesses: dict[Access, Access]

    @property
    def inner(self) -> int:
        """The axis along which vectors go."""
        return len(self.extents) - 1

    @property
    def vectorizable(self) -> bool:
        """Whether outputs are contiguous along it."""
        return bool(self.extents) and all(a.coef(self.inner) == 1 for a, _ in self.stores)


def lay_out(space: Space) -> Layout:
    """Merges and orders the dimensions of a space."""
    live = [d for d, extent in enumerate(space.extents) if extent.static != 1]
    first = space.stores[0][0]
    order = sorted(live, key=lambda d: -first.coefs[d].guess())
    accesses = [*(access for access, _ in space.stores), *space.loads]
    groups: list[tuple[int, ...]] = []
    run: list[int] = []
    for d in order:
        if d in space.fixed:
            groups += [*merged_groups(accesses, space.extents, run), (d,)]
            run = []
        else:
            run.append(d)
    groups += merged_groups(accesses, space.extents, run)
    sizes = tuple(product(space.extents[d] for d in group) for group in groups)
    renamed = {access: regroup(access, groups, sizes) for access in accesses}
    axis_of = {group[0]: axis for axis, group in enumerate(groups) if len(group) == 1}
    stores = tuple((renamed[access], node) for access, node in space.stores)
    return Layout(space, sizes, axis_of, stores, renamed)


class PointEmitter:
    """Evaluates and stores one vector of points, the first at `place[axis]`.

    Lanes off in `mask` are at `limit` or beyond on the inner axis. `preset` holds loads whose value is
    known already.
    """

    def __init__(
        self,
        e: KernelEmitter,
        nest: Nest,
        layout: Layout,
        lanes: int,
        place: Sequence[Index],
        mask: str | None = None,
        preset: dict[Access, Lanes] | None = None,
    ) -> None:
        self._e = e
        self._nest = nest
        self._layout = layout
        self._lanes = lanes
        self._place = list(place)
        self._mask = mask
        self._preset = preset or {}
        self._bodies: dict[Body, list[Lanes]] = {}
        self._guard: tuple[str | None, str | None] = (None, None)

    def store_all(self) -> None:
        """Raises NotVector, after which the lines emitted so far are of no use."""
        e = self._e
        for access, node in self._layout.stores:
            element = access.buffer.element
            value = widened(e, self._value(node), element, self._lanes)
            address = e.address(access, self._at)
            e.store(value, e.base(access.buffer), address, element, self._lanes, self._mask)

    def _at(self, axis: int) -> Index:
        return self._place[axis]

    def _value(self, node: Node) -> Lanes:
        if isinstance(node, Constant):
            return uniform(read_scalar(self._e, node.value, node.element))
        if isinstance(node, Load):
            return self._load(self._layout.accesses[node.access])
        if isinstance(node, Guarded):
            return self._guarded(node)
        if isinstance(node, Given):
            return self._given(node)
        if node.body not in self._bodies:
            self._bodies[node.body] = self._body(node.body)
        return self._bodies[node.body][node.number]

    def _given(self, node: Given) -> Lanes:
        raise NoMatch("a value that another loop computes")

    def _body(self, body: Body) -> list[Lanes]:
        args = [None if arg is None else self._value(arg) for arg in body.args]
        return self._inliner(body.dims).inline(body.stage.block, args)

    def _inliner(self, dims: Sequence[Expr]) -> Inliner:
        """For a stage at `dims`."""
        return Inliner(self._e, self._lanes, lambda d: self._expr(dims[d]), self._e.scalar, self._extract)

    # Indices ---------------------------------------------------------------------------------------

    def _expr(self, expr: Expr) -> tuple[Index, bool]:
        """The value of an expression over dimensions, and whether it counts up along the lanes."""
        index = self._e.expr(expr, lambda d: self._place[self._layout.axis_of[d]])
        slope = self._slope(expr)
        if slope not in (0, 1) and self._lanes > 1:
            raise NotVector
        return index, slope == 1

    def _slope(self, expr: Expr) -> int | None:
        """Its step from lane to lane; None when not constant."""
        inner = [d for d, axis in self._layout.axis_of.items() if axis == self._layout.inner]
        if not inner:
            return 0
        if any(inner[0] in quotient.value.used() for quotient, _ in expr.quotients):
            return None
        return dict(expr.dims).get(inner[0], 0)

    # Reading ---------------------------------------------------------------------------------------

    def _load(self, access: Access, rest: Constant | None = None) -> Lanes:
        if access in self._preset:
            return self._preset[access]
        e, inner = self._e, self._layout.inner
        condition, guard = self._guard
        mask = self._both(self._mask, guard)
        moves = bool(self._layout.extents) and access.moves(inner) and self._lanes > 1
        if condition is None and guard is None:
            limit = e.size(self._layout.extents[inner]) if moves else 0
            axis = inner if self._layout.extents else 0
            if not moves:
                return uniform(
                    e.load(e.base(access.buffer), e.address(access, self._at), access.buffer.element)
                )
            return read_vector(e, access, self._at, axis, self._lanes, mask, limit)
        element = access.buffer.element
        address = e.address(access, self._at)
        if not moves:
            if guard is not None:
                raise NotVector
            return uniform(e.load(e.base(access.buffer), self._safe(address), element))
        if access.coef(inner) != 1:
            raise NotVector
        whole = self._both(mask, None if condition is None else self._spread(condition))
        other = None if rest is None else widened(e, self._value(rest), element, self._lanes)
        return varying(e.load(e.base(access.buffer), address, element, self._lanes, whole, other))

    def _safe(self, address: Index) -> Index:
        """The first element stands in for one outside."""
        condition = self._guard[0]
        if condition is None:
            return address
        zero = self._e.index(0)
        return self._e.op(f"arith.select {condition}, {self._e.index(address)}, {zero} : index")

    def _spread(self, condition: str) -> str:
        return self._e.broadcast(condition, "i1", self._lanes)

    def _both(self, left: str | None, right: str | None) -> str | None:
        if left is None or right is None:
            return left if right is None else right
        return self._e.op(f"arith.andi {left}, {right} : {vector('i1', self._lanes)}")

    def _guarded(self, node: Guarded) -> Lanes:
        e, outside = self._e, self._guard
        condition, guard = outside
        for expr, size in node.conditions:
            index, counting = self._expr(expr)
            bound = e.size(size)
            if counting and self._lanes > 1:
                guard = self._both(guard, self._window(index, bound))
            else:
                # As unsigned numbers, negative ones are large.
                inside = e.compare("ult", index, bound)
                condition = inside if condition is None else e.op(f"arith.andi {condition}, {inside} : i1")
        self._guard = (condition, guard)
        if isinstance(node.inner, Load) and self._lanes > 1:
            inner = self._load(self._layout.accesses[node.inner.access], node.other)
            filled = inner.kind is Kind.VECTOR
        else:
            inner, filled = self._value(node.inner), False
        self._guard = outside
        if filled:
            return inner
        element = node.other.element
        other = uniform(read_scalar(e, node.other.value, element))
        if guard is None and inner.kind is not Kind.VECTOR:
            return uniform(e.op(f"arith.select {condition}, {inner.name}, {other.name} : {element}"))
        whole = self._both(guard, None if condition is None else self._spread(condition))
        kind = vector(element, self._lanes)
        left, right = (widened(e, x, element, self._lanes) for x in (inner, other))
        return varying(e.op(f"arith.select {whole}, {left}, {right} : {vector('i1', self._lanes)}, {kind}"))

    def _window(self, index: Index, bound: Index) -> str:
        """Lanes whose index, counting from `index`, is at least 0 and less than `bound`."""
        e, kind = self._e, vector("i1", self._lanes)
        below = e.op(f"vector.create_mask {e.index(e.sub(bound, index))} : {kind}")
        before = e.op(f"vector.create_mask {e.index(e.sub(0, index))} : {kind}")
        ones = e.constant("dense<true>", kind)
        after = e.op(f"arith.xori {before}, {ones} : {kind}")
        return e.op(f"arith.andi {below}, {after} : {kind}")

    def _extract(self, tensor: Any, indices: list[Lanes]) -> Lanes:
        """An element at computed indices: a vector load when only the contiguous one counts up."""
        e = self._e
        source = self._nest.sources.get(tensor)
        if isinstance(source, View) or not isinstance(source, Buffer):
            raise NoMatch("tensor.extract of something else than an argument")
        if self._guard != (None, None):
            raise NoMatch("tensor.extract inside padding")
        dims = [Expr.dim(i) for i in range(len(indices))]
        access = access_of(source, dims, source.shape)
        names = [index.name for index in indices]
        kinds = [index.kind for index in indices]
        element, base = source.element, e.base(source)
        moving = [i for i, kind in enumerate(kinds) if kind is not Kind.UNIFORM]
        if not moving or self._lanes == 1:
            return uniform(e.load(base, e.address(access, lambda d: names[d]), element))
        if len(moving) == 1 and kinds[moving[0]] is Kind.COUNTING and access.coef(moving[0]) == 1:
            address = e.address(access, lambda d: names[d])
            return varying(e.load(base, address, element, self._lanes, self._mask))
        if self._mask is not None:
            raise NotVector
        values = []
        for lane in range(self._lanes):
            places: list[Index] = []
            for index in indices:
                if index.kind is Kind.VECTOR:
                    kind = vector("index", self._lanes)
                    places.append(e.op(f"vector.extract {index.name}[{lane}] : index from {kind}"))
                else:
                    places.append(e.add(index.name, lane if index.kind is Kind.COUNTING else 0))
            values.append(e.load(base, e.address(access, places.__getitem__), element))
        return varying(e.from_elements(values, element))
