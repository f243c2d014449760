"""Whether two tensors have the same shape, dynamic sizes included.

A size's key is an integer, or what the size is made of: the name of a dim of an argument of `main`, an
index value, arithmetic on keys. Equal keys are equal sizes; different ones may still agree at run time.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from aicc.bindings import ir
from aicc.passes.kernels.ir_tools import defining_op, inits, reassociation_of

Key = Hashable


def shape_key(value: Any) -> tuple[Key, ...]:
    """The key of each size of a tensor value."""
    return tuple(dim_key(value, i) for i in range(ir.RankedTensorType(value.type).rank))


def dim_key(value: Any, i: int) -> Key:
    """The key of size `i` of a tensor value."""
    t = ir.RankedTensorType(value.type)
    if not t.is_dynamic_dim(i):
        return int(t.get_dim_size(i))
    op = defining_op(value)
    if op is None:
        return _argument_key(value, i)
    number = sum(t.is_dynamic_dim(k) for k in range(i))
    if op.name == "tensor.empty":
        return index_key(op.operands[number])
    if op.name == "linalg.fill":
        return dim_key(op.operands[1], i)
    if op.name == "linalg.generic":
        return dim_key(inits(op)[list(op.results).index(value)], i)
    if op.name == "tensor.cast":
        return dim_key(op.operands[0], i)
    if op.name == "tensor.expand_shape":
        return index_key(op.operands[1 + number])
    if op.name == "tensor.collapse_shape":
        return _product([dim_key(op.operands[0], d) for d in reassociation_of(op)[i]])
    return _measured(value, i)


def index_key(value: Any) -> Key:
    """The key of an index value."""
    op = defining_op(value)
    if op is None:
        return value
    if op.name == "arith.constant":
        return int(ir.IntegerAttr(op.attributes["value"]).value)
    if op.name == "tensor.dim":
        position = index_key(op.operands[1])
        return dim_key(op.operands[0], position) if isinstance(position, int) else value
    if op.name == "arith.muli":
        return _product([index_key(v) for v in op.operands])
    if op.name.startswith("arith.") and all(isinstance(v.type, ir.IndexType) for v in op.operands):
        return (op.name, *(index_key(v) for v in op.operands))
    return value


def _product(keys: list[Key]) -> Key:
    """A product in normal form: one integer, then the other factors in some fixed order."""
    number = 1
    factors: list[Key] = []
    for key in keys:
        if isinstance(key, int):
            number *= key
        elif isinstance(key, tuple) and key[0] == "product":
            number *= key[1]
            factors += key[2:]
        else:
            factors.append(key)
    if not factors or (len(factors) == 1 and number == 1):
        return factors[0] if factors else number
    return ("product", number, *sorted(factors, key=repr))


def _argument_key(value: Any, i: int) -> Key:
    """The name a dim of an argument of `main` has in the model."""
    argument = ir.BlockArgument(value)
    parent = argument.owner.owner.operation
    if parent.name == "func.func" and "arg_attrs" in parent.attributes:
        attributes = ir.DictAttr(parent.attributes["arg_attrs"][argument.arg_number])
        if "aicc.dims" in attributes:
            name = ir.ArrayAttr(attributes["aicc.dims"])[i]
            if isinstance(name, ir.StringAttr):
                return ("dim", name.value)
    return _measured(value, i)


def _measured(value: Any, i: int) -> Key:
    """A size of which only the tensor is known."""
    return ("size", value, i)
