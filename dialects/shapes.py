"""Symbolic shapes and values of everything in a function, by the ops' own type rules.

MLIR types say `?` where a size is not static; this analysis says which `?` are equal and what they
are made of: `main`'s arguments carry the names of their dims (`aicc.dims`), and each op's `infer`
computes with them. Shape arithmetic (`aicc.shape`, gathers, products…) folds symbolically on the way.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.bindings import ir
from aicc.dialects.op import Op, declaration, operand_values
from aicc.dialects.programs import control_of, result_types
from aicc.dialects.symbolic import Dim, element_dim, has_elements, static
from aicc.dialects.types import INDEX, DType, TensorType, type_of

_SYMBOLIC_ELEMENTS = 64
_RUN_TIME_ELEMENTS = 16


class Shapes:
    """`info(value)` is the value's `TensorType` with symbolic dims and, where known, its value.

    Results are memoized by value: `forget` the results of an op before erasing it.
    """

    def __init__(self) -> None:
        self._memo: dict[Any, TensorType] = {}

    def remember(self, value: Any, info: TensorType) -> None:
        """Records what is known of a new value."""
        self._memo[value] = _with_elements(_folded(value, info, self))

    def assume(self, value: Any, info: TensorType) -> None:
        """Says what is known of a block argument that no attribute describes yet."""
        self._memo[value] = _with_elements(info)

    def knows(self, value: Any) -> bool:
        """Whether the value was asked for before."""
        return value in self._memo

    def forget(self, value: Any) -> None:
        """Drops what is memoized of a value: before its op is erased or changed in place."""
        self._memo.pop(value, None)

    def info(self, value: Any) -> TensorType:
        stack = [value]
        while stack:
            v = stack[-1]
            if v in self._memo:
                stack.pop()
                continue
            missing = [o for o in _inputs(v) if o not in self._memo]
            if missing:
                stack.extend(missing)
                continue
            self._memo[v] = self._compute(v)
            stack.pop()
        return self._memo[value]

    def shape(self, value: Any) -> tuple[int | Dim, ...]:
        return self.info(value).shape

    def value(self, value: Any) -> np.ndarray[Any, Any] | None:
        """The constant array behind a value (no symbolic elements), if known."""
        v = self.info(value).value
        return None if v is None or v.dtype == object else v

    def _compute(self, value: Any) -> TensorType:
        owner = value.owner
        if isinstance(owner, ir.Block):
            return _with_elements(_argument_type(value))
        decl = declaration(owner)
        if decl is None:
            control = control_of(owner)
            if control is None:
                return _with_elements(type_of(value))
            found = result_types(owner, control, [self._memo[v] for v in owner.operands])
            for result, t in zip(owner.results, found, strict=True):
                self._memo[result] = _with_elements(t)
            return self._memo[value]
        infos = [None if v is None else self._memo[v] for v in operand_values(owner)]
        types = decl.result_types(infos, decl.decode_attributes(owner))
        for result, t in zip(owner.results, types, strict=True):
            self._memo[result] = _with_elements(_folded(result, t, self, infos))
        return self._memo[value]


def _inputs(value: Any) -> list[Any]:
    owner = value.owner
    if isinstance(owner, ir.Block):
        return []
    if declaration(owner) is None:
        return list(owner.operands) if control_of(owner) is not None else []
    return [v for v in operand_values(owner) if v is not None]


def _argument_type(value: Any) -> TensorType:
    """A block argument's type; dims named by `aicc.dims` become those symbols."""
    argument = ir.BlockArgument(value)
    found = type_of(value)
    parent = argument.owner.owner
    if parent.operation.name != "func.func" or "arg_attrs" not in parent.attributes:
        return found
    attrs = parent.attributes["arg_attrs"][argument.arg_number]
    if "aicc.dims" not in attrs:
        return found
    shape = tuple(
        Dim.symbol(ir.StringAttr(name).value) if isinstance(d, Dim) and isinstance(name, ir.StringAttr) else d
        for d, name in zip(found.shape, attrs["aicc.dims"], strict=True)
    )
    return TensorType(shape, found.dtype)


def _folded(
    result: Any, info: TensorType, shapes: Shapes, infos: list[TensorType | None] | None = None
) -> TensorType:
    """`info` with its value, when the op can compute it from known small integer operands."""
    if info.value is not None or info.dtype not in _SHAPE_DTYPES or not info.is_static:
        return info
    if info.size > _SYMBOLIC_ELEMENTS:
        return info
    owner = result.owner
    decl = declaration(owner)
    if decl is None or decl.fold is None:
        return info
    if infos is None:
        infos = [None if v is None else shapes.info(v) for v in operand_values(owner)]
    number = ir.OpResult(result).result_number
    return info.with_value(symbolic_fold(decl, infos, decl.decode_attributes(owner), info, number))


def _with_elements(info: TensorType) -> TensorType:
    """Elements of a small integer tensor that only run time knows, as symbols of their own.

    Sizes made of them are then related: `expand(x, s)` and `expand(y, s)` have one shape. The lowering
    gives these symbols their value with `tensor.extract` (`Builder.bind`).
    """
    if info.value is not None or info.dtype not in INDEX or info.rank > 1 or not info.is_static:
        return info
    if info.size > _RUN_TIME_ELEMENTS:
        return info
    elements = np.empty(info.size, dtype=object)
    elements[:] = [element_dim() for _ in range(info.size)]
    return info.with_value(elements.reshape(tuple(map(static, info.shape))))


_SHAPE_DTYPES = frozenset({DType.I64, DType.I32, DType.BOOL})
_SIGN_SENSITIVE = frozenset({"div", "mod", "equal"})
"""Ops whose symbolic fold relies on sizes not being negative, which an element may be."""


def symbolic_fold(
    decl: type[Op], infos: list[TensorType | None], attrs: dict[str, Any], out: TensorType, number: int = 0
) -> np.ndarray[Any, Any] | None:
    """The value of result `number` on operands that are known, or on symbolic elements; None when unknown.

    An unknown operand that a shape could be read from (a small integer tensor of static shape)
    does not stop the others: it is not folded here, so the result is unknown.
    """
    if decl.fold is None or any(t is not None and t.value is None for t in infos) or not infos:
        return None
    arrays = [None if t is None else t.value for t in infos]
    is_symbolic = any(a is not None and a.dtype == object for a in arrays)
    if is_symbolic and not decl.symbolic:
        return None
    if decl.name in _SIGN_SENSITIVE and any(
        has_elements(e) for a in arrays if a is not None and a.dtype == object for e in a.flat
    ):
        return None
    try:
        folded = decl.fold(*arrays, **attrs)
        folded = folded[number] if isinstance(folded, tuple) else folded
    except TypeError:
        # comparing or ordering a symbol has no answer at compile time
        if is_symbolic:
            return None
        raise
    if not is_symbolic:
        return np.asarray(folded, dtype=out.dtype.numpy)
    array = np.asarray(folded, dtype=object)
    if all(isinstance(x, (int, np.integer)) for x in array.flat):
        return array.astype(out.dtype.numpy)
    return array
