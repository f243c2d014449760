"""Writes kernels with launches as MLIR text: the emitter of CPU kernels, with threads instead of tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod

from aicc.passes.buffers.alignment import is_aligned
from aicc.passes.schedules.cpu.emit import Index, element_bits, vector
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.nest import Buffer, Nest

SHARED = "#gpu.address_space<workgroup>"
WARP = 32
ACCESS_BITS = 128
"""Of the widest access to memory: 16 bytes."""


@dataclass(frozen=True)
class Shared:
    """An array in the shared memory of a block: a memref `name` of `shape`."""

    name: str
    shape: tuple[int, ...]
    element: str

    @property
    def kind(self) -> str:
        """Its type."""
        return f"memref<{'x'.join(map(str, self.shape))}x{self.element}, {SHARED}>"

    @property
    def bytes(self) -> int:
        """Its size, up to the next multiple of 128."""
        return -(-prod(self.shape) * element_bits(self.element) // 1024) * 128


@dataclass(frozen=True)
class Thread:
    """Where a thread is, and how many blocks there are: index names, x first."""

    block: tuple[str, str, str]
    thread: tuple[str, str, str]
    grid: tuple[str, str, str]


class GpuEmitter(KernelEmitter):
    """An emitter for the function that replaces `nest.func`, with `gpu.launch` ops (contract 5, devices)."""

    def __init__(self, nest: Nest) -> None:
        super().__init__(nest)
        self.aligned = True
        """Whether vectors in memory lie at multiples of their size."""
        self._declared: dict[str, None] = {}

    # Launches --------------------------------------------------------------------------------------

    @contextmanager
    def launch(
        self,
        grid: Sequence[Index],
        block: Sequence[int],
        shared: Sequence[Shared] = (),
        dynamic: Sequence[tuple[Shared, int]] = (),
        cluster: int = 1,
    ) -> Iterator[Thread]:
        """A launch; sizes are x first, missing ones 1. `dynamic` arrays lie at places (bytes) of the dynamic shared
        memory, of which there may be more than of the other, and may overlap. So many neighbours along x are a
        `cluster`: they run at the same time, and the grid is a multiple of it."""
        sizes = [self.index(s) for s in [*grid, *[1] * (3 - len(grid))]]
        sizes += [self.index(s) for s in [*block, *[1] * (3 - len(block))]]
        names = [[self.name() for _ in range(3)] for _ in range(4)]
        b, g, t, s = names
        blocks = ", ".join(f"{g[i]} = {sizes[i]}" for i in range(3))
        threads = ", ".join(f"{s[i]} = {sizes[3 + i]}" for i in range(3))
        memory = ", ".join(f"{array.name} : {array.kind}" for array in shared)
        size = max((at + array.bytes for array, at in dynamic), default=0)
        wanted = f" dynamic_shared_memory_size {self.constant(str(size), 'i32')}" if size else ""
        together = self._cluster(cluster) if cluster > 1 else ""
        self.do(
            f"gpu.launch {together}blocks({', '.join(b)}) in ({blocks}) threads({', '.join(t)}) in ({threads})"
            f"{wanted}{f' workgroup({memory})' if memory else ''} {{"
        )
        with self.scope():
            if dynamic:
                whole = f"memref<?xi8, {SHARED}>"
                base = self.op(f"gpu.dynamic_shared_memory : {whole}")
                for array, at in dynamic:
                    self.do(
                        f"{array.name} = memref.view {base}[{self.index(at)}][] : {whole} to {array.kind}"
                    )
            yield Thread((b[0], b[1], b[2]), (t[0], t[1], t[2]), (g[0], g[1], g[2]))
            self.do("gpu.terminator")
        self.do("}")

    def _cluster(self, blocks: int) -> str:
        names = [self.name() for _ in range(6)]
        sizes = ", ".join(
            f"{name} = {self.index(n)}" for name, n in zip(names[3:], (blocks, 1, 1), strict=True)
        )
        return f"clusters({', '.join(names[:3])}) in ({sizes}) "

    def shared(self, shape: Sequence[int], element: str) -> Shared:
        """A name for an array in shared memory, to be given to `launch`."""
        return Shared(self.name(), tuple(shape), element)

    def barrier(self) -> None:
        """Waits for all threads of the block."""
        self.do("gpu.barrier")

    def shuffle_xor(self, value: str, distance: int, element: str) -> str:
        """The value of the lane at `lane ^ distance`; 32-bit types."""
        width, offset = self.constant(str(WARP), "i32"), self.constant(str(distance), "i32")
        result = self.name()
        self.do(f"{result}, {self.name()} = gpu.shuffle xor {value}, {offset}, {width} : {element}")
        return result

    # Memory ----------------------------------------------------------------------------------------

    def load(
        self,
        base: str,
        at: Index,
        element: str,
        lanes: int = 1,
        mask: str | None = None,
        rest: str | None = None,
    ) -> str:
        """See the base class; whole vectors with what is known of their alignment."""
        if lanes == 1 or mask is not None:
            return super().load(base, at, element, lanes, mask, rest)
        kind = vector(element, lanes)
        return self.op(
            f"vector.load {base}[{self.index(at)}]{self._alignment(element, lanes)} : memref<?x{element}>, {kind}"
        )

    def store(
        self, value: str, base: str, at: Index, element: str, lanes: int = 1, mask: str | None = None
    ) -> None:
        """See the base class."""
        if lanes == 1 or mask is not None:
            super().store(value, base, at, element, lanes, mask)
            return
        kind = vector(element, lanes)
        self.do(
            f"vector.store {value}, {base}[{self.index(at)}]{self._alignment(element, lanes)} : "
            f"memref<?x{element}>, {kind}"
        )

    def _alignment(self, element: str, lanes: int) -> str:
        return f" {{alignment = {element_bits(element) // 8 * lanes}}}" if self.aligned else ""

    def load_shared(self, array: Shared, at: Sequence[Index], lanes: int = 1) -> str:
        """Elements of a row; a vector lies at a multiple of its size."""
        places = ", ".join(self.index(i) for i in at)
        if lanes == 1:
            return self.op(f"memref.load {array.name}[{places}] : {array.kind}")
        kind = vector(array.element, lanes)
        align = element_bits(array.element) // 8 * lanes
        return self.op(f"vector.load {array.name}[{places}] {{alignment = {align}}} : {array.kind}, {kind}")

    def store_shared(self, value: str, array: Shared, at: Sequence[Index], lanes: int = 1) -> None:
        """Elements of a row; a vector lies at a multiple of its size."""
        places = ", ".join(self.index(i) for i in at)
        if lanes == 1:
            self.do(f"memref.store {value}, {array.name}[{places}] : {array.kind}")
            return
        kind = vector(array.element, lanes)
        align = element_bits(array.element) // 8 * lanes
        self.do(
            f"vector.store {value}, {array.name}[{places}] {{alignment = {align}}} : {array.kind}, {kind}"
        )

    def when_aligned(
        self, buffers: Sequence[Buffer], aligned: Callable[[], None], otherwise: Callable[[], None]
    ) -> None:
        """Writes what to do where the arguments start at multiples of 16 bytes, and what else: slices need not. Only
        the first, where all calls of the kernel are known to have such arguments."""
        numbers = dict.fromkeys(buffer.number for buffer in buffers)
        unknown = [number for number in numbers if not is_aligned(self.nest.func, number)]
        if not unknown:
            aligned()
            return
        with self.when(self._all_aligned(buffers, unknown)):
            aligned()
            self.otherwise()
            otherwise()

    def _all_aligned(self, buffers: Sequence[Buffer], numbers: Sequence[int]) -> str:
        total: str | None = None
        for number in numbers:
            buffer = next(b for b in buffers if b.number == number)
            kind = f"memref<?x{buffer.element}>"
            address = self.op(
                f"memref.extract_aligned_pointer_as_index {self.base(buffer)} : {kind} -> index"
            )
            total = address if total is None else self.op(f"arith.ori {total}, {address} : index")
        assert total is not None
        rest = self.op(f"arith.andi {total}, {self.index(ACCESS_BITS // 8 - 1)} : index")
        return self.compare("eq", rest, 0)

    # The function ----------------------------------------------------------------------------------

    def declare(self, text: str) -> None:
        """A function that the host's part calls."""
        self._declared[text] = None

    @property
    def declarations(self) -> list[str]:
        """What `declare` was given."""
        return list(self._declared)

    def function(self) -> str:
        """The text of the kernel's function, and of those it calls."""
        signature = [f"%a{i}: {value.type}{self._attributes(i)}" for i, value in enumerate(self._arguments)]
        declared = "".join(f"{text}\n" for text in self._declared)
        return declared + (
            f"func.func @{self.nest.name}({', '.join(signature)}) attributes {{{self._old_attributes()}}} {{\n"
            f"{self.body()}\nreturn\n}}\n"
        )


def decompose(
    e: KernelEmitter, number: Index, axes: Sequence[int], extents: Sequence[Index], place: list[Index]
) -> None:
    """Sets `place[axis]` for the axes (outermost first) whose positions `number` counts."""
    for axis in reversed(axes):
        last = axis == axes[0]
        place[axis] = number if last else e.rem(number, extents[axis])
        number = number if last else e.div(number, extents[axis])
