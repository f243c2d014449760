"""What lowering rules build with: generics, broadcasts, reductions, sizes.

A rule is registered beside its code and gets a `Lowering`:

    @lowering("softmax")
    def softmax(b: Builder, n: Lowered) -> Any:
        x, t = n.operands[0], n.types[0]
        ...

Values are tensors of storage types (signless integers, bool as i8); `TensorType`s say what they mean.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aicc.bindings import arith, ir, linalg, tensor
from aicc.dialects.op import Op
from aicc.dialects.symbolic import Atom, Dim, DimLike, product, static
from aicc.dialects.types import COMPLEX, DType, TensorType
from aicc.passes.linalg.scalars import Scalars, scalar_type
from aicc.passes.weight_ops import load_weight
from aicc.weights import WeightStore

Body = Callable[..., Any]


@dataclass
class Lowered:
    """The op being lowered: converted operands (None: absent), symbolic types, attributes."""

    op: type[Op]
    operands: list[Any]
    types: list[TensorType | None]
    results: list[TensorType]
    attrs: dict[str, Any]

    def typed(self, i: int) -> TensorType:
        """The type of operand `i`, which is present."""
        t = self.types[i]
        assert t is not None
        return t


@dataclass
class Builder:
    """Builds at the current MLIR insertion point."""

    weights: WeightStore
    symbols: dict[str, Any] = field(default_factory=dict)
    """Index values of symbolic dims by symbol name."""
    required: set[tuple[str, str, str]] = field(default_factory=set)
    """What the program checks by now of pairs of sizes (see `requirements`)."""
    stretched: dict[Any, tuple[Any, TensorType]] = field(default_factory=dict)
    """Values as they are read over bigger shapes (see `broadcasts`)."""
    device: bool = False
    """Whether kernels run on a GPU: rows are threads there, and have no memory of their own."""

    # sizes ------------------------------------------------------------------------------------
    def index(self, value: int) -> Any:
        return arith.ConstantOp(ir.IndexType.get(), value).result

    def size(self, dim: DimLike) -> Any:
        """A size as an index value: a constant, or arithmetic on the symbols it is made of."""
        if isinstance(dim, int):
            return self.index(dim)
        total: Any = None
        for mono, coef in dim.terms.items():
            factors = [self._atom(a) for a in mono]
            if coef != 1 or not factors:
                factors.insert(0, self.index(coef))
            term = factors[0]
            for f in factors[1:]:
                term = arith.MulIOp(term, f).result
            total = term if total is None else arith.AddIOp(total, term).result
        return total

    def _atom(self, atom: Atom) -> Any:
        if atom.kind == "symbol":
            return self.symbols[atom.args[0]]
        a, *rest = (self.size(x) for x in atom.args)
        if atom.kind == "broadcast":
            for b in rest:  # what is not 1, and 0 of 0 and 1
                a = arith.MinSIOp(arith.MaxSIOp(a, b).result, arith.MulIOp(a, b).result).result
            return a
        op = {
            "floordiv": arith.FloorDivSIOp,
            "mod": arith.RemSIOp,
            "max": arith.MaxSIOp,
            "min": arith.MinSIOp,
        }[atom.kind]
        return op(a, rest[0]).result

    def is_known(self, dim: DimLike) -> bool:
        """Whether `size(dim)` can be built now."""
        if isinstance(dim, int):
            return True
        return all(
            a.args[0] in self.symbols if a.kind == "symbol" else all(self.is_known(x) for x in a.args)
            for m in dim.terms
            for a in m
        )

    def bind(self, value: Any, t: TensorType) -> None:
        """Symbols that first appear in `t` take their value from the sizes and elements of `value`."""
        for i, d in enumerate(t.shape):
            if isinstance(d, Dim) and d.is_symbol and not self.is_known(d):
                ((mono, _),) = d.terms.items()
                self.symbols[mono[0].args[0]] = tensor.DimOp(value, self.index(i)).result
        if t.value is None or t.value.dtype != object or t.rank > 1:
            return
        for i, e in enumerate(t.value.flat):
            if isinstance(e, Dim) and e.is_symbol and not self.is_known(e):
                ((mono, _),) = e.terms.items()
                element = tensor.ExtractOp(value, [self.index(i)] * t.rank).result
                self.symbols[mono[0].args[0]] = self.to_index(element)

    def known_value(self, t: TensorType) -> Any | None:
        """The tensor itself when all its elements are known: constants and arithmetic on sizes."""
        if t.value is None or not all(self.is_known(e) for e in t.value.flat if isinstance(e, Dim)):
            return None
        if t.value.dtype != object:
            return self.constant(t.value)
        storage = ir.Type.parse(t.dtype.storage)
        elements = [arith.IndexCastOp(storage, self.size(as_dim(e))).result for e in t.value.flat]
        return self.from_scalars(elements, t)

    def sizes(self, shape: Sequence[DimLike]) -> list[Any]:
        """The dynamic sizes of a shape, in order: what `tensor.empty` takes."""
        return [self.size(d) for d in shape if not isinstance(d, int)]

    # tensors ----------------------------------------------------------------------------------
    def empty(self, t: TensorType) -> Any:
        """An uninitialized tensor of type `t`."""
        storage = ir.Type.parse(t.dtype.storage)
        return tensor.EmptyOp([d if isinstance(d, int) else self.size(d) for d in t.shape], storage).result

    def fill(self, t: TensorType, value: float | int | bool) -> Any:
        """A tensor of type `t` with every element `value`."""
        if 0 in t.shape:
            return self.empty(t)
        return linalg.fill(stored_scalar(t.dtype, value), outs=[self.empty(t)])

    def constant(self, array: np.ndarray[Any, Any], hint: str = "constant") -> Any:
        """A constant tensor: `arith.constant` up to 1 KiB, else an entry of the weight store."""
        from aicc.dialects.constants import is_inline

        if not is_inline(DType.from_numpy(array.dtype), array.nbytes):
            return self.weight(self.weights.add_array(hint, np.ascontiguousarray(array)))
        return dense_constant(array)

    def weight(self, sym: str) -> Any:
        """Loads an entry of the weight store; the pass declares it when `main` is built."""
        return load_weight(sym, self.weights.type(sym).mlir(storage=True))

    # computation ------------------------------------------------------------------------------
    def generic(
        self,
        outs: Sequence[TensorType],
        ins: Sequence[tuple[Any, Any]],
        iterators: Sequence[str],
        body: Body,
        *,
        in_types: Sequence[TensorType | None] | None = None,
        out_maps: Sequence[Any] | None = None,
        inits: Sequence[Any] | None = None,
    ) -> list[Any]:
        """A `linalg.generic` on tensors; returns its results.

        `ins` pairs values with affine maps; `out_maps` default to the identity; `inits` default to empty
        tensors. `iterators` are "parallel" or "reduction". `body` gets the input scalars and then the
        init scalars (current values), and returns one scalar or a sequence. Scalars whose tensor is a bool
        (by `in_types`/`outs`) arrive as i1 and are yielded as i1.
        """
        rank = len(iterators)
        identity = ir.AffineMap.get_identity(rank)
        maps = [m for _, m in ins] + list(out_maps or [identity] * len(outs))
        init_values = list(inits) if inits is not None else [self.empty(t) for t in outs]
        if _is_empty(maps, [v.type for v, _ in ins] + [v.type for v in init_values]):
            return init_values
        op = linalg.GenericOp(
            [v.type for v in init_values],
            [v for v, _ in ins],
            init_values,
            ir.ArrayAttr.get([ir.AffineMapAttr.get(m) for m in maps]),
            ir.ArrayAttr.get([ir.Attribute.parse(f"#linalg.iterator_type<{i}>") for i in iterators]),
        )
        scalars = [ir.RankedTensorType(v.type).element_type for v in [*(v for v, _ in ins), *init_values]]
        block = op.regions[0].blocks.append(*scalars, arg_locs=[ir.Location.current] * len(scalars))
        meanings = [*(in_types or [None] * len(ins)), *outs]
        with ir.InsertionPoint(block):
            args = [
                arith.TruncIOp(ir.Type.parse("i1"), a).result
                if t is not None and t.dtype is DType.BOOL
                else a
                for a, t in zip(block.arguments, meanings, strict=True)
            ]
            out = body(*args)
            results = list(out) if isinstance(out, (list, tuple)) else [out]
            stored = [
                arith.ExtUIOp(ir.Type.parse("i8"), r).result if t.dtype is DType.BOOL else r
                for r, t in zip(results, outs, strict=True)
            ]
            linalg.YieldOp(stored)
        return list(op.results)

    def pointwise(self, out: TensorType, ins: Sequence[tuple[Any, TensorType]], body: Body) -> Any:
        """Elementwise with NumPy broadcasting: `body` gets one scalar per input, returns the result's."""
        return self.pointwise_many([out], ins, body)[0]

    def pointwise_many(
        self, outs: Sequence[TensorType], ins: Sequence[tuple[Any, TensorType]], body: Body
    ) -> list[Any]:
        """`pointwise` with several results of one shape."""
        from aicc.passes.linalg.broadcasts import read_over

        rank = outs[0].rank
        ins = [read_over(self, v, t, outs[0].shape) for v, t in ins]
        return self.generic(
            outs,
            [(v, broadcast_map(t.shape, outs[0].shape)) for v, t in ins],
            ["parallel"] * rank,
            lambda *args: body(*args[: len(ins)]),
            in_types=[t for _, t in ins],
        )

    def reduce(
        self,
        out: TensorType,
        ins: Sequence[tuple[Any, TensorType]],
        axes: Sequence[int],
        init: float | int,
        body: Body,
    ) -> Any:
        """Reduces `axes` of inputs of one shape; `out` has those axes removed. `body(x…, acc)`."""
        rank = ins[0][1].rank
        kept = [ir.AffineExpr.get_dim(i) for i in range(rank) if i not in axes]
        iterators = ["reduction" if i in axes else "parallel" for i in range(rank)]
        identity = ir.AffineMap.get_identity(rank)
        return self.generic(
            [out],
            [(v, identity) for v, _ in ins],
            iterators,
            body,
            in_types=[t for _, t in ins],
            out_maps=[ir.AffineMap.get(rank, 0, kept)],
            inits=[self.fill(out, init)],
        )[0]

    def transpose(self, value: Any, t: TensorType, perm: Sequence[int]) -> tuple[Any, TensorType]:
        """`y[i…] = x[…]` with `y.shape[k] = x.shape[perm[k]]`, as a copying generic."""
        out = TensorType(tuple(t.shape[p] for p in perm), t.dtype)
        exprs: list[Any] = [None] * t.rank
        for k, p in enumerate(perm):
            exprs[p] = ir.AffineExpr.get_dim(k)
        m = ir.AffineMap.get(t.rank, 0, exprs)
        # a copy moves stored bytes: bools stay i8
        plain = TensorType(out.shape, DType.I8) if t.dtype is DType.BOOL else out
        return self.generic([plain], [(value, m)], ["parallel"] * t.rank, lambda x, _: x)[0], out

    def reshape(self, value: Any, t: TensorType, shape: Sequence[DimLike]) -> tuple[Any, TensorType]:
        """A view with another shape of as many elements: collapse and expand."""
        from aicc.passes.linalg.requirements import require_equal

        out = TensorType(tuple(shape), t.dtype)
        if t.shape == out.shape:
            return value, out
        require_equal(self, product(t.shape), product(out.shape), "a reshape keeps the number of elements")
        if 0 in (*t.shape, *out.shape):
            return self.empty(out), out  # products of sizes would be 0 here and unknown to MLIR
        if t.rank == 0:
            return self._expand(value, t, out, []), out
        groups = reassociation(t.shape, out.shape)
        if groups is None:
            flat = self._collapse(value, t, [list(range(t.rank))]) if t.rank != 1 else value
            n: DimLike = 1
            for d in t.shape:
                n = n * d
            flat_t = TensorType((n,), t.dtype)
            if out.rank == 1:
                return flat, out
            return self._expand(flat, flat_t, out, [list(range(out.rank))]), out
        source_groups, target_groups = groups
        middle = tuple(product(t.shape[i] for i in g) for g in source_groups)
        value = self._collapse(value, t, source_groups) if len(source_groups) != t.rank else value
        mid = TensorType(middle, t.dtype)
        if len(target_groups) == out.rank:
            return value, out
        return self._expand(value, mid, out, target_groups), out

    def _collapse(self, value: Any, t: TensorType, groups: list[list[int]]) -> Any:
        out = TensorType(tuple(product(t.shape[i] for i in g) for g in groups), t.dtype)
        if t.rank == 0 or not groups or not groups[0]:
            groups = []
        return tensor.CollapseShapeOp(out.mlir(storage=True), value, groups).result

    def _expand(self, value: Any, t: TensorType, out: TensorType, groups: list[list[int]]) -> Any:
        if out.rank == 0:
            return tensor.CollapseShapeOp(out.mlir(storage=True), value, []).result
        if t.rank == 0 or any(not g for g in groups):
            groups = []
        # a size is static exactly when all that it expands to is
        unknown = ir.ShapedType.get_dynamic_size()
        loose = []
        for g in groups:
            size = product(out.shape[i] for i in g)
            loose.append(size if all(isinstance(out.shape[i], int) for i in g) else unknown)
        source = ir.RankedTensorType(value.type)
        if groups and loose != list(source.shape):
            value = tensor.CastOp(ir.RankedTensorType.get(loose, source.element_type), value).result
        static = [d if isinstance(d, int) else ir.ShapedType.get_dynamic_size() for d in out.shape]
        dynamic = self.sizes(out.shape)
        return tensor.ExpandShapeOp(out.mlir(storage=True), value, groups, dynamic, static).result

    def scalars(self, value: Any, t: TensorType) -> list[Any]:
        """The elements of a small static tensor as scalars, in row-major order (`tensor.extract`)."""
        out = []
        for position in np.ndindex(*map(static, t.shape)):
            out.append(tensor.ExtractOp(value, [self.index(i) for i in position]).result)
        return out

    def from_scalars(self, elements: Sequence[Any], t: TensorType) -> Any:
        """A small static tensor of scalars, in row-major order."""
        return tensor.FromElementsOp(t.mlir(storage=True), list(elements)).result

    def to_index(self, scalar: Any) -> Any:
        """An integer scalar as an index."""
        return arith.IndexCastOp(ir.IndexType.get(), scalar).result


