"""Linear accesses: the address of an operand's element as a function of the iteration dimensions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aicc.passes.schedules.cpu.emit import element_bits
from aicc.passes.schedules.cpu.indexing import Expr, Quotient
from aicc.passes.schedules.cpu.nest import Buffer
from aicc.passes.schedules.cpu.sizes import Size, guess_product


@dataclass(frozen=True)
class Access:
    """Element `offset + sum of coefs[d] * d + sum of factor * quotient` of the buffer's memory."""

    buffer: Buffer
    offset: Size
    coefs: tuple[Size, ...]
    quotients: tuple[tuple[Quotient, Size], ...] = ()

    @property
    def linear(self) -> bool:
        """Whether it has no quotient."""
        return not self.quotients

    def coef(self, dim: int) -> int | None:
        """The static distance between neighbours along `dim`; None when unknown or not constant."""
        if any(dim in quotient.value.used() for quotient, _ in self.quotients):
            return None
        return self.coefs[dim].static

    def moves(self, dim: int) -> bool:
        """Whether the address depends on `dim`."""
        return bool(self.coefs[dim].terms) or any(dim in q.value.used() for q, _ in self.quotients)


def access_of(buffer: Buffer, indices: Sequence[Expr], extents: Sequence[Size]) -> Access:
    """The access of element `indices` of the buffer's tensor."""
    offset = Size()
    coefs = [Size() for _ in extents]
    quotients: dict[Quotient, Size] = {}
    for index, stride in zip(buffer.physical(indices, extents), buffer.strides, strict=True):
        offset = offset + stride * index.const
        for dim, factor in index.dims:
            coefs[dim] = coefs[dim] + stride * factor
        for quotient, factor in index.quotients:
            quotients[quotient] = quotients.get(quotient, Size()) + stride * factor
    offset = offset + _join_quotients(quotients, coefs)
    return Access(buffer, offset, tuple(coefs), tuple(quotients.items()))


def _join_quotients(quotients: dict[Quotient, Size], coefs: list[Size]) -> Size:
    """Takes pairs `x floordiv n * (n * s) + x mod n * s` out of `quotients`, of a dimension whose blocks lie one after
    the other: adds x * s to `coefs`, and returns the constant part of that."""
    offset = Size()
    for quotient, factor in list(quotients.items()):
        value, divisor = quotient.value, quotient.divisor
        rest = Quotient(value, divisor, True)
        if quotient.remainder or value.quotients or quotients.get(rest, Size()) * divisor != factor:
            continue
        step = quotients.pop(rest)
        del quotients[quotient]
        offset = offset + step * value.const
        for dim, own in value.dims:
            coefs[dim] = coefs[dim] + step * own
    return offset


def can_merge(accesses: Sequence[Access], extents: Sequence[Size], outer: int, inner: int) -> bool:
    """Whether every access sees `outer` and `inner` as one dimension of `extents[outer]*extents[inner]`."""
    for access in accesses:
        if any({outer, inner} & quotient.value.used() for quotient, _ in access.quotients):
            return False
        if access.coefs[outer] != access.coefs[inner] * extents[inner]:
            return False
    return True


def merged_groups(
    accesses: Sequence[Access], extents: Sequence[Size], order: Sequence[int]
) -> list[tuple[int, ...]]:
    """The dimensions of `order` (outermost first) in groups that every access sees as one dimension."""
    groups: list[tuple[int, ...]] = []
    for dim in order:
        if groups and can_merge(accesses, extents, groups[-1][-1], dim):
            groups[-1] = (*groups[-1], dim)
        else:
            groups.append((dim,))
    return groups


def regroup(access: Access, groups: Sequence[tuple[int, ...]], sizes: Sequence[Size]) -> Access:
    """The same access over one dimension for each group (as `merged_groups` finds them), of `sizes`."""
    coefs = tuple(access.coefs[group[-1]] for group in groups)
    renamed = {group[-1]: Expr.dim(axis) for axis, group in enumerate(groups)}
    quotients = []
    for quotient, factor in access.quotients:
        value = quotient.value.substitute(renamed, sizes)
        quotients.append((Quotient(value, quotient.divisor, quotient.remainder), factor))
    return Access(access.buffer, access.offset, coefs, tuple(quotients))


def touched_bytes(accesses: Iterable[Access], extents: Sequence[Size]) -> float:
    """Bytes of memory that accesses over the axes touch, each element once; unknown sizes are guessed."""
    sizes: dict[Buffer, float] = {}
    for access in accesses:
        count = guess_product(extent for axis, extent in enumerate(extents) if access.moves(axis))
        whole = guess_product(access.buffer.shape)
        sizes[access.buffer] = min(count, whole) * element_bits(access.buffer.element) / 8
    return sum(sizes.values())
