"""How an op of the aicc dialect is declared: one class holds everything about it.

    class Softmax(Op, name="softmax"):
        '''`y = exp(x - max(x)) / sum(exp(x - max(x)))` along `axis`.'''

        operands = (Operand("x", FLOAT),)
        attributes = (Attribute("axis", Int),)

        @staticmethod
        def infer(x: TensorType, *, axis: int) -> TensorType:
            check_axis(axis, x.rank)
            return x.plain()

        @staticmethod
        def fold(x: np.ndarray, *, axis: int) -> np.ndarray:
            ...

`infer` is the type rule: it gets a `TensorType` per operand (None for an absent optional one; a
variadic one's as further positional arguments) and the attributes as Python values, and returns the
result's type, or a tuple of them (one per name in `results`); it raises `TypeRuleError` when they do
not fit. The verifier, the builder and the documentation are derived from the declaration. `fold` computes
the op on NumPy
arrays, for constant folding; it may be absent. With `symbolic = True` it must also accept object
arrays of `Dim`s (shape arithmetic).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from aicc.bindings import ext, ir
from aicc.dialects.attributes import AttrKind
from aicc.dialects.types import ANY, DType, TensorType

OPS: dict[str, type[Op]] = {}
"""Every op of the dialect by name without prefix, in order of declaration."""

_BY_MLIR_NAME: dict[str, type[Op]] = {}


_MOST = 1 << 62
"""No size is as large."""


class TypeRuleError(Exception):
    """Operands or attributes that do not fit the op; the text says what was expected and found."""


@dataclass(frozen=True)
class Operand:
    """`dtypes` the element types allowed; `like` names an earlier operand whose dtype it must share."""

    name: str
    dtypes: frozenset[DType] = ANY
    optional: bool = False
    variadic: bool = False
    like: str | None = None


@dataclass(frozen=True)
class Attribute:
    """An attribute without `optional` and `default` is required. A default is written out by the builder."""

    name: str
    kind: AttrKind
    default: Any = None
    optional: bool = False


class Dialect_(ext.Dialect, name="aicc"):  # type: ignore[call-arg]
    """The aicc dialect as MLIR sees it."""


class Op:
    """Base of all ops. Subclassing with `name=` registers the op."""

    name: ClassVar[str]
    mlir_name: ClassVar[str]
    """`aicc.<name>`, or the upstream op that already is this op (see `upstream=`)."""
    operands: ClassVar[tuple[Operand, ...]] = ()
    attributes: ClassVar[tuple[Attribute, ...]] = ()
    results: ClassVar[tuple[str, ...]] = ("y",)
    symbolic: ClassVar[bool] = False
    infer: ClassVar[Callable[..., Any]]
    fold: ClassVar[Callable[..., Any] | None] = None
    fold_limit: ClassVar[int | None] = None
    """Largest result, in elements, that folding may create when the inputs are smaller (None: no limit)."""

    def __init_subclass__(cls, name: str | None = None, upstream: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if name is None:
            return
        assert name not in OPS, f"aicc.{name} is declared twice"
        cls.name = name
        cls.mlir_name = upstream or f"aicc.{name}"
        OPS[name] = cls
        _BY_MLIR_NAME[cls.mlir_name] = cls
        if upstream is None:
            _declare(cls)

    @classmethod
    def build(cls, *operands: Any, shapes: Any = None, loc: Any = None, **attrs: Any) -> Any:
        """Builds the op at the current insertion point; returns its result, or a list of several.

        Operands are MLIR values (None: absent). `shapes` is the `Shapes` analysis that knows symbolic
        dimensions and constants; without it only the operands' own types are used. Raises TypeRuleError.
        """
        from aicc.dialects.shapes import Shapes

        shapes = shapes if shapes is not None else Shapes()
        attrs = cls.complete_attributes(attrs)
        infos = [None if v is None else shapes.info(v) for v in operands]
        types = cls.result_types(infos, attrs)
        for t in types:
            if any(isinstance(d, int) and not 0 <= d < _MOST for d in t.shape):
                raise TypeRuleError(f"the result would be {t}, which no tensor can be")
        values = [none_value() if v is None else v for v in operands]
        n_fixed = len(cls.operands) - (1 if cls.operands and cls.operands[-1].variadic else 0)
        values += [none_value() for _ in range(n_fixed - len(values))]
        op = ir.Operation.create(
            cls.mlir_name,
            results=[t.mlir() for t in types],
            operands=values,
            attributes=cls.encode_attributes(attrs),
            loc=loc,
        )
        for result, info in zip(op.results, types, strict=True):
            shapes.remember(result, info)
        return op.results[0] if len(types) == 1 else list(op.results)

    @classmethod
    def complete_attributes(cls, attrs: dict[str, Any]) -> dict[str, Any]:
        """`attrs` with defaults filled in. Raises TypeRuleError for a missing or unknown one."""
        known = {a.name: a for a in cls.attributes}
        for given in attrs:
            if given not in known:
                raise TypeRuleError(f"has no attribute '{given}'")
        out: dict[str, Any] = {}
        for a in cls.attributes:
            value = attrs.get(a.name)
            value = a.default if value is None else value
            if value is None and not a.optional:
                raise TypeRuleError(f"attribute '{a.name}' is missing")
            out[a.name] = value
        return out

    @classmethod
    def encode_attributes(cls, attrs: dict[str, Any]) -> dict[str, Any]:
        kinds = {a.name: a.kind for a in cls.attributes}
        return {name: kinds[name].encode(value) for name, value in attrs.items() if value is not None}

    @classmethod
    def decode_attributes(cls, op: Any) -> dict[str, Any]:
        """The attributes of an MLIR op as Python values. Raises TypeRuleError."""
        out: dict[str, Any] = {}
        for a in cls.attributes:
            if a.name in op.attributes:
                try:
                    out[a.name] = a.kind.decode(op.attributes[a.name])
                except (ValueError, TypeError) as error:
                    raise TypeRuleError(f"attribute '{a.name}' must be {a.kind.doc}") from error
            elif a.optional:
                out[a.name] = a.default
            else:
                raise TypeRuleError(f"attribute '{a.name}' is missing")
        return out

    @classmethod
    def result_types(
        cls, infos: Sequence[TensorType | None], attrs: dict[str, Any]
    ) -> tuple[TensorType, ...]:
        """Checks operands against the declaration and applies the type rule. Raises TypeRuleError."""
        cls.check_operands(infos)
        n_fixed = len(cls.operands) - (1 if cls.operands and cls.operands[-1].variadic else 0)
        padded = list(infos) + [None] * (n_fixed - len(infos))
        out = cls.infer(*padded, **attrs)
        return out if isinstance(out, tuple) else (out,)

    @classmethod
    def check_operands(cls, infos: Sequence[TensorType | None]) -> None:
        by_name: dict[str, TensorType] = {}
        decls = list(cls.operands)
        if decls and decls[-1].variadic:
            last = decls.pop()
            decls += [last] * max(0, len(infos) - len(decls))
        if len(infos) > len(decls):
            raise TypeRuleError(f"takes at most {len(decls)} operands, got {len(infos)}")
        for i, d in enumerate(decls):
            t = infos[i] if i < len(infos) else None
            if t is None:
                if not d.optional:
                    raise TypeRuleError(f"operand '{d.name}' is missing")
                continue
            if t.dtype not in d.dtypes:
                allowed = ", ".join(x.mlir for x in DType if x in d.dtypes)
                raise TypeRuleError(f"operand '{d.name}' has dtype {t.dtype.mlir}; allowed: {allowed}")
            like = by_name.get(d.like if d.like else d.name if d.variadic else "")
            if like is not None and like.dtype is not t.dtype:
                raise TypeRuleError(
                    f"operand '{d.name}' has dtype {t.dtype.mlir}, expected {like.dtype.mlir}"
                )
            by_name.setdefault(d.name, t)


def none_value() -> Any:
    """The absent optional operand."""
    return ir.Operation.create("aicc.none", results=[ir.NoneType.get()]).results[0]


def is_none(value: Any) -> bool:
    return str(value.type) == "none"


def declaration(op: Any) -> type[Op] | None:
    """The declaration of an MLIR op, or None if it is no aicc op."""
    return _BY_MLIR_NAME.get(op.operation.name)


def operand_values(op: Any) -> list[Any]:
    """The operands of an MLIR op, None for absent ones."""
    return [None if is_none(v) else v for v in op.operation.operands]


def _declare(cls: type[Op]) -> None:
    """Registers `cls` with MLIR, which checks the numbers of operands and results; the verifier does the rest.

    IRDL gives all operands of one variadic list a single type. An op whose variadic operands differ in
    type must be an upstream op instead (`upstream=`), and the number of results is always fixed.
    """

    def verify_invariants(op: Any) -> bool:
        try:
            _verify(cls, op)
        except TypeRuleError as error:
            op.location.emit_error(f"'aicc.{cls.name}' op {error}")
            return False
        except Exception as error:  # a verifier must not raise into MLIR
            op.location.emit_error(f"'aicc.{cls.name}' op cannot be checked: {type(error).__name__}: {error}")
            return False
        return True

    body: dict[str, Any] = {
        "__annotations__": {
            **{f"out_{r}": ext.Result[Any] for r in cls.results},
            **{
                f"in_{o.name}": Sequence[ext.Operand[Any]] if o.variadic else ext.Operand[Any]
                for o in cls.operands
            },
        },
        "__doc__": cls.__doc__,
        "__module__": cls.__module__,
        "verify_invariants": staticmethod(verify_invariants),
    }
    bases = (Dialect_.Operation,)
    ext_class = type(Dialect_.Operation)
    ext_class(f"{cls.__name__}View", bases, body, name=cls.name, traits=[ext.Pure])


def _verify(cls: type[Op], op: Any) -> None:
    from aicc.dialects.types import type_of

    if cls.name == "none":
        return
    infos = [None if is_none(v) else type_of(v) for v in op.operation.operands]
    attrs = cls.decode_attributes(op)
    inferred = cls.result_types(_with_constants(op, infos), attrs)
    found = [r.type for r in op.operation.results]
    if len(inferred) != len(found):
        raise TypeRuleError(f"has {len(found)} results, expected {len(inferred)}")
    for i, (want, have) in enumerate(zip(inferred, found, strict=True)):
        if not compatible(want, type_of(op.operation.results[i])):
            raise TypeRuleError(f"result {i} has type {have}, expected {want}")


def _with_constants(op: Any, infos: list[TensorType | None]) -> list[TensorType | None]:
    """Operands that are constants bring their value, so that a reshape's result can be checked."""
    from aicc.dialects.constants import constant_value

    out = []
    for value, info in zip(op.operation.operands, infos, strict=True):
        if info is not None and info.value is None:
            info = info.with_value(constant_value(value))
        out.append(info)
    return out


def compatible(a: TensorType, b: TensorType) -> bool:
    """Same dtype and rank, and no two different static sizes."""
    return (
        a.dtype is b.dtype
        and a.rank == b.rank
        and all(
            x == y or not (isinstance(x, int) and isinstance(y, int))
            for x, y in zip(a.shape, b.shape, strict=True)
        )
    )


def as_array(value: Any, dtype: DType) -> np.ndarray[Any, Any]:
    """`value` as an array of `dtype`."""
    return np.asarray(value, dtype=dtype.numpy)
