"""The register tile of a contraction and how rows are cut into tiles and blocks.

A register tile is `rows x vectors` accumulators, kept through the whole sum. A core issues two fused
multiply-adds and two vector loads a cycle, and a multiply-add takes four cycles: a tile needs eight
accumulators or more, and more multiply-adds than loads (figures: docs/kernels.md).
"""

from __future__ import annotations

from dataclasses import dataclass

from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cpu.sizes import Size
from aicc.passes.schedules.schedule import Config
from aicc.target import Target

_PORTS = 2
_LATENCY = 4
# Rows of a register tile, in tiles of several vectors and of one. Each row is a stream of its own through the
# first-level cache, whose ways are 8 or 12 while rows are often a multiple of 4 KiB apart; and the compiler keeps
# values of the next steps in the registers that are left. Zen 5: 8 rows of 2 vectors are 3 % faster than 13.
_ROWS = 8
_ROWS_OF_ONE = 16
# Bytes a cycle from beyond the L2 cache.
_L3_RATE = 18.0
_DRAM_RATE = 8.0
# What the busiest thread may have to do more than the mean before blocks are cut finer.
_IDLE = 1.1
# Work that pays for waking a thread: a few microseconds.
TILE_FLOPS = 2.0e5


@dataclass(frozen=True)
class ContractionConfig(Config):
    """`mr` rows and `nv` vectors of a register tile, sums unrolled `ku` times; 0: chosen from the sizes.

    `block` bounds the rows of a tile of the kernel (0: from the caches and cores); `ahead`: the next
    panel of B is prefetched while this one is used (-1: when B is larger than half the L2 cache);
    `pack`: B is wanted in panels; `parts`: a long sum is taken in so many parts (0: as many as keep one
    part of a panel in the L2 cache).
    """

    mr: int = 0
    nv: int = 0
    ku: int = 4
    block: int = 0
    ahead: int = -1
    pack: bool = True
    parts: int = 0


@dataclass(frozen=True)
class RowTile:
    """A register tile of `high x wide` rows of the last two row axes; `there` of the latter, where that is known at
    run time."""

    high: int
    wide: int
    there: Index | None = None

    @property
    def rows(self) -> int:
        """Rows in all."""
        return self.high * self.wide


@dataclass(frozen=True)
class Pieces:
    """An extent cut into `(start, count, size)`, sizes differing by at most one."""

    pieces: tuple[tuple[int, int, int], ...]

    @property
    def count(self) -> int:
        """Number of tiles."""
        return sum(count for _, count, _ in self.pieces)


