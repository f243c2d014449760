"""Where a value should be written so that nobody has to copy it later.

A value that will be inserted into a bigger tensor (concatenation, halo of a padded convolution) or
returned is computed in its place there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from aicc.bindings import ir
from aicc.passes.buffers.layout import Buffer, Size
from aicc.passes.kernels.ir_tools import defining_op, reassociation_of

_VIEWS = ("tensor.expand_shape", "tensor.collapse_shape")


class Destinations:
    """Finds the home of values; `allocate(value)` makes a buffer for one that has none.

    `outputs` are the caller's buffers of static results; `output(number, sizes)` is that of another one, None when
    its sizes are not known before a run. `updating(value)` is what a value becomes that a call writes over.
    """

    def __init__(
        self,
        outputs: Sequence[Buffer | None],
        sizes: Callable[[Any], tuple[Size, ...] | None],
        scalar: Callable[[Any], Any | None],
        allocate: Callable[[Any, tuple[Size, ...]], Buffer],
        pad_amounts: Callable[[Any], tuple[tuple[int, ...], tuple[int, ...]] | None],
        output: Callable[[int, tuple[Size, ...]], Buffer | None],
        updating: Callable[[Any], Any | None],
    ) -> None:
        self._outputs = list(outputs)
        self._taken: set[int] = set()
        self._output = output
        self._updating = updating
        self._sizes = sizes
        self._scalar = scalar
        self._allocate = allocate
        self._pad_amounts = pad_amounts
        self._homes: dict[Any, Buffer] = {}

    def home(self, value: Any) -> Buffer | None:
        """The place in a bigger buffer or an output where `value` belongs, if there is one."""
        if value in self._homes:
            return self._homes[value]
        found = (
            self._returned(value)
            or self._viewed(value)
            or self._inserted(value)
            or self._padded(value)
            or self._updated(value)
        )
        if found is not None:
            self._homes[value] = found
        return found

    def place(self, value: Any) -> Buffer | None:
        """The home of `value`, or a new buffer; None when its size is not known yet."""
        found = self.home(value)
        if found is None:
            sizes = self._sizes(value)
            if sizes is None:
                return None
            found = self._homes[value] = self._allocate(value, sizes)
        return found

    def claim(self, value: Any, buffer: Buffer) -> None:
        """Makes `buffer` the home of `value`."""
        self._homes[value] = buffer

    def _returned(self, value: Any) -> Buffer | None:
        for use in value.uses:
            user = use.owner.operation
            if user.name != "func.return" or use.operand_number in self._taken:
                continue
            sizes = self._sizes(value)
            out = self._outputs[use.operand_number]
            if out is None and sizes is not None:
                out = self._output(use.operand_number, sizes)
            if out is not None:
                self._taken.add(use.operand_number)
                return out
        return None

    def _viewed(self, value: Any) -> Buffer | None:
        for use in value.uses:
            user = use.owner.operation
            if user.name not in _VIEWS or use.operand_number != 0:
                continue
            target = None if self._is_lost(value, user.results[0]) else self.home(user.results[0])
            if target is None:
                continue
            groups = reassociation_of(user)
            if user.name == "tensor.expand_shape":
                inner = target.collapse(groups) if groups else None
            else:
                sizes = self._sizes(value)
                inner = target.expand(groups, sizes) if groups and sizes is not None else None
            if inner is not None:
                return inner
        return None

    def _inserted(self, value: Any) -> Buffer | None:
        for use in value.uses:
            user = use.owner.operation
            if user.name != "tensor.insert_slice" or use.operand_number != 0 or not _is_fresh_chain(user):
                continue
            where = slice_of(user, self._scalar)
            end = chain_end(user.results[0])
            if where is None or self._is_lost(value, end):
                continue
            whole = self.place(end)
            if whole is None:
                continue
            return whole.slice(*where).keep(kept_dims(user.operands[0].type, where[1]))
        return None

    def _padded(self, value: Any) -> Buffer | None:
        for use in value.uses:
            user = use.owner.operation
            amounts = self._pad_amounts(user)
            if amounts is None or defining_op(value) is None or user.block != value.owner.operation.block:
                continue
            if self._is_lost(value, user.results[0]):
                continue
            low, _ = amounts
            sizes = ir.RankedTensorType(value.type).shape
            padded = self.place(user.results[0])
            if padded is None:
                continue
            return padded.slice(low, list(sizes), [1] * len(low))
        return None

    def _is_lost(self, value: Any, whole: Any) -> bool:
        """Whether a call may write over `value`, as part of `whole`, while others want to read it."""
        return len(list(value.uses)) > 1 and self._is_written_over(whole)

    def _is_written_over(self, value: Any) -> bool:
        """Whether a call writes over the value, or over what it is a part of."""
        if self._updating(value) is not None:
            return True
        for use in value.uses:
            user = use.owner.operation
            if user.name == "tensor.insert_slice" and use.operand_number == 0:
                whole = chain_end(user.results[0])
            elif user.name in _VIEWS or self._pad_amounts(user) is not None:
                whole = user.results[0]
            else:
                continue
            if self._is_written_over(whole):
                return True
        return False

    def _updated(self, value: Any) -> Buffer | None:
        """A call writes over the value: where its result belongs."""
        result = self._updating(value)
        return None if result is None else self.home(result)


def chain_end(value: Any) -> Any:
    """The result of the last of a chain of insert_slices into one tensor, `value`."""
    block = value.owner.operation.block
    while True:
        uses = list(value.uses)
        if len(uses) != 1:
            return value
        user = uses[0].owner.operation
        if user.name != "tensor.insert_slice" or uses[0].operand_number != 1 or user.block != block:
            return value
        value = user.results[0]


def _is_fresh_chain(insert: Any) -> bool:
    """A chain that starts at a tensor.empty and writes disjoint pieces of it."""
    chain = [insert]
    dest = defining_op(insert.operands[1])
    while dest is not None and dest.name == "tensor.insert_slice":
        if len(list(dest.results[0].uses)) != 1 or dest.block != insert.block:
            return False
        chain.insert(0, dest)
        dest = defining_op(dest.operands[1])
    if dest is None or dest.name != "tensor.empty":
        return False
    end = chain_end(insert.results[0])
    op = insert
    while op.results[0] != end:
        op = next(iter(op.results[0].uses)).owner.operation
        chain.append(op)
    return len(chain) == 1 or _disjoint(chain)


def _disjoint(chain: list[Any]) -> bool:
    """Offsets ascend along one dim by at least the sizes (concatenation), all steps 1."""
    boxes = []
    for op in chain:
        offsets, sizes, steps = (_mixed(op, k) for k in range(3))
        if any(s != 1 for s in steps):
            return False
        boxes.append((offsets, sizes))
    for i, (o1, s1) in enumerate(boxes):
        for o2, s2 in boxes[i + 1 :]:
            if not any(
                _ends_by(a, x, b) or _ends_by(b, y, a) for a, x, b, y in zip(o1, s1, o2, s2, strict=True)
            ):
                return False
    return True


def _mixed(op: Any, kind: int) -> list[Any]:
    """Offsets (0), sizes (1) or steps (2) of an insert_slice, integers or values of the program."""
    segments = [int(x) for x in ir.DenseI32ArrayAttr(op.attributes["operandSegmentSizes"])]
    start = sum(segments[: 2 + kind])
    values = list(op.operands)[start : start + segments[2 + kind]]
    dynamic = ir.ShapedType.get_dynamic_size()
    name = ("static_offsets", "static_sizes", "static_strides")[kind]
    return [values.pop(0) if int(x) == dynamic else int(x) for x in ir.DenseI64ArrayAttr(op.attributes[name])]


def _ends_by(offset: Any, size: Any, other: Any) -> bool:
    """Whether `offset + size` is evidently `other`, or not behind it."""
    if isinstance(offset, int) and isinstance(size, int):
        return isinstance(other, int) and offset + size <= other
    if offset == 0 and size == other:
        return True
    op = None if isinstance(other, int) else defining_op(other)
    return op is not None and op.name == "arith.addi" and _is_sum(op, offset, size)


def _is_sum(op: Any, a: Any, b: Any) -> bool:
    terms = [_constant(v) for v in op.operands]
    return terms in ([a, b], [b, a])


def _constant(value: Any) -> Any:
    """The number a constant is; other values themselves."""
    op = defining_op(value)
    if op is not None and op.name == "arith.constant":
        return int(ir.IntegerAttr(op.attributes["value"]).value)
    return value


def slice_of(
    op: Any, scalar: Callable[[Any], Any | None]
) -> tuple[list[Size], list[Size], list[Size]] | None:
    """Offsets, sizes and steps of an extract_slice or insert_slice; None if one is not available yet."""
    segments = [int(x) for x in ir.DenseI32ArrayAttr(op.attributes["operandSegmentSizes"])]
    dynamic = ir.ShapedType.get_dynamic_size()
    operands = list(op.operands)[sum(segments[:-3]) :]
    position = 0
    out: list[list[Size]] = []
    for k, count in zip(("offsets", "sizes", "strides"), segments[-3:], strict=True):
        values = operands[position : position + count]
        position += count
        row: list[Size] = []
        for x in ir.DenseI64ArrayAttr(op.attributes[f"static_{k}"]):
            if int(x) != dynamic:
                row.append(int(x))
                continue
            mapped = scalar(values.pop(0))
            if mapped is None:
                return None
            row.append(mapped)
        out.append(row)
    return out[0], out[1], out[2]


def kept_dims(small: Any, sizes: Sequence[Size]) -> list[int]:
    """Dims of a slice of `sizes` that remain in the (rank-reduced) tensor type `small`: the others have size 1."""
    t = ir.RankedTensorType(small)

    def search(d: int, k: int) -> list[int] | None:
        if d == len(sizes):
            return [] if k == t.rank else None
        size = sizes[d]
        dynamic = k < t.rank and t.is_dynamic_dim(k)
        if k < t.rank and (dynamic if not isinstance(size, int) else not dynamic and size == t.shape[k]):
            rest = search(d + 1, k + 1)
            if rest is not None:
                return [d, *rest]
        return search(d + 1, k) if isinstance(size, int) and size == 1 else None

    found = search(0, 0)
    assert found is not None, f"{t} is no slice of sizes {list(sizes)}"
    return found
