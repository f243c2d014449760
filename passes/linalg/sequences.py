"""Sequences: calls of the runtime, which keeps their tensors. Sizes are asked for before the elements.

A function is the same for all element types, which are the end of its name here: `@aicc_sequence_get.f32`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aicc.bindings import arith, ir, tensor
from aicc.dialects.symbolic import DimLike, product
from aicc.dialects.types import DType, TensorType
from aicc.passes.linalg.builder import Builder, Lowered, lowering
from aicc.passes.linalg.runtime_calls import call_naming
from aicc.passes.linalg.shape import name_symbol

_ONE = TensorType((1,), DType.I64)


@lowering("sequence_insert")
def insert(b: Builder, n: Lowered) -> Any:
    x = n.typed(1).plain()
    rows = [
        _row(b, n.operands[0], n.typed(0)),
        _row(b, n.operands[1], x),
        _dims(b, x.shape),
        _position(b, n, 2),
    ]
    numbers = [_bytes(b, x), b.index(x.rank), b.index(int(n.operands[2] is None))]
    return _number(b, _call(b, f"aicc_sequence_insert.{x.dtype.storage}", rows, _ONE, numbers))


@lowering("sequence_erase")
def erase(b: Builder, n: Lowered) -> Any:
    rows = [_row(b, n.operands[0], n.typed(0)), _position(b, n, 1)]
    last = b.index(int(n.operands[1] is None))
    return _number(b, _call(b, "aicc_sequence_erase", rows, _ONE, [last]))


@lowering("sequence_length")
def length(b: Builder, n: Lowered) -> Any:
    return _number(b, _call(b, "aicc_sequence_length", [_row(b, n.operands[0], n.typed(0))], _ONE, []))


@lowering("sequence_at")
def at(b: Builder, n: Lowered) -> Any:
    out = n.results[0].plain()
    rows = [_row(b, n.operands[0], n.typed(0)), _position(b, n, 1)]
    _ask_sizes(b, out, "aicc_sequence_dims", rows, [])
    flat = TensorType((product(out.shape),), out.dtype)
    found = _call(b, f"aicc_sequence_get.{out.dtype.storage}", rows, flat, [_bytes(b, out)])
    return b.reshape(found, flat, out.shape)[0]


@lowering("sequence_concat")
def concat(b: Builder, n: Lowered) -> Any:
    out = n.results[0].plain()
    rows = [_row(b, n.operands[0], n.typed(0))]
    how = [b.index(n.attrs["axis"]), b.index(int(n.attrs["stacks"]))]
    _ask_sizes(b, out, "aicc_sequence_joined", rows, how)
    flat = TensorType((product(out.shape),), out.dtype)
    found = _call(b, f"aicc_sequence_join.{out.dtype.storage}", rows, flat, [_bytes(b, out), *how])
    return b.reshape(found, flat, out.shape)[0]


@lowering("sequence_split")
def split(b: Builder, n: Lowered) -> Any:
    x, sizes = n.typed(0).plain(), n.typed(1).plain()
    rows = [_row(b, n.operands[0], x), _dims(b, x.shape), _row(b, n.operands[1], sizes)]
    count = b.index(0) if sizes.rank == 0 else b.size(sizes.shape[0])
    numbers = [
        _bytes(b, x),
        b.index(x.rank),
        count,
        b.index(n.attrs["axis"]),
        b.index(int(n.attrs["keepdims"])),
    ]
    return _number(b, _call(b, f"aicc_sequence_split.{x.dtype.storage}", rows, _ONE, numbers))


@lowering("sequence_pack")
def pack(b: Builder, n: Lowered) -> Any:
    sizes, elements = (t.plain() for t in n.results)
    seq = _row(b, n.operands[0], n.typed(0))
    count = _call(b, "aicc_sequence_packed", [seq], TensorType((2,), DType.I64), [b.index(n.attrs["rank"])])
    for at, dim in enumerate((sizes.shape[0], elements.shape[0])):
        name_symbol(b, dim, b.to_index(tensor.ExtractOp(count, [b.index(at)]).result))
    flat = TensorType((product(sizes.shape),), DType.I64)
    rows = _call(b, "aicc_sequence_sizes", [seq], flat, [b.index(n.attrs["rank"])])
    found = _call(
        b, f"aicc_sequence_elements.{elements.dtype.storage}", [seq], elements, [_bytes(b, elements)]
    )
    return b.reshape(rows, flat, sizes.shape)[0], found


@lowering("sequence_unpack")
def unpack(b: Builder, n: Lowered) -> Any:
    sizes, elements = n.typed(0).plain(), n.typed(1).plain()
    wanted = b.constant(np.asarray(n.attrs["shape"] or (0,), np.int64))
    rows = [_row(b, n.operands[0], sizes), n.operands[1], wanted]
    numbers = [
        _bytes(b, elements),
        b.size(sizes.shape[0]),
        b.index(len(n.attrs["shape"])),
        b.size(elements.shape[0]),
    ]
    return _number(b, _call(b, f"aicc_sequence_unpack.{elements.dtype.storage}", rows, _ONE, numbers))


def _call(b: Builder, name: str, rows: Sequence[Any], result: TensorType, numbers: Sequence[Any]) -> Any:
    kind = "input" if name.startswith("aicc_sequence_unpack") else "node"
    return call_naming(b, name, rows, result, numbers, kind)


def _ask_sizes(b: Builder, out: TensorType, name: str, rows: Sequence[Any], numbers: Sequence[Any]) -> None:
    """Gives the sizes of a result that nothing says before the values the runtime answers."""
    if not out.shape:
        return
    answer = _call(b, name, rows, TensorType((out.rank,), DType.I64), numbers)
    for d, dim in enumerate(out.shape):
        name_symbol(b, dim, b.to_index(tensor.ExtractOp(answer, [b.index(d)]).result))


def _row(b: Builder, value: Any, t: TensorType) -> Any:
    """The elements in one row."""
    return b.reshape(value, t.plain(), [product(t.shape)])[0]


def _number(b: Builder, row: Any) -> Any:
    return b.reshape(row, _ONE, ())[0]


def _position(b: Builder, n: Lowered, operand: int) -> Any:
    """A position in a row of one, 0 where there is none."""
    if n.operands[operand] is None:
        return b.constant(np.zeros(1, np.int64))
    t = n.typed(operand).plain()
    i64 = ir.IntegerType.get_signless(64)
    element = tensor.ExtractOp(n.operands[operand], []).result
    wide = element if t.dtype is DType.I64 else arith.ExtSIOp(i64, element).result
    return b.from_scalars([wide], _ONE)


def _dims(b: Builder, shape: Sequence[DimLike]) -> Any:
    """The sizes in a row; of no dims, a row of one number that nobody reads."""
    i64 = ir.IntegerType.get_signless(64)
    sizes = [arith.IndexCastOp(i64, b.size(d)).result for d in shape or (0,)]
    return b.from_scalars(sizes, TensorType((len(sizes),), DType.I64))


def _bytes(b: Builder, t: TensorType) -> Any:
    return b.index(t.dtype.bits // 8)
