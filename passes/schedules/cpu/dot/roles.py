"""The roles of a contraction of bytes, or of bf16: those of any contraction, with the innermost sum in steps of some.

B is read from panels `[N / panel][K / group][panel][group]`, as `linalg.pack` makes them, zero padded at both ends;
A where it lies, `group` neighbours at a time. What is left of A's sum after the last whole step is `tail`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from aicc.passes.schedules.cpu.access import Access, access_of, regroup
from aicc.passes.schedules.cpu.contraction.roles import Axes, Roles, choose_column, find_root, merge_dims
from aicc.passes.schedules.cpu.contraction.stages import accesses_of, asked_positions, epilogue_of
from aicc.passes.schedules.cpu.indexing import Expr
from aicc.passes.schedules.cpu.nest import Buffer, Fill, Generic, Nest, Operand, analyze
from aicc.passes.schedules.cpu.sizes import Size, product, row_major
from aicc.passes.schedules.schedule import NoMatch, PackLayout


@dataclass(frozen=True, eq=False)
class DotRoles(Roles):
    """`tail`: elements of the innermost sum that fill no step; `layout` how B is, or is to be, packed; `narrow`: B's
    bytes are small (`kernels/narrow.py`)."""

    tail: int = 0
    layout: PackLayout | None = None
    narrow: bool = False


def find_dot_roles(
    func: object, panel_for: Callable[[Size], int], group: int, before_packing: bool, element: str = "i8"
) -> DotRoles:
    """The roles in a kernel. Raises NoMatch. `panel_for(columns)` is the width of panels yet to be packed; `element`
    i8: A is unsigned and B signed, sums are i32; bf16: sums are f32."""
    nest = analyze(func)
    if element == "i8":
        return _assign(nest, *_root(nest), panel_for, group, before_packing)
    root = find_root(nest)
    if {operand.element for operand in root.operands[:2]} != {element} or root.inits[0].element != "f32":
        raise NoMatch(f"the operands are not {element}, or the sums not f32")
    try:
        return _assign(nest, root, root.operands[0], root.operands[1], panel_for, group, before_packing)
    except NoMatch:
        return _assign(nest, root, root.operands[1], root.operands[0], panel_for, group, before_packing)


def _assign(
    nest: Nest,
    root: Generic,
    a: Operand,
    b: Operand,
    panel_for: Callable[[Size], int],
    group: int,
    before_packing: bool,
) -> DotRoles:
    """The roles with these operands as A and B."""
    if not isinstance(a.source, Buffer) or not isinstance(b.source, Buffer):
        raise NoMatch("an operand of the contraction is computed in the kernel")
    init = root.inits[0].source
    if not isinstance(init, Fill):
        raise NoMatch("the accumulator does not start at a constant")
    extents, rank = root.extents, len(root.extents)
    units = {d for d, extent in enumerate(extents) if extent.static == 1}
    dimensions, epilogue = epilogue_of(nest, root, units)
    raw = accesses_of(nest, root, dimensions, units)
    drop = [Expr() if d in units else Expr.dim(d) for d in range(rank)]
    a_root = access_of(a.source, [x.substitute(drop, extents) for x in a.indices], extents)
    moves_b = {d for x in b.indices for d in x.used()} - units
    column = choose_column(root, a_root, moves_b, raw, units)
    inner = _inner_sum(root, a_root, moves_b)
    depth = extents[inner].static
    if depth is None:
        raise NoMatch("a sum of a length known at run time")

    width, layout = _packing(root, b, column, inner, panel_for, group, before_packing)
    columns = extents[column].static
    panels: int | str = "panels" if columns is None else -(-columns // width)
    # the column as panel and column in it, the innermost sum as steps and elements of a step
    step = rank + 2
    split_extents = (*extents, Size.of(panels), Size.of(width), Size.of(-(-depth // group)), Size.of(group))
    split = list(drop)
    split[column] = Expr.dim(rank, width) + Expr.dim(rank + 1)
    split[inner] = Expr.dim(step, group) + Expr.dim(step + 1)
    packed = _packed(b.source, layout)
    b_raw = access_of(packed, [x.substitute(split, split_extents) for x in b.indices], split_extents)
    split[column] = drop[column]
    a_raw = access_of(a.source, [x.substitute(split, split_extents) for x in a.indices], split_extents)
    if not a_raw.linear or not b_raw.linear or b_raw.coefs[rank + 1].static != group:
        raise NoMatch("operands are not read at linear addresses")

    whole = list(split_extents)
    whole[step] = Size.of(depth // group)
    live = [d for d in range(rank) if d not in units and d not in (column, inner)]
    outer = [d for d in live if root.parallel[d] and b_raw.moves(d)]
    rows = [d for d in live if root.parallel[d] and not b_raw.moves(d)]
    sums = [d for d in live if not root.parallel[d]]
    wide = {key: _over(access, len(whole)) for key, access in raw.items()}
    outs = [wide[store] for store in nest.stores]
    rows.sort(key=lambda d: -outs[0].coefs[d].guess())
    sums.sort(key=lambda d: -a_raw.coefs[d].guess())
    fixed = asked_positions(epilogue, dimensions)
    others = [a_raw, *wide.values()]
    groups = [
        *merge_dims([*others, b_raw], whole, outer, fixed),
        *merge_dims(others, whole, rows, fixed),
        (column,),
        *merge_dims([a_raw, b_raw], whole, [*sums, step], set()),
    ]
    sizes = tuple(product(whole[d] for d in g) for g in groups)

    def kind(dims: list[int]) -> tuple[int, ...]:
        return tuple(axis for axis, g in enumerate(groups) if g[0] in dims)

    axes = Axes(sizes, kind(outer), kind(rows), groups.index((column,)), kind([*sums, step]))
    b_axes = regroup(b_raw, groups, sizes)
    b_axes = replace(b_axes, coefs=(*b_axes.coefs, *b_raw.coefs[rank : rank + 2]))
    return DotRoles(
        nest,
        root,
        a,
        b,
        axes,
        tuple(groups),
        regroup(a_raw, groups, sizes),
        b_axes,
        width,
        init,
        epilogue,
        {key: regroup(access, groups, sizes) for key, access in wide.items()},
        dimensions,
        group=group,
        tail=depth % group,
        layout=layout,
    )


def _over(access: Access, dims: int) -> Access:
    """An access over the root's dimensions as one over more, which do not move it."""
    return replace(access, coefs=(*access.coefs, *[Size()] * (dims - len(access.coefs))))


