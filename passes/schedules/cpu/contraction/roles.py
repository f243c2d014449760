"""Which dimensions of a contraction are rows, columns, batches and sums.

The root is `out[...] = sum of A[...] * B[...]`. Its dimensions become four groups of *axes*:

| axes | A | B | out | loops |
|---|---|---|---|---|
| `outer` | any | yes | yes | batches, groups, heads: part of the tile number |
| `rows` | yes | no | yes | the rows of register tiles (pixels, tokens) |
| `column` | no | yes, contiguous or packed | contiguous | the vectors |
| `sums` | any | any | no | the K loops |

Dimensions of extent 1 are dropped; neighbours that every access sees as one dimension are merged
(a 1x1 convolution's pixels, the kw and c of an implicit GEMM).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aicc.passes.schedules.cpu.access import Access, access_of, merged_groups, regroup
from aicc.passes.schedules.cpu.contraction.stages import accesses_of, asked_positions, epilogue_of
from aicc.passes.schedules.cpu.indexing import Expr
from aicc.passes.schedules.cpu.nest import Buffer, Fill, Generic, Nest, Operand, Store, analyze
from aicc.passes.schedules.cpu.sizes import Size, guess_product, product
from aicc.passes.schedules.schedule import NoMatch, PackLayout

# Elements of a panel that a thread's scratch may hold.
STAGE_LIMIT = 1 << 17


@dataclass(frozen=True)
class Axes:
    """Axis numbers, outermost first; `extents[axis]`."""

    extents: tuple[Size, ...]
    outer: tuple[int, ...]
    rows: tuple[int, ...]
    column: int
    sums: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Roles:
    """A contraction over axes. `b` has two more axes than the others: the panel and the column in it.

    `panel` is the number of columns of a panel; `groups[axis]` the root dimensions an axis stands for;
    `epilogue` the stages after the root, each with the root dimension its dimensions are, and
    `accesses` what they and the stores read and write, over axes. A step of the sum takes `group` elements of A
    and of each column of B, which lie side by side in a panel; the extent of the last axis of sums counts steps.
    """

    nest: Nest
    root: Generic
    a_operand: Operand
    b_operand: Operand
    axes: Axes
    groups: tuple[tuple[int, ...], ...]
    a: Access
    b: Access
    panel: int
    init: Fill
    epilogue: tuple[Generic, ...]
    accesses: dict[tuple[Generic, int] | Store, Access]
    dimensions: dict[Generic, tuple[int | None, ...]]
    staged: bool = False
    group: int = 1

    @property
    def step(self) -> int:
        """Elements of a panel that a step of the sum reads."""
        return self.panel * self.group

    @property
    def packed(self) -> bool:
        """Whether B is read in whole panels: it is packed, or a panel of it has been copied to the scratch."""
        return self.staged or self.b.buffer.layout is not None

    @property
    def strided(self) -> bool:
        """Whether B is neither packed nor contiguous along the columns."""
        return not self.packed and self.b.coefs[-1].static != 1 and self.columns.static != 1

    @property
    def columns(self) -> Size:
        """Number of columns."""
        return self.axes.extents[self.axes.column]

    def panel_elements(self) -> int | None:
        """Elements of a panel of B, when that is known."""
        depth = self.depth().static
        return None if depth is None else depth * self.step

    @property
    def flops(self) -> int:
        """Multiplications and additions of steps, unknown extents guessed."""
        return 2 * guess_product(self.axes.extents)

    def rows_total(self) -> Size:
        """Rows of one batch."""
        return product(self.axes.extents[axis] for axis in self.axes.rows)

    def depth(self) -> Size:
        """Steps of the sums."""
        return product(self.axes.extents[axis] for axis in self.axes.sums)


def find_root(nest: Nest) -> Generic:
    """The one stage that reduces, `acc + a * b`, either perhaps widened to the type of `acc` first. Raises NoMatch."""
    roots = [stage for stage in nest.stages if stage.reduces]
    if len(roots) != 1:
        raise NoMatch(f"{len(roots)} reductions")
    root = roots[0]
    operations = [op.operation for op in root.block.operations]
    names = [op.name for op in operations]
    wide = sum(name == "arith.extf" for name in names[:2])
    known = (["arith.mulf", "arith.addf", "linalg.yield"], ["arith.muli", "arith.addi", "linalg.yield"])
    if root.inputs != 2 or len(root.inits) != 1 or names[wide:] not in known:
        raise NoMatch("the reduction is no sum of products")
    if any(extent.static == 0 for extent in root.extents):
        raise NoMatch("nothing to compute")
    product_op, sum_op, end = operations[wide:]
    a, b, acc = root.block.arguments
    factors = {a, b}
    for widened in operations[:wide]:
        if widened.operands[0] not in factors:
            raise NoMatch("the reduction is no sum of products")
        factors = (factors - {widened.operands[0]}) | {widened.results[0]}
    if set(product_op.operands) != factors or set(sum_op.operands) != {acc, product_op.results[0]}:
        raise NoMatch("the reduction is no sum of products")
    if end.operands[0] != sum_op.results[0]:
        raise NoMatch("the reduction is no sum of products")
    return root


def column_layout(roles: Roles, panel: int) -> PackLayout | None:
    """Panels of `panel` columns: batches, then the panel, then the sums in the order A is read, then columns.

    None when B is indexed by more than bare dimensions, and cannot be packed.
    """
    numbers = [index.single for index in roles.b_operand.indices]
    used = [number for number in numbers if number is not None]
    if any(n is None and i.used() for n, i in zip(numbers, roles.b_operand.indices, strict=True)):
        return None
    if len(set(used)) != len(used):
        return None
    where = {number: position for position, number in enumerate(numbers) if number is not None}
    order = [position for position, number in enumerate(numbers) if number is None]
    column = roles.groups[roles.axes.column][-1]
    if column not in where:
        return None
    sums = [dim for axis in roles.axes.sums for dim in roles.groups[axis] if dim in where]
    batches = [dim for dim in used if dim not in sums and dim != column]
    order += [where[dim] for dim in (*batches, column, *sums)]
    return PackLayout(tuple(order), (where[column],), (panel,))


def find_roles(func: object, panel_for: Callable[[Size, str], int], packable: bool = False) -> Roles:
    """The roles in a kernel. Raises NoMatch.

    `panel_for(columns, element)` is the number of columns of a panel when B is not packed. With `packable`
    B need not be contiguous along the columns if it can be packed.
    """
    nest = analyze(func)
    root = find_root(nest)
    reasons = []
    for unit in (False, True):
        for a, b in ((0, 1), (1, 0)):
            try:
                return _assign(nest, root, root.operands[a], root.operands[b], panel_for, packable, unit)
            except NoMatch as reason:
                reasons.append(reason.reason)
    raise NoMatch("; ".join(dict.fromkeys(reasons)))


def _assign(
    nest: Nest,
    root: Generic,
    a: Operand,
    b: Operand,
    panel_for: Callable[[Size, str], int],
    packable: bool,
    unit: bool,
) -> Roles:
    """The roles with these operands as A and B; `unit`: the one column is a dimension of extent 1."""
    if not isinstance(a.source, Buffer) or not isinstance(b.source, Buffer):
        raise NoMatch("an operand of the contraction is computed in the kernel")
    init = root.inits[0]
    if not isinstance(init.source, Fill):
        raise NoMatch("the accumulator does not start at a constant")
    units = {d for d, extent in enumerate(root.extents) if extent.static == 1}
    dimensions, epilogue = epilogue_of(nest, root, units)
    raw = accesses_of(nest, root, dimensions, units)

    extents = root.extents
    drop = [Expr() if d in units else Expr.dim(d) for d in range(len(extents))]
    a_raw = access_of(a.source, [x.substitute(drop, extents) for x in a.indices], extents)
    moves_b = {d for x in b.indices for d in x.used()} - units
    column = _unit_column(root, b) if unit else choose_column(root, a_raw, moves_b, raw, units)
    width = _width(b, column, panel_for(extents[column], init.element))
    split_extents = (*extents, Size.of(_panels(extents[column], width)), Size.of(width))
    split = list(drop)
    split[column] = Expr.dim(len(extents), width) + Expr.dim(len(extents) + 1)
    b_raw = access_of(b.source, [x.substitute(split, split_extents) for x in b.indices], split_extents)
    if not a_raw.linear or not b_raw.linear:
        raise NoMatch("operands are not read at linear addresses")
    can_pack = (
        packable
        and b.source.layout is None
        and all(size.static is not None for size in b.source.shape)
        and all(x.single is not None or not x.used() for x in b.indices)
    )
    depth = product(extents[d] for d in range(len(extents)) if not root.parallel[d]).static
    can_stage = depth is not None and depth * width <= STAGE_LIMIT
    if b_raw.coefs[-1].static != 1 and not (can_pack or can_stage or unit):
        raise NoMatch("the second operand is neither packed nor contiguous along the columns")

    live = [d for d in range(len(extents)) if d not in units and d != column]
    fixed = asked_positions(epilogue, dimensions)
    outs = [access for key, access in raw.items() if isinstance(key, Store)]
    outer = [d for d in live if root.parallel[d] and b_raw.moves(d)]
    rows = [d for d in live if root.parallel[d] and not b_raw.moves(d)]
    sums = [d for d in live if not root.parallel[d]]
    rows.sort(key=lambda d: -outs[0].coefs[d].guess())
    sums.sort(key=lambda d: -a_raw.coefs[d].guess())
    if b.source.layout is not None:
        sums.sort(key=lambda d: -b_raw.coefs[d].guess())
    others = [a_raw, *raw.values()]
    groups = [
        *merge_dims([*others, b_raw], extents, outer, fixed),
        *merge_dims(others, extents, rows, fixed),
        (column,),
        *merge_dims([a_raw, b_raw], extents, sums, set()),
    ]
    axis_of = {group[-1]: axis for axis, group in enumerate(groups)}
    sizes = tuple(product(extents[d] for d in group) for group in groups)

    def kind(dims: Sequence[int]) -> tuple[int, ...]:
        return tuple(axis_of[group[-1]] for group in groups if group[0] in dims)

    axes = Axes(sizes, kind(outer), kind(rows), axis_of[column], kind(sums))
    b_axes = regroup(b_raw, groups, sizes)
    b_axes = Access(b_axes.buffer, b_axes.offset, (*b_axes.coefs, *b_raw.coefs[-2:]))
    return Roles(
        nest,
        root,
        a,
        b,
        axes,
        tuple(groups),
        regroup(a_raw, groups, sizes),
        b_axes,
        width,
        init.source,
        epilogue,
        {key: regroup(access, groups, sizes) for key, access in raw.items()},
        dimensions,
    )


def _panels(columns: Size, width: int) -> int | str:
    static = columns.static
    return -(-static // width) if static is not None else "panels"


def _width(b: Operand, column: int, panel: int) -> int:
    """Columns of a panel: what the layout says, else what is asked for."""
    assert isinstance(b.source, Buffer)
    layout = b.source.layout
    if layout is None:
        return panel
    if len(layout.inner_dims_pos) != 1 or b.indices[layout.inner_dims_pos[0]].single != column:
        raise NoMatch("the second operand is packed along other dimensions than the columns")
    return layout.inner_tiles[0]


def choose_column(
    root: Generic,
    a: Access,
    moves_b: set[int],
    raw: dict[tuple[Generic, int] | Store, Access],
    units: set[int],
) -> int:
    outs = [access for key, access in raw.items() if isinstance(key, Store)]
    if not outs:
        raise NoMatch("no output")
    for d in range(len(root.extents)):
        if d in units or not root.parallel[d] or a.moves(d) or d not in moves_b:
            continue
        if all(out.linear and out.coef(d) == 1 for out in outs):
            return d
    raise NoMatch("no dimension of the second operand alone is contiguous in the output")


def _unit_column(root: Generic, b: Operand) -> int:
    """A dimension of extent 1 to stand for the columns: there is only one."""
    own = {d for x in b.indices for d in x.used()}
    found = [d for d, extent in enumerate(root.extents) if extent.static == 1 and root.parallel[d]]
    found.sort(key=lambda d: d not in own)
    if not found:
        raise NoMatch("no column")
    return found[0]


def merge_dims(
    accesses: Sequence[Access], extents: Sequence[Size], dims: Sequence[int], fixed: set[int]
) -> list[tuple[int, ...]]:
    if fixed & set(dims):
        return [(d,) for d in dims]
    return merged_groups(accesses, extents, dims)
