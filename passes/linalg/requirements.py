"""Sizes that have to agree and of which only a run knows whether they do: `aicc_require_equal`, and
`aicc_require_broadcast`, whose first size may also be 1; `aicc_require_at_least` for sizes that are too small,
`aicc_require_unequal` for one that stands for something else.

    func.func private @aicc_require_equal(index, index) attributes {aicc.runtime}
    func.call @aicc_require_equal(%a, %b) {aicc.message = "node 'add': …"} : (index, index) -> ()

Static sizes were compared by the type rules; symbolic ones that are equal as expressions need no check.
"""

from __future__ import annotations

from typing import Any

from aicc.bindings import arith, func, ir
from aicc.dialects.locations import node_names
from aicc.dialects.symbolic import DimLike
from aicc.dialects.windows import spatial_axes
from aicc.passes.linalg.builder import Builder, Lowered
from aicc.passes.linalg.runtime_calls import MESSAGE, declare_runtime


def require_equal(b: Builder, first: DimLike, second: DimLike, what: str) -> None:
    """Has the run fail unless two sizes are equal. Nothing is built when they are, or were required before."""
    if first != second:
        _require(b, "aicc_require_equal", first, second, what)


def require_one_or_equal(b: Builder, size: DimLike, over: DimLike, what: str) -> None:
    """Has the run fail unless `size` is 1 or `over`."""
    if size not in (1, over):
        _require(b, "aicc_require_broadcast", size, over, what)


def require_at_least(b: Builder, size: DimLike, least: int, what: str) -> None:
    """Has the run fail when `size` is less than `least`. Of static sizes the type rules know."""
    if not isinstance(size, int):
        _require(b, "aicc_require_at_least", size, least, what)


def require_unequal(b: Builder, size: DimLike, other: int, what: str) -> None:
    """Has the run fail when `size` is `other`. Of static sizes the type rules know."""
    if not isinstance(size, int):
        _require(b, "aicc_require_unequal", size, other, what)


def require_windows(b: Builder, n: Lowered) -> None:
    """Has the run fail when a window of a convolution or pooling is larger than the padded input."""
    out = n.results[0]
    if n.attrs["auto_pad"] == "NOTSET":
        for axis in spatial_axes(n.attrs["layout"], out.rank):
            require_at_least(
                b, out.shape[axis], 1, f"the window fits into the padded input (results in dim {axis})"
            )


def require_within(b: Builder, size: DimLike, over: DimLike, what: str) -> None:
    """Has the run fail when `size` is larger than `over`."""
    if size != over and not (isinstance(size, int) and isinstance(over, int)):
        _require(b, "aicc_require_at_least", over, size, what)


def require_readable(b: Builder, size: DimLike, read: DimLike) -> None:
    """Has the run fail when elements are to be read or written along an axis of no elements: out of range is then what
    no other index is near to. `size` is the axis's, `read` how many elements there are to be."""
    if (isinstance(size, int) and size > 0) or read == 0 or not (b.is_known(size) and b.is_known(read)):
        return
    if ("aicc_require_at_least", str(size), str(read)) in b.required:
        return
    b.required.add(("aicc_require_at_least", str(size), str(read)))
    least = arith.MinSIOp(b.size(read), b.index(1)).result
    _call(b, "aicc_require_at_least", b.size(size), least, "an axis that indices go along has elements")


def _require(b: Builder, function: str, first: DimLike, second: DimLike, what: str) -> None:
    """A call of `function`, unless there was one for these sizes."""
    if not (b.is_known(first) and b.is_known(second)) or (function, str(first), str(second)) in b.required:
        return
    b.required.add((function, str(first), str(second)))
    _call(b, function, b.size(first), b.size(second), what)


def _call(b: Builder, function: str, first: Any, second: Any, what: str) -> None:
    nodes = list(node_names(ir.Location.current))
    node = f"node '{nodes[0]}': " if nodes else ""
    index = ir.IndexType.get()
    declare_runtime(function, [index, index], [])
    call = func.CallOp([], ir.FlatSymbolRefAttr.get(function), [first, second])
    call.operation.attributes[MESSAGE] = ir.StringAttr.get(f"{node}{what}")
