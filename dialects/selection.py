"""Ops whose results are as large as the data says: what is not zero, what occurs, which boxes stay."""

from __future__ import annotations

import numpy as np

from aicc.dialects.attributes import Bool
from aicc.dialects.numerics import Array
from aicc.dialects.op import Attribute, Op, Operand, TypeRuleError
from aicc.dialects.symbolic import DimLike, fresh_dim
from aicc.dialects.types import COMPLEX, WIDE, DType, TensorType

F32 = frozenset({DType.F32})
I64 = frozenset({DType.I64})


class NonZero(Op, name="nonzero"):
    """The positions of elements that are not zero, in row-major order: `[rank, count]`, i64."""

    operands = (Operand("x", WIDE | COMPLEX),)

    @staticmethod
    def infer(x: TensorType) -> TensorType:
        if x.rank == 0:
            raise TypeRuleError("operand 'x' must have a rank of at least 1")
        count: DimLike = fresh_dim()
        if x.value is not None and x.value.dtype != object:
            count = int(np.count_nonzero(x.value))
        return TensorType((x.rank, count), DType.I64)

    @staticmethod
    def fold(x: Array) -> Array:
        return np.asarray(np.nonzero(x), np.int64)


class UniqueRows(Op, name="unique_rows"):
    """The distinct rows of `x[n, width]`, in ascending order when `sorted`, else as they first occur.

    `first[k]` is where the k-th of them occurs first, `inverse[i]` which one row i is, `counts[k]` how often the
    k-th occurs; all i64. Rows are ordered by their first element that differs.
    """

    operands = (Operand("x", WIDE),)
    attributes = (Attribute("sorted", Bool, default=True),)
    results = ("first", "inverse", "counts")

    @staticmethod
    def infer(x: TensorType, *, sorted: bool) -> tuple[TensorType, TensorType, TensorType]:
        if x.rank != 2:
            raise TypeRuleError(f"operand 'x' must have rank 2, got {x}")
        distinct = TensorType((fresh_dim(),), DType.I64)
        return distinct, TensorType((x.shape[0],), DType.I64), distinct


class NonMaxSuppression(Op, name="non_max_suppression"):
    """Of each batch entry and class, the boxes of the best scores that overlap no better one too much.

    `boxes[b, n, 4]` are corners `y1, x1, y2, x2` in any order, or `x, y, width, height` of centers; `scores` is
    `[b, classes, n]`. At most `most[0]` boxes per class; overlap is intersection over union, and more than `iou[0]`
    suppresses; only scores above `score[0]` count. The result is `[count, 3]`: batch entry, class, box.
    """

    operands = (
        Operand("boxes", F32),
        Operand("scores", F32),
        Operand("most", I64),
        Operand("iou", F32),
        Operand("score", F32, optional=True),
    )
    attributes = (Attribute("center", Bool, default=False),)

    @staticmethod
    def infer(
        boxes: TensorType,
        scores: TensorType,
        most: TensorType,
        iou: TensorType,
        score: TensorType | None,
        *,
        center: bool,
    ) -> TensorType:
        if (
            boxes.rank != 3
            or scores.rank != 3
            or any(
                isinstance(have, int) and isinstance(want, int) and have != want
                for have, want in NonMaxSuppression.same_sizes(boxes, scores)
            )
        ):
            raise TypeRuleError(
                f"expects boxes [b, n, 4] and scores [b, classes, n], got {boxes} and {scores}"
            )
        for name, t in (("most", most), ("iou", iou), ("score", score)):
            if t is not None and t.shape != (1,):
                raise TypeRuleError(f"operand '{name}' must have one element, got {t}")
        return TensorType((fresh_dim(), 3), DType.I64)

    @staticmethod
    def same_sizes(boxes: TensorType, scores: TensorType) -> tuple[tuple[DimLike, DimLike], ...]:
        """Sizes that have to be equal; those with names are for the run to check."""
        return (boxes.shape[0], scores.shape[0]), (boxes.shape[1], scores.shape[2]), (boxes.shape[2], 4)