def _root(nest: Nest) -> tuple[Generic, Operand, Operand]:
    """The one reduction, `acc + extui(a) * extsi(b)` in i32, its unsigned and its signed operand. Raises NoMatch."""
    roots = [stage for stage in nest.stages if stage.reduces]
    if len(roots) != 1:
        raise NoMatch(f"{len(roots)} reductions")
    root = roots[0]
    ops = {op.operation.name: op.operation for op in root.block.operations}
    if set(ops) != {"arith.extui", "arith.extsi", "arith.muli", "arith.addi", "linalg.yield"}:
        raise NoMatch("the reduction is no sum of products of unsigned and signed bytes")
    if root.inputs != 2 or len(root.inits) != 1 or len(list(root.block.operations)) != len(ops):
        raise NoMatch("the reduction is no sum of products of unsigned and signed bytes")
    unsigned, signed = ops["arith.extui"], ops["arith.extsi"]
    multiply, add = ops["arith.muli"], ops["arith.addi"]
    arguments = list(root.block.arguments)
    if (
        set(multiply.operands) != {unsigned.results[0], signed.results[0]}
        or set(add.operands) != {arguments[2], multiply.results[0]}
        or ops["linalg.yield"].operands[0] != add.results[0]
    ):
        raise NoMatch("the reduction is no sum of products of unsigned and signed bytes")
    if any(extent.static == 0 for extent in root.extents):
        raise NoMatch("nothing to compute")
    a, b = (root.operands[arguments.index(op.operands[0])] for op in (unsigned, signed))
    if {a.element, b.element} != {"i8"} or root.inits[0].element != "i32":
        raise NoMatch("the operands are no bytes")
    return root, a, b


def _inner_sum(root: Generic, a: Access, moves_b: set[int]) -> int:
    """The sum along which A is contiguous."""
    for d in range(len(root.extents)):
        if not root.parallel[d] and a.coef(d) == 1 and d in moves_b and root.extents[d].static != 1:
            return d
    raise NoMatch("the first operand is not contiguous along a sum")


def _packing(
    root: Generic,
    b: Operand,
    column: int,
    inner: int,
    panel_for: Callable[[Size], int],
    group: int,
    before_packing: bool,
) -> tuple[int, PackLayout]:
    """The width of panels, and how B lies."""
    source = b.source
    assert isinstance(source, Buffer)
    where = {index.single: position for position, index in enumerate(b.indices) if index.single is not None}
    if len(where) != len(b.indices) or column not in where or inner not in where:
        raise NoMatch("the second operand is indexed by more than bare dimensions")
    wanted = (where[column], where[inner])
    if source.layout is not None:
        if source.layout.inner_dims_pos != wanted or source.layout.inner_tiles[1] != group:
            raise NoMatch("the second operand is packed in another way")
        return source.layout.inner_tiles[0], source.layout
    if not before_packing or any(size.static is None for size in source.shape):
        raise NoMatch("the second operand is not packed")
    width = panel_for(root.extents[column])
    sums = [d for d in where if d is not None and not root.parallel[d] and d != inner]
    batches = [d for d in where if d is not None and root.parallel[d] and d != column]
    order = tuple(where[d] for d in (*batches, column, *sums, inner))
    return width, PackLayout(order, wanted, (width, group))


def _packed(buffer: Buffer, layout: PackLayout) -> Buffer:
    """The buffer as it is once it is packed."""
    if buffer.layout is not None:
        return buffer
    sizes: list[int] = []
    for size in buffer.shape:
        assert size.static is not None
        sizes.append(size.static)
    shape = [Size.of(n) for n in layout.packed_shape(sizes)]
    return Buffer(buffer.number, buffer.element, buffer.shape, row_major(shape), layout)
