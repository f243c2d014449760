"""What this machine can do at most: fused multiply-adds, and bytes from each level of memory.

The loops are generated and compiled by aicc's own code generator, so they use the vectors the kernels use.
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from aicc.codegen.objects import compile_llvm_text, initialize
from aicc.target import Target

_LOOPS = 5
_FMA_TURNS = 200_000
_READ_SECONDS = 0.01


@dataclass(frozen=True)
class Peaks:
    """FLOP/s and bytes/s of `threads` cores together. `levels`: (bytes that a core's share of the level holds,
    bytes/s read, bytes/s read and written while copying), the fastest level first, memory last."""

    threads: int
    flops: float
    levels: tuple[tuple[int, float, float], ...]

    @property
    def read(self) -> float:
        """Bytes/s read from memory."""
        return self.levels[-1][1]

    def copy(self, footprint: int) -> float:
        """Bytes/s of copying where all that is read and written has `footprint` bytes."""
        return next((speed for size, _, speed in self.levels if footprint <= size), self.levels[-1][2])


def measure_peaks(target: Target, cpus: Sequence[int]) -> Peaks:
    """Takes about a second. `cpus` are the cores to measure, one thread on each."""
    with _Loops(target) as loops:
        flops = _together(cpus, lambda: loops.flops_per_second())
        levels = []
        for size in (target.l2, target.l3 // len(cpus), 0):
            footprint = (size or 4 * target.l3) // 2
            read = _together(cpus, lambda n=footprint: loops.bytes_per_second(n, copy=False))  # type: ignore[misc]
            copy = _together(cpus, lambda n=footprint: loops.bytes_per_second(n, copy=True))  # type: ignore[misc]
            levels.append((size, read, copy))
        return Peaks(len(cpus), flops, tuple(levels))


def _together(cpus: Sequence[int], rate: Callable[[], float]) -> float:
    """The sum of the rates of a thread on each core, all at the same time."""
    rates: list[float] = []

    def run(cpu: int) -> None:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {cpu})  # of this thread alone
        rates.append(rate())

    threads = [threading.Thread(target=run, args=(cpu,)) for cpu in cpus]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(rates)


class _Loops:
    """The loops, loaded into this process."""

    def __init__(self, target: Target) -> None:
        self.lanes = target.vector_bits // 32
        self.chains = 24 if target.vector_bits >= 512 or not target.triple.startswith("x86") else 12
        initialize()
        text = _fma_text(self.lanes, self.chains) + _stream_text(self.lanes)
        machine = llvm.Target.from_default_triple().create_target_machine()
        self._engine: Any = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(compile_llvm_text(text, target)))
        self._engine.finalize_object()
        p, n = ctypes.c_void_p, ctypes.c_int64
        self._fma = ctypes.CFUNCTYPE(None, p, n)(self._engine.get_function_address("fma_loop"))
        self._read = ctypes.CFUNCTYPE(None, p, p, n)(self._engine.get_function_address("read_loop"))
        self._copy = ctypes.CFUNCTYPE(None, p, p, n)(self._engine.get_function_address("copy_loop"))

    def flops_per_second(self) -> float:
        values = _aligned(4096)
        seconds = _best(lambda: self._fma(values.ctypes.data, _FMA_TURNS))
        return 2.0 * self.lanes * self.chains * _FMA_TURNS / seconds

    def bytes_per_second(self, footprint: int, copy: bool) -> float:
        """Over a working set of `footprint` bytes; those read and those written both count."""
        block = _UNROLL * self.lanes * 4
        size = max(block, footprint // (2 if copy else 1) // block * block)
        source, sink = _aligned(size), _aligned(size if copy else 4096)
        function = self._copy if copy else self._read
        once = _best(lambda: function(source.ctypes.data, sink.ctypes.data, size // block), 1)
        turns = max(1, int(_READ_SECONDS / once))

        def run() -> None:
            for _ in range(turns):
                function(source.ctypes.data, sink.ctypes.data, size // block)

        return (2 if copy else 1) * size * turns / _best(run)

    def __enter__(self) -> _Loops:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.close()


_UNROLL = 8


def _fma_text(lanes: int, chains: int) -> str:
    """`fma_loop(values, n)`: `chains` independent accumulators, n fused multiply-adds on each."""
    v = f"<{lanes} x float>"
    phis = "\n".join(f"  %a{i} = phi {v} [%b, %entry], [%n{i}, %loop]" for i in range(chains))
    steps = "\n".join(
        f"  %n{i} = call {v} @llvm.fmuladd.v{lanes}f32({v} %a{i}, {v} %b, {v} %c)" for i in range(chains)
    )
    ends = "\n".join(
        f"  %p{i} = getelementptr {v}, ptr %values, i64 {i}\n  store {v} %n{i}, ptr %p{i}"
        for i in range(chains)
    )
    return f"""
