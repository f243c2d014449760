"""Sequences of tensors whose length only a run knows: values of the host level, which the runtime keeps in a table.

In a program a sequence is its number in the table of the run (an i64 scalar); 0 is the empty one. Sequences do not
change: an op makes another one, which shares the tensors. Those whose length is known when a model is imported are
no values at all (`aicc.importer.compound`).
"""

from __future__ import annotations

from aicc.dialects.attributes import Bool, Element, Int, Ints
from aicc.dialects.op import Attribute, Op, Operand, TypeRuleError
from aicc.dialects.symbolic import fresh_dim
from aicc.dialects.types import INDEX, DType, TensorType

I64 = frozenset({DType.I64})
_NUMBER = TensorType((), DType.I64)


class SequenceInsert(Op, name="sequence_insert"):
    """`seq` with `x` before `position` (negative ones count from the end), or after all."""

    operands = (Operand("seq", I64), Operand("x"), Operand("position", INDEX, optional=True))

    @staticmethod
    def infer(seq: TensorType, x: TensorType, position: TensorType | None) -> TensorType:
        check_scalars(seq, position)
        return _NUMBER


class SequenceErase(Op, name="sequence_erase"):
    """`seq` without the tensor at `position`, or without the last."""

    operands = (Operand("seq", I64), Operand("position", INDEX, optional=True))

    @staticmethod
    def infer(seq: TensorType, position: TensorType | None) -> TensorType:
        check_scalars(seq, position)
        return _NUMBER


class SequenceLength(Op, name="sequence_length"):
    """How many tensors there are."""

    operands = (Operand("seq", I64),)

    @staticmethod
    def infer(seq: TensorType) -> TensorType:
        check_scalars(seq)
        return _NUMBER


class SequenceAt(Op, name="sequence_at"):
    """The tensor at `position`; -1 in `shape` is a size that only the run knows."""

    operands = (Operand("seq", I64), Operand("position", INDEX))
    attributes = (Attribute("shape", Ints), Attribute("dtype", Element))

    @staticmethod
    def infer(seq: TensorType, position: TensorType, *, shape: tuple[int, ...], dtype: DType) -> TensorType:
        check_scalars(seq, position)
        return _tensor(shape, dtype)


class SequenceConcat(Op, name="sequence_concat"):
    """All tensors one after the other along `axis`, which is a new one if it `stacks`; `shape` of the result."""

    operands = (Operand("seq", I64),)
    attributes = (
        Attribute("axis", Int),
        Attribute("stacks", Bool),
        Attribute("shape", Ints),
        Attribute("dtype", Element),
    )

    @staticmethod
    def infer(
        seq: TensorType, *, axis: int, stacks: bool, shape: tuple[int, ...], dtype: DType
    ) -> TensorType:
        check_scalars(seq)
        if not 0 <= axis < len(shape):
            raise TypeRuleError(f"attribute 'axis' is {axis}, for a result of rank {len(shape)}")
        return _tensor(shape, dtype)


class SequenceSplit(Op, name="sequence_split"):
    """`x` in parts along `axis`: of the sizes given, or all of one size but the last, which may be smaller.

    Without `keepdims` parts of one element lose the dim.
    """

    operands = (Operand("x"), Operand("sizes", I64))
    attributes = (Attribute("axis", Int), Attribute("keepdims", Bool))

    @staticmethod
    def infer(x: TensorType, sizes: TensorType, *, axis: int, keepdims: bool) -> TensorType:
        if not 0 <= axis < x.rank or sizes.rank > 1:
            raise TypeRuleError(f"cannot split rank {x.rank} along {axis} by sizes of rank {sizes.rank}")
        return _NUMBER


class SequencePack(Op, name="sequence_pack"):
    """All tensors as two: `sizes[n, rank]` of each, and their `elements[total]`, one tensor after the other."""

    operands = (Operand("seq", I64),)
    attributes = (Attribute("rank", Int), Attribute("dtype", Element))
    results = ("sizes", "elements")

    @staticmethod
    def infer(seq: TensorType, *, rank: int, dtype: DType) -> tuple[TensorType, TensorType]:
        check_scalars(seq)
        if rank < 0:
            raise TypeRuleError(f"attribute 'rank' is {rank}")
        return TensorType((fresh_dim(), rank), DType.I64), TensorType((fresh_dim(),), dtype)


class SequenceUnpack(Op, name="sequence_unpack"):
    """The inverse of `sequence_pack`; each tensor must have the sizes of `shape` that are not -1."""

    operands = (Operand("sizes", I64), Operand("elements"))
    attributes = (Attribute("shape", Ints),)

    @staticmethod
    def infer(sizes: TensorType, elements: TensorType, *, shape: tuple[int, ...]) -> TensorType:
        if sizes.rank != 2 or elements.rank != 1 or sizes.shape[1] != len(shape):
            raise TypeRuleError(
                f"{sizes} and {elements} are no sizes and elements of tensors of rank {len(shape)}"
            )
        return _NUMBER


def _tensor(shape: tuple[int, ...], dtype: DType) -> TensorType:
    """A tensor whose sizes below 0 only the run knows."""
    return TensorType(tuple(fresh_dim() if d < 0 else d for d in shape), dtype)


def check_scalars(*operands: TensorType | None) -> None:
    """Numbers of sequences, and positions. Raises TypeRuleError."""
    for t in operands:
        if t is not None and t.rank:
            raise TypeRuleError(f"takes scalars, got {t}")
