"""How a Winograd convolution is cut, and what it costs.

A *block* of tiles is taken through three steps: its inputs are transformed to `V[(m + 2)^2][tiles][C]`, each
of the `(m + 2)^2` matrices is multiplied by its weights `U[..][F / panel][C][panel]` to `M[..][tiles][F]`, and
these are transformed to `m x m` results each. A large block reads U seldom; a small one keeps V and M in L2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from aicc.passes.schedules.cpu.contraction.plan import cycles, max_rows, split_evenly, vectors_for
from aicc.passes.schedules.cpu.sizes import Size
from aicc.passes.schedules.cpu.winograd.math import INPUT_OPS, MOST_CHANNELS, OUTPUT_OPS
from aicc.passes.schedules.machine import machine
from aicc.passes.schedules.schedule import Config
from aicc.target import Target

# Bytes a cycle from each level.
_L2 = 32.0
_L3 = 10.0
_DRAM = 6.7
# Rows of scratch are this many elements longer than they need be: distances that are powers of two would
# put the (m + 2)^2 places a tile writes into one set of the cache.
SKEW = 16


@dataclass(frozen=True)
class WinogradConfig(Config):
    """F(m x m, 3 x 3), blocks of `tiles`, panels of `nv` vectors in `groups` that threads share, sums
    unrolled `ku` times; zeros: chosen from the sizes."""

    m: int = 0
    tiles: int = 0
    nv: int = 0
    groups: int = 0
    ku: int = 4


@dataclass(frozen=True)
class Problem:
    """The sizes of a convolution: `height x width` results of each image; `images` may be a guess."""

    images: int
    height: int
    width: int
    channels: int
    filters: int


@dataclass(frozen=True)
class Plan:
    """A complete choice for one problem and target."""

    problem: Problem
    config: WinogradConfig
    lanes: int

    @property
    def size(self) -> int:
        """Side of a tile's input."""
        return self.config.m + 2

    @property
    def panel(self) -> int:
        """Columns of a panel of U."""
        return self.config.nv * self.lanes

    @property
    def panels(self) -> int:
        """Panels of U in one matrix."""
        return -(-self.problem.filters // self.panel)

    @property
    def group(self) -> int:
        """Panels of a group."""
        return -(-self.panels // self.config.groups)

    @property
    def high(self) -> int:
        """Tiles down an image."""
        return -(-self.problem.height // self.config.m)

    @property
    def wide(self) -> int:
        """Tiles along a line."""
        return -(-self.problem.width // self.config.m)

    @property
    def total(self) -> int:
        """Tiles of all images."""
        return self.problem.images * self.high * self.wide

    def total_of(self, images: Size) -> Size:
        """Tiles of so many images."""
        return images * (self.high * self.wide)

    @property
    def blocks(self) -> int:
        """Blocks of tiles."""
        return -(-self.total // self.config.tiles)

    @property
    def v_row(self) -> int:
        """Elements from one tile's transformed channels to the next's."""
        return -(-self.problem.channels // self.lanes) * self.lanes + SKEW

    @property
    def v_plane(self) -> int:
        """Elements from one matrix of V to the next."""
        return self.config.tiles * self.v_row + SKEW

    @property
    def m_row(self) -> int:
        """Elements from one tile's products to the next's."""
        return self.group * self.panel + SKEW

    @property
    def m_plane(self) -> int:
        """Elements from one matrix of M to the next."""
        return self.config.tiles * self.m_row + SKEW

    @property
    def u_bytes(self) -> int:
        """Bytes of U."""
        return 4 * self.size**2 * self.problem.channels * self.panels * self.panel

    def seconds(self, target: Target) -> float:
        """Predicted time of one run on one thread, weights cold."""
        rates = machine(target)
        rows = split_evenly(self.config.tiles, max_rows(target, self.config.nv)).pieces
        steps = sum(count * (cycles(size, self.config.nv) + 0.5) for _, count, size in rows)
        matrices = self.size**2
        scratch = 4 * matrices * (self.v_plane + self.m_plane)
        near = _L2 if scratch <= target.l2 * 3 // 4 else _L3
        again = _L2 if self.u_bytes + scratch <= target.l2 else _L3
        multiply = matrices * self.panels * self.problem.channels * steps
        first = max(multiply, self.u_bytes / _DRAM)
        later = max(multiply, self.u_bytes / again)
        products = first + (self.blocks - 1) * later
        vectors = -(-self.problem.channels // self.lanes), -(-self.problem.filters // self.lanes)
        reading = 2 * self.size * INPUT_OPS[self.config.m] / 2 + matrices * 1.5
        writing = (self.size + self.config.m) * OUTPUT_OPS[self.config.m] / 2 + matrices * 1.5
        moved = 4 * matrices * self.lanes / near
        around = self.config.groups * vectors[0] * (reading + moved) + vectors[1] * (writing + moved)
        edges = self.problem.height % self.config.m or self.problem.width % self.config.m
        return (products + self.total * around * (1.1 if edges else 1.0)) / (rates.clock * rates.share)


def plans(problem: Problem, target: Target, sizes: tuple[int, ...] = (2, 4)) -> list[Plan]:
    """A good plan for each m of `sizes` that the image is large enough for, the best first.

    Longer sums than the bounds of `math` speak of are left to other schedules.
    """
    found = []
    for m in sizes:
        if min(problem.height, problem.width) >= m and problem.channels <= MOST_CHANNELS[m]:
            found.append(complete(WinogradConfig(m), problem, target))
    return sorted(found, key=lambda plan: plan.seconds(target))


def complete(config: WinogradConfig, problem: Problem, target: Target) -> Plan:
    """`config` with its zeros chosen."""
    lanes = target.lanes(32)
    nv = config.nv or vectors_for(Size.of(problem.filters), target, lanes)
    config = replace(config, nv=nv)
    total = Plan(problem, config, lanes).total
    panels = -(-problem.filters // (nv * lanes))
    candidates: dict[int, Plan] = {}
    for blocks in range(1, total + 1):
        tiles = config.tiles or -(-total // blocks)
        count = -(-total // tiles)
        groups = config.groups or max(1, min(panels, -(-target.cores // count)))
        # No group without panels: 4 panels by two are two groups, whether three or four were wanted.
        groups = -(-panels // -(-panels // groups))
        candidates[tiles] = Plan(problem, replace(config, tiles=tiles, groups=groups), lanes)
        if tiles <= 4 or config.tiles:
            break
    return min(candidates.values(), key=lambda plan: plan.seconds(target))
