"""Reading an operand at a point: contiguous, the same in all lanes, or element by element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.emit import Index, vector
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.indexing import Expr
from aicc.passes.schedules.cpu.inline import Lanes, literal, uniform, varying

# Distances between elements at which loading all between them and shuffling is better than single loads.
SHUFFLED = (2, 3, 4)


def read_scalar(e: KernelEmitter, value: Any, element: str) -> str:
    """An SSA value of the old function, or an attribute, as a scalar."""
    if hasattr(value, "owner"):
        return e.scalar(value)
    return e.constant(literal(value), element)


def read_vector(
    e: KernelEmitter,
    access: Access,
    position: Callable[[int], Index],
    axis: int,
    lanes: int,
    mask: str | None,
    limit: Index,
) -> Lanes:
    """Elements at `position`, and at the next positions along `axis` for the other lanes.

    Lanes off in `mask`, at positions of `limit` and more, read nothing outside.
    """
    base, element = e.base(access.buffer), access.buffer.element
    if not access.moves(axis) or lanes == 1:
        return uniform(e.load(base, e.address(access, position), element))
    if access.coef(axis) == 1:
        return varying(e.load(base, e.address(access, position), element, lanes, mask))
    grouped = None if mask is not None else _grouped(e, access, position, axis, lanes, limit)
    if grouped is not None:
        return grouped
    if access.coef(axis) in SHUFFLED and mask is None:
        return varying(_every(e, base, e.address(access, position), element, lanes, access.coef(axis) or 1))
    values = []
    for lane in range(lanes):

        def shifted(dim: int, lane: int = lane) -> Index:
            if dim != axis:
                return position(dim)
            place = e.add(position(dim), lane)
            return place if mask is None else e.min(place, e.add(limit, -1))

        values.append(e.load(base, e.address(access, shifted), element))
    return varying(e.from_elements(values, element))


def in_groups(access: Access, axis: int, lanes: int) -> tuple[int, int] | None:
    """`(d, s)` when the access is `axis floordiv d` times `s` along the axis, in groups that vectors do not cut."""
    if len(access.quotients) != 1 or access.coefs[axis].terms:
        return None
    ((quotient, factor),) = access.quotients
    step = factor.static
    if quotient.remainder or quotient.value != Expr.dim(axis) or step is None or step < 1:
        return None
    divisor = quotient.divisor
    fits = divisor % lanes == 0 or (lanes % divisor == 0 and lanes // divisor * step <= lanes)
    return (divisor, step) if fits else None


def _grouped(
    e: KernelEmitter,
    access: Access,
    position: Callable[[int], Index],
    axis: int,
    lanes: int,
    limit: Index,
) -> Lanes | None:
    """One element for each group of lanes, as channels of a grouped convolution read them: all elements of these
    groups by one vector load, which the other elements' reads share, and a shuffle. Vectors start at multiples
    of their lanes."""
    found = in_groups(access, axis, lanes)
    if found is None or not isinstance(limit, int) or limit % lanes:
        return None
    divisor, step = found
    base, element = e.base(access.buffer), access.buffer.element
    if divisor % lanes == 0:
        return uniform(e.load(base, e.address(access, position), element))
    inner = next((dim for dim, coef in enumerate(access.coefs) if coef.static == 1), None)
    shift = 0 if inner is None else position(inner)
    if not isinstance(shift, int) or not 0 <= shift < step:
        return None
    first = e.address(access, lambda dim: 0 if dim == inner else position(dim))
    count = lanes // divisor * step
    loaded = e.load(base, first, element, count)
    picked = ", ".join(str(i // divisor * step + shift) for i in range(lanes))
    kind = vector(element, count)
    return varying(e.op(f"vector.shuffle {loaded}, {loaded} [{picked}] : {kind}, {kind}"))


def _every(e: KernelEmitter, base: str, at: Index, element: str, lanes: int, step: int) -> str:
    """Every `step`-th element from `at` on, by vector loads; nothing after the last one is read."""
    kind = vector(element, lanes)
    starts = [k * lanes for k in range(step - 1)] + [(step - 1) * (lanes - 1)]
    result = e.load(base, e.add(at, starts[0]), element, lanes)
    found = [i * step if i * step < lanes else -1 for i in range(lanes)]
    for start in starts[1:]:
        more = e.load(base, e.add(at, start), element, lanes)
        for i in range(lanes):
            if found[i] < 0 and start <= i * step < start + lanes:
                found[i] = lanes + i * step - start
        picked = ", ".join(str(max(place, 0)) for place in found)
        result = e.op(f"vector.shuffle {result}, {more} [{picked}] : {kind}, {kind}")
        found = [i if place >= 0 else -1 for i, place in enumerate(found)]
    return result
