"""The roles of a product with packed weights: those of any contraction, the blocks of a scale being a sum of their own.

The weights are read from panels `[N / panel][K / block][steps][panel]`, scales and zero points from panels
`[N / panel][K / block][panel]`, as `linalg.pack` makes them, zero padded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from aicc.passes.schedules.cpu.access import Access, access_of, regroup
from aicc.passes.schedules.cpu.contraction.roles import Axes, Roles, choose_column, merge_dims
from aicc.passes.schedules.cpu.contraction.stages import accesses_of, asked_positions, epilogue_of
from aicc.passes.schedules.cpu.indexing import Expr
from aicc.passes.schedules.cpu.nest import Buffer, Fill, Generic, Nest, Operand, analyze
from aicc.passes.schedules.cpu.sizes import Size, product, row_major
from aicc.passes.schedules.schedule import NoMatch, PackLayout

_SHIFT = ["linalg.index", "arith.index_cast", "arith.andi", "arith.muli", "arith.andi", "arith.addi"]
_NIBBLES = [*_SHIFT, "arith.shrui", "arith.andi", "arith.subi"]
_END = ["arith.mulf", "arith.addf", "linalg.yield"]
_ZERO, _SCALE = ["arith.sitofp", "arith.subf"], ["arith.mulf"]
# What a number becomes f32 with, by the element it is stored in.
_WIDENED = {
    "i32": [*_NIBBLES, "arith.sitofp"],
    "i8": ["arith.sitofp"],
    "f16": ["arith.extf"],
    "bf16": ["arith.extf"],
}
NUMBERS = {"i32": 8, "i8": 1, "f16": 1, "bf16": 1}
"""Numbers in a stored element."""


@dataclass(frozen=True, eq=False)
class PackedRoles(Roles):
    """`scale` and `zero` over axes, then the panel and the column in it; `blocks` is the axis that counts them (None:
    there is one); the last axis of sums counts stored elements of a block. `layouts` by argument."""

    scale: Access | None = None
    zero: Access | None = None
    blocks: int | None = None
    layouts: tuple[tuple[int, PackLayout], ...] = ()

    @property
    def numbers(self) -> int:
        """Numbers in a stored element, neighbours in A."""
        return NUMBERS[self.b.buffer.element]

    @property
    def flops(self) -> int:
        """Multiplications and additions of numbers, unknown extents guessed."""
        return super().flops * self.numbers


def find_packed_roles(func: object, panel_for: Callable[[Size], int], before_packing: bool) -> PackedRoles:
    """The roles in a kernel. Raises NoMatch. `panel_for(columns)` is the width of panels yet to be packed."""
    nest = analyze(func)
    root = _root(nest)
    extents, rank = root.extents, len(root.extents)
    a, b, *others = root.operands[: root.inputs]
    sources = [operand.source for operand in (a, b, *others)]
    buffers = [source for source in sources if isinstance(source, Buffer)]
    if len(buffers) != len(sources):
        raise NoMatch("an operand of the contraction is computed in the kernel")
    init = root.inits[0].source
    if not isinstance(init, Fill):
        raise NoMatch("the accumulator does not start at a constant")
    block, step, number = range(rank - 3, rank)
    # a loop over one element or block is dropped like any other dim of extent 1; that over a word's numbers is unrolled
    units = {d for d, extent in enumerate(extents) if extent.static == 1}
    if step in units:
        raise NoMatch("a block of one stored element")
    dimensions, epilogue = epilogue_of(nest, root, units)
    raw = accesses_of(nest, root, dimensions, units)
    drop = [Expr() if d in units else Expr.dim(d) for d in range(rank)]
    a_raw = access_of(buffers[0], [x.substitute(drop, extents) for x in a.indices], extents)
    column = choose_column(root, a_raw, {d for x in b.indices for d in x.used()} - units, raw, units)
    packings, width, reads = panel_reads(
        list(zip((b, *others), buffers[1:], strict=True)), column, panel_for, before_packing, drop, extents
    )
    if not a_raw.linear or any(not r.linear or r.coefs[rank + 1].static != 1 for r in reads):
        raise NoMatch("operands are not read at linear addresses")
    if number not in units and (a_raw.coef(number) != 1 or a_raw.coef(step) != extents[number].static):
        raise NoMatch("the first operand is not contiguous along the sum")
    if number in units and a_raw.coef(step) != 1:
        raise NoMatch("the first operand is not contiguous along the sum")

    live = [d for d in range(rank - 3) if d not in units and d != column]
    rows = sorted(live, key=lambda d: -raw[nest.stores[0]].coefs[d].guess())
    groups = [
        *merge_dims([a_raw, *raw.values()], extents, rows, asked_positions(epilogue, dimensions)),
        (column,),
        *[(d,) for d in (block, step) if d not in units],
    ]
    sizes = tuple(product(extents[d] for d in g) for g in groups)
    at = groups.index((column,))
    axes = Axes(sizes, (), tuple(range(at)), at, tuple(range(at + 1, len(groups))))

    def over_axes(access: Access) -> Access:
        grouped = regroup(access, groups, sizes)
        return replace(grouped, coefs=(*grouped.coefs, *access.coefs[rank : rank + 2]))

    found = [over_axes(r) for r in reads]
    return PackedRoles(
        nest,
        root,
        a,
        b,
        axes,
        tuple(groups),
        regroup(a_raw, groups, sizes),
        found[0],
        width,
        init,
        epilogue,
        {key: regroup(access, groups, sizes) for key, access in raw.items()},
        dimensions,
        scale=found[1] if len(found) > 1 else None,
        zero=found[2] if len(found) > 2 else None,
        blocks=None if block in units else at + 1,
        layouts=tuple((x.number, p) for x, p in zip(buffers[1:], packings, strict=True) if x.layout is None),
    )


def panel_reads(
    operands: Sequence[tuple[Operand, Buffer]],
    column: int,
    panel_for: Callable[[Size], int],
    before_packing: bool,
    drop: Sequence[Expr],
    extents: Sequence[Size],
) -> tuple[list[PackLayout], int, list[Access]]:
    """How weights and what belongs to their blocks lie, the width of their panels, and the reads: over the loops, each
    replaced as `drop` says, then the panel and the column in it. Raises NoMatch."""
    rank = len(extents)
    packings = [_packing(x, column, panel_for(extents[column]), before_packing) for x, _ in operands]
    widths = {layout.inner_tiles[0] for layout in packings}
    if len(widths) != 1:
        raise NoMatch("the weights and their scales are packed in different ways")
    width, columns = widths.pop(), extents[column].static
    if columns is None:
        raise NoMatch("columns of a number known at run time")
    split_extents = (*extents, Size.of(-(-columns // width)), Size.of(width))
    split = list(drop)
    split[column] = Expr.dim(rank, width) + Expr.dim(rank + 1)
    reads = []
    for (operand, buffer), layout in zip(operands, packings, strict=True):
        indices = [x.substitute(split, split_extents) for x in operand.indices]
        reads.append(access_of(_packed(buffer, layout), indices, split_extents))
    return packings, width, reads


def _root(nest: Nest) -> Generic:
    """The one reduction, as `passes/linalg/packed_weights.py` writes it. Raises NoMatch."""
    roots = [stage for stage in nest.stages if stage.reduces]
    if len(roots) != 1:
        raise NoMatch(f"{len(roots)} reductions")
    root = roots[0]
    if not 2 <= root.inputs <= 4 or len(root.inits) != 1 or len(root.extents) < 4:
        raise NoMatch("the reduction is no product with packed weights")
    if root.parallel[-3:] != (False,) * 3 or not all(root.parallel[:-3]):
        raise NoMatch("the reduction is no product with packed weights")
    stored = root.operands[1].element
    names = [op.operation.name for op in root.block.operations if op.operation.name != "arith.constant"]
    wanted = [
        *_WIDENED.get(stored, []),
        *(_ZERO if root.inputs == 4 else []),
        *(_SCALE if root.inputs > 2 else []),
        *_END,
    ]
    if sorted(names) != sorted(wanted) or stored not in _WIDENED or (root.inputs > 2) != (stored[0] == "i"):
        raise NoMatch("the reduction is no product with packed weights")
    if root.operands[0].element != "f32" or root.inits[0].element != "f32":
        raise NoMatch("the sum is not one of f32")
    if root.extents[-1].static != NUMBERS[stored] or any(e.static is None for e in root.extents[-3:]):
        raise NoMatch("the weights are packed in another way")
    if any(extent.static == 0 for extent in root.extents):
        raise NoMatch("nothing to compute")
    return root


def _packing(operand: Operand, column: int, width: int, before_packing: bool) -> PackLayout:
    """How an operand `[..., columns]` lies, or is to."""
    source = operand.source
    assert isinstance(source, Buffer)
    last = len(operand.indices) - 1
    if operand.indices[last].single != column:
        raise NoMatch("the columns are not the last dim of the weights")
    if source.layout is not None:
        if source.layout.inner_dims_pos != (last,):
            raise NoMatch("the weights are packed in another way")
        return source.layout
    if not before_packing:
        raise NoMatch("the weights are not packed")
    return PackLayout((last, *range(last)), (last,), (width,))


def _packed(buffer: Buffer, layout: PackLayout) -> Buffer:
    """The buffer as it is once it is packed."""
    if buffer.layout is not None:
        return buffer
    sizes: list[int] = []
    for size in buffer.shape:
        if size.static is None:
            raise NoMatch("weights of a size known at run time")
        sizes.append(size.static)
    shape = [Size.of(n) for n in layout.packed_shape(sizes)]
    return Buffer(buffer.number, buffer.element, buffer.shape, row_major(shape), layout)
