"""The schedule of integer tiles: products of integer blocks on the tile registers of Intel CPUs.

before: as of `integer_blocks`
after:  register tiles of 2 x 2 tile registers, 32 rows by 32 columns; the products of a block are summed there, scaled
        and added in f32 by vectors

Weights lie in panels of one or two vectors of columns; what `integer_blocks` says holds here, too.
"""

from __future__ import annotations

from typing import Any

from aicc.passes.schedules.cpu.amx.instructions import ROWS, SIDE, Tiles
from aicc.passes.schedules.cpu.amx.rows import AmxRows
from aicc.passes.schedules.cpu.contraction.grid import Grid
from aicc.passes.schedules.cpu.contraction.plan import ContractionConfig, RowTile
from aicc.passes.schedules.cpu.contraction.roles import Roles
from aicc.passes.schedules.cpu.contraction.row_tiles import Emit
from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.integer_blocks.instructions import GROUP
from aicc.passes.schedules.cpu.integer_blocks.roles import BlockRoles, find_block_roles
from aicc.passes.schedules.cpu.integer_blocks.schedule import BlockGrid, IntegerBlocks
from aicc.passes.schedules.cpu.integer_tiles.tile import FEW_AT_ONCE, FEW_ROWS, IntegerTile
from aicc.passes.schedules.cpu.op_costs import stage_seconds
from aicc.passes.schedules.cpu.sizes import Size
from aicc.passes.schedules.machine import machine
from aicc.passes.schedules.schedule import Config, NoMatch
from aicc.target import Target

_NEEDS = frozenset({"amx-tile", "amx-int8", "avx512vnni"})
# Groups of a tile of which a product pays.
_LEAST_DEPTH = 4
# Cycles of a product of tiles of few rows, of a vector's sums of a block, and of unpacking a vector of words.
_LEAST = 8
_OF_SUMS = 4.0
_OF_WORDS = 3.0
# Seconds to give registers their shapes and to give them back.
_CONFIGURE = 2.5e-7


def depth_of(block: int, bits: int) -> int:
    """Groups of the sum in a tile: as many as divide those of a block, whole words of them. Raises NoMatch."""
    groups, each = block // GROUP, 32 // bits // GROUP
    found = [d for d in range(each, ROWS + 1, each) if groups % d == 0]
    if not found or found[-1] < _LEAST_DEPTH:
        raise NoMatch("blocks that fill no tile")
    return found[-1]


class TileRows(AmxRows):
    """Rows of integer blocks in tile registers."""

    def _dynamic(
        self, e: KernelEmitter, line: Index, shape: RowTile, first: Index, end: Index, one: Emit
    ) -> None:
        """Rows whose number is known at run time: the last register tile has those that are left. A few are left to
        vectors."""
        with e.when(e.compare("sle", e.size(self.width), FEW_ROWS)):
            low = first
            for size in FEW_AT_ONCE:
                whole = e.add(low, e.mul(e.div(e.sub(end, low), size), size))
                with e.loop(low, whole, size) as loop:
                    one(line, loop.index, RowTile(1, size), 0, 1)
                low = whole
            e.otherwise()
            with e.loop(first, end, SIDE * ROWS) as loop:
                there = e.min(e.sub(end, loop.index), SIDE * ROWS)
                one(line, loop.index, RowTile(1, shape.wide, there), 0, 1)


class TileGrid(BlockGrid):
    """The loops around register tiles of tile registers."""

    rows_type = TileRows
    rows: TileRows

    def __init__(self, roles: BlockRoles, target: Target, config: ContractionConfig) -> None:
        if not roles.axes.rows:
            raise NoMatch("a product of one row")
        if len(roles.axes.rows) > 1:
            raise NoMatch("rows that do not lie at equal distances")
        self._depth = depth_of(roles.block, roles.bits)
        super().__init__(roles, target, config)

    def cycles(self) -> float:
        """Predicted cycles of all sums."""
        roles = self.roles
        assert isinstance(roles, BlockRoles) and roles.blocks is not None
        rows, shape = roles.rows_total().guess(), self.rows.shapes[0]
        columns = -(-roles.axes.extents[roles.axes.column].guess() // ROWS)
        blocks, words = roles.axes.extents[roles.blocks].guess(), roles.block // roles.numbers
        tiles = -(-rows // shape.wide)
        products = -(-rows // ROWS) * max(min(rows, ROWS), _LEAST) * (roles.block // GROUP // self._depth)
        unpacking = tiles * words * (_OF_WORDS if roles.bits == 4 else 0)
        return columns * blocks * (products + unpacking + rows * _OF_SUMS)

    def tile(self, e: KernelEmitter, roles: Roles) -> IntegerTile:
        """What emits register tiles."""
        assert isinstance(roles, BlockRoles)
        rows = ROWS if self.rows.shapes[0].wide <= ROWS else SIDE * ROWS
        height = self.rows.height(e)
        return IntegerTile(e, roles, height, rows, self._depth, self._tiles, self._target)

    def emit(self, e: KernelEmitter) -> None:
        """The whole kernel."""
        assert isinstance(self.roles, BlockRoles)
        # numbers of 4 bits are signed by then, bytes are not
        self._tiles = Tiles(e, "tdpbssd" if self.roles.bits == 4 else "tdpbsud")
        self._tiles.configure(self.rows.height(e), self._depth)
        super().emit(e)
        self._tiles.release()


class IntegerTiles(IntegerBlocks):
    """See the module."""

    name = "integer_tiles"

    def check(self, kernel: Any, target: Target) -> None:
        """Raises NoMatch."""
        config = ContractionConfig()
        roles = self._roles(kernel, target, config, before_packing=True)
        self._grid(roles, target, config)
        rows = roles.rows_total().static
        if rows is not None and rows <= FEW_ROWS:
            raise NoMatch("a product of few rows")

    def configs(self, kernel: Any, target: Target) -> list[Config]:
        """The recommended one, then one tile of rows, or of columns."""
        found = [ContractionConfig(), ContractionConfig(mr=ROWS)]
        if self._roles(kernel, target, ContractionConfig(), before_packing=True).layouts:
            found.append(ContractionConfig(nv=1))
        return list(found)

    def cost(self, kernel: Any, target: Target, config: Config) -> float:
        """Products of tiles, unpacking, and the sums' scales; or the bytes of the weights, as of vectors."""
        assert isinstance(config, ContractionConfig)
        roles = self._roles(kernel, target, config, before_packing=True)
        grid = self._grid(roles, target, config)
        assert isinstance(grid, TileGrid)
        rates = machine(target)
        work = grid.cycles() / rates.clock + stage_seconds(roles.epilogue, target, grid.lanes)
        return max(work, self._memory(roles, target)) + rates.start + _CONFIGURE

    def _grid(self, roles: Roles, target: Target, config: ContractionConfig) -> Grid:
        assert isinstance(roles, BlockRoles)
        return TileGrid(roles, target, config)

    def _roles(
        self, kernel: Any, target: Target, config: ContractionConfig, before_packing: bool = False
    ) -> BlockRoles:
        if not target.features >= _NEEDS or target.vector_bits != 512:
            raise NoMatch("the target has no tile registers")

        def panel_for(columns: Size) -> int:
            few = columns.static is not None and columns.static <= ROWS
            return (config.nv or (1 if few else SIDE)) * ROWS

        roles = find_block_roles(kernel, panel_for, before_packing)
        if roles.panel not in (ROWS, SIDE * ROWS):
            raise NoMatch("the panels of the weights do not fit two tiles")
        return roles


SCHEDULE = IntegerTiles()
