"""One `linalg.generic` on memrefs as a launch: threads over the parallel iterations, loops for the reductions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aicc.bindings import affine, arith, ir, memref, scf
from aicc.passes.gpu.launch import constant, launch
from aicc.passes.kernels.ir_tools import nested_ops
from aicc.passes.schedules.cpu.affine.operands import body_of, iterators_of, maps_of

BLOCK = 256
"""Threads of a block."""

MAX_GRID = 1 << 16
"""Blocks of a grid: enough to fill any device, few enough that a thread of a big result has several."""


def launch_generic(generic: Any, starts: Mapping[int, Any]) -> None:
    """Replaces a `linalg.generic`; `starts` are scalars that outputs start from, by output number.

      linalg.generic (i, j, k) ins(%a, %b) outs(%c)
    -->
      gpu.launch … {
        scf.for %n = %thread to %i * %j step %threads {
          %i, %j = delinearize %n           (neighbours along the output's last dimension)
          %r = scf.for %k … iter_args(%acc = %start) { body }
          memref.store %r, %c[%i, %j]
        }
      }
    """
    launch_together([generic], starts)


def launch_together(generics: Sequence[Any], starts: Mapping[int, Any] | None = None) -> None:
    """Replaces several `linalg.generic` that do not depend on each other by one launch, where the last one stands:
    each thread does its part of the first, then of the second."""
    with ir.InsertionPoint(generics[-1]), generics[-1].location:
        spaces = [_Space(generic) for generic in generics]
        totals = [space.total for space in spaces]
        static = all(isinstance(total, int) for total in totals)
        grid = grid_size(max(totals) if static else totals[0])
        spot = launch([grid, 1, 1], [BLOCK, 1, 1])
        with ir.InsertionPoint.at_block_terminator(spot.body):
            first, step = linear_thread(spot)
            for space in spaces:
                loop = scf.ForOp(first, as_index(space.total), step)
                with ir.InsertionPoint(loop.body):
                    space.point(loop.induction_variable, starts or {})
                    scf.YieldOp([])
    for generic in generics:
        generic.erase()


class _Space:
    """The parallel iterations of a generic, numbered."""

    def __init__(self, generic: Any) -> None:
        self.generic = generic
        self.sizes = _sizes(generic)
        self.kinds = iterators_of(generic)
        self.order = _order(generic, self.kinds)
        self.total = product([self.sizes[d] for d in self.order])

    def point(self, number: Any, starts: Mapping[int, Any]) -> None:
        """Computes and stores the results of an iteration."""
        dims: list[Any] = [None] * len(self.kinds)
        for d in reversed(self.order[1:]):
            size = as_index(self.sizes[d])
            dims[d] = arith.RemUIOp(number, size).result
            number = arith.DivUIOp(number, size).result
        if self.order:
            dims[self.order[0]] = number
        sums = [d for d, kind in enumerate(self.kinds) if kind == "reduction"]
        _point(self.generic, dims, self.sizes, sums, starts)


def linear_thread(spot: Any) -> tuple[Any, Any]:
    """The number of this thread in the grid, and that of all threads."""
    first = arith.AddIOp(arith.MulIOp(spot.block_ids[0], spot.block_sizes[0]).result, spot.thread_ids[0])
    return first.result, arith.MulIOp(spot.grid_sizes[0], spot.block_sizes[0]).result


def grid_size(total: Any) -> Any:
    """Blocks for `total` threads (int or index value): at least one."""
    if isinstance(total, int):
        return max(1, min(-(-total // BLOCK), MAX_GRID))
    blocks = arith.CeilDivUIOp(total, constant(BLOCK)).result
    blocks = arith.MinUIOp(blocks, constant(MAX_GRID)).result
    return arith.MaxUIOp(blocks, constant(1)).result


def as_index(size: Any) -> Any:
    """A size (int or index value) as a value."""
    return constant(size) if isinstance(size, int) else size


def product(sizes: Sequence[Any]) -> Any:
    """Of sizes, an int when all are."""
    static = 1
    dynamic = None
    for size in sizes:
        if isinstance(size, int):
            static *= size
        else:
            dynamic = size if dynamic is None else arith.MulIOp(dynamic, size).result
    if dynamic is None:
        return static
    return dynamic if static == 1 else arith.MulIOp(dynamic, constant(static)).result


def _sizes(generic: Any) -> list[Any]:
    """Sizes of the loops: ints, or index values from `memref.dim`."""
    maps = maps_of(generic)
    sizes: list[Any] = [None] * maps[0].n_dims
    for value, m in zip(generic.operands, maps, strict=True):
        if not isinstance(value.type, ir.MemRefType):
            continue
        for position, result in enumerate(m.results):
            if not isinstance(result, ir.AffineDimExpr) or isinstance(sizes[result.position], int):
                continue
            if not value.type.is_dynamic_dim(position):
                sizes[result.position] = int(value.type.shape[position])
            elif sizes[result.position] is None:
                sizes[result.position] = memref.DimOp(value, constant(position)).result
    assert all(size is not None for size in sizes), "each loop of a generic is some operand's dimension"
    return sizes


def _order(generic: Any, kinds: list[str]) -> list[int]:
    """Parallel loops, the one along which neighbouring threads lie last: as the first output has them."""
    out = maps_of(generic)[int(generic.attributes["operandSegmentSizes"][0])]
    written = [r.position for r in out.results if isinstance(r, ir.AffineDimExpr)]
    parallel = [d for d, kind in enumerate(kinds) if kind == "parallel"]
    return [d for d in parallel if d not in written] + [d for d in dict.fromkeys(written) if d in parallel]


def _point(
    generic: Any, dims: list[Any], sizes: list[Any], sums: list[int], starts: Mapping[int, Any]
) -> None:
    """One result: loops over `sums` around the body, and the stores."""
    inputs = int(generic.attributes["operandSegmentSizes"][0])
    maps, operands = maps_of(generic), list(generic.operands)
    read = [bool(list(argument.uses)) for argument in body_of(generic).arguments]
    outputs = range(inputs, len(operands))
    accumulators = []
    for o in outputs:
        if o - inputs in starts:
            accumulators.append(starts[o - inputs])
        elif sums or read[o]:
            accumulators.append(_load(operands[o], maps[o], dims))
        else:
            accumulators.append(None)

    def body(values: list[Any]) -> list[Any]:
        args = []
        for number in range(inputs):
            used = read[number]
            args.append(_load(operands[number], maps[number], dims) if used else None)
        return _clone_body(generic, [*args, *values], dims)

    def nest(rest: list[int], values: list[Any]) -> list[Any]:
        if not rest:
            return body(values)
        loop = scf.ForOp(constant(0), as_index(sizes[rest[0]]), constant(1), values)
        with ir.InsertionPoint(loop.body):
            dims[rest[0]] = loop.induction_variable
            scf.YieldOp(nest(rest[1:], list(loop.inner_iter_args)))
        return list(loop.results)

    results = nest(sums, accumulators)
    for sum_ in sums:
        dims[sum_] = None
    for o, result in zip(outputs, results, strict=True):
        memref.StoreOp(result, operands[o], _indices(maps[o], dims))


def _load(value: Any, m: Any, dims: list[Any]) -> Any:
    if not isinstance(value.type, ir.MemRefType):
        return value
    return memref.LoadOp(value, _indices(m, dims)).result


def _indices(m: Any, dims: list[Any]) -> list[Any]:
    found = []
    for result in m.results:
        if isinstance(result, ir.AffineDimExpr):
            found.append(dims[result.position])
        elif isinstance(result, ir.AffineConstantExpr):
            found.append(constant(result.value))
        else:
            one = ir.AffineMap.get(m.n_dims, 0, [result])
            # A map names every dimension; those it does not use may be any value.
            given = [constant(0) if d is None else d for d in dims]
            found.append(affine.AffineApplyOp(one, given).result)
    return found


def _clone_body(generic: Any, args: list[Any], dims: list[Any]) -> list[Any]:
    """The body's ops at the insertion point; returns what it yields."""
    block = body_of(generic)
    known: dict[Any, Any] = dict(zip(block.arguments, args, strict=True))
    operations = [op.operation for op in block.operations]
    for op in operations[:-1]:
        if op.name == "linalg.index":
            known[op.results[0]] = dims[int(ir.IntegerAttr(op.attributes["dim"]).value)]
            continue
        copy = op.clone().operation
        for inner in list(nested_ops(copy)):
            for number, value in enumerate(inner.operands):
                if value in known:
                    inner.operands[number] = known[value]
            if inner is not copy and inner.name == "linalg.index":
                dim = dims[int(ir.IntegerAttr(inner.attributes["dim"]).value)]
                inner.results[0].replace_all_uses_with(dim)
        known.update(zip(op.results, copy.results, strict=True))
    return [known.get(value, value) for value in operations[-1].operands]
