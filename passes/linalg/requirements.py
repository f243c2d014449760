"""Sizes that have to agree and of which only a run knows whether they do: `aicc_require_equal`, and
`aicc_require_broadcast`, whose first size may also be 1.

    func.func private @aicc_require_equal(index, index) attributes {aicc.runtime}
    func.call @aicc_require_equal(%a, %b) {aicc.message = "node 'add': …"} : (index, index) -> ()

Static sizes were compared by the type rules; symbolic ones that are equal as expressions need no check.
"""

from __future__ import annotations

from aicc.bindings import func, ir
from aicc.dialects.locations import node_names
from aicc.dialects.symbolic import DimLike
from aicc.passes.linalg.builder import Builder
from aicc.passes.linalg.runtime_calls import MESSAGE, declare_runtime


def require_equal(b: Builder, first: DimLike, second: DimLike, what: str) -> None:
    """Has the run fail unless two sizes are equal. Nothing is built when they are, or were required before."""
    if first != second:
        _require(b, "aicc_require_equal", first, second, what)


def require_one_or_equal(b: Builder, size: DimLike, over: DimLike, what: str) -> None:
    """Has the run fail unless `size` is 1 or `over`."""
    if size not in (1, over):
        _require(b, "aicc_require_broadcast", size, over, what)


def _require(b: Builder, function: str, first: DimLike, second: DimLike, what: str) -> None:
    """A call of `function`, unless there was one for these sizes."""
    if not (b.is_known(first) and b.is_known(second)) or (function, str(first), str(second)) in b.required:
        return
    b.required.add((function, str(first), str(second)))
    nodes = list(node_names(ir.Location.current))
    node = f"node '{nodes[0]}': " if nodes else ""
    index = ir.IndexType.get()
    declare_runtime(function, [index, index], [])
    call = func.CallOp([], ir.FlatSymbolRefAttr.get(function), [b.size(first), b.size(second)])
    call.operation.attributes[MESSAGE] = ir.StringAttr.get(f"{node}{what}")
