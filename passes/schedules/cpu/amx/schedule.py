"""The AMX schedule: contractions and convolutions of bytes and of bf16 on the tile registers of Intel CPUs.

before: a root `linalg.generic` `out += extui(a) * extsi(b)` into i32, or `extf(a) * extf(b)` of bf16 into f32, and
        elementwise stages that read its result
after:  register tiles of 2 x 2 tile registers, 32 rows by 32 columns, through the whole sum; the stages (zero points,
        scales, rounding, saturation) computed on them row by row, one store

Sums of bytes are exact. B is packed as for the vectors' dot products (`dot`), which also sum what tiles leave of a sum.
Products of bf16 are summed in f32; of either, numbers below 2**-126 count as zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aicc.passes.schedules.cpu.amx.grid import AmxGrid
from aicc.passes.schedules.cpu.amx.instructions import ROWS, SIDE
from aicc.passes.schedules.cpu.contraction.grid import Grid
from aicc.passes.schedules.cpu.contraction.plan import ContractionConfig
from aicc.passes.schedules.cpu.contraction.roles import Roles
from aicc.passes.schedules.cpu.dot.instructions import BF16, Instruction
from aicc.passes.schedules.cpu.dot.roles import DotRoles, find_dot_roles
from aicc.passes.schedules.cpu.dot.schedule import Dot
from aicc.passes.schedules.cpu.emit import element_bits
from aicc.passes.schedules.cpu.op_costs import stage_seconds
from aicc.passes.schedules.cpu.sizes import Size, guess_product
from aicc.passes.schedules.machine import machine
from aicc.passes.schedules.schedule import Config, NoMatch
from aicc.target import Target

# Cycles in which the sums of a row and 16 columns are stored and loaded again.
_MOVE = 4.0
# Seconds to give registers their shapes and to give them back.
_CONFIGURE = 2.5e-7
# Rows from which on tiles compute less than vectors: what is left over decides where either waits for memory.
_FEW_ROWS = 4


@dataclass(frozen=True)
class Product:
    """A product of tiles: its name, the features it needs, and the vectors' dot product that is the same."""

    name: str
    needs: frozenset[str]
    rest: Instruction


_PRODUCTS = {
    "i8": Product(
        "tdpbusd",
        frozenset({"amx-tile", "amx-int8", "avx512vnni"}),
        Instruction("llvm.x86.avx512.vpdpbusd.512", 4, 16),
    ),
    "bf16": Product("tdpbf16ps", frozenset({"amx-tile", "amx-bf16", "avx512bf16"}), BF16),
}


class Amx(Dot):
    """See the module."""

    name = "amx"

    def check(self, kernel: Any, target: Target) -> None:
        """Raises NoMatch."""
        config = ContractionConfig()
        self._grid(self._roles(kernel, target, config, before_packing=True), target, config)

    def configs(self, kernel: Any, target: Target) -> list[Config]:
        """The recommended one; then tiles of fewer columns or rows, and the next panel prefetched or not."""
        found = [
            ContractionConfig(),
            ContractionConfig(mr=ROWS),
            ContractionConfig(ahead=0),
            ContractionConfig(ahead=1),
        ]
        if not self._roles(kernel, target, ContractionConfig(), before_packing=True).packed:
            found.append(ContractionConfig(nv=1))
        return list(found)

    def cost(self, kernel: Any, target: Target, config: Config) -> float:
        """Products of tiles at their rate, and the epilogue; or the bytes of A, B and the output, as of vectors, but
        without the time to start where that is what is waited for."""
        assert isinstance(config, ContractionConfig)
        roles = self._roles(kernel, target, config, before_packing=True)
        grid = self._grid(roles, target, config)
        assert isinstance(grid, AmxGrid)
        rates, axes = machine(target), roles.axes
        outer = guess_product(axes.extents[axis] for axis in axes.outer)
        rows, depth = roles.rows_total().guess(), roles.depth().guess()
        columns = axes.extents[axes.column].guess()
        vectors = outer * rows * -(-columns // grid.lanes)
        work = (grid.cycles() / rates.tile_share + vectors * _MOVE) / rates.clock
        work += stage_seconds(roles.epilogue, target, grid.lanes)
        size = element_bits(roles.b.buffer.element) // 8
        panels = outer * columns * depth * roles.group * size
        rest = outer * (rows * columns + rows * min(depth, 1024)) * roles.group * size
        memory = rates.cold(panels) + rates.stream(rest, target)
        if memory > work and rows >= _FEW_ROWS:
            return memory
        return max(work, memory) + rates.start + _CONFIGURE

    def _grid(self, roles: Roles, target: Target, config: ContractionConfig) -> Grid:
        assert isinstance(roles, DotRoles)
        product = _PRODUCTS[roles.b.buffer.element]
        return AmxGrid(roles, target, config, product.name, product.rest)

    def _roles(
        self, kernel: Any, target: Target, config: ContractionConfig, before_packing: bool = False
    ) -> DotRoles:
        def panel_for(columns: Size) -> int:
            few = columns.static is not None and columns.static <= ROWS
            return (config.nv or (1 if few else SIDE)) * ROWS

        reasons = ["the target has no tile registers"]
        for element, product in _PRODUCTS.items():
            if not product.needs <= target.features or target.vector_bits != 512:
                continue
            try:
                roles = find_dot_roles(kernel, panel_for, product.rest.group, before_packing, element)
            except NoMatch as reason:
                reasons.append(reason.reason)
                continue
            if roles.panel not in (ROWS, SIDE * ROWS):
                raise NoMatch("the panels of the second operand do not fit two tiles")
            return roles
        raise NoMatch("; ".join(reasons[1:] or reasons))


SCHEDULE = Amx()
