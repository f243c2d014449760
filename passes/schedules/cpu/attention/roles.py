"""Which stages and dimensions of a kernel are those of attention.

    scores[b, h, i, j] = sum over d of q * k        `product`
    scaled, masked …                                `stages`, elementwise
    softmax over j: maximum, exp, sum, quotient     recognized by their bodies
    out[b, h, i, e]    = sum over j of p * v

All accesses are over one *space*: the dimensions of the first product (with d) and, last, e.

| axes | q | k | v | out |
|---|---|---|---|---|
| `outer` (batch, head of k and v) | any | one of them | | yes |
| `rows` (position, head in its group) | yes | no | no | yes |
| `key` | no | yes | yes | no |
| `depth` | yes | yes | no | no |
| `column` | no | no | contiguous | contiguous |
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from aicc.passes.schedules.cpu.access import Access, access_of
from aicc.passes.schedules.cpu.attention.body import (
    EXPONENTIAL,
    MAXIMUM,
    NARROWING,
    PRODUCT,
    QUOTIENT,
    SUM,
    WIDENING,
    Limit,
    body_text,
    limits_of,
)
from aicc.passes.schedules.cpu.emit_kernel import aliased_arguments
from aicc.passes.schedules.cpu.indexing import Expr
from aicc.passes.schedules.cpu.inline import constant_of
from aicc.passes.schedules.cpu.nest import Buffer, Fill, Generic, Nest, Operand, Result, analyze
from aicc.passes.schedules.cpu.sizes import Size
from aicc.passes.schedules.schedule import NoMatch

FLOATS = ("f32", "f16", "bf16")


@dataclass(frozen=True, eq=False)
class Attention:
    """See the module. `guarded`: rows in which no key is allowed give 0 instead of NaN.

    `dimensions[stage]` are the dimensions of the space that those of a stage are, `accesses` what the stages
    read, by stage and number of the operand.
    """

    nest: Nest
    product: Generic
    stages: tuple[Generic, ...]
    guarded: bool
    extents: tuple[Size, ...]
    outer: tuple[int, ...]
    rows: tuple[int, ...]
    key: int
    depth: int
    column: int
    q: Access
    k: Access
    v: Access
    out: Access
    dimensions: dict[Generic, tuple[int, ...]]
    accesses: dict[tuple[Generic, int], Access]
    limits: tuple[Limit, ...]

    def static(self, dim: int) -> int:
        """An extent that is known."""
        value = self.extents[dim].static
        assert value is not None
        return value


def find_attention(func: Any) -> Attention:
    """The attention a kernel is. Raises NoMatch."""
    return _Finder(analyze(func)).find()


class _Finder:
    def __init__(self, nest: Nest) -> None:
        self._nest = nest
        self._used: set[Generic] = set()
        self._dimensions: dict[Generic, tuple[int, ...]] = {}

    def find(self) -> Attention:
        nest = self._nest
        if aliased_arguments(nest.func):
            raise NoMatch("an output that shares memory with an input")
        if len(nest.stores) != 1 or not isinstance(nest.stores[0].source, Result):
            raise NoMatch("no single output")
        last = _stage(nest.stores[0].source)
        out_stage = last
        if body_text(last) in NARROWING and not last.reduces:
            self._used.add(last)
            last = _stage(last.operands[0].source)
        self._check(last, PRODUCT, "the last stage is no product")
        p, v = _computed_first(last)
        quotient, total, exponential, top, source = self._softmax(_stage(p.source))
        stages = list(self._elementwise(source))
        product = stages.pop()
        self._check(product, PRODUCT, "no product before the softmax")
        self._used |= {last, product, *stages}
        stages.reverse()
        known = self._dimensions
        known[product] = tuple(range(len(product.extents)))
        for stage in (*stages, top, exponential, total, quotient):
            self._follow(stage)
        rank = len(product.extents)
        extents = (*product.extents, *self._columns(last, p, rank))
        roles = self._sums(product, last)
        q, k = self._operands(product, roles[1], extents)
        operand_v = self._access(last, v, extents)
        out = self._out(out_stage, last, extents)
        outer = tuple(
            d
            for d in range(rank)
            if d not in roles and (k.moves(d) or operand_v.moves(d)) and extents[d].static != 1
        )
        rows = tuple(d for d in range(rank) if d not in (*outer, *roles) and extents[d].static != 1)
        depth, key = roles
        if q.moves(key) or q.moves(rank) or k.moves(rank) or operand_v.moves(depth) or out.moves(depth):
            raise NoMatch("operands that depend on other dimensions than those of attention")
        self._layout(extents, depth, key, rank, q, k, operand_v, out)
        if set(nest.stages) - self._used:
            raise NoMatch("stages that are no part of attention")
        accesses = self._read(stages, extents)
        limits: list[Limit] = []
        if stages:
            last_stage = stages[-1]
            limits = limits_of(last_stage, known[last_stage].index(key))
        return Attention(
            nest,
            product,
            tuple(stages),
            EXPONENTIAL[body_text(exponential)] and QUOTIENT[body_text(quotient)],
            extents,
            outer,
            rows,
            key,
            depth,
            rank,
            q,
            k,
            operand_v,
            out,
            known,
            accesses,
            tuple(limits),
        )

    # Stages ----------------------------------------------------------------------------------------

    def _check(self, stage: Generic, bodies: frozenset[str], why: str) -> None:
        if not stage.reduces or body_text(stage) not in bodies:
            raise NoMatch(why)
        self._zero(stage, 0.0)

    def _zero(self, stage: Generic, start: float) -> None:
        source = stage.inits[0].source
        value = source.value if isinstance(source, Fill) else None
        if value is None or not hasattr(value, "owner") or constant_of(value) != start:
            raise NoMatch("a reduction that starts at another value")

    def _softmax(self, quotient: Generic) -> tuple[Generic, Generic, Generic, Generic, Generic]:
        """quotient, sum, exp, maximum, and the stage they start from."""
        if quotient.reduces or body_text(quotient) not in QUOTIENT:
            raise NoMatch("no softmax before the last product")
        exponential, total = (_stage(x.source) for x in quotient.operands[:2])
        if (
            body_text(total) not in SUM
            or not total.reduces
            or _stage(total.operands[0].source) is not exponential
        ):
            raise NoMatch("no sum of a softmax")
        if exponential.reduces or body_text(exponential) not in EXPONENTIAL:
            raise NoMatch("no exponential of a softmax")
        source, top = (_stage(x.source) for x in exponential.operands[:2])
        if body_text(top) not in MAXIMUM or not top.reduces or _stage(top.operands[0].source) is not source:
            raise NoMatch("no maximum of a softmax")
        if EXPONENTIAL[body_text(exponential)] != QUOTIENT[body_text(quotient)]:
            raise NoMatch("a softmax that treats empty rows in two ways")
        self._zero(total, 0.0)
        self._zero(top, float("-inf"))
        self._used |= {quotient, total, exponential, top}
        return quotient, total, exponential, top, source

    def _elementwise(self, stage: Generic) -> Iterator[Generic]:
        """From the softmax back to the product, both ends included."""
        while not stage.reduces:
            yield stage
            computed = [x for x in stage.operands[: stage.inputs] if isinstance(x.source, Result)]
            if len(computed) != 1 or len(stage.inits) != 1:
                raise NoMatch("scores that are computed from several values")
            stage = _stage(computed[0].source)
        yield stage

    def _follow(self, stage: Generic) -> None:
        """The dimensions of the space that those of a stage are: its computed operands say so."""
        found: list[int | None] = [None] * len(stage.extents)
        for operand in stage.operands[: stage.inputs]:
            if isinstance(operand.source, Result):
                self._link(operand, found)
        if any(dim is None for dim in found):
            raise NoMatch("a stage over other dimensions than the scores")
        self._dimensions[stage] = tuple(dim for dim in found if dim is not None)

    def _link(self, operand: Operand, found: list[int | None]) -> None:
        assert isinstance(operand.source, Result)
        producer = operand.source.stage
        known = self._dimensions[producer]
        for there, here in zip(producer.inits[0].indices, operand.indices, strict=True):
            if there.single is None or here.single is None:
                raise NoMatch("scores that are read at computed places")
            dim = known[there.single]
            if found[here.single] not in (None, dim):
                raise NoMatch("scores that are read in another order")
            found[here.single] = dim

    def _columns(self, last: Generic, p: Operand, rank: int) -> list[Size]:
        """Numbers the one dimension that the last product adds; its extent."""
        found: list[int | None] = [None] * len(last.extents)
        self._link(p, found)
        new = [d for d, dim in enumerate(found) if dim is None]
        if len(new) != 1 or not last.parallel[new[0]]:
            raise NoMatch("the last product has other dimensions")
        self._dimensions[last] = tuple(rank if dim is None else dim for dim in found)
        return [last.extents[new[0]]]

    def _sums(self, product: Generic, last: Generic) -> tuple[int, int]:
        """Depth and key."""
        depth = [d for d, parallel in enumerate(product.parallel) if not parallel]
        key = [self._dimensions[last][d] for d, parallel in enumerate(last.parallel) if not parallel]
        if len(depth) != 1 or len(key) != 1 or not product.parallel[key[0]]:
            raise NoMatch("sums over several dimensions")
        for stage, dims in self._dimensions.items():
            if stage not in (product, last) and any(
                not parallel and dim != key[0] for dim, parallel in zip(dims, stage.parallel, strict=True)
            ):
                raise NoMatch("a softmax along another dimension")
        return depth[0], key[0]

    # Operands --------------------------------------------------------------------------------------

    def _access(self, stage: Generic, operand: Operand, extents: tuple[Size, ...]) -> Access:
        """An operand in memory, perhaps widened, over the space."""
        dims = [Expr.dim(d) for d in self._dimensions[stage]]
        indices = [index.substitute(dims, extents) for index in operand.indices]
        source = operand.source
        if isinstance(source, Result):
            cast = source.stage
            if cast.reduces or body_text(cast) not in WIDENING:
                raise NoMatch("an operand that is computed in the kernel")
            self._used.add(cast)
            inner: list[Expr] = [Expr()] * len(cast.extents)
            for there, here in zip(cast.inits[0].indices, indices, strict=True):
                if there.single is None:
                    raise NoMatch("an operand that is computed in the kernel")
                inner[there.single] = here
            indices = [index.substitute(inner, extents) for index in cast.operands[0].indices]
            source = cast.operands[0].source
        if not isinstance(source, Buffer) or source.layout is not None or source.element not in FLOATS:
            raise NoMatch("an operand that is no tensor of f32, f16 or bf16 in memory")
        return access_of(source, indices, extents)

    def _operands(self, product: Generic, key: int, extents: tuple[Size, ...]) -> tuple[Access, Access]:
        """q and k."""
        first, second = (self._access(product, x, extents) for x in product.operands[:2])
        if first.moves(key) == second.moves(key):
            raise NoMatch("not one of the operands of the first product depends on the key")
        return (second, first) if first.moves(key) else (first, second)

    def _out(self, stage: Generic, last: Generic, extents: tuple[Size, ...]) -> Access:
        target = self._nest.stores[0].target
        if stage is not last:
            self._follow(stage)
        dims = [Expr.dim(d) for d in self._dimensions[stage]]
        indices = [index.substitute(dims, extents) for index in stage.inits[0].indices]
        return access_of(target, indices, extents)

    def _layout(
        self,
        extents: tuple[Size, ...],
        depth: int,
        key: int,
        column: int,
        q: Access,
        k: Access,
        v: Access,
        out: Access,
    ) -> None:
        if extents[depth].static is None or extents[column].static is None:
            raise NoMatch("heads of a size known at run time")
        if any(size.static == 0 for size in extents):
            raise NoMatch("nothing to compute")
        if not all(access.linear for access in (q, k, v, out)):
            raise NoMatch("operands are not read at linear addresses")
        for access in (v, out):
            if extents[column].static != 1 and access.coef(column) != 1:
                raise NoMatch("the columns of v and of the output are not contiguous")
        if extents[depth].static != 1 and 1 not in (k.coef(depth), k.coef(key)):
            raise NoMatch("k is not contiguous")
        if out.buffer.element not in FLOATS:
            raise NoMatch("an output of another type")

    def _read(
        self, stages: Sequence[Generic], extents: tuple[Size, ...]
    ) -> dict[tuple[Generic, int], Access]:
        found = {}
        for stage in stages:
            dims = [Expr.dim(d) for d in self._dimensions[stage]]
            for number, operand in enumerate(stage.operands):
                if isinstance(operand.source, Buffer):
                    indices = [index.substitute(dims, extents) for index in operand.indices]
                    found[stage, number] = access_of(operand.source, indices, extents)
                elif number < stage.inputs and not isinstance(operand.source, (Result, Fill)):
                    raise NoMatch("an operand of the scores is a view")
            if any(x.element != "f32" for x in stage.inits):
                raise NoMatch("scores of another type than f32")
        return found


def _stage(source: object) -> Generic:
    if not isinstance(source, Result):
        raise NoMatch("a value that the kernel does not compute")
    return source.stage


def _computed_first(last: Generic) -> tuple[Operand, Operand]:
    """p, which is computed by a softmax, and v, which is in memory or only widened."""
    first, second = last.operands[:2]

    def is_softmax(operand: Operand) -> bool:
        return isinstance(operand.source, Result) and body_text(operand.source.stage) in QUOTIENT

    if is_softmax(first) == is_softmax(second):
        raise NoMatch("not one of the operands of the last product is a softmax")
    return (first, second) if is_softmax(first) else (second, first)
