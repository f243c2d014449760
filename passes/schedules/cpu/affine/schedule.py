"""The steps of the schedule `affine`, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aicc.bindings import PassManager, ir, linalg
from aicc.passes.schedules.cpu.affine.loop_order import (
    order_loops,
    reassociate_reductions,
    split_packed_loops,
)
from aicc.passes.schedules.cpu.affine.loop_slices import slice_loop
from aicc.passes.schedules.cpu.affine.operands import (
    copy_loop_inits,
    defining_op,
    own_inits,
    reuse_inputs,
    unpack_to_generic,
    walk,
)
from aicc.passes.schedules.cpu.affine.scratch import plan_scratch
from aicc.passes.schedules.cpu.affine.tiles import apply_slices, find_slices
from aicc.passes.schedules.schedule import LAST_RESORT, Config, NoMatch, Schedule
from aicc.target import Target

_FUSE = "linalg-generalize-named-ops,linalg-fuse-elementwise-ops,canonicalize,cse"
_BUFFERIZE = "one-shot-bufferize,canonicalize,cse"
_GENERALIZE = "linalg-generalize-named-ops"
_TO_LOOPS = "func.func(convert-linalg-to-affine-loops)"
_CLEAN = "canonicalize,cse"


@dataclass(frozen=True)
class AffineConfig(Config):
    """`tiles`: whether to look for a parallel outer dimension (else the kernel is one tile)."""

    tiles: bool = True


class Affine(Schedule):
    """Every kernel, by affine loops. See the package's docstring."""

    name = "affine"
    config_type = AffineConfig

    def check(self, kernel: Any, target: Target) -> None:
        """It takes every kernel but loops over time: theirs has steps, which are of the schedule `recurrent`."""
        for op in walk(kernel, "linalg.generic"):
            if op.parent.operation.name == "scf.for":
                raise NoMatch("a loop over time")

    def configs(self, kernel: Any, target: Target) -> list[Config]:
        return [AffineConfig(), AffineConfig(tiles=False)]

    def cost(self, kernel: Any, target: Target, config: Config) -> float:
        """No prediction: whatever else matches is chosen before it."""
        return LAST_RESORT

    def lower(self, module: Any, func: Any, target: Target, config: Config) -> None:
        """linalg on tensors between `to_tensor` and `materialize_in_destination` --> affine loops on memrefs."""
        func = func.operation
        assert isinstance(config, AffineConfig)
        work = ir.Module.create(func.location)
        work.body.append(func.clone())
        try:
            lower_in(work, config)
        except ir.MLIRError as error:
            raise NoMatch(f"affine lowering failed: {error}") from error
        for op in list(work.body.operations):
            op.operation.move_before(func)
        func.erase()


def lower_in(module: Any, config: AffineConfig) -> None:
    """Lowers the only function of `module`. Raises NoMatch and MLIRError."""
    kernel = module.body.operations[0].operation
    aliased = "aicc.alias" in kernel.attributes
    unpack_to_generic(kernel)
    _run(module, _FUSE)
    own_inits(kernel)
    copy_loop_inits(kernel)
    reuse_inputs(kernel)
    # An output that shares memory with an input is written last, by a copy of its own.
    _run(module, _BUFFERIZE if aliased else f"eliminate-empty-tensors,{_BUFFERIZE}")
    _expand_copies(kernel)
    _run(module, _GENERALIZE)
    for generic in walk(kernel, "linalg.generic"):
        split_packed_loops(generic)
        order_loops(generic)
        reassociate_reductions(generic)
    lo, hi, scratch = _add_tile_arguments(kernel)
    resolve_sizes(kernel)
    slices = find_slices(kernel) if config.tiles and not aliased else None
    _run(module, _TO_LOOPS)
    tiles: int | str = 1 if slices is None else apply_slices(kernel, slices, lo, hi)
    _run(module, _CLEAN)
    if slices is None and config.tiles and not aliased:
        tiles = slice_loop(kernel, lo, hi) or 1
    size = plan_scratch(kernel, scratch)
    _set_type(kernel)
    i64 = ir.IntegerType.get_signless(64)
    kernel.attributes["aicc.tiles"] = _number(tiles)
    kernel.attributes["aicc.grain"] = ir.IntegerAttr.get(i64, 1)
    kernel.attributes["aicc.scratch"] = _number(size)
    module.operation.verify()


def _run(module: Any, passes: str) -> None:
    PassManager.parse(f"builtin.module({passes})").run(module.operation)


def _expand_copies(kernel: Any) -> None:
    """memref.copy --> linalg.copy: a copy between layouts would call a library function."""
    for op in walk(kernel, "memref.copy"):
        source, target = op.operands
        with ir.InsertionPoint(op), op.location:
            linalg.copy(source, outs=[target])
        op.erase()


def resolve_sizes(kernel: Any) -> None:
    """memref.dim (memref.reinterpret_cast … sizes: [%n, 8]), 0 --> %n"""
    for op in walk(kernel, "memref.dim"):
        source, position = op.operands
        cast, constant = defining_op(source), defining_op(position)
        if cast is None or constant is None or cast.name != "memref.reinterpret_cast":
            continue
        dim = int(ir.IntegerAttr(constant.attributes["value"]).value)
        kind = cast.results[0].type
        if not kind.is_dynamic_dim(dim):
            continue
        first = 1 + int(cast.attributes["operandSegmentSizes"][1])
        op.results[0].replace_all_uses_with(
            cast.operands[first + sum(kind.is_dynamic_dim(i) for i in range(dim))]
        )
        op.erase()


def _add_tile_arguments(kernel: Any) -> tuple[Any, Any, int]:
    """Adds `%lo, %hi, %scratch`; returns the first two and the number of the third."""
    block = kernel.regions[0].blocks[0]
    index = ir.IndexType.get()
    lo = block.add_argument(index, kernel.location)
    hi = block.add_argument(index, kernel.location)
    number = len(block.arguments)
    block.add_argument(ir.MemRefType.get([0], ir.IntegerType.get_signless(8)), kernel.location)
    _set_type(kernel)
    return lo, hi, number


def _set_type(kernel: Any) -> None:
    types = [argument.type for argument in kernel.regions[0].blocks[0].arguments]
    kernel.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(types, []))
    if "arg_attrs" in kernel.attributes:
        attributes = list(kernel.attributes["arg_attrs"])
        attributes += [ir.DictAttr.get({})] * (len(types) - len(attributes))
        kernel.attributes["arg_attrs"] = ir.ArrayAttr.get(attributes)


def _number(value: int | str) -> Any:
    if isinstance(value, str):
        return ir.FlatSymbolRefAttr.get(value)
    return ir.IntegerAttr.get(ir.IntegerType.get_signless(64), value)


SCHEDULE = Affine()
