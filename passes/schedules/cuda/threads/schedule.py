"""The steps of the schedule `threads`, in order."""

from __future__ import annotations

from typing import Any

from aicc.bindings import PassManager, ir, linalg
from aicc.passes.schedules.cpu.affine.operands import (
    copy_loop_inits,
    iterators_of,
    own_inits,
    reuse_inputs,
    unpack_to_generic,
    walk,
)
from aicc.passes.schedules.cpu.affine.schedule import resolve_sizes
from aicc.passes.schedules.cuda.threads.fills import adjacent_fills, take_starts
from aicc.passes.schedules.cuda.threads.loops import keep_carried_in_place, launch_loops, launch_whole
from aicc.passes.schedules.cuda.threads.nests import launch_generic, launch_together
from aicc.passes.schedules.schedule import LAST_RESORT, Config, NoMatch, Schedule
from aicc.target import Target

_FUSE = "linalg-generalize-named-ops,linalg-fuse-elementwise-ops,canonicalize,cse"
_BUFFERIZE = "one-shot-bufferize,canonicalize,cse"
_GENERALIZE = "linalg-generalize-named-ops"
_LOOPS = "func.func(convert-linalg-to-loops),canonicalize,cse"


class Threads(Schedule):
    """Every kernel, one thread for each result. See the package's docstring."""

    name = "threads"

    def check(self, kernel: Any, target: Target) -> None:
        """It takes every kernel."""

    def cost(self, kernel: Any, target: Target, config: Config) -> float:
        """No prediction: whatever else matches is chosen before it."""
        return LAST_RESORT

    def lower(self, module: Any, func: Any, target: Target, config: Config) -> None:
        """linalg on tensors between `to_tensor` and `materialize_in_destination` --> launches on memrefs.

        Raises NoMatch.
        """
        func = func.operation
        work = ir.Module.create(func.location)
        work.body.append(func.clone())
        try:
            lower_in(work)
        except ir.MLIRError as error:
            raise NoMatch(f"lowering to threads failed: {error}") from error
        for op in list(work.body.operations):
            op.operation.move_before(func)
        func.erase()


def lower_in(module: Any) -> None:
    """Lowers the only function of `module`. Raises NoMatch and MLIRError."""
    kernel = module.body.operations[0].operation
    aliased = "aicc.alias" in kernel.attributes
    unpack_to_generic(kernel)
    _run(module, _FUSE)
    own_inits(kernel)
    copy_loop_inits(kernel)
    keep_carried_in_place(kernel)
    reuse_inputs(kernel)
    # An output that shares memory with an input is written last, by a copy of its own.
    _run(module, _BUFFERIZE if aliased else f"eliminate-empty-tensors,{_BUFFERIZE}")
    for op in walk(kernel, "memref.copy"):
        with ir.InsertionPoint(op), op.location:
            linalg.copy(op.operands[0], outs=[op.operands[1]])
        op.erase()
    _run(module, _GENERALIZE)
    resolve_sizes(kernel)
    if not launch_loops(kernel):
        launch_whole(kernel)
    for group in adjacent_fills(kernel):
        launch_together(group)
    for reductions in (True, False):
        found = [op for op in walk(kernel, "linalg.generic") if not _in_launch(op)]
        for op in [op for op in found if ("reduction" in iterators_of(op)) == reductions]:
            launch_generic(op, take_starts(op))
    _run(module, _LOOPS)
    resolve_sizes(kernel)
    allow_contraction(kernel)
    module.operation.verify()


def allow_contraction(kernel: Any) -> None:
    """Products feeding sums may be fused: one rounding less, one instruction instead of two."""
    flag = ir.Attribute.parse("#arith.fastmath<contract>")
    for op in walk(kernel, "arith.mulf", "arith.addf", "arith.subf"):
        op.attributes["fastmath"] = flag


def _in_launch(op: Any) -> bool:
    while op is not None and op.name != "func.func":
        if op.name == "gpu.launch":
            return True
        op = op.parent.operation
    return False


def _run(module: Any, passes: str) -> None:
    PassManager.parse(f"builtin.module({passes})").run(module.operation)


SCHEDULE = Threads()
