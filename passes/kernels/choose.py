"""Chooses a schedule for each kernel, and gives operands the layouts it wants."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.bindings import func, ir, linalg, tensor
from aicc.dialects.types import TensorType
from aicc.errors import CompileError
from aicc.passes.base import Pass, PassContext
from aicc.passes.kernels.ir_tools import defining_op, each_of, main_of, nested_ops
from aicc.passes.kernels.narrow import NarrowWeights
from aicc.passes.kernels.weights import weight_part, weight_symbol
from aicc.passes.schedules import registry
from aicc.passes.schedules.cpu.nest import analyzed_once
from aicc.passes.schedules.schedule import (
    TRANSFORM,
    Choice,
    PackLayout,
    Schedule,
    Transform,
    write_costs,
)
from aicc.passes.weight_ops import declare_weight, load_weight
from aicc.target import Target
from aicc.weights import Recipe


@dataclass(frozen=True)
class ChooseSchedules(Pass):
    """Writes `aicc.schedule` and `aicc.config` on every kernel; packs operands as the schedule wants.

    -O1 takes the schedule that matches everything; from -O2 on the one of least predicted cost.
    `only` restricts the choice to one schedule by name where it matches; `libraries` are names of vendors' libraries,
    joined by commas, that may be called.

    before --> after
      func @k0(%x, %w: tensor<64x96xf32>)    --> func @k0(%x, %w: tensor<6x64x16xf32>) {
                                                   %u = linalg.unpack %w … }
      call @k0(%x, %w)                       --> call @k0(%x, %w.packed)
    """

    pass_name: ClassVar[str] = "choose-schedules"
    only: str = ""
    libraries: str = ""

    def run(self, module: Any, ctx: PassContext) -> None:
        kernels = [f for f in module.body.operations if "aicc.kernel" in f.attributes]
        libraries = [name for name in self.libraries.split(",") if name]
        registry.check_libraries(libraries, ctx.target.kind)
        calls = _calls(main_of(module))
        layouts = _Layouts(module, ctx)
        narrow = NarrowWeights(ctx.target, ctx.weights)
        chosen: dict[str, str] = {}
        for kernel in kernels:
            name = kernel.sym_name.value
            weights = _weights(kernel, calls[name])
            narrow.mark(kernel, calls[name], weights)
            costs = predictions(
                kernel, ctx.target, ctx.opt_level, self.only, weights, ctx.excluded, libraries
            )
            choice = best(costs)
            choice.write(kernel)
            write_costs(kernel, {c.schedule.name: seconds for c, seconds in costs.items()})
            chosen[name] = f"{choice.schedule.name}({choice.config})"
            wanted = choice.schedule.layouts(kernel, ctx.target, choice.config)
            itself = choice.schedule.packs_itself(kernel, ctx.target, choice.config)
            for i, layout in sorted(wanted.items()):
                if not itself or all(_is_stored(call.operands[i]) for call in calls[name]):
                    layouts.apply(kernel, calls[name], i, layout)
            transforms = choice.schedule.transforms(kernel, ctx.target, choice.config)
            for i, transform in sorted(transforms.items()):
                layouts.transform(kernel, calls[name], i, transform)
        _erase_unused_parts(module)
        ctx.stats["schedules"] = chosen


def best(costs: Mapping[Choice, float]) -> Choice:
    """The choice of least cost; of equals the first."""
    return min(costs, key=lambda choice: costs[choice])


def predictions(
    kernel: Any,
    target: Target,
    opt_level: int,
    only: str = "",
    weights: Collection[int] = (),
    excluded: Collection[str] = (),
    libraries: Collection[str] = (),
) -> dict[Choice, float]:
    """Predicted seconds of a call by each schedule that matches and is not `excluded`, the preferred ones first; of
    those that call a library the ones of `libraries`.

    `weights` are the arguments that are weights in every call: others cannot be transformed.
    Raises CompileError AICC-3001 when nothing matches.
    """
    with analyzed_once(kernel):
        return _predictions(kernel, target, opt_level, only, weights, excluded, libraries)


def _predictions(
    kernel: Any,
    target: Target,
    opt_level: int,
    only: str,
    weights: Collection[int],
    excluded: Collection[str],
    libraries: Collection[str],
) -> dict[Choice, float]:
    schedules = [s for s in registry.for_target(target, libraries) if s.name not in excluded]
    matching = [s for s in schedules if s.matches(kernel, target)]
    if opt_level <= 1:
        matching = matching[-1:]
    matching = [s for s in matching if set(_transformed(s, kernel, target)) <= set(weights)]
    if only:
        matching = [s for s in matching if s.name == only] or matching
    if not matching:
        raise CompileError(
            "AICC-3001",
            f"no schedule matches kernel {kernel.sym_name.value}.",
            stage="kernels",
            hint=str(kernel),
        )
    options = [Choice(s, c) for s in matching for c in s.configs(kernel, target)[:1]]
    return {c: c.schedule.cost(kernel, target, c.config) for c in options}


def _is_stored(value: Any) -> bool:
    """Whether a value is a weight, or a part of one."""
    return weight_symbol(value) is not None or weight_part(value) is not None


def _erase_unused_parts(module: Any) -> None:
    """Parts of weights that kernels read packed now."""
    for op in list(nested_ops(main_of(module).operation)):
        if op.name == "tensor.extract_slice" and next(iter(op.results[0].uses), None) is None:
            op.erase()


def _calls(main: Any) -> dict[str, list[Any]]:
    calls: dict[str, list[Any]] = defaultdict(list)
    for op in nested_ops(main.operation):
        if op.name == "func.call":
            calls[ir.FlatSymbolRefAttr(op.attributes["callee"]).value].append(op)
    return calls


def _transformed(schedule: Schedule, kernel: Any, target: Target) -> Collection[int]:
    """The arguments that `schedule` needs transformed."""
    return schedule.transforms(kernel, target, schedule.configs(kernel, target)[0])


def _weights(kernel: Any, calls: list[Any]) -> set[int]:
    """The arguments that are weights in every call."""
    count = len(kernel.regions[0].blocks[0].arguments)
    return {i for i in range(count) if all(weight_symbol(call.operands[i]) is not None for call in calls)}


class _Layouts:
    """Inserts packs: recipes of the weight store for weights, pack kernels for everything else."""

    def __init__(self, module: Any, ctx: PassContext) -> None:
        self.module = module
        self.ctx = ctx
        self.helpers: dict[str, str] = {}

    def apply(self, kernel: Any, calls: list[Any], i: int, layout: PackLayout) -> None:
        argument = kernel.regions[0].blocks[0].arguments[i]
        plain = ir.RankedTensorType(argument.type)
        packed = ir.RankedTensorType.get(list(layout.packed_shape(plain.shape)), plain.element_type)
        self._unpack_in_kernel(kernel, argument, plain, packed, layout)
        memo: dict[Any, Any] = {}
        for call in calls:
            value = call.operands[i]
            if value not in memo or weight_symbol(value) is None:
                memo[value] = self._packed(call, value, packed, layout)
            call.operands[i] = memo[value]

    def _unpack_in_kernel(
        self, kernel: Any, argument: Any, plain: Any, packed: Any, layout: PackLayout
    ) -> None:
        argument.set_type(packed)
        with ir.InsertionPoint.at_block_begin(kernel.regions[0].blocks[0]), ir.Location.unknown():
            empty = tensor.EmptyOp(list(plain.shape), plain.element_type).result
            unpacked = linalg.UnPackOp(
                result=plain,
                source=argument,
                dest=empty,
                outer_dims_perm=list(layout.outer_dims_perm),
                inner_dims_pos=list(layout.inner_dims_pos),
                inner_tiles=[],
                static_inner_tiles=list(layout.inner_tiles),
            )
        self._retype(kernel, argument, unpacked.operation)

    def transform(self, kernel: Any, calls: list[Any], i: int, transform: Transform) -> None:
        """`%w: tensor<3x3xCxF>` --> `%u: tensor<...>` and `%w = unrealized_conversion_cast %u {aicc.transform}`."""
        argument = kernel.regions[0].blocks[0].arguments[i]
        plain = ir.RankedTensorType(argument.type)
        changed = ir.RankedTensorType.get(list(transform.shape), plain.element_type)
        argument.set_type(changed)
        with ir.InsertionPoint.at_block_begin(kernel.regions[0].blocks[0]), ir.Location.unknown():
            cast = ir.Operation.create(
                "builtin.unrealized_conversion_cast",
                results=[plain],
                operands=[argument],
                attributes={TRANSFORM: ir.StringAttr.get(str(transform))},
            )
        self._retype(kernel, argument, cast)
        for call in calls:
            symbol = weight_symbol(call.operands[i])
            assert symbol is not None, "only weights are transformed"
            recipe = Recipe(transform.op, transform.attrs, (symbol,))
            call.operands[i] = self._weight(call, f"{symbol}.{transform.op}", symbol, changed, recipe)

    def _retype(self, kernel: Any, argument: Any, source: Any) -> None:
        """`argument` has a new type, and `source` makes what it was from it."""
        argument.replace_all_uses_except(source.results[0], [source])
        packed = argument.type
        t = kernel.type
        types = [packed if k == argument.arg_number else x for k, x in enumerate(t.inputs)]
        kernel.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(types, t.results))

    def _packed(self, call: Any, value: Any, packed: Any, layout: PackLayout) -> Any:
        sym = weight_symbol(value)
        if sym is not None:
            return self._packed_weight(call, sym, packed, layout)
        if weight_part(value) is not None:
            return self._packed_part(call, defining_op(value), packed, layout)
        plain = ir.RankedTensorType(value.type)
        padded = _padded_shape(plain.shape, layout)
        with ir.InsertionPoint(call), call.location:
            if padded != list(plain.shape):
                t = ir.RankedTensorType.get(padded, plain.element_type)
                name = self._helper(f"pad {plain} {t}", "pad", plain, t, lambda x: _pad(x, plain, t))
                value, plain = func.CallOp([t], ir.FlatSymbolRefAttr.get(name), [value]).results[0], t
            name = self._helper(
                f"pack {plain} {packed} {layout}",
                "pack",
                plain,
                packed,
                lambda x: _pack(x, plain, packed, layout),
            )
            return func.CallOp([packed], ir.FlatSymbolRefAttr.get(name), [value]).results[0]

    def _packed_weight(self, call: Any, sym: str, packed: Any, layout: PackLayout) -> Any:
        attrs = (
            ("outer_dims_perm", layout.outer_dims_perm),
            ("inner_dims_pos", layout.inner_dims_pos),
            ("inner_tiles", layout.inner_tiles),
        )
        return self._weight(call, f"{sym}.packed", sym, packed, Recipe("pack", attrs, (sym,)))

    def _packed_part(self, call: Any, view: Any, packed: Any, layout: PackLayout) -> Any:
        """A part of the weight all of whose parts are packed alike."""
        sym = weight_part(view.results[0])
        assert sym is not None
        count = int(ir.RankedTensorType(view.operands[0].type).shape[0])
        stacked = PackLayout(
            (0, *(d + 1 for d in layout.outer_dims_perm)) if layout.outer_dims_perm else (),
            tuple(d + 1 for d in layout.inner_dims_pos),
            layout.inner_tiles,
        )
        shape = [count, *packed.shape]
        t = ir.RankedTensorType.get(shape, packed.element_type)
        whole = self._packed_weight(call, sym, t, stacked)
        offset, rank = view.operands[1], len(packed.shape)
        dynamic = ir.ShapedType.get_dynamic_size()
        with ir.InsertionPoint(call), call.location:
            return tensor.ExtractSliceOp(
                packed, whole, [offset], [], [], [dynamic, *[0] * rank], [1, *packed.shape], [1] * (rank + 1)
            ).result

    def _weight(self, call: Any, name: str, sym: str, kind: Any, recipe: Recipe) -> Any:
        """The weight of type `kind` that `recipe` makes from `sym`, loaded before `call`."""
        t = TensorType(tuple(kind.shape), self.ctx.weights.type(sym).dtype)
        new = self.ctx.weights.add_recipe(name, t, recipe)
        declare_weight(self.module, new, kind)
        with ir.InsertionPoint(call), call.location:
            return load_weight(new, kind)

    def _helper(self, key: str, label: str, source: Any, result: Any, body: Callable[[Any], Any]) -> str:
        """A kernel of one argument; made once per `key`."""
        if key in self.helpers:
            return self.helpers[key]
        name = f"kp{len(self.helpers)}_{label}"
        with ir.InsertionPoint(main_of(self.module)), ir.Location.unknown():
            kernel = func.FuncOp(name, ir.FunctionType.get([source], [result]), visibility="private")
        kernel.attributes["aicc.kernel"] = ir.UnitAttr.get()
        with ir.InsertionPoint(kernel.add_entry_block()), ir.Location.unknown():
            func.ReturnOp([body(kernel.arguments[0])])
        costs = predictions(kernel, self.ctx.target, self.ctx.opt_level)
        best(costs).write(kernel)
        write_costs(kernel, {c.schedule.name: seconds for c, seconds in costs.items()})
        self.helpers[key] = name
        return name


def _padded_shape(shape: Any, layout: PackLayout) -> list[int]:
    tiles = dict(zip(layout.inner_dims_pos, layout.inner_tiles, strict=True))
    return [-(-n // tiles.get(d, 1)) * tiles.get(d, 1) for d, n in enumerate(shape)]


def _pad(source: Any, plain: Any, padded: Any) -> Any:
    """`tensor.pad` with zeros at the high ends."""
    high = [p - n for p, n in zip(padded.shape, plain.shape, strict=True)]
    i64s = ir.DenseI64ArrayAttr.get
    op = ir.Operation.create(
        "tensor.pad",
        results=[padded],
        operands=[source],
        attributes={
            "static_low": i64s([0] * len(high)),
            "static_high": i64s(high),
            "operandSegmentSizes": ir.DenseI32ArrayAttr.get([1, 0, 0]),
        },
        regions=1,
    )
    index = ir.IndexType.get()
    block = op.regions[0].blocks.append(*[index] * len(high), arg_locs=[ir.Location.unknown()] * len(high))
    element = padded.element_type
    zero = ir.FloatAttr.get(element, 0.0) if str(element)[0] in "fb" else ir.IntegerAttr.get(element, 0)
    with ir.InsertionPoint(block):
        value = ir.Operation.create("arith.constant", results=[element], attributes={"value": zero})
        ir.Operation.create("tensor.yield", operands=[value.results[0]])
    return op.results[0]


def _pack(source: Any, plain: Any, packed: Any, layout: PackLayout) -> Any:
    """`linalg.pack` without padding as a copying generic: `p[o, k, i] = x[k, o * t + i]`."""
    n_outer = len(layout.outer_dims_perm)
    dims = [ir.AffineExpr.get_dim(i) for i in range(packed.rank)]
    exprs = [dims[layout.outer_dims_perm.index(d)] for d in range(plain.rank)]
    for k, (d, t) in enumerate(zip(layout.inner_dims_pos, layout.inner_tiles, strict=True)):
        exprs[d] = exprs[d] * t + dims[n_outer + k]
    empty = tensor.EmptyOp(list(packed.shape), plain.element_type).result
    return each_of(source, empty, ir.AffineMap.get(packed.rank, 0, exprs))