def stored_scalar(dtype: DType, value: float | int | bool) -> Any:
    """A constant as it is stored: a bool and a narrow number as a byte."""
    if dtype in COMPLEX:
        value = int.from_bytes(np.asarray(value, dtype.numpy).tobytes(), sys.byteorder)
        return stored_integer(dtype, value)
    if dtype.is_narrow:
        value = int(np.asarray(value, np.float32).astype(dtype.numpy).view(np.uint8))
    return Scalars(DType.U8 if dtype is DType.BOOL or dtype.is_narrow else dtype).const(value)


def stored_integer(dtype: DType, bits: int) -> Any:
    """A constant of an integer storage type of any width, by its bits."""
    signed = bits - (1 << dtype.bits) if bits >> (dtype.bits - 1) else bits
    return arith.ConstantOp(
        ir.Type.parse(dtype.storage), ir.Attribute.parse(f"{signed} : {dtype.storage}")
    ).result


def as_dim(element: Any) -> DimLike:
    """An element of an integer array as a size (NumPy integers become Python's)."""
    return element if isinstance(element, Dim) else int(element)


def broadcast_map(shape: Sequence[DimLike], out: Sequence[DimLike]) -> Any:
    """The map by which a tensor of `shape` is read over the dims of `out` (NumPy broadcasting)."""
    offset = len(out) - len(shape)
    exprs = []
    for i, d in enumerate(shape):
        is_broadcast = d == 1 and out[offset + i] != 1
        exprs.append(ir.AffineExpr.get_constant(0) if is_broadcast else ir.AffineExpr.get_dim(offset + i))
    return ir.AffineMap.get(len(out), 0, exprs)