def split_evenly(extent: int, limit: int) -> Pieces:
    """`extent` in the fewest parts of at most `limit`, all of nearly one size: 128 by 6 is 18x6 + 4x5."""
    parts = -(-extent // limit)
    small, large = extent // parts, extent % parts
    pieces = []
    if large:
        pieces.append((0, large, small + 1))
    pieces.append((large * (small + 1), parts - large, small))
    return Pieces(tuple(pieces))


def max_rows(target: Target, vectors: int) -> int:
    """Rows of a register tile that leave room for a row of B and one broadcast."""
    return max(1, (target.registers - 1 - vectors) // vectors)


def tile_rows(target: Target, vectors: int) -> int:
    """Rows of the register tiles of large products: fewer than fit where registers are many."""
    if target.registers < 32:
        return max_rows(target, vectors)
    room = (target.registers - 4 - vectors) // vectors
    return max(1, min(room, _ROWS if vectors > 1 else _ROWS_OF_ONE))


def cycles(rows: int, vectors: int) -> float:
    """Cycles of one step of the sum in a register tile."""
    return max(rows * vectors / _PORTS, (rows + vectors) / _PORTS, min(_LATENCY, rows * vectors * _LATENCY))


def vectors_for(columns: Size, target: Target, lanes: int) -> int:
    """Vectors of a panel: two, unless another number wastes fewer lanes."""
    static = columns.static
    if static is None:
        return 2
    needed = -(-static // lanes)
    if needed <= 2:
        return needed
    candidates = (2, 3, 4) if target.registers >= 32 else (2, 3)
    # Only a clear gain is worth leaving the tile that has the best ratio of work to loads.
    waste = {nv: -(-needed // nv) * nv / needed * (1.0 if nv == 2 else 1.06) for nv in candidates}
    return min(waste, key=lambda nv: waste[nv])


def tile_shapes(height: Size | None, width: Size, rows: int, vectors: int) -> list[RowTile]:
    """Register tiles worth trying for rows `height x width`, the one of the fewest cycles first.

    Two lines at once pay when one line is too short to fill a tile (7x7 images).
    """
    static = width.static
    if static is None:
        return [RowTile(1, rows)]
    shapes: dict[RowTile, float] = {}
    for high in (1, 2) if height is not None and height.static != 1 and rows >= 2 else (1,):
        wide = min(static, rows // high)
        if not wide:
            continue
        parts = split_evenly(static, wide)
        total = sum(count * cycles(size * high, vectors) for _, count, size in parts.pieces) / high
        shapes[RowTile(high, wide)] = total * (1.0 if high == 1 else 1.02)
    return sorted(shapes, key=lambda shape: shapes[shape])


@dataclass(frozen=True)
class Traffic:
    """What a kernel reads: `row` bytes of A for each row (or line), and `panels` of B of `panel` bytes each."""

    row: int
    panel: int
    panels: int

    def cycles(self, target: Target, rows: int, each: int) -> float:
        """Of reading from beyond the L2 cache what blocks of `each` rows read more than once: B for every block,
        A for every panel when its block does not stay in half the cache."""
        size = self.panel * self.panels
        rate = _L3_RATE if size <= target.l3 // 4 else _DRAM_RATE
        b = 0.0 if size <= target.l2 // 2 else (-(-rows // each) - 1) * size / rate
        a = 0.0 if self.row * each <= target.l2 // 2 else rows * self.row * (self.panels - 1) / _L3_RATE
        return a + b


def block_rows(
    target: Target, rows: Size, traffic: Traffic, tiles: int, step: int, flops: float, share: int = 0
) -> int:
    """Rows of one tile of the kernel, a multiple of `step`: A's part stays in half the L2 cache unless B, which
    is read for each block, costs more than that; there are a few tiles for each core, each worth a thread; and
    no core waits long for the others. `tiles` is the number of tiles there are without cutting rows, `flops`
    the work of the whole kernel. Where a conversion of B is shared by so many rows (`share`) that it costs little, a
    block has as many, and more only if they fit."""
    total = rows.guess(1024)
    fits = min(total, max(step, share, target.l2 // 2 // max(traffic.row, 1)))
    sizes = (fits,) if share else (fits, *(min(total, times * fits) for times in (2, 4)), total)
    by_cache = min(sizes, key=lambda each: traffic.cycles(target, total, each))
    wanted = min(4 * target.cores, int(flops / TILE_FLOPS)) if target.cores > 1 else 1
    cuts = max(1, -(-wanted // tiles))
    by_cores = -(-total // cuts)
    fewest = -(-total // min(by_cache, by_cores, total))
    most = min(2 * fewest + 2, -(-total // step), int(flops / TILE_FLOPS / tiles))
    best, least = 0, float("inf")
    for cuts in range(fewest, max(fewest, most) + 1):
        each = max(step, -(-total // (cuts * step)) * step)
        count = tiles * -(-total // each)
        idle = -(-count // target.cores) * target.cores / count
        if idle < least:
            best, least = each, idle
        if least <= _IDLE:
            break
    return best


def sum_parts(target: Target, depth: int, panel: int, ku: int) -> int:
    """In how many equal parts a sum of `depth` steps is taken, `panel` bytes of B for all of them. What is used of
    a panel for all rows, and what is prefetched for the next turn, has to stay in the L2 cache beside the rows
    of A that stream by; accumulators wait in the scratch meanwhile."""
    if panel < target.l2 // 4:
        return 1
    for parts in range(2, 33):
        if panel // parts <= target.l2 // 8 and depth % (parts * ku) == 0:
            return parts
    return 1


def unroll(extent: int | None, wanted: int) -> int:
    """Steps of the sum in one turn of its loop: a divisor of the extent when one is near."""
    if extent is None:
        return wanted
    if extent <= 2 * wanted:
        return extent
    candidates: list[int] = [wanted, *range(2 * wanted, wanted // 2, -1)]
    for steps in candidates:
        if extent % steps == 0:
            return steps
    return wanted
