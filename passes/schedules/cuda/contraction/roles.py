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
from aicc.passes.schedules.schedule import NoMatch


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


def find_roles(kernel: Any) -> Roles:
    """Raises NoMatch."""
    tree = build(analyze(kernel))
    if len(tree.steps) != 1 or any(output.full for output in tree.outputs):
        raise NoMatch("no single reduction with stages after it")
    step = tree.steps[0]
    _check_body(step.stage)
    loads = [arg for arg in step.body.args[:2] if isinstance(arg, Load)]
    if len(loads) != 2:
        raise NoMatch("an operand of the contraction is computed in the kernel")
    arrangement = next((a for a in directions(tree) if not a.along), None)
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
    )


def _check_body(stage: Generic) -> None:
    """`acc + a * b`, the factors perhaps widened. Raises NoMatch."""
    operations = [op.operation for op in stage.block.operations]
    names = [op.name for op in operations if op.name != "arith.extf"]
    if stage.inputs != 2 or len(stage.inits) != 1 or names != ["arith.mulf", "arith.addf", "linalg.yield"]:
        raise NoMatch("the reduction is no sum of products")
    if str(stage.inits[0].element) != "f32":
        raise NoMatch(f"sums of {stage.inits[0].element}")
    product = next(op for op in operations if op.name == "arith.mulf")
    total = next(op for op in operations if op.name == "arith.addf")
    sources = [_unwidened(value) for value in product.operands]
    arguments = list(stage.block.arguments)
    fits = set(sources) == set(arguments[:2]) and set(total.operands) == {product.results[0], arguments[2]}
    if not fits or operations[-1].operands[0] != total.results[0]:
        raise NoMatch("the reduction is no sum of products")


def _unwidened(value: Any) -> Any:
    owner = value.owner
    if not isinstance(owner, ir.Block) and owner.operation.name == "arith.extf":
        return owner.operation.operands[0]
    return value


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
