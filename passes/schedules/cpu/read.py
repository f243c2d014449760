"""Reading a vector of an operand: contiguous, broadcast or element by element, as its access says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.emit import Index, vector
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.inline import literal
from aicc.passes.schedules.cpu.nest import Fill


def read_fill(e: KernelEmitter, fill: Fill, lanes: int) -> str:
    """The scalar of a filled tensor in every lane."""
    return read_scalar(e, fill.value, fill.element, lanes)


def read_scalar(e: KernelEmitter, value: Any, element: str, lanes: int) -> str:
    """An SSA value of the old function, or an attribute, in every lane."""
    if hasattr(value, "owner"):
        owner = value.owner
        if not (hasattr(owner, "operation") and owner.operation.name == "arith.constant"):
            return e.broadcast(e.scalar(value), element, lanes)
        value = owner.operation.attributes["value"]
    return e.splat(literal(value), element, lanes)


def read_vector(
    e: KernelEmitter,
    access: Access,
    position: Callable[[int], Index],
    axis: int,
    lanes: int,
    mask: str | None,
    limit: Index,
) -> str:
    """Elements at `position`, and at the next positions along `axis` for the other lanes.

    Lanes off in `mask`, at positions of `limit` and more, read nothing outside.
    """
    base, element = e.base(access.buffer), access.buffer.element
    if not access.moves(axis) or lanes == 1:
        return e.broadcast(e.load(base, e.address(access, position), element), element, lanes)
    if access.coef(axis) == 1:
        return e.load(base, e.address(access, position), element, lanes, mask)
    values = []
    for lane in range(lanes):

        def shifted(dim: int, lane: int = lane) -> Index:
            if dim != axis:
                return position(dim)
            place = e.add(position(dim), lane)
            return place if mask is None else e.min(place, e.add(limit, -1))

        values.append(e.load(base, e.address(access, shifted), element))
    return e.from_elements(values, element)


def lane_mask(e: KernelEmitter, count: Index, lanes: int) -> str | None:
    """The first `count` lanes; None when that is all of them."""
    return e.mask(count, lanes)


def convert(e: KernelEmitter, op: str, value: str, source: str, target: str, lanes: int) -> str:
    """A cast of vectors, e.g. arith.extf."""
    return e.op(f"{op} {value} : {vector(source, lanes)} to {vector(target, lanes)}")
