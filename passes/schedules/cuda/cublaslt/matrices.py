"""A contraction as a product of matrices in memory, as the library sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aicc.passes.gpu.library_products import Product
from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.pointwise.tree import Constant
from aicc.passes.schedules.cpu.reduction.layout import Arrangement
from aicc.passes.schedules.cpu.sizes import Size
from aicc.passes.schedules.cuda.contraction.roles import Roles, find_roles, is_zero
from aicc.passes.schedules.cuda.cublaslt.epilogue import Epilogue
from aicc.passes.schedules.cuda.vendor.costs import FIRST_CAPABILITY
from aicc.passes.schedules.schedule import NoMatch
from aicc.target import Target

_ONE = Size.of(1)
_BYTES_ALIGNMENT = 4
"""Of sizes and steps in products of bytes, whose operands both lie along the sums: what the library documents."""


@dataclass(frozen=True)
class Matrices:
    """`numbers` are the sizes and distances of the call (`library_products.NUMBERS`); `accesses` are left, right, out
    and perhaps the bias; `product` is the rest of what the call says; `arrangement` has the axes."""

    product: Product
    accesses: tuple[Access, ...]
    numbers: dict[str, Size]
    arrangement: Arrangement

    def guess(self, *names: str) -> int:
        """Product of sizes, unknown ones guessed."""
        total = 1
        for name in names:
            total *= self.numbers[name].guess()
        return total


def matrices_of(function: Any, epilogue: Epilogue, target: Target) -> Matrices:
    """Of a kernel that computes nothing but a product with its epilogue. Raises NoMatch."""
    roles = find_roles(function)
    element = roles.left.element
    if target.compute_capability < FIRST_CAPABILITY.get(element, 1 << 30):
        raise NoMatch(f"products of {element} that the library is not asked for")
    if not _starts_at_zero(roles):
        raise NoMatch("sums that do not start at zero")
    row, column, total, batch = _axes(roles)
    outputs = roles.arrangement.tree.outputs
    out = roles.arrangement.layout.accesses[outputs[0].access]
    if len(outputs) != 1 or not out.linear or out.coef(column) != 1:
        raise NoMatch("an output whose columns do not lie side by side")
    extents = roles.arrangement.layout.extents
    left, right = roles.left.access, roles.right.access
    left_turned = left.coef(total) != 1
    right_turned = right.coef(total) == 1 and right.coef(column) != 1
    if left_turned and (row is None or left.coef(row) != 1):
        raise NoMatch("a left operand without neighbours in memory")
    if not right_turned and right.coef(column) != 1:
        raise NoMatch("a right operand without neighbours in memory")

    def step(access: Access, axis: int | None, least: Size) -> Size:
        return least if axis is None else access.coefs[axis]

    def size(axis: int | None) -> Size:
        return _ONE if axis is None else extents[axis]

    accesses = [left, right, out]
    if epilogue.bias is not None:
        accesses.append(_bias(roles, column))
    numbers = {
        "rows": size(row),
        "columns": size(column),
        "sums": size(total),
        "batches": size(batch),
        "left_step": step(left, total if left_turned else row, size(total)),
        "right_step": step(right, column if right_turned else total, size(column)),
        "out_step": step(out, row, size(column)),
        "left_batch": step(left, batch, Size()),
        "right_batch": step(right, batch, Size()),
        "out_batch": step(out, batch, Size()),
        "left_offset": left.offset,
        "right_offset": right.offset,
        "out_offset": out.offset,
        "bias_offset": accesses[3].offset if len(accesses) > 3 else Size(),
    }
    product = Product(
        element,
        out.buffer.element,
        epilogue.bias is not None,
        epilogue.activation,
        left_turned,
        right_turned,
        element == "f32" and target.tf32,
    )
    found = Matrices(product, tuple(accesses), numbers, roles.arrangement)
    _check(found, roles)
    return found


def _axes(roles: Roles) -> tuple[int | None, int, int, int | None]:
    """Row, column, sum and batch; rows in several axes are a batch of rows."""
    batches = [*roles.batch, *roles.rows[:-1]]
    if len(roles.columns) != 1 or len(roles.sums) != 1 or len(batches) > 1:
        raise NoMatch("more axes than a batch of matrices has")
    row = roles.rows[-1] if roles.rows else None
    return row, roles.columns[0], roles.sums[0], batches[0] if batches else None


def _bias(roles: Roles, column: int) -> Access:
    layout = roles.arrangement.layout
    operands = (roles.left.access, roles.right.access)
    outputs = [layout.accesses[o.access] for o in roles.arrangement.tree.outputs]
    others = [a for a in dict.fromkeys(layout.accesses.values()) if a not in operands and a not in outputs]
    if len(others) != 1 or not others[0].linear or others[0].coef(column) != 1:
        raise NoMatch("a bias whose numbers do not lie side by side")
    if any(others[0].moves(axis) for axis in range(len(layout.extents)) if axis != column):
        raise NoMatch("a bias of more than columns")
    return others[0]


def _starts_at_zero(roles: Roles) -> bool:
    (start,) = roles.arrangement.tree.steps[0].starts
    return isinstance(start, Constant) and is_zero(start.value)


def _check(found: Matrices, roles: Roles) -> None:
    """What the library documents that it takes, as far as it is known here; the rest it says in a run."""
    numbers = {name: size.static for name, size in found.numbers.items()}
    product = found.product
    if product.result not in ("f32", "i32", product.element):
        raise NoMatch(f"results of {product.result}")
    lines = {
        "left_step": "rows" if product.left_turned else "sums",
        "right_step": "sums" if product.right_turned else "columns",
        "out_step": "columns",
    }
    for step, line in lines.items():
        distance, length = numbers[step], numbers[line]
        if distance is not None and (distance <= 0 or (length is not None and distance < length)):
            raise NoMatch("rows of memory that overlap")
    if product.element != "i8":
        return
    if roles.signed != (True, True):
        raise NoMatch("bytes without a sign")
    if product.left_turned or not product.right_turned:
        raise NoMatch("bytes that do not lie along the sums")
    for name in ("columns", "sums", "left_step", "right_step", "left_batch", "right_batch"):
        distance = numbers[name]
        if distance is None or distance % _BYTES_ALIGNMENT:
            raise NoMatch("bytes in lines of another length than multiples of four")
