"""How rows and sums are cut into tile registers.

A product of two tiles takes a cycle for each of A's rows, but no less than eight; loading a tile from the
first-level cache takes eight. So two tiles of A and two of B are multiplied with each other, four products for
four loads, and tiles have as many rows as are there (measured on Emerald Rapids: 5.8 ns with 16 rows, 3.4 with 8).
"""

from __future__ import annotations

from aicc.passes.schedules.cpu.amx.instructions import ROWS, SIDE
from aicc.passes.schedules.cpu.contraction.plan import RowTile, split_evenly
from aicc.passes.schedules.cpu.sizes import Size

# Cycles of a product of tiles of few rows.
_LEAST = 8
# Cycles of loading a tile.
_LOAD = 8
# Cycles of one step of the sum of 16 rows and 16 columns with the vectors' dot product.
_VECTOR_STEP = 8


def tile_depth(steps: int) -> int:
    """Steps of the sum that a tile holds, 16 at most: what they do not divide is left to vectors."""
    return min(range(min(steps, ROWS), 0, -1), key=lambda depth: sum_cycles(steps, depth, ROWS))


def sum_cycles(steps: int, depth: int, rows: int) -> float:
    """Cycles of a sum of `steps` in one tile of 16 columns and `rows` rows, and of what is left of it."""
    return steps // depth * max(rows, _LEAST) + steps % depth * _VECTOR_STEP * rows / ROWS


def tile_rows(shape: RowTile, width: int) -> int:
    """Rows of tiles for register tiles of `shape` along `width` rows: the larger part of the largest of them."""
    most = -(-width // split_evenly(width, shape.wide).count)
    return most if most <= ROWS else -(-most // SIDE)


def shape_cycles(shape: RowTile, width: int, vectors: int) -> float:
    """Cycles of one tile's depth of the sum, for a line of `width` rows."""
    rows = tile_rows(shape, width)
    total = 0.0
    for _, count, size in split_evenly(width, shape.wide).pieces:
        tiles = shape.high * (1 if size <= rows else SIDE)
        total += count * max(tiles * vectors * max(rows, _LEAST), (tiles + vectors) * _LOAD)
    return total / shape.high


def tile_shapes(height: Size | None, width: Size, limit: int) -> list[RowTile]:
    """Register tiles of one or two lines, the one of the fewest cycles first; with a `limit` of 16 rows or less those
    of one tile of A. Two short lines fill two tiles of A. No part of a line has fewer rows than a tile.
    """
    static = width.static
    if static is None:
        return [RowTile(1, SIDE * ROWS)]
    shapes = [RowTile(1, min(static, SIDE * ROWS))]
    equal = RowTile(1, min(static, ROWS))
    if len(split_evenly(static, equal.wide).pieces) == 1:
        shapes.append(equal)
        if height is not None and height.static != 1:
            shapes.append(RowTile(SIDE, -(-static // split_evenly(static, equal.wide).count)))
    shapes.sort(key=lambda shape: shape_cycles(shape, static, SIDE))
    return [equal] if 0 < limit <= ROWS and equal in shapes else shapes