declare {v} @llvm.fmuladd.v{lanes}f32({v}, {v}, {v})
define void @fma_loop(ptr %values, i64 %n) {{
entry:
  %b = load {v}, ptr %values
  %q = getelementptr {v}, ptr %values, i64 1
  %c = load {v}, ptr %q
  br label %loop
loop:
  %k = phi i64 [0, %entry], [%k1, %loop]
{phis}
{steps}
  %k1 = add i64 %k, 1
  %more = icmp slt i64 %k1, %n
  br i1 %more, label %loop, label %end
end:
{ends}
  ret void
}}
"""


def _stream_text(lanes: int) -> str:
    """`read_loop(source, sink, n)` adds up, `copy_loop(source, sink, n)` copies n blocks of `_UNROLL` vectors."""
    v = f"<{lanes} x float>"
    reads = "\n".join(
        f"  %p{i} = getelementptr {v}, ptr %at, i64 {i}\n  %x{i} = load {v}, ptr %p{i}\n"
        for i in range(_UNROLL)
    )
    phis = "\n".join(f"  %a{i} = phi {v} [zeroinitializer, %entry], [%s{i}, %loop]" for i in range(_UNROLL))
    sums = "\n".join(f"  %s{i} = fadd {v} %a{i}, %x{i}" for i in range(_UNROLL))
    ends = "\n".join(
        f"  %e{i} = getelementptr {v}, ptr %sink, i64 {i}\n  store {v} %s{i}, ptr %e{i}"
        for i in range(_UNROLL)
    )
    writes = "\n".join(
        f"  %w{i} = getelementptr {v}, ptr %to, i64 {i}\n  store {v} %x{i}, ptr %w{i}" for i in range(_UNROLL)
    )
    head = """entry:
  br label %loop
loop:
  %k = phi i64 [0, %entry], [%k1, %loop]"""
    at = f"  %at = getelementptr [{_UNROLL} x {v}], ptr %source, i64 %k"
    tail = """  %k1 = add i64 %k, 1
  %more = icmp slt i64 %k1, %n
  br i1 %more, label %loop, label %end
end:"""
    return f"""
define void @read_loop(ptr %source, ptr %sink, i64 %n) {{
{head}
{phis}
{at}
{reads}
{sums}
{tail}
{ends}
  ret void
}}
define void @copy_loop(ptr noalias %source, ptr noalias %sink, i64 %n) {{
{head}
{at}
  %to = getelementptr [{_UNROLL} x {v}], ptr %sink, i64 %k
{reads}
{writes}
{tail}
  ret void
}}
"""


def _aligned(size: int) -> Any:
    """Zeros that start at a page and have been touched."""
    raw = np.zeros(size + 4096, np.uint8)
    start = -raw.ctypes.data % 4096
    raw[:] = 0
    return raw[start : start + size]


def _best(run: Callable[[], Any], loops: int = _LOOPS) -> float:
    """Seconds of the fastest of `loops` runs."""
    times = []
    for _ in range(loops):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)
