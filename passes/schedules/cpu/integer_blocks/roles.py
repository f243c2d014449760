"""The roles of a product of integer blocks: those of a product with packed weights, and what belongs to A's blocks.

Words are read from panels `[N / panel][K / block][words][panel]`, scales and zero points of the weights from panels
`[N / panel][K / block][panel]`, as `linalg.pack` makes them, zero padded; A, its scales and means where they lie.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from aicc.passes.schedules.cpu.access import Access, access_of, regroup
from aicc.passes.schedules.cpu.contraction.roles import Axes, choose_column, merge_dims
from aicc.passes.schedules.cpu.contraction.stages import accesses_of, asked_positions, epilogue_of
from aicc.passes.schedules.cpu.indexing import Expr
from aicc.passes.schedules.cpu.nest import Buffer, Fill, Generic, Nest, Operand, analyze
from aicc.passes.schedules.cpu.packed.roles import PackedRoles, panel_reads
from aicc.passes.schedules.cpu.sizes import Size, product
from aicc.passes.schedules.schedule import NoMatch

_WHICH = ["linalg.index", "arith.index_cast"]
_NIBBLE = [*_WHICH, "arith.andi", "arith.muli", "arith.andi", "arith.addi", "arith.shrui", "arith.andi"]
_BYTE = [*_WHICH, "arith.muli", "arith.shrui", "arith.andi"]
# Of `passes/linalg/integer_blocks.py`, in any order.
_BODY = [
    *("arith.extsi", "arith.muli", "arith.sitofp"),
    *("arith.mulf", "arith.subf", "arith.mulf", "arith.mulf", "arith.addf", "linalg.yield"),
]
_ZERO = ["arith.sitofp", "arith.addf"]
_BITS = {8: (4, _NIBBLE), 4: (8, _BYTE)}
_NO_ROOT = "the reduction is no product of integer blocks"


@dataclass(frozen=True, eq=False)
class BlockRoles(PackedRoles):
    """`row_scale` and `row_mean`, of each row's blocks, over axes; `bits` of a weight."""

    row_scale: Access | None = None
    row_mean: Access | None = None
    bits: int = 4

    @property
    def numbers(self) -> int:
        """Numbers in a word, neighbours in A."""
        return 32 // self.bits

    @property
    def block(self) -> int:
        """Numbers of a block."""
        steps = self.axes.extents[self.axes.sums[-1]].static
        assert steps is not None
        return steps * self.numbers


def find_block_roles(func: object, panel_for: Callable[[Size], int], before_packing: bool) -> BlockRoles:
    """The roles in a kernel. Raises NoMatch. `panel_for(columns)` is the width of panels yet to be packed."""
    nest = analyze(func)
    root = _root(nest)
    extents, rank = root.extents, len(root.extents)
    buffers: list[Buffer] = []
    for operand in root.operands[: root.inputs]:
        if not isinstance(operand.source, Buffer):
            raise NoMatch("an operand of the contraction is computed in the kernel")
        buffers.append(operand.source)
    init = root.inits[0].source
    if not isinstance(init, Fill):
        raise NoMatch("the accumulator does not start at a constant")
    a, of_weights = root.operands[0], root.operands[3 : root.inputs]
    block, step, number = range(rank - 3, rank)
    # blocks and words are loops of their own, whatever their number
    units = {d for d in range(block) if extents[d].static == 1}
    dimensions, epilogue = epilogue_of(nest, root, units)
    raw = accesses_of(nest, root, dimensions, units)
    drop = [Expr() if d in units else Expr.dim(d) for d in range(rank)]

    def in_place(operand: Operand, buffer: Buffer) -> Access:
        return access_of(buffer, [x.substitute(drop, extents) for x in operand.indices], extents)

    a_raw, scale_raw, mean_raw = (in_place(root.operands[i], buffers[i]) for i in range(3))
    moves_b = {d for x in of_weights[0].indices for d in x.used()} - units
    column = choose_column(root, a_raw, moves_b, raw, units)
    packings, width, reads = panel_reads(
        list(zip(of_weights, buffers[3:], strict=True)), column, panel_for, before_packing, drop, extents
    )
    in_rows = (a_raw, scale_raw, mean_raw)
    if not all(x.linear for x in in_rows) or any(
        not r.linear or r.coefs[rank + 1].static != 1 for r in reads
    ):
        raise NoMatch("operands are not read at linear addresses")
    if a_raw.coef(number) != 1 or (extents[step].static != 1 and a_raw.coef(step) != extents[number].static):
        raise NoMatch("the first operand is not contiguous along the sum")

    live = [d for d in range(block) if d not in units and d != column]
    rows = sorted(live, key=lambda d: -raw[nest.stores[0]].coefs[d].guess())
    groups = [
        *merge_dims([*in_rows, *raw.values()], extents, rows, asked_positions(epilogue, dimensions)),
        (column,),
        (block,),
        (step,),
    ]
    sizes = tuple(product(extents[d] for d in g) for g in groups)
    at = groups.index((column,))
    axes = Axes(sizes, (), tuple(range(at)), at, (at + 1, at + 2))

    def over_axes(access: Access) -> Access:
        grouped = regroup(access, groups, sizes)
        return replace(grouped, coefs=(*grouped.coefs, *access.coefs[rank : rank + 2]))

    found = [over_axes(r) for r in reads]
    numbers = extents[number].static
    assert numbers is not None
    return BlockRoles(
        nest,
        root,
        a,
        of_weights[0],
        axes,
        tuple(groups),
        regroup(a_raw, groups, sizes),
        found[0],
        width,
        init,
        epilogue,
        {key: regroup(access, groups, sizes) for key, access in raw.items()},
        dimensions,
        scale=found[1],
        zero=found[2] if len(found) > 2 else None,
        blocks=at + 1,
        layouts=tuple((x.number, p) for x, p in zip(buffers[3:], packings, strict=True) if x.layout is None),
        row_scale=regroup(scale_raw, groups, sizes),
        row_mean=regroup(mean_raw, groups, sizes),
        bits=_BITS[numbers][0],
    )


def _root(nest: Nest) -> Generic:
    """The one reduction, as `passes/linalg/integer_blocks.py` writes it. Raises NoMatch."""
    roots = [stage for stage in nest.stages if stage.reduces]
    if len(roots) != 1:
        raise NoMatch(f"{len(roots)} reductions")
    root = roots[0]
    if not 5 <= root.inputs <= 6 or len(root.inits) != 1 or len(root.extents) < 4:
        raise NoMatch(_NO_ROOT)
    if root.parallel[-3:] != (False,) * 3 or not all(root.parallel[:-3]):
        raise NoMatch(_NO_ROOT)
    elements = [operand.element for operand in root.operands]
    if elements != ["i8", "f32", "f32", "i32", "f32", *["i8"] * (root.inputs - 5), "f32"]:
        raise NoMatch(_NO_ROOT)
    if any(extent.static is None for extent in root.extents[-3:]):
        raise NoMatch("a sum of a length known at run time")
    number = root.extents[-1].static
    if number not in _BITS or any(extent.static == 0 for extent in root.extents):
        raise NoMatch(_NO_ROOT)
    names = [op.operation.name for op in root.block.operations if op.operation.name != "arith.constant"]
    wanted = [*_BITS[number][1], *_BODY, *(_ZERO if root.inputs == 6 else [])]
    if sorted(names) != sorted(wanted):
        raise NoMatch(_NO_ROOT)
    return root
