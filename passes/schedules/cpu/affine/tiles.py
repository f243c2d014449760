"""Slices of an outer parallel dimension as the kernel's tiles.

`find_slices` looks, on `linalg.generic` over memrefs, for one dimension per buffer that the kernel writes such
that every nest reads and writes slice `i` of them in iterations `i` of one of its parallel loops. Then slices
are independent: the kernel computes any range of them, all nests for a few slices before the next few, and
temporaries need room for those few only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aicc.bindings import affine, arith, func, ir
from aicc.passes.schedules.cpu.affine.loop_order import loop_sizes, permute
from aicc.passes.schedules.cpu.affine.operands import body_of, iterators_of, maps_of, walk

# Loop iterations a tile should have at least, so that handing it out costs nothing in comparison.
_WORK = 1 << 15
_ENOUGH = 16
_UNKNOWN = 64  # guess for a dynamic size in that estimate

_HARMLESS = ("memref.alloc", "memref.reinterpret_cast", "memref.cast", "memref.dim", "func.return")


@dataclass
class Slices:
    """`loops`: the loop of each generic, in program order; `dims`: the sliced dimension per written buffer.

    `size` is the number of slices, an int or an index value; a tile has `step` of them.
    """

    loops: list[int]
    dims: dict[Any, int]
    size: Any
    step: int = 1
    temporaries: list[Any] = field(default_factory=list)

    @property
    def static(self) -> bool:
        return isinstance(self.size, int)


def find_slices(kernel: Any) -> Slices | None:
    """The kernel's slices, its nests' loops permuted so that the sliced one is outermost; None if there are none."""
    block = kernel.regions[0].blocks[0]
    generics = []
    for op in block.operations:
        operation = op.operation
        if operation.name == "linalg.generic":
            generics.append(operation)
        elif operation.name not in _HARMLESS and _touches_memory(operation):
            return None
    written = {_root(value) for generic in generics for value in _outputs(generic)}
    if not generics or any(_reads_elsewhere(generic, written) for generic in generics):
        return None
    output = _root(_outputs(generics[-1])[0])
    found = [_propagate(generics, written, output, dim) for dim in range(output.type.rank)]
    candidates = [slices for slices in found if slices is not None]
    if not candidates:
        return None
    # The outermost dimension with enough slices for many threads, or nearly the most: a batch of two has not.
    enough = min(_ENOUGH, max(_count(s) for s in candidates) / 2)
    slices = next(s for s in candidates if _count(s) >= enough)
    for generic, loop in zip(generics, slices.loops, strict=True):
        permute(generic, [loop, *(d for d in range(len(iterators_of(generic))) if d != loop)])
    return slices


def _count(slices: Slices) -> int:
    return int(slices.size) if slices.static else _UNKNOWN


def _touches_memory(op: Any) -> bool:
    return bool(len(op.regions)) or any(isinstance(value.type, ir.MemRefType) for value in op.operands)


def _outputs(generic: Any) -> list[Any]:
    return list(generic.operands)[int(generic.attributes["operandSegmentSizes"][0]) :]


def _root(value: Any) -> Any:
    """The buffer under casts."""
    owner = value.owner
    while not isinstance(owner, ir.Block) and owner.operation.name == "memref.cast":
        value = owner.operation.operands[0]
        owner = value.owner
    return value


def _reads_elsewhere(generic: Any, written: set[Any]) -> bool:
    """Whether the body reads a buffer the kernel writes at computed indices."""
    return any(_root(op.operands[0]) in written for op in walk(generic, "memref.load"))


def _propagate(generics: list[Any], written: set[Any], output: Any, dim: int) -> Slices | None:
    """Slices if slicing `output` along `dim` carries through all nests."""
    dims, loops = {output: dim}, dict[int, int]()
    changed = True
    while changed:
        changed = False
        for number, generic in enumerate(generics):
            loop = _loop(generic, dims) if number not in loops else loops[number]
            if loop is None:
                continue
            found = _dims(generic, loop, written)
            if found is None or any(dims.get(buffer, p) != p for buffer, p in found.items()):
                return None
            changed |= number not in loops or any(buffer not in dims for buffer in found)
            loops[number] = loop
            dims |= found
    if len(loops) != len(generics) or set(dims) != written:
        return None
    sizes = {_size(buffer, p) for buffer, p in dims.items()}
    if len(sizes) != 1 or None in sizes or sizes <= {0, 1}:
        return None
    slices = Slices([loops[i] for i in range(len(generics))], dims, sizes.pop())
    work = sum(_work(generic, loop) for generic, loop in zip(generics, slices.loops, strict=True))
    slices.step = max(1, _WORK // max(1, work))
    if slices.static:
        slices.step = min(slices.step, slices.size)
    slices.temporaries = [
        b for b in dims if not isinstance(b.owner, ir.Block) and b.owner.name == "memref.alloc"
    ]
    return slices


def _loop(generic: Any, dims: dict[Any, int]) -> int | None:
    """The loop that runs over the slices of a buffer the generic writes or reads."""
    operands = list(zip(generic.operands, maps_of(generic), strict=True))
    for value, m in reversed(operands):
        p = dims.get(_root(value))
        if p is not None and isinstance(m.results[p], ir.AffineDimExpr):
            return int(m.results[p].position)
    return None


def _dims(generic: Any, loop: int, written: set[Any]) -> dict[Any, int] | None:
    """Per written buffer the dimension that `loop` indexes, and it alone; None if there is none."""
    iterators = iterators_of(generic)
    # The innermost loop is the one for vectors, unless there is no other.
    if iterators[loop] != "parallel" or (loop == len(iterators) - 1 and loop > 0):
        return None
    found: dict[Any, int] = {}
    for value, m in zip(generic.operands, maps_of(generic), strict=True):
        buffer = _root(value)
        if buffer not in written:
            continue
        dim = ir.AffineDimExpr.get(loop)
        places = [p for p, result in enumerate(m.results) if result == dim]
        others = [r for r in m.results if r != dim and _uses(r, loop)]
        if len(places) != 1 or others or found.get(buffer, places[0]) != places[0]:
            return None
        found[buffer] = places[0]
    return found


def _uses(expression: Any, dim: int) -> bool:
    if isinstance(expression, ir.AffineDimExpr):
        return bool(expression.position == dim)
    if isinstance(expression, ir.AffineConstantExpr | ir.AffineSymbolExpr):
        return False
    return _uses(expression.lhs, dim) or _uses(expression.rhs, dim)


def _size(buffer: Any, dim: int) -> Any:
    """The buffer's size along `dim`: an int, an argument of the kernel, or None."""
    kind = buffer.type
    if not kind.is_dynamic_dim(dim):
        return int(kind.shape[dim])
    owner = buffer.owner
    number = sum(kind.is_dynamic_dim(i) for i in range(dim))
    if isinstance(owner, ir.Block):
        return None
    op = owner.operation
    if op.name == "memref.alloc":
        value = op.operands[number]
    elif op.name == "memref.reinterpret_cast":
        offsets = int(op.attributes["operandSegmentSizes"][1])
        value = op.operands[1 + offsets + number]
    else:
        return None
    return value if isinstance(value.owner, ir.Block) else None


