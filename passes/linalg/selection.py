"""Results as large as the data says: loops fill the front of a buffer and count, then it is sliced.

before --> after
  %y = aicc.nonzero(%x)  -->  %buffer, %count = scf.for … { tensor.insert … }
                              %n = tensor.extract %count[%c0]
                              %y = tensor.extract_slice %buffer[0, 0] [rank, %n]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aicc.bindings import arith, tensor
from aicc.dialects.selection import NonMaxSuppression
from aicc.dialects.symbolic import product
from aicc.dialects.types import COMPLEX, DType, TensorType
from aicc.passes.linalg.builder import Builder, Lowered, lowering, stored_integer
from aicc.passes.linalg.elementwise import compute_dtype
from aicc.passes.linalg.loops import loop, loop_nest
from aicc.passes.linalg.requirements import require_equal
from aicc.passes.linalg.scalars import Scalars, cast
from aicc.passes.linalg.shape import name_symbol
from aicc.passes.linalg.views import extract_slice

_COUNT = TensorType((1,), DType.I64)


class Counter:
    """A number in memory that loops raise: the host reads it when they are done."""

    def __init__(self, b: Builder) -> None:
        self.b = b
        self.s = Scalars(DType.I64)
        self.zero = b.index(0)

    def start(self) -> Any:
        return self.b.fill(_COUNT, 0)

    def value(self, counter: Any) -> Any:
        """As an index."""
        return self.b.to_index(tensor.ExtractOp(counter, [self.zero]).result)

    def raised(self, counter: Any, condition: Any) -> Any:
        """One more where the i1 `condition` holds."""
        old = tensor.ExtractOp(counter, [self.zero]).result
        new = self.s.add(old, arith.ExtUIOp(self.s.type, condition).result)
        return tensor.InsertOp(new, counter, [self.zero]).result


def _number(index: Any) -> Any:
    """An index as an i64."""
    return arith.IndexCastOp(Scalars(DType.I64).type, index).result


def _scalar(value: Any, dtype: DType) -> Any:
    """A stored element as its body type: a bool's byte as i1."""
    return Scalars(DType.U8).cmp("ne", value, Scalars(DType.U8).const(0)) if dtype is DType.BOOL else value


