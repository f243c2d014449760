"""Which values of one pass are kept for a later one, and where: in the output they end up in, or in scratch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.emit import element_bits
from aicc.passes.schedules.cpu.nest import Generic
from aicc.passes.schedules.cpu.pointwise.tree import Body, Node, Picked
from aicc.passes.schedules.cpu.reduction.layout import Arrangement
from aicc.passes.schedules.cpu.reduction.tree import Output, children

# Evaluating again costs less than a store and a load.
_CHEAP = 8.0
_SCRATCH_LIMIT = 256 * 1024


@dataclass(frozen=True, eq=False)
class Place:
    """Where a value lies between passes: an output's element, or byte `offset` of the scratch on."""

    access: Access | None
    offset: int
    element: str


@dataclass(eq=False)
class Saved:
    """`places[body, number]`; `written[level]` the values that pass `level` saves; bytes of scratch."""

    places: dict[tuple[Body, int], Place] = field(default_factory=dict)
    written: dict[int, list[Picked]] = field(default_factory=dict)
    scratch: int = 0


def plan_saved(arrangement: Arrangement, aliased: set[int]) -> Saved:
    """Values that are dear to compute and read in a later pass are computed once."""
    tree = arrangement.tree
    saved = Saved()
    free = [output for output in tree.outputs if output.full]
    first: dict[Body, int] = {}
    for level in range(tree.levels):
        again: list[Picked] = []
        for root in tree.roots(level):
            again += _repeated(arrangement, root, first, level, set())
        for node in again:
            key = (node.body, node.number)
            if key in saved.places:
                continue
            place = _place(arrangement, node, free, aliased, saved)
            if place is None:
                continue
            saved.places[key] = place
            saved.written.setdefault(first[node.body], []).append(node)
        for root in tree.roots(level):
            for body in _bodies(root):
                first.setdefault(body, level)
    return saved


def _repeated(
    arrangement: Arrangement, node: Node, first: dict[Body, int], level: int, seen: set[Body]
) -> Iterator[Picked]:
    """The outermost values below `node` that an earlier pass computes, vary along the row and are dear."""
    if isinstance(node, Picked):
        if node.body in seen:
            return
        earlier = first.get(node.body, level) < level
        if earlier and arrangement.tree.varies(node) and _weight(node.body) >= _CHEAP:
            yield node
            return
        seen.add(node.body)
    for child in children(node):
        yield from _repeated(arrangement, child, first, level, seen)


def _bodies(node: Node) -> Iterator[Body]:
    if isinstance(node, Picked):
        yield node.body
    for child in children(node):
        yield from _bodies(child)


def _weight(body: Body) -> float:
    """Operations at a point, producers included."""
    own = sum(10.0 if op.operation.name.startswith("math.") else 0.5 for op in body.stage.block.operations)
    return own + sum(_weight(arg.body) for arg in body.args if isinstance(arg, Picked))


def result_element(stage: Generic, number: int) -> str:
    """The element type of a stage's result."""
    return stage.inits[number].element


def _place(
    arrangement: Arrangement, node: Picked, free: list[Output], aliased: set[int], saved: Saved
) -> Place | None:
    element = result_element(node.body.stage, node.number)
    for output in free:
        access = output.access
        # The last pass reads each element before it writes it; an earlier one would destroy what is read later.
        last = output.level == arrangement.tree.levels - 1
        if not last or access.buffer.element != element or access.buffer.number in aliased:
            continue
        free.remove(output)
        return Place(arrangement.layout.accesses[access], 0, element)
    count = 1
    for axis in arrangement.sums:
        extent = arrangement.extent(axis).static
        if extent is None:
            return None
        count *= extent
    size = -(-count * element_bits(element) // 8 // 64) * 64
    if not arrangement.along or saved.scratch + size > _SCRATCH_LIMIT:
        return None
    place = Place(None, saved.scratch, element)
    saved.scratch += size
    return place