def _work(generic: Any, loop: int) -> int:
    total = max(1, len(list(body_of(generic).operations)) - 1)
    for number, size in enumerate(loop_sizes(generic)):
        if number != loop:
            total *= _UNKNOWN if size is None else max(1, size)
    return total


def apply_slices(kernel: Any, slices: Slices, lo: Any, hi: Any) -> int | str:
    """Restricts the outermost loop of each nest to the slices of a tile; returns the number of tiles.

        affine.for %i = 0 to 100 {…A…}                affine.for %t = %lo to %hi {
        affine.for %i = 0 to 100 {…B…}           -->    affine.for %i = %t * 8 to min(%t * 8 + 8, 100) {…A…}
                                                        affine.for %i = %t * 8 to min(%t * 8 + 8, 100) {…B…}
                                                      }
    Temporaries shrink to the slices of one tile. A dynamic number is the name of a new companion function.
    """
    block = kernel.regions[0].blocks[0]
    nests = [op.operation for op in block.operations if op.operation.name == "affine.for"]
    assert len(nests) == len(slices.loops)
    with ir.InsertionPoint(nests[0]), kernel.location:
        outer = affine.AffineForOp(lo, hi, 1)
    tile, body = outer.induction_variable, outer.body
    with ir.InsertionPoint(body), kernel.location:
        end = affine.AffineYieldOp([])
    # What the first nests need lies before them already; casts and constants between nests move up.
    for op in [op.operation for op in block.operations]:
        if op.name not in ("affine.for", "func.return") and outer.operation.is_before_in_block(op):
            op.move_before(outer.operation)
    for nest in nests:
        restricted = _restrict(nest, tile, slices)
        restricted.move_before(end.operation)
    for buffer in slices.temporaries:
        _shrink(buffer, slices.dims[buffer], slices.step, tile)
    if slices.static:
        return int(-(-slices.size // slices.step))
    return _companion(kernel, slices)


def _restrict(nest: Any, tile: Any, slices: Slices) -> Any:
    """A copy of `nest`, which goes, over the slices of `tile`."""
    step = slices.step
    first = ir.AffineDimExpr.get(0) * step
    if slices.static:
        last, operands = ir.AffineConstantExpr.get(slices.size), [tile]
        upper = ir.AffineMap.get(1, 0, [first + step, last])
    else:
        last, operands = ir.AffineSymbolExpr.get(0), [tile, slices.size]
        upper = ir.AffineMap.get(1, 1, [first + step, last])
    lower = ir.AffineMap.get(1, 0, [first])
    with ir.InsertionPoint(nest), nest.location:
        new = ir.Operation.create(
            "affine.for",
            operands=[tile, *operands],
            attributes={
                "lowerBoundMap": ir.AffineMapAttr.get(lower),
                "upperBoundMap": ir.AffineMapAttr.get(upper),
                "step": nest.attributes["step"],
                "operandSegmentSizes": ir.DenseI32ArrayAttr.get([1, len(operands), 0]),
            },
            regions=1,
        )
    nest.regions[0].blocks[0].append_to(new.regions[0])
    nest.erase()
    return new


def _shrink(buffer: Any, dim: int, step: int, tile: Any) -> None:
    """Temporaries hold the slices of one tile: index `i` along `dim` becomes `i - tile * step`."""
    kind = buffer.type
    shape = list(kind.shape)
    operands = list(buffer.owner.operation.operands)
    if kind.is_dynamic_dim(dim):
        del operands[sum(kind.is_dynamic_dim(i) for i in range(dim))]
    shape[dim] = step
    alloc = buffer.owner.operation
    with ir.InsertionPoint(alloc), alloc.location:
        new = ir.Operation.create(
            "memref.alloc",
            results=[ir.MemRefType.get(shape, kind.element_type)],
            operands=operands,
            attributes={"operandSegmentSizes": ir.DenseI32ArrayAttr.get([len(operands), 0])},
        ).results[0]
    for use in list(buffer.uses):
        user = use.owner.operation
        _rebase(user, buffer, new, dim, step, tile)
    alloc.erase()


def _rebase(user: Any, buffer: Any, new: Any, dim: int, step: int, tile: Any) -> None:
    """Replaces one `affine.load` or `affine.store` of `buffer`."""
    store = user.name == "affine.store"
    assert store or user.name == "affine.load", user.name
    m = ir.AffineMapAttr(user.attributes["map"]).value
    values = list(user.operands)[:1] if store else []
    indices = list(user.operands)[len(values) + 1 :]
    # The tile becomes a dimension after the others, before the symbols.
    results = list(m.results)
    results[dim] = results[dim] - ir.AffineDimExpr.get(m.n_dims) * step
    map_ = ir.AffineMap.get(m.n_dims + 1, m.n_symbols, results)
    indices.insert(m.n_dims, tile)
    with ir.InsertionPoint(user), user.location:
        fresh = ir.Operation.create(
            user.name,
            results=[result.type for result in user.results],
            operands=[*values, new, *indices],
            attributes={"map": ir.AffineMapAttr.get(map_)},
        )
    for old, result in zip(user.results, fresh.results, strict=True):
        old.replace_all_uses_with(result)
    user.erase()


def _companion(kernel: Any, slices: Slices) -> str:
    """The function from the kernel's sizes to its number of tiles."""
    block = kernel.regions[0].blocks[0]
    sizes = [argument for argument in block.arguments if isinstance(argument.type, ir.IndexType)][:-2]
    name = f"{ir.StringAttr(kernel.attributes['sym_name']).value}_tiles"
    index = ir.IndexType.get()
    with ir.InsertionPoint(kernel), kernel.location:
        companion = func.FuncOp(
            name, ir.FunctionType.get([index] * len(sizes), [index]), visibility="private"
        )
    entry = companion.add_entry_block()
    with ir.InsertionPoint(entry), kernel.location:
        size = entry.arguments[sizes.index(slices.size)]
        step = arith.ConstantOp(index, slices.step).result
        func.ReturnOp([arith.CeilDivUIOp(size, step).result])
    return name