def _is_nonzero(value: Any, dtype: DType) -> Any:
    """Whether a stored element is not 0, as i1: of a complex number, whether bits but the two signs are set."""
    if dtype in COMPLEX:
        sign = 1 << (dtype.bits // 2 - 1)
        numbers = stored_integer(dtype, (1 << dtype.bits) - 1 - sign - (sign << dtype.bits // 2))
        bits = arith.AndIOp(value, numbers).result
        return arith.CmpIOp(arith.CmpIPredicate.ne, bits, stored_integer(dtype, 0)).result
    scalar = _scalar(value, dtype)
    return scalar if dtype is DType.BOOL else cast(scalar, dtype, DType.BOOL)


@lowering("nonzero")
def nonzero(b: Builder, n: Lowered) -> Any:
    """
    for i…: position[:, count] = i…; count += x[i…] != 0          (one that does not count is overwritten)
    """
    x, x_t, out = n.operands[0], n.typed(0).plain(), n.results[0]
    buffer_t = TensorType((x_t.rank, product(x_t.shape)), DType.I64)
    counter = Counter(b)

    def body(position: Sequence[Any], carried: Sequence[Any]) -> list[Any]:
        buffer, count = carried
        at = counter.value(count)
        for k, i in enumerate(position):
            buffer = tensor.InsertOp(_number(i), buffer, [b.index(k), at]).result
        hit = _is_nonzero(tensor.ExtractOp(x, list(position)).result, x_t.dtype)
        return [buffer, counter.raised(count, hit)]

    extents = [b.size(d) for d in x_t.shape]
    buffer, count = loop_nest(b, extents, [b.empty(buffer_t), counter.start()], body)
    name_symbol(b, out.shape[1], counter.value(count))
    return extract_slice(b, buffer, buffer_t, [0, 0], out.shape)[0]


@lowering("unique_rows")
def unique_rows(b: Builder, n: Lowered) -> Any:
    """
    leader[i] = first j with row j == row i
    inverse[i] = number of leaders j with row j < row i            (not sorted: with j < leader[i])
    counts[inverse[i]] += 1; first[inverse[i]] = leader[i]
    """
    rows = _Rows(b, n)
    size, t = b.size(rows.t.shape[0]), TensorType((rows.t.shape[0],), DType.I64)
    s, flags, counter = Scalars(DType.I64), Scalars(DType.BOOL), Counter(b)

    def lead(position: Sequence[Any], carried: Sequence[Any]) -> list[Any]:
        (i,) = position
        own = _number(i)

        def compare(j: Any, state: Sequence[Any]) -> list[Any]:
            found = s.cmp("ne", state[0], own)
            better = flags.and_(flags.not_(found), s.cmp("eq", rows.order(j, i), s.const(0)))
            return [s.select(better, _number(j), state[0])]

        leader = loop(b, i, [own], compare)[0]
        return [tensor.InsertOp(leader, carried[0], [i]).result]

    leaders = loop_nest(b, [size], [b.fill(t, 0)], lead)[0]

    def place(position: Sequence[Any], carried: Sequence[Any]) -> list[Any]:
        (i,) = position
        own = tensor.ExtractOp(leaders, [i]).result

        def count(j: Any, state: Sequence[Any]) -> list[Any]:
            number = _number(j)
            is_leader = s.cmp("eq", tensor.ExtractOp(leaders, [j]).result, number)
            if n.attrs["sorted"]:
                before = s.cmp("lt", rows.order(j, i), s.const(0))
            else:
                before = s.cmp("lt", number, own)
            more = arith.ExtUIOp(s.type, flags.and_(is_leader, before)).result
            return [s.add(state[0], more)]

        return [tensor.InsertOp(loop(b, size, [s.const(0)], count)[0], carried[0], [i]).result]

    inverse = loop_nest(b, [size], [b.fill(t, 0)], place)[0]

    def tally(position: Sequence[Any], carried: Sequence[Any]) -> list[Any]:
        (i,) = position
        first, counts, total = carried
        own = tensor.ExtractOp(leaders, [i]).result
        at = b.to_index(tensor.ExtractOp(inverse, [i]).result)
        first = tensor.InsertOp(own, first, [at]).result
        more = s.add(tensor.ExtractOp(counts, [at]).result, s.const(1))
        counts = tensor.InsertOp(more, counts, [at]).result
        return [first, counts, counter.raised(total, s.cmp("eq", own, _number(i)))]

    first, counts, total = loop_nest(b, [size], [b.fill(t, 0), b.fill(t, 0), counter.start()], tally)
    name_symbol(b, n.results[0].shape[0], counter.value(total))
    shape = n.results[0].shape
    return extract_slice(b, first, t, [0], shape)[0], inverse, extract_slice(b, counts, t, [0], shape)[0]


class _Rows:
    """The rows of the operand, compared."""

    def __init__(self, b: Builder, n: Lowered) -> None:
        self.b = b
        self.x, self.t = n.operands[0], n.typed(0).plain()
        self.wide = compute_dtype(self.t.dtype)

    def order(self, i: Any, j: Any) -> Any:
        """-1, 0 or 1: row i before, equal to, after row j."""
        number, s = Scalars(DType.I64), Scalars(DType.U8 if self.t.dtype is DType.BOOL else self.wide)

        def element(row: Any, k: Any) -> Any:
            value = tensor.ExtractOp(self.x, [row, k]).result
            return value if self.t.dtype is DType.BOOL else cast(value, self.t.dtype, self.wide)

        def step(k: Any, state: Sequence[Any]) -> list[Any]:
            a, c = element(i, k), element(j, k)
            here = number.select(
                s.cmp("lt", a, c),
                number.const(-1),
                number.select(s.cmp("gt", a, c), number.const(1), number.const(0)),
            )
            undecided = number.cmp("eq", state[0], number.const(0))
            return [number.select(undecided, here, state[0])]

        return loop(self.b, self.b.size(self.t.shape[1]), [number.const(0)], step)[0]


@lowering("non_max_suppression")
def non_max_suppression(b: Builder, n: Lowered) -> Any:
    """
    for each batch entry and class:
        alive[i] = score[i] > threshold
        min(most, boxes) times: the best box that is alive is put out, if there is one;
                                it and those that overlap it too much die
    """
    boxes, scores = n.operands[:2]
    for have, want in NonMaxSuppression.same_sizes(n.typed(0), n.typed(1)):
        require_equal(b, have, want, "boxes are [b, n, 4] and scores [b, classes, n]")
    scores_t, out = n.typed(1).plain(), n.results[0]
    f, s, flags, counter = Scalars(DType.F32), Scalars(DType.I64), Scalars(DType.BOOL), Counter(b)
    byte = Scalars(DType.U8)
    zero = b.index(0)
    most, iou = (tensor.ExtractOp(v, [zero]).result for v in n.operands[2:4])
    threshold = None if n.operands[4] is None else tensor.ExtractOp(n.operands[4], [zero]).result
    size = b.size(scores_t.shape[2])
    rounds = arith.MaxSIOp(arith.MinSIOp(b.to_index(most), size).result, zero).result
    alive_t = TensorType((scores_t.shape[2],), DType.U8)
    buffer_t = TensorType((product(scores_t.shape), 3), DType.I64)

    def each(position: Sequence[Any], carried: Sequence[Any]) -> list[Any]:
        entry, kind = position
        buffer, count, alive = carried

        def score(i: Any) -> Any:
            return tensor.ExtractOp(scores, [entry, kind, i]).result

        def revive(i: Any, state: Sequence[Any]) -> list[Any]:
            lives = flags.const(1) if threshold is None else f.cmp("gt", score(i), threshold)
            return [tensor.InsertOp(arith.ExtUIOp(byte.type, lives).result, state[0], [i]).result]

        alive = loop(b, size, [alive], revive)[0]

        def select(_: Any, state: Sequence[Any]) -> list[Any]:
            buffer, count, alive = state

            def better(i: Any, best: Sequence[Any]) -> list[Any]:
                lives = byte.cmp("ne", tensor.ExtractOp(alive, [i]).result, byte.const(0))
                wins = flags.or_(s.cmp("lt", best[0], s.const(0)), f.cmp("gt", score(i), best[1]))
                wins = flags.and_(lives, wins)
                return [s.select(wins, _number(i), best[0]), f.select(wins, score(i), best[1])]

            best = loop(b, size, [s.const(-1), f.const(0.0)], better)[0]
            found = s.cmp("ge", best, s.const(0))
            chosen = arith.MaxSIOp(b.to_index(best), zero).result
            at = arith.MinSIOp(counter.value(count), _last(b, buffer_t)).result
            for k, value in enumerate((entry, kind, chosen)):
                # what is not found leaves the row as it was
                where = [at, b.index(k)]
                old = tensor.ExtractOp(buffer, where).result
                buffer = tensor.InsertOp(s.select(found, _number(value), old), buffer, where).result

            def suppress(i: Any, inner: Sequence[Any]) -> list[Any]:
                overlaps = f.cmp("gt", _overlap(b, n, boxes, entry, chosen, i), iou)
                dies = flags.or_(overlaps, arith.CmpIOp(arith.CmpIPredicate.eq, i, chosen).result)
                old = tensor.ExtractOp(inner[0], [i]).result
                dies = flags.and_(found, dies)
                return [tensor.InsertOp(byte.select(dies, byte.const(0), old), inner[0], [i]).result]

            return [buffer, counter.raised(count, found), loop(b, size, [alive], suppress)[0]]

        return loop(b, rounds, [buffer, count, alive], select)

    extents = [b.size(d) for d in scores_t.shape[:2]]
    inits = [b.fill(buffer_t, 0), counter.start(), b.fill(alive_t, 0)]
    buffer, count, _ = loop_nest(b, extents, inits, each)
    name_symbol(b, out.shape[0], counter.value(count))
    return extract_slice(b, buffer, buffer_t, [0, 0], out.shape)[0]


def _last(b: Builder, t: TensorType) -> Any:
    return arith.MaxSIOp(arith.SubIOp(b.size(t.shape[0]), b.index(1)).result, b.index(0)).result


def _overlap(b: Builder, n: Lowered, boxes: Any, entry: Any, i: Any, j: Any) -> Any:
    """Intersection over union of two boxes; 0 where one has no area."""
    f = Scalars(DType.F32)

    def corners(box: Any) -> list[Any]:
        p = [tensor.ExtractOp(boxes, [entry, box, b.index(k)]).result for k in range(4)]
        if n.attrs["center"]:
            half = f.const(0.5)
            spans = [(p[0], f.mul(p[2], half)), (p[1], f.mul(p[3], half))]
            return [v for c, h in spans for v in (f.sub(c, h), f.add(c, h))]
        return [v for a, c in ((p[0], p[2]), (p[1], p[3])) for v in (f.min(a, c), f.max(a, c))]

    def area(p: list[Any]) -> Any:
        return f.mul(f.sub(p[1], p[0]), f.sub(p[3], p[2]))

    a, c = corners(i), corners(j)
    zero = f.const(0.0)
    spans = [f.max(f.sub(f.min(a[k + 1], c[k + 1]), f.max(a[k], c[k])), zero) for k in (0, 2)]
    both = f.mul(spans[0], spans[1])
    union = f.sub(f.add(area(a), area(c)), both)
    return f.select(f.cmp("gt", union, zero), f.div(both, union), zero)
