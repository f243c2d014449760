"""The elementwise stages after a reduction, which a library may compute with it."""

from __future__ import annotations

from typing import Any

from aicc.bindings import arith, ir
from aicc.passes.gpu.launch import constant
from aicc.passes.kernels.ir_tools import (
    defining_op,
    dynamic_sizes,
    inputs,
    is_parallel,
    is_projection,
    maps,
    n_inputs,
    users,
)
from aicc.passes.schedules.cpu.nest_reader import integers


def only_stage(value: Any) -> Any | None:
    """The elementwise generic that alone reads `value`, each element where it writes its own; it may read another
    tensor, too."""
    found = users(value)
    if len(found) != 1 or not is_parallel(found[0]) or len(found[0].results) != 1:
        return None
    stage = found[0]
    read = [i for i, operand in enumerate(inputs(stage)) if operand == value]
    all_maps = maps(stage)
    place = all_maps[n_inputs(stage)]
    if len(read) != 1 or n_inputs(stage) > 2 or all_maps[read[0]] != place or not is_projection(place):
        return None
    return stage if place.n_dims == len(place.results) else None


def narrows(value: Any, result: Any, element: str) -> bool:
    """Whether `result` has the type of `value`, or the narrower one of the reduction's operands."""
    return element_of(result) in (element_of(value), element) and _bits(result) <= _bits(value)


def by_column(stage: Any, other: Any, result: Any, count: int = 1) -> bool:
    """Whether `other` has the result's type and one number for each position along its last `count` dims."""
    place, own = _maps_of(stage, other)
    dims = [e for e in own.results if isinstance(e, ir.AffineDimExpr)]
    rest = [e for e in own.results if not isinstance(e, ir.AffineDimExpr)]
    zeros = all(isinstance(e, ir.AffineConstantExpr) and e.value == 0 for e in rest)
    return zeros and dims == list(place.results)[-count:] and element_of(other) == element_of(result)


def by_element(stage: Any, other: Any, result: Any) -> bool:
    """Whether `other` has the result's type and shape."""
    place, own = _maps_of(stage, other)
    return bool(own == place) and element_of(other) == element_of(result)


def _maps_of(stage: Any, other: Any) -> tuple[Any, Any]:
    """Of the result, and of an input."""
    all_maps = maps(stage)
    return all_maps[n_inputs(stage)], next(
        m for value, m in zip(inputs(stage), all_maps, strict=False) if value == other
    )


def element_of(value: Any) -> str:
    """Of a tensor."""
    return str(value.type.element_type)


def _bits(value: Any) -> int:
    return int(value.type.element_type.width)


def sizes_of(value: Any) -> list[Any]:
    """The values of a tensor's dynamic sizes, at the insertion point. Of a tensor that the kernel makes, or of a buffer
    that it pads."""
    op = defining_op(value)
    if op is not None and op.name == "tensor.pad":
        return _padded_sizes(op)
    sizes = dynamic_sizes(value)
    assert sizes is not None, "stages write tensors that the kernel makes"
    return sizes


def _padded_sizes(pad: Any) -> list[Any]:
    """The buffer is a view of an argument (contract 4) with its sizes."""
    tensor = defining_op(pad.operands[0])
    view = None if tensor is None else defining_op(tensor.operands[0])
    assert view is not None and view.name == "memref.reinterpret_cast"
    given = iter(list(view.operands)[1:])
    kind = pad.results[0].type
    sizes = []
    for dim, (low, high) in enumerate(
        zip(integers(pad, "static_low"), integers(pad, "static_high"), strict=True)
    ):
        if kind.is_dynamic_dim(dim):
            own, border = next(given), low + high
            sizes.append(arith.AddIOp(own, constant(border)).result if border else own)
    return sizes
