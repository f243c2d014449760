"""What is known of a device kernel's launches when it is compiled: blocks, threads, memory, registers."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aicc.bindings import ir
from aicc.passes.kernels.ir_tools import defining_op, nested_ops
from aicc.target import Target


@dataclass(frozen=True)
class Launch:
    """`blocks` of the grid (None: only a run knows), `threads` of a block, `shared` bytes of its dynamic shared memory,
    `registers` of a thread (0: nothing assembled the code)."""

    name: str
    blocks: int | None
    threads: int
    shared: int
    registers: int = 0

    def resident(self, target: Target) -> int:
        """Blocks that a multiprocessor holds at once: by its threads, its registers and its shared memory. (CUDA C++
        Programming Guide, appendix "Compute Capabilities".)"""
        threads = _THREADS.get(target.compute_capability, 2048)
        warps = -(-self.threads // 32)
        rooms = [32, threads // (warps * 32)]
        if self.registers:
            rooms.append(_REGISTERS // (warps * 32 * -(-self.registers // 8) * 8))
        if self.shared:
            rooms.append((target.l1 + _RESERVED) // (self.shared + _RESERVED))
        return max(1, min(rooms))


_REGISTERS = 65536
_RESERVED = 1024
"""Bytes of shared memory that the system has of each block."""
_THREADS = {75: 1024, 86: 1536, 89: 1536, 120: 1536}


def launches_of(module: Any, target: Target) -> list[Launch]:
    """Of a kernel whose launches are outlined: those that aligned arguments get."""
    return [
        _read(op, target)
        for op in nested_ops(module.operation)
        if op.name == "gpu.launch_func" and not _is_otherwise(op)
    ]


def _read(op: Any, target: Target) -> Launch:
    segments = list(ir.DenseI32ArrayAttr(op.attributes["operandSegmentSizes"]))
    operands = list(op.operands)
    first = segments[0]
    numbers = [_number(value, target) for value in operands[first : first + 6]]
    at = sum(segments[:10])
    shared = _number(operands[at], target) if segments[10] else 0
    grid, block = numbers[:3], numbers[3:]
    name = str(ir.SymbolRefAttr(op.attributes["kernel"]).value[-1])
    return Launch(name, _product(grid), _product(block) or 0, shared or 0)


def _product(numbers: Sequence[int | None]) -> int | None:
    total = 1
    for number in numbers:
        if number is None:
            return None
        total *= number
    return total


def _number(value: Any, target: Target) -> int | None:
    """What the host computes from constants, and from how many multiprocessors the device has; None: a run decides."""
    op = defining_op(value)
    if op is None:
        return None
    if op.name == "arith.constant":
        return int(ir.IntegerAttr(op.attributes["value"]).value)
    if op.name == "func.call":
        called = str(ir.FlatSymbolRefAttr(op.attributes["callee"]).value)
        return target.cores if called == "aicc_multiprocessors" else None
    if op.name not in _COMPUTED:
        return None
    left, right = (_number(operand, target) for operand in op.operands)
    return None if left is None or right is None else _COMPUTED[op.name](left, right)


# Of numbers that are not negative.
_COMPUTED: dict[str, Callable[[int, int], int]] = {
    "arith.addi": operator.add,
    "arith.subi": operator.sub,
    "arith.muli": operator.mul,
    "arith.divui": operator.floordiv,
    "arith.minsi": min,
    "arith.minui": min,
    "arith.maxsi": max,
}


def _is_otherwise(op: Any) -> bool:
    """Whether it is in the second branch of a condition: for arguments that are not aligned."""
    while op.name != "func.func":
        parent = op.parent.operation
        if parent.name == "scf.if" and op.block.region == parent.regions[1]:
            return True
        op = parent
    return False


def with_registers(launches: Sequence[Launch], report: str) -> list[Launch]:
    """The launches with what `ptxas -v` says of their functions."""
    known = {name: int(count) for name, count in _USED.findall(report)}
    return [replace(launch, registers=known.get(launch.name, 0)) for launch in launches]


_USED = re.compile(r"Compiling entry function '([\w$]+)'.*?Used (\d+) registers", re.DOTALL)
