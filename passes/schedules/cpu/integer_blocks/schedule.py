"""The schedule of integer blocks: bytes times weights of 4 or 8 bits, a scale for each block of both.

before: a root `linalg.generic` `out += (q · w - c · mean) · (scale · weight_scale)`, and elementwise stages after it
after:  register tiles of `mr x nv` vectors; the products of a block are summed by the CPU's dot product of bytes, in
        i32, the blocks in f32

The engine is that of `contraction`, weights are read in panels as by `packed`. A product of few rows takes as long as
its weights take from memory: VNNI multiplies 64 numbers of 4 bits in the time in which f32 takes 16.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aicc.passes.schedules.cpu.contraction.grid import Grid
from aicc.passes.schedules.cpu.contraction.plan import ContractionConfig, RowTile
from aicc.passes.schedules.cpu.contraction.roles import Roles
from aicc.passes.schedules.cpu.contraction.row_tiles import Emit, RowTiles
from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.integer_blocks.instructions import GROUP, Dot, products_for
from aicc.passes.schedules.cpu.integer_blocks.roles import BlockRoles, find_block_roles
from aicc.passes.schedules.cpu.integer_blocks.tile import BlockTile, most_rows
from aicc.passes.schedules.cpu.op_costs import stage_seconds
from aicc.passes.schedules.cpu.packed.schedule import PanelWeights
from aicc.passes.schedules.machine import machine
from aicc.passes.schedules.schedule import Config
from aicc.target import Target

# Vector operations of a group of numbers where there is no dot product, and those of a block.
_OPERATIONS = 2.5
_OF_BLOCK = 4.0


class BlockRows(RowTiles):
    """Rows of integer blocks."""

    def _dynamic(
        self, e: KernelEmitter, line: Index, shape: RowTile, first: Index, end: Index, one: Emit
    ) -> None:
        """Rows whose number is known at run time: whole tiles, then fewer rows. A panel comes from memory once where
        one tile has them all."""
        low, sizes = first, {shape.wide, *(x for x in (8, 6, 4, 3, 2, 1) if x < shape.wide)}
        for size in sorted(sizes, reverse=True):
            whole = e.add(low, e.mul(e.div(e.sub(end, low), size), size))
            with e.loop(low, whole, size) as loop:
                one(line, loop.index, replace(shape, wide=size), 0, 1)
            low = whole


class BlockGrid(Grid):
    """The loops around register tiles of integer blocks."""

    rows_type: type[RowTiles] = BlockRows

    def __init__(self, roles: BlockRoles, target: Target, config: ContractionConfig) -> None:
        self._target = target
        self._products = products_for(target, roles.bits)
        super().__init__(roles, target, config)

    def _most_rows(self, target: Target) -> int:
        return most_rows(target, self.vectors)

    def _sum_parts(self, target: Target) -> int:
        """Packed panels are small: a sum is taken whole."""
        return 1

    def _wants_ahead(self, target: Target) -> bool:
        """Words are prefetched where they are read, line by line."""
        return False

    def _panels_at_once(self, target: Target) -> int:
        return 1

    def tile_flops(self) -> float:
        """Work of one tile, in multiply-adds of f32."""
        assert isinstance(self.roles, BlockRoles)
        return super().tile_flops() * self.roles.numbers / GROUP

    def operations(self) -> float:
        """Vector operations of all sums."""
        roles = self.roles
        assert isinstance(roles, BlockRoles)
        columns = roles.axes.extents[roles.axes.column].guess()
        rows, words = roles.rows_total().guess(), roles.depth().guess() * -(-columns // self.lanes)
        tiles = -(-rows // max(shape.rows for shape in self.rows.shapes))
        each = 1.0 if isinstance(self._products, Dot) else _OPERATIONS
        groups = roles.numbers // GROUP
        steps = roles.axes.extents[roles.axes.sums[-1]].guess()
        return words * (rows * (groups * each + _OF_BLOCK / steps) + tiles * 2 * groups)

    def tile(self, e: KernelEmitter, roles: Roles) -> BlockTile:
        """What emits register tiles."""
        assert isinstance(roles, BlockRoles)
        rows = max(shape.rows for shape in self.rows.shapes)
        return BlockTile(e, roles, self._products, self.vectors, self._target, rows)


class IntegerBlocks(PanelWeights):
    """See the module."""

    name = "integer_blocks"

    def configs(self, kernel: Any, target: Target) -> list[Config]:
        """The recommended one, then other widths of panels and fewer rows."""
        roles = self._roles(kernel, target, ContractionConfig(), before_packing=True)
        vectors = roles.panel // products_for(target, roles.bits).lanes
        found = [ContractionConfig()]
        if roles.layouts:
            found += [ContractionConfig(nv=n) for n in (1, 2, 3, 4) if n != vectors]
        rows = most_rows(target, vectors)
        found += [ContractionConfig(mr=n) for n in (rows * 2 // 3, rows // 2) if n > 1]
        return list(found)

    def cost(self, kernel: Any, target: Target, config: Config) -> float:
        """Dot products and unpacking, or the bytes of the weights."""
        assert isinstance(config, ContractionConfig)
        roles = self._roles(kernel, target, config, before_packing=True)
        grid = BlockGrid(roles, target, config)
        rates = machine(target)
        work = grid.operations() / (rates.fmas * rates.clock * rates.share)
        work += stage_seconds(roles.epilogue, target, grid.lanes)
        return max(work, self._memory(roles, target)) + rates.start

    def _memory(self, roles: BlockRoles, target: Target) -> float:
        """Seconds that the weights take from memory."""
        columns, steps = roles.axes.extents[roles.axes.column].guess(), roles.block // roles.numbers
        return machine(target).cold(int(4 * roles.depth().guess() * columns * (1 + 1 / steps)))

    def _grid(self, roles: Roles, target: Target, config: ContractionConfig) -> Grid:
        assert isinstance(roles, BlockRoles)
        return BlockGrid(roles, target, config)

    def _roles(
        self, kernel: Any, target: Target, config: ContractionConfig, before_packing: bool = False
    ) -> BlockRoles:
        lanes = products_for(target, 4).lanes
        return self._in_panels(find_block_roles, kernel, target, config, lanes, before_packing)


SCHEDULE = IntegerBlocks()
