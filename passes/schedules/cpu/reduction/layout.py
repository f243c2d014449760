"""The axes of a kernel with reductions: dimensions merged and ordered, and the one that vectors go along.

Vectors go *along* the innermost reduced axis (softmax over the last dimension: lanes are joined at the end),
or *across* it, along a kept axis (pooling of images with channels last: each lane is a result of its own).
"""

from __future__ import annotations

from dataclasses import dataclass

from aicc.passes.schedules.cpu.access import Access, merged_groups, regroup
from aicc.passes.schedules.cpu.pointwise.eval import Layout
from aicc.passes.schedules.cpu.reduction.tree import Reductions
from aicc.passes.schedules.cpu.sizes import Size, product


@dataclass(frozen=True, eq=False)
class Arrangement:
    """`layout` has the vector axis last. `kept` and `sums` are its axes, outermost first; the vector axis is the
    last of `sums` (along) or of `kept` (across)."""

    tree: Reductions
    layout: Layout
    kept: tuple[int, ...]
    sums: tuple[int, ...]
    along: bool

    @property
    def vector(self) -> int:
        """The axis that vectors go along."""
        return self.layout.inner

    def extent(self, axis: int) -> Size:
        """Size of an axis."""
        return self.layout.extents[axis]

    @property
    def full_accesses(self) -> list[Access]:
        """Accesses that go over all points: loads that vary along reduced axes, and full outputs."""
        loads = [self.layout.accesses[a] for a in self.tree.space.loads]
        stores = [self.layout.accesses[o.access] for o in self.tree.outputs if o.full]
        return [a for a in loads if any(a.moves(s) for s in self.sums)] + stores

    @property
    def vectorizes(self) -> bool:
        """Whether outputs can be stored as vectors."""
        if not self.layout.extents:
            return True
        stores = [o for o in self.tree.outputs if o.full or not self.along]
        return all(self.layout.accesses[o.access].coef(self.vector) == 1 for o in stores)


def directions(tree: Reductions, windows: bool = True) -> list[Arrangement]:
    """Across and along, as far as there is an axis to go along. Without `windows`, an axis of sums is none of several
    dimensions that reaches beyond the next position along a kept one."""
    found = (_arrange(tree, along, windows) for along in (False, True))
    return [arrangement for arrangement in found if arrangement is not None]


def _arrange(tree: Reductions, along: bool, windows: bool) -> Arrangement | None:
    """None when there is no axis to go along."""
    space = tree.space
    loads = space.loads
    outputs = [output.access for output in tree.outputs]
    accesses = list(dict.fromkeys([*outputs, *loads]))
    live = [d for d, extent in enumerate(space.extents) if extent.static != 1]
    lead = next((a for a in loads if any(a.moves(d) for d in tree.sums)), outputs[0])
    kept = sorted((d for d in live if tree.parallel[d]), key=lambda d: -outputs[0].coefs[d].guess())
    sums = sorted((d for d in live if not tree.parallel[d]), key=lambda d: -abs(lead.coefs[d].guess()))
    kept_groups = _merge(tree, accesses, kept)
    sum_groups = _merge(tree, accesses, sums)
    if not windows:
        sum_groups = [
            part
            for group in sum_groups
            for part in ([(d,) for d in group] if _reaches(tree, accesses, kept, group) else [group])
        ]
    if not (sum_groups if along else kept_groups) and (along or sum_groups):
        return None
    if along:
        order = kept_groups + sum_groups
    else:
        order = kept_groups[:-1] + sum_groups + kept_groups[-1:]
    sizes = tuple(product(space.extents[d] for d in group) for group in order)
    renamed = {access: regroup(access, order, sizes) for access in accesses}
    axis_of = {group[0]: axis for axis, group in enumerate(order) if len(group) == 1}
    layout = Layout(space, sizes, axis_of, (), renamed)
    numbers = {id(group): axis for axis, group in enumerate(order)}
    return Arrangement(
        tree,
        layout,
        tuple(numbers[id(group)] for group in kept_groups),
        tuple(numbers[id(group)] for group in sum_groups),
        along,
    )


def _reaches(tree: Reductions, accesses: list[Access], kept: list[int], group: tuple[int, ...]) -> bool:
    """Whether positions along merged dimensions lie beyond the next one along a kept dimension: neighbours there read
    some elements both."""
    extents, outer = tree.space.extents, group[0]
    for access in accesses:
        reach = access.coefs[outer].guess() * extents[outer].guess()
        if len(group) > 1 and any(0 < access.coefs[d].guess() < reach for d in kept):
            return True
    return False


def _merge(tree: Reductions, accesses: list[Access], order: list[int]) -> list[tuple[int, ...]]:
    """Groups of dimensions that are one axis; those whose index counts stay apart."""
    groups: list[tuple[int, ...]] = []
    run: list[int] = []
    for d in order:
        if d in tree.space.fixed:
            groups += [*merged_groups(accesses, tree.space.extents, run), (d,)]
            run = []
        else:
            run.append(d)
    return groups + merged_groups(accesses, tree.space.extents, run)
