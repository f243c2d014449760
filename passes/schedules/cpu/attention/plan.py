"""Sizes of attention's register tiles, blocks of keys and blocks of rows, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass, replace

from aicc.passes.schedules.cpu.attention.roles import Attention
from aicc.passes.schedules.cpu.contraction.plan import TILE_FLOPS, max_rows, split_evenly
from aicc.passes.schedules.cpu.sizes import guess_product, product
from aicc.passes.schedules.schedule import Config, NoMatch
from aicc.target import Target

# Keys of a block: scores of a register tile's rows stay in L1, packed keys and values in L2.
_KEYS = 512
# Up to so many keys are one block, and no sum is kept between blocks.
_ALL_KEYS = 768
# Rows for which copying keys and values does not pay, if there are so few numbers of q or of the output.
_FEW_ROWS = 4
_FEW_NUMBERS = 256
# Rows whose sums are kept between blocks of keys.
_KEPT_ROWS = 256
_SCRATCH = 16 << 20
# Of one core; only ratios matter for choosing.
_CLOCK = 3.0e9
_EXP_CYCLES = 8.0
_BANDWIDTH = 60.0e9
UNROLLED = 4


@dataclass(frozen=True)
class AttentionConfig(Config):
    """`mr` rows and `nv` vectors of a register tile, `keys` of a block, `rows` of a tile of the kernel; 0:
    chosen from the sizes."""

    mr: int = 0
    nv: int = 0
    keys: int = 0
    rows: int = 0


@dataclass(frozen=True)
class Plan:
    """`rows` of the largest register tile, `nv` vectors of `lanes`; `keys` of a block, a multiple of a panel;
    `single`: all keys are one block; `block` rows of a tile of the kernel; `direct`: so few that keys and
    values are read where they lie."""

    lanes: int
    nv: int
    rows: int
    keys: int
    single: bool
    block: int
    direct: bool
    depth: int
    columns: int

    @property
    def panel(self) -> int:
        """Keys, or columns, of a panel."""
        return self.lanes * self.nv

    @property
    def panels(self) -> int:
        """Panels of columns."""
        return -(-self.columns // self.panel)

    @property
    def width(self) -> int:
        """Columns, padded to vectors."""
        return -(-self.columns // self.lanes) * self.lanes

    @property
    def pitch(self) -> int:
        """Distance between rows of scores: no multiple of what falls on the same sets of the cache."""
        return self.keys + self.lanes

    def heights(self, rows: int) -> tuple[tuple[int, int, int], ...]:
        """Register tiles `(start, count, rows)` of a block of `rows`."""
        return split_evenly(rows, self.rows).pieces


def row_count(roles: Attention) -> int | None:
    """Rows of one head, when that is known."""
    return product(roles.extents[d] for d in roles.rows).static


def make_plan(roles: Attention, target: Target, config: AttentionConfig) -> Plan:
    """The sizes for a kernel. Raises NoMatch when the blocks do not fit the scratch."""
    lanes = target.lanes(32)
    known, keys = row_count(roles), roles.extents[roles.key].static
    # One vector of keys: then more rows fit a register tile.
    small = keys is not None and keys <= lanes and known is not None and known <= 2 * lanes
    nv = config.nv or (1 if small else 2)
    panel = lanes * nv
    rows = config.mr or max_rows(target, nv)
    if known is not None:
        rows = min(rows, known)
    depth, columns = roles.static(roles.depth), roles.static(roles.column)
    room = max(panel, target.l2 // 2 // (4 * (depth + columns)) // panel * panel)
    most = config.keys or min(_KEYS, room)
    single = keys is not None and keys <= (config.keys or min(_ALL_KEYS, max(room, most)))
    if keys is not None:
        blocks = 1 if single else -(-keys // most)
        each = -(-keys // blocks)
        size = -(-each // panel) * panel
    else:
        size = -(-most // panel) * panel
    block = _rows_of_tile(roles, target, config, rows, single)
    along = _is_along(roles, lanes)
    few = known is not None and known <= _FEW_ROWS and known * max(depth, columns) <= _FEW_NUMBERS
    direct = along and (known == 1 or few)
    plan = Plan(lanes, nv, rows, size, single, block, direct, depth, columns)
    used = size * (depth + plan.panels * panel) + rows * plan.pitch + block * plan.width
    if 4 * used > _SCRATCH:
        raise NoMatch("heads too large for the scratch")
    return plan


def plan_of_few(roles: Attention, plan: Plan) -> Plan | None:
    """The plan of runs whose rows are as few as one tile of it has, where only a run knows how many there are: keys
    and values are read where they lie. None when there are never so few."""
    least = product(roles.extents[d] for d in roles.rows if roles.extents[d].static is not None).static or 1
    rows = min(_FEW_ROWS, _FEW_NUMBERS // max(plan.depth, plan.columns))
    if row_count(roles) is not None or plan.single or rows < least or not _is_along(roles, plan.lanes):
        return None
    return replace(plan, rows=rows, block=rows, direct=True)


def _is_along(roles: Attention, lanes: int) -> bool:
    """Whether vectors along the depth of a key can be read where they lie."""
    return roles.k.coef(roles.depth) == 1 and roles.static(roles.depth) % lanes == 0


def _rows_of_tile(roles: Attention, target: Target, config: AttentionConfig, rows: int, single: bool) -> int:
    """Rows of a tile of the kernel."""
    known = row_count(roles)
    heads = guess_product(roles.extents[d] for d in roles.outer)
    total = known if known is not None else guess_product(roles.extents[d] for d in roles.rows)
    wanted = 4 * target.cores if target.cores > 1 else 1
    flops = 4.0 * total * roles.extents[roles.key].guess() * roles.static(roles.depth)
    cuts = max(1, min(-(-wanted // heads), int(flops / TILE_FLOPS) or 1))
    each = config.rows or -(-total // cuts)
    if not single:
        each = min(each, max(rows, _KEPT_ROWS // rows * rows))
    if known is None:
        # Rows beyond those guessed make more tiles; packing pays from some dozens of rows on.
        each = max(min(each, _KEPT_ROWS), 4 * rows)
    tiles = -(-each // rows)
    if known is None:
        return tiles * rows
    parts = -(-known // (tiles * rows))
    return -(-known // parts)


def flops_of(roles: Attention) -> float:
    """Of both products, unknown extents guessed."""
    points = guess_product(roles.extents[d] for d in (*roles.outer, *roles.rows, roles.key))
    return 2.0 * points * (roles.static(roles.depth) + roles.static(roles.column))


def seconds(roles: Attention, plan: Plan) -> float:
    """Predicted time on one thread."""
    points = guess_product(roles.extents[d] for d in (*roles.outer, *roles.rows, roles.key))
    work = flops_of(roles) / (4.0 * plan.lanes * 0.9)
    heads = guess_product(roles.extents[d] for d in roles.outer)
    rows = guess_product(roles.extents[d] for d in roles.rows)
    lines = rows + roles.extents[roles.key].guess()
    moved = 4.0 * heads * lines * (plan.depth + plan.columns)
    return (work + points / plan.lanes * _EXP_CYCLES) / _CLOCK + moved / _BANDWIDTH
