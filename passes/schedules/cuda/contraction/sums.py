"""The sums of a tile as threads hold them, to be given away in slabs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cuda.emitter import GpuEmitter

# (row in the slab, column in the slab, value, lanes): takes some sums of this thread
Take = Callable[[Index, Index, str, int], None]


class Sums(ABC):
    """`thread` is this one's number among the `threads` that share a slab, of rows of `width` columns."""

    def __init__(self, e: GpuEmitter, thread: Index, threads: int, width: int) -> None:
        self.e, self.thread, self.threads, self.width = e, thread, threads, width

    @property
    @abstractmethod
    def slabs(self) -> tuple[int, int]:
        """How many slabs the tile is given away in, and the rows of one."""

    @abstractmethod
    def give(self, sums: list[str], slab: int, take: Take) -> None:
        """Calls `take` for this thread's sums in a slab."""

    @abstractmethod
    def first_row(self, slab: int, row: Index) -> Index:
        """The tile's row of a slab's row."""

    def first_column(self, slab: int) -> int:
        """The tile's column where a slab begins."""
        return 0

    def meet(self) -> None:
        """Waits for the threads that share the slab."""
        self.e.barrier()

    def place(self, row: Index, column: Index) -> list[Index]:
        """Where in shared memory a slab has an element; four neighbours from a multiple of 4 on stay neighbours."""
        return [row, column]
