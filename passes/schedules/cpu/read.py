"""Reading an operand at a point: contiguous, the same in all lanes, or element by element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.inline import Lanes, literal, uniform, varying


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
    values = []
    for lane in range(lanes):

        def shifted(dim: int, lane: int = lane) -> Index:
            if dim != axis:
                return position(dim)
            place = e.add(position(dim), lane)
            return place if mask is None else e.min(place, e.add(limit, -1))

        values.append(e.load(base, e.address(access, shifted), element))
    return varying(e.from_elements(values, element))
