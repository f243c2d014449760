"""How rows and sums are cut for tile registers that multiply terms of f32.

A register tile has up to 32 rows, half of them in each of two tile registers, and 16 or 32 columns. Rows come in
blocks that share the terms of a panel; a sum comes in parts so long that the terms of a block's rows stay in the L2
cache. Sums wait in the scratch from one part to the next.

A step of the sum, 32 numbers, takes 24 products of tiles (measured on Emerald Rapids: 168 ns with 16 rows in a tile).
Splitting is the work of vectors at the same time; it is hidden behind the products unless a tile has few rows.
"""

from __future__ import annotations

from dataclasses import dataclass

from aicc.passes.schedules.cpu.amx.instructions import ROWS, SIDE
from aicc.passes.schedules.cpu.contraction.roles import Roles
from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.sizes import guess_product
from aicc.passes.schedules.cpu.split.terms import PRODUCTS, TERMS
from aicc.passes.schedules.schedule import Config
from aicc.target import Target

DEPTH = 2 * ROWS
"""Numbers of a sum in a tile: 64 bytes of bf16."""
STEP = TERMS * SIDE * ROWS * ROWS
"""Pairs of bf16 of a register tile's rows, or of a panel, in one step of the sum."""
# Rows of a block.
_BLOCK = 128
# Panels whose sums wait in the scratch, when there are parts.
_GROUP = 24
# Cycles of a product of tiles of few rows.
_LEAST = 8
# Cycles in which 32 numbers are split.
_SPLIT = 8.0
# The part of splitting that products do not hide, or of products that splitting does not.
_SHOWN = 0.5
# Cycles until the first products of a register tile are there, and after the last.
_START = 150.0


@dataclass(frozen=True)
class SplitConfig(Config):
    """`nv` tiles in a row of a panel (0: two, unless there are 16 columns or fewer); `block` rows share the terms of a
    panel, and `depth` numbers of a sum are a part of it (0: chosen)."""

    nv: int = 0
    block: int = 0
    depth: int = 0


class Plan:
    """How one contraction is cut. Steps of the sum are counted over all axes of sums, the last in steps of `DEPTH`.

    `height` rows of a register tile where their number is known; `tiles` of them in a block, at most;
    `parts` of `part` steps each, the last perhaps of fewer; `group` panels are summed beside each other.
    `ahead`: panels are read before they are used.
    """

    def __init__(self, roles: Roles, target: Target, config: SplitConfig) -> None:
        self.roles = roles
        self.vectors = roles.panel // ROWS
        self.rows = roles.rows_total()
        inner = roles.axes.extents[roles.axes.sums[-1]].static or 1
        self.inner = -(-inner // DEPTH)
        self.rest = inner % DEPTH
        self.steps = guess_product(roles.axes.extents[axis] for axis in roles.axes.sums[:-1]) * self.inner
        static = self.rows.static
        block = max(SIDE * ROWS, config.block or _BLOCK)
        self.height: int | None = None
        self.tiles = block // (SIDE * ROWS)
        self.blocks: int | None = None
        if static is not None:
            count = -(-static // (SIDE * ROWS))
            self.height = SIDE * -(-static // (SIDE * count))
            count = -(-static // self.height)
            self.blocks = -(-count // self.tiles)
            self.tiles = -(-count // self.blocks)
        room = target.l2 // 2 // (4 * STEP * self.tiles)
        part = max(1, config.depth // DEPTH or room)
        self.parts = -(-self.steps // part)
        self.part = -(-self.steps // self.parts)
        self.parts = -(-self.steps // self.part)
        self.group = _GROUP
        columns = roles.axes.extents[roles.axes.column].guess()
        # One register tile has no time for it: the hardware reads ahead what it splits.
        large = 4 * columns * DEPTH * self.steps > target.l2 // 2
        self.ahead = roles.packed and large and self.tiles > 1

    def cycles(self) -> float:
        """Predicted cycles of the sums of one batch."""
        axes, rows = self.roles.axes, self.rows.guess()
        height = self.height or SIDE * ROWS
        panels = -(-axes.extents[axes.column].guess() // self.roles.panel)
        count = -(-rows // height)
        blocks = -(-count // self.tiles)
        products = len(PRODUCTS) * SIDE * self.vectors * max(height // SIDE, _LEAST)
        of_a, of_b = height * _SPLIT, self.vectors * ROWS * _SPLIT
        total = 0.0
        for number, splitting in (
            (blocks, of_a + of_b),
            (count - blocks, of_a),
            (blocks * (panels - 1), of_b),
            ((count - blocks) * (panels - 1), 0.0),
        ):
            hidden = max(products, splitting) + _SHOWN * min(products, splitting)
            total += number * (self.steps * hidden + splitting + _START)
        return total


class RowCounts:
    """The sizes of rows and blocks, as values of a kernel: numbers, or what a run knows."""

    def __init__(self, e: KernelEmitter, plan: Plan) -> None:
        self.total = e.size(plan.rows)
        if plan.height is not None:
            self.half: Index = plan.height // SIDE
            self.height: Index = plan.height
            self.each: Index = plan.height * plan.tiles
            assert plan.blocks is not None
            self.blocks: Index = plan.blocks
            return
        with e.at_start():
            total = e.max(self.total, 1)
            self.half = e.min(e.ceil_div(total, SIDE), ROWS)
            self.height = e.mul(self.half, SIDE)
            # Blocks of about one size, so that no panel is split for a few rows that are left over.
            count = e.ceil_div(total, self.height)
            self.each = e.mul(e.ceil_div(count, e.ceil_div(count, plan.tiles)), self.height)
            self.blocks = e.ceil_div(total, self.each)