def _is_empty(maps: Sequence[Any], types: Sequence[Any]) -> bool:
    """Whether a dim of the iteration space is 0: nothing is computed then, and reductions keep their init."""
    return any(
        isinstance(e, ir.AffineDimExpr) and size == 0
        for m, t in zip(maps, types, strict=True)
        if isinstance(t, ir.RankedTensorType)
        for e, size in zip(m.results, t.shape, strict=True)
    )


def reassociation(
    source: Sequence[DimLike], target: Sequence[DimLike]
) -> tuple[list[list[int]], list[list[int]]] | None:
    """Groups of dims of `source` and of `target` with pairwise equal products, as many as possible.

    None when sizes cannot be matched symbolically, or a rank is 0: reshape through one flat dim then.
    """
    if not source or not target or 0 in source or 0 in target:
        return None
    s_groups: list[list[int]] = []
    t_groups: list[list[int]] = []
    i = j = 0
    while i < len(source) and j < len(target):
        s_group, t_group = [i], [j]
        a, b = source[i], target[j]
        i, j = i + 1, j + 1
        while a != b:
            a_smaller = isinstance(a, int) and (not isinstance(b, int) or a < b)
            if a_smaller and i < len(source):
                a, i = a * source[i], i + 1
                s_group.append(i - 1)
            elif j < len(target):
                b, j = b * target[j], j + 1
                t_group.append(j - 1)
            elif i < len(source):
                a, i = a * source[i], i + 1
                s_group.append(i - 1)
            else:
                return None
        s_groups.append(s_group)
        t_groups.append(t_group)
    for k in range(i, len(source)):
        if source[k] != 1:
            return None
        s_groups[-1].append(k)
    for k in range(j, len(target)):
        if target[k] != 1:
            return None
        t_groups[-1].append(k)
    return s_groups, t_groups


def dense_constant(array: np.ndarray[Any, Any]) -> Any:
    """`arith.constant dense<…>` of storage type."""
    dtype = DType.from_numpy(array.dtype)
    data = np.ascontiguousarray(array)
    if dtype is DType.BOOL:
        data = data.astype(np.int8)
    elif dtype is DType.BF16:
        data = data.view(np.uint16)
    elif dtype.is_narrow:
        data = data.view(np.int8)
    elif dtype.is_unsigned:
        data = data.view(np.dtype(f"int{dtype.bits}"))
    t = ir.RankedTensorType.get(list(array.shape), ir.Type.parse(dtype.storage))
    return arith.ConstantOp(t, ir.DenseElementsAttr.get(data, type=t)).result


Rule = Callable[[Builder, Lowered], Any]
RULES: dict[str, Rule] = {}


def lowering(*names: str) -> Callable[[Rule], Rule]:
    """Registers the lowering of aicc ops by name."""

    def register(rule: Rule) -> Rule:
        for name in names:
            assert name not in RULES, f"aicc.{name} has two lowerings"
            RULES[name] = rule
        return rule

    return register


__all__ = ["Builder", "Lowered", "Scalars", "broadcast_map", "dense_constant", "lowering", "scalar_type"]
