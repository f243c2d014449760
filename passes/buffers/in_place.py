"""Outputs that may be given the buffer of an input: a cache that a run adds to is then written where it lies.

A result that is an input with parts written over begins as a copy of it. Whether that is made, each element to the same
place of the output, is for the run to say:

    memref.copy %input, %output      -->  scf.if (address of input != address of output) { memref.copy %input, %output }

The program means the same with one buffer as with two when it is done with the input by then, and has not touched the
output before. Such pairs are said in the attribute `aicc.aliases` of the host program: per output the number of the
input, or -1. Of other pairs the branch is taken out again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from aicc.bindings import arith, ir, scf
from aicc.bindings import llvm as llvm_dialect
from aicc.passes.buffers.layout import Buffer, Size
from aicc.passes.buffers.products import product_of
from aicc.passes.kernels.ir_tools import ancestor_in, defining_op
from aicc.signature import ALIASES

_ACCESSES = ("func.call", "memref.copy", "memref.load", "memref.store")
"""What reads or writes a buffer and keeps no address of it."""


@dataclass(frozen=True)
class _Port:
    """The caller's buffer of an input or output: its number among these, its address, and all of it."""

    number: int
    is_output: bool
    address: Any
    whole: Buffer


class InPlace:
    """The copies of inputs to outputs in the host program of `module`, in the making.

    Branches and loops are programs in the model's module. They have none: who calls them gives each result a buffer of
    its own.
    """

    def __init__(self, module: Any) -> None:
        self._is_model = module.parent is None
        self._ports: dict[Any, _Port] = {}
        self._copies: list[tuple[_Port, _Port, Any]] = []

    def note(self, number: int, is_output: bool, address: Any, whole: Buffer) -> None:
        """A buffer of the caller's at `address`."""
        if self._is_model:
            self._ports[whole.root] = _Port(number, is_output, address, whole)

    @contextmanager
    def copying(self, source: Buffer, target: Buffer) -> Iterator[None]:
        """What is built within is a copy: of an input to an output in a branch that is not taken when these are one."""
        given, out = (self._ports.get(b.root) for b in (source, target))
        if (
            given is None
            or out is None
            or not out.is_output
            or given.is_output
            or not (_in_order(source, given.whole) and _in_order(target, out.whole))
            or not _may_be_alike(given.whole, out.whole)
        ):
            yield
            return
        i64 = ir.IntegerType.get_signless(64)
        addresses = [llvm_dialect.PtrToIntOp(i64, port.address).result for port in (given, out)]
        differ = arith.CmpIOp(arith.CmpIPredicate.ne, *addresses).result
        branch = scf.IfOp(differ, [], has_else=False)
        with ir.InsertionPoint(branch.then_block):
            yield
            scf.YieldOp([])
        self._copies.append((given, out, branch.operation))

    def finish(self, function: Any, outputs: int) -> None:
        """Says in an attribute of the program which outputs may be inputs. Call it when all is built."""
        block = function.regions[0].blocks[0]
        found: dict[int, int] = {}
        for given, out, branch in self._copies:
            if out.number not in found and self._is_last_and_first(block, given, out, branch):
                found[out.number] = given.number
            else:
                _take_out(branch)
        if found:
            numbers = [found.get(k, -1) for k in range(outputs)]
            function.attributes[ALIASES] = ir.DenseI64ArrayAttr.get(numbers)

    def _is_last_and_first(self, block: Any, given: _Port, out: _Port, branch: Any) -> bool:
        """Whether nothing reads the input after the copy, and nothing is done with the output before it."""
        if branch.block != block:
            return False
        for port in (given, out):
            for op in _accesses(port.whole.root):
                top = ancestor_in(op, block)
                if op.name not in _ACCESSES or top is None:
                    return False
                if top != branch and top.is_before_in_block(branch) == port.is_output:
                    return False
        return True


def _in_order(part: Buffer, whole: Buffer) -> bool:
    """Whether each element of `part` is where an element of the same indices is in `whole`."""
    return (
        isinstance(part.offset, int)
        and part.offset == 0
        and part.rank == whole.rank
        and all(product_of(a) == product_of(b) for a, b in zip(part.strides, whole.strides, strict=True))
    )


def _may_be_alike(given: Buffer, out: Buffer) -> bool:
    """Whether a run may have them of one shape: no size differs evidently."""
    return (
        given.element == out.element
        and given.rank == out.rank
        and not any(_differ(a, b) for a, b in zip(given.sizes, out.sizes, strict=True))
    )


def _differ(size: Size, larger: Size) -> bool:
    if isinstance(size, int) or isinstance(larger, int):
        return isinstance(size, int) and isinstance(larger, int) and size != larger
    op = defining_op(larger)
    return op is not None and op.name == "arith.addi" and size in list(op.operands)


def _accesses(value: Any) -> Iterator[Any]:
    """Ops that use a buffer, through views."""
    for use in value.uses:
        user = use.owner.operation
        views = [r for r in user.results if isinstance(r.type, ir.MemRefType)]
        if not views:
            yield user
        for view in views:
            yield from _accesses(view)


def _take_out(branch: Any) -> None:
    """The ops of a branch in its place."""
    for op in [o.operation for o in branch.regions[0].blocks[0].operations][:-1]:
        op.move_before(branch)
    branch.erase()
