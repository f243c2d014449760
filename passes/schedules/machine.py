"""How fast a core does what cost models count: one table for all schedules.

Rates are of one core that runs one of our kernels, measured where the row says so and otherwise what vendors
state. They rank algorithms, and predict times of the table's machines; a busy or older machine is slower throughout.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from aicc.target import Target


@dataclass(frozen=True)
class Machine:
    """`clock` in Hz under vector load; vector operations per cycle: `fmas` (multiply-adds), `ops` (anything else),
    `loads`, `stores`; `share` of the multiply-add peak that register tiles reach inside a model.

    `near`, `far`, `dram`: bytes per cycle that one core reads and writes when it streams data that the kernel
    before has just left behind, of up to twice the L2 cache, of up to half the L3 cache, and more.
    `start`: seconds to start a kernel on the calling thread. `tile_share`: of the peak of tile registers that their
    products reach; `split_share`: that products of terms of f32 reach.
    """

    clock: float = 3.0e9
    fmas: float = 2.0
    ops: float = 2.0
    loads: float = 2.0
    stores: float = 1.0
    share: float = 0.87
    near: float = 16.0
    far: float = 8.0
    dram: float = 6.0
    start: float = 1.0e-7
    tile_share: float = 0.5
    split_share: float = 0.5

    def stream(self, size: float, target: Target) -> float:
        """Seconds to read or write `size` bytes of activations: the more there are, the farther away they lie."""
        near = min(size, 2.0 * target.l2)
        far = min(size, target.l3 / 2) - near
        cycles = near / self.near + max(far, 0.0) / self.far + max(size - target.l3 / 2, 0.0) / self.dram
        return cycles / self.clock

    def cold(self, size: float) -> float:
        """Seconds to read `size` bytes of weights: a run uses more of them than a cache holds."""
        return size / (self.dram * self.clock)


# The first row whose name LLVM's name of the target's CPU starts with.
_MACHINES: tuple[tuple[str, Machine], ...] = (
    # Measured on two cores of a shared machine, inside models.
    ("znver5", Machine(clock=3.98e9, near=24.0, far=10.0, dram=9.0)),
    # 512-bit operations take two turns.
    ("znver4", Machine(clock=3.7e9, fmas=1.0, ops=1.0, loads=1.0, stores=0.5, near=20.0)),
    ("znver", Machine(clock=3.5e9)),
    ("sapphirerapids", Machine(clock=2.8e9, near=20.0)),
    ("emeraldrapids", Machine(clock=2.8e9, near=20.0)),
    ("graniterapids", Machine(clock=3.0e9, near=20.0)),
    ("icelake", Machine(clock=2.8e9, near=20.0)),
)


@cache
def machine(target: Target) -> Machine:
    """The rates of a target's CPU; of one the table lacks, those of a common core."""
    for prefix, rates in _MACHINES:
        if target.cpu.startswith(prefix):
            return rates
    return Machine()
