"""Transposes a square of vectors in registers.

Pairs and quads inside 128-bit parts first, as the unpack instructions of x86 and the zips of NEON do,
then the parts themselves: 8 shuffles per 8x8 stage instead of 64 scalar moves.
"""

from __future__ import annotations

from collections.abc import Sequence

from aicc.passes.schedules.cpu.emit import Emitter, element_bits, vector


def transpose(e: Emitter, rows: Sequence[str], element: str) -> list[str]:
    """The columns of `rows`: n vectors of n elements, n a power of two."""
    count = len(rows)
    part = min(count, 128 // element_bits(element))
    columns = list(rows)
    # Inside each part: after this, vector g*part + k holds, in part p, column p*part + k of rows g*part …
    for group in range(0, count, part):
        columns[group : group + part] = _inside(e, columns[group : group + part], element, count, part)
    # Then part p of vector g*part + k goes to part g of vector p*part + k.
    parts = count // part
    step = 1
    while step < parts:
        for g in range(parts):
            if g & step:
                continue
            for k in range(part):
                low, high = columns[g * part + k], columns[(g + step) * part + k]
                first, second = [], []
                for p in range(parts):
                    keep = not p & step
                    first.append(p if keep else parts + p - step)
                    second.append(p + step if keep else parts + p)
                columns[g * part + k] = _parts(e, low, high, first, part, element)
                columns[(g + step) * part + k] = _parts(e, low, high, second, part, element)
        step *= 2
    return columns


def _inside(e: Emitter, rows: list[str], element: str, count: int, part: int) -> list[str]:
    """Transposes the `part x part` squares in the parts of `part` vectors."""
    if part == 1:
        return rows
    half = part // 2
    # Interleaving the first half of the rows with the second, log2(part) times, is a transposition.
    current = rows
    for _ in range(part.bit_length() - 1):
        following = []
        for i in range(half):
            for high in (0, half):
                mask = []
                for start in range(0, count, part):
                    for j in range(half):
                        mask += [start + high + j, count + start + high + j]
                following.append(_shuffle(e, current[i], current[i + half], mask, element, count))
        current = following
    return current


def _parts(e: Emitter, left: str, right: str, order: Sequence[int], part: int, element: str) -> str:
    mask = [p * part + j for p in order for j in range(part)]
    return _shuffle(e, left, right, mask, element, len(order) * part)


def _shuffle(e: Emitter, left: str, right: str, mask: Sequence[int], element: str, count: int) -> str:
    kind = vector(element, count)
    return e.op(f"vector.shuffle {left}, {right} [{', '.join(str(x) for x in mask)}] : {kind}, {kind}")
