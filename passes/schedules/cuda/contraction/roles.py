"""Which axes of a contraction are rows, columns, batches and sums, and how its operands lie in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aicc.bindings import ir
from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.emit import element_bits
from aicc.passes.schedules.cpu.nest import Generic, analyze
from aicc.passes.schedules.cpu.pointwise.tree import Load
from aicc.passes.schedules.cpu.reduction.layout import Arrangement, directions
from aicc.passes.schedules.cpu.reduction.tree import build
from aicc.passes.schedules.cpu.sizes import Size, guess_product
from aicc.passes.schedules.cuda.emitter import ACCESS_BITS
from aicc.passes.schedules.schedule import NoMatch, PackLayout


@dataclass(frozen=True, eq=False)
class Side:
    """An operand: its elements by `free` axes (rows, or columns) and `sums`.

    `along` is what it is contiguous along: the sums ("sums"), the free axes ("free") or neither (""); `vector` the
    elements that can be read at once there, if the operand is aligned.
    """

    access: Access
    free: tuple[int, ...]
    sums: tuple[int, ...]
    along: str
    vector: int

    @property
    def element(self) -> str:
        """Its type."""
        return self.access.buffer.element


@dataclass(frozen=True, eq=False)
class Roles:
    """A contraction over the axes of `arrangement`. `left` has the rows, `right` the columns; the output is
    contiguous along the last column axis."""

    arrangement: Arrangement
    batch: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    sums: tuple[int, ...]
    left: Side
    right: Side
    signed: tuple[bool, bool]
    """Of bytes: whether those of `left`, and of `right`, are signed."""

    @property
    def sum_type(self) -> str:
        """What the sums are of: f32, or i32 for bytes."""
        return self.root.inits[0].element

    @property
    def root(self) -> Generic:
        """The stage that reduces."""
        return self.arrangement.tree.steps[0].stage

    def extent(self, axes: tuple[int, ...]) -> list[Size]:
        """Sizes of axes."""
        return [self.arrangement.extent(axis) for axis in axes]

    def guess(self, axes: tuple[int, ...]) -> int:
        """Product of sizes, unknown ones guessed."""
        return guess_product(self.extent(axes))


def find_roles(kernel: Any, windows: bool = True) -> Roles:
    """`windows`: whether rows may overlap along an axis of several dimensions of sums. Raises NoMatch."""
    tree = build(analyze(kernel))
    if len(tree.steps) != 1 or any(output.full for output in tree.outputs):
        raise NoMatch("no single reduction with stages after it")
    step = tree.steps[0]
    signs = check_sum_of_products(step.stage)
    loads = [arg for arg in step.body.args[:2] if isinstance(arg, Load)]
    if len(loads) != 2:
        raise NoMatch("an operand of the contraction is computed in the kernel")
    arrangement = next((a for a in directions(tree, windows) if not a.along), None)
    if arrangement is None or not arrangement.kept or not arrangement.sums:
        raise NoMatch("no matrix product")
    accesses = [arrangement.layout.accesses[load.access] for load in loads]
    if any(not access.linear for access in accesses):
        raise NoMatch("operands are not read at linear addresses")
    if len({access.buffer.element for access in accesses}) != 1:
        raise NoMatch("a contraction of mixed types")
    last = arrangement.kept[-1]
    moving = [access.moves(last) for access in accesses]
    if moving == [True, False]:
        accesses.reverse()
        signs.reverse()
    elif moving != [False, True]:
        raise NoMatch("no column axis of one operand alone")
    left, right = accesses
    kept = arrangement.kept
    rows = tuple(a for a in kept if left.moves(a) and not right.moves(a))
    columns = tuple(a for a in kept if right.moves(a) and not left.moves(a))
    batch = tuple(a for a in kept if a not in rows and a not in columns)
    sums = tuple(sorted(arrangement.sums, key=lambda a: -abs(left.coefs[a].guess())))
    return Roles(
        arrangement,
        batch,
        rows,
        columns,
        sums,
        _side(arrangement, left, rows, sums),
        _side(arrangement, right, columns, sums),
        (signs[0], signs[1]),
    )


def is_zero(value: Any) -> bool:
    """Whether a value, or an attribute, is the constant zero."""
    if hasattr(value, "owner"):
        op = None if isinstance(value.owner, ir.Block) else value.owner.operation
        value = op.attributes["value"] if op is not None and op.name == "arith.constant" else None
    return isinstance(value, ir.FloatAttr | ir.IntegerAttr) and value.value == 0


_WIDENING = {"f32": ("arith.extf",), "i32": ("arith.extui", "arith.extsi")}


def check_sum_of_products(stage: Generic) -> list[bool]:
    """`acc + a * b`, the factors perhaps widened; bytes always. Returns which of these are signed. Raises NoMatch."""
    if stage.inputs != 2 or len(stage.inits) != 1 or stage.inits[0].element not in _WIDENING:
        raise NoMatch("the reduction is no sum of products")
    kind = stage.inits[0].element
    letter = "i" if kind == "i32" else "f"
    operations = [op.operation for op in stage.block.operations]
    names = [op.name for op in operations if op.name not in _WIDENING[kind]]
    if names != [f"arith.mul{letter}", f"arith.add{letter}", "linalg.yield"]:
        raise NoMatch("the reduction is no sum of products")
    product = next(op for op in operations if op.name == names[0])
    total = next(op for op in operations if op.name == names[1])
    sources = [_unwidened(value, kind) for value in product.operands]
    arguments = list(stage.block.arguments)
    fits = {x for x, _ in sources} == set(arguments[:2]) and set(total.operands) == {
        product.results[0],
        arguments[2],
    }
    if not fits or operations[-1].operands[0] != total.results[0]:
        raise NoMatch("the reduction is no sum of products")
    if kind == "i32" and {operand.element for operand in stage.operands[:2]} != {"i8"}:
        raise NoMatch("integers that are no bytes")
    by_argument = {x.arg_number: widening == "arith.extsi" for x, widening in sources}
    return [by_argument[0], by_argument[1]]


def _unwidened(value: Any, kind: str) -> tuple[Any, str]:
    """A factor's source, and the op that widens it."""
    owner = value.owner
    if not isinstance(owner, ir.Block) and owner.operation.name in _WIDENING[kind]:
        return owner.operation.operands[0], owner.operation.name
    return value, ""


def _side(arrangement: Arrangement, access: Access, free: tuple[int, ...], sums: tuple[int, ...]) -> Side:
    own = sorted(free, key=lambda a: -abs(access.coefs[a].guess()))
    found = Side(access, tuple(free), sums, "", 1)
    for along, axes in (("sums", sums), ("free", tuple(own))):
        # The last axis of the numbering must be the contiguous one: neighbours in it are neighbours in memory.
        if not axes or access.coef(axes[-1]) != 1 or (along == "free" and free[-1] != axes[-1]):
            continue
        vector = ACCESS_BITS // element_bits(access.buffer.element)
        others = [a for a in range(len(arrangement.layout.extents)) if a != axes[-1] and access.moves(a)]
        steps = [access.offset.static, *(access.coef(a) for a in others)]
        extent = arrangement.extent(axes[-1]).static
        while vector > 1 and (
            extent is None or extent % vector or any(s is None or s % vector for s in steps)
        ):
            vector //= 2
        if vector > found.vector or not found.along:
            found = Side(access, tuple(free), sums, along, vector)
    return found


def layout_by_sums(roles: Roles) -> PackLayout | None:
    """How the right operand is to be laid out for 16 bytes to go along a sum, that along which the left operand is
    contiguous; None: it is so already, or can't be."""
    root = roles.root
    by_buffer = {operand.source.number: operand for operand in root.operands[:2]}  # type: ignore[union-attr]
    left, right = (by_buffer[side.access.buffer.number] for side in (roles.left, roles.right))
    buffer = roles.right.access.buffer
    where = {index.single: position for position, index in enumerate(right.indices)}
    if roles.right.along == "sums" or buffer.layout is not None or None in where:
        return None
    if any(size.static is None for size in buffer.shape):
        return None
    sums = [d for d in where if d is not None and not root.parallel[d]]
    inner = next((d for d in sums if left.indices and left.indices[-1].single == d), sums[-1])
    of_left = {d for index in left.indices for d in index.used()}
    batches = [d for d in where if d is not None and root.parallel[d] and d in of_left]
    columns = [d for d in where if d is not None and root.parallel[d] and d not in of_left]
    order = [*batches, *columns, *(d for d in sums if d != inner), inner]
    return PackLayout(tuple(where[d] for d in order), (where[inner],), (ACCESS_BITS // 8,))
