"""Sizes that have to agree and of which only a run knows whether they do.

    func.func private @aicc_require_equal(index, index) attributes {aicc.runtime}
    func.call @aicc_require_equal(%a, %b) {aicc.message = "node 'add': …"} : (index, index) -> ()

Static sizes were compared by the type rules; symbolic ones that are equal as expressions need no check.
"""

from __future__ import annotations

from collections.abc import Sequence

from aicc.bindings import func, ir
from aicc.dialects.locations import node_names
from aicc.dialects.symbolic import DimLike
from aicc.passes.linalg.builder import Builder
from aicc.passes.linalg.runtime_calls import declare_runtime

REQUIRE = "aicc_require_equal"
MESSAGE = "aicc.message"
"""Attribute of the call: what the run says when the sizes differ, which it adds."""


def require_equal(b: Builder, first: DimLike, second: DimLike, what: str) -> None:
    """Has the run fail unless two sizes are equal. Nothing is built when they are, or were required before."""
    if first == second or not (b.is_known(first) and b.is_known(second)):
        return
    pair = frozenset((str(first), str(second)))
    if pair in b.required:
        return
    b.required.add(pair)
    nodes = list(node_names(ir.Location.current))
    node = f"node '{nodes[0]}': " if nodes else ""
    index = ir.IndexType.get()
    declare_runtime(REQUIRE, [index, index], [])
    call = func.CallOp([], ir.FlatSymbolRefAttr.get(REQUIRE), [b.size(first), b.size(second)])
    call.operation.attributes[MESSAGE] = ir.StringAttr.get(f"{node}{what}")


def require_broadcast(b: Builder, shape: Sequence[DimLike], out: Sequence[DimLike]) -> None:
    """Has the run fail unless `shape` is read over `out` as `broadcast_map` says: each size is 1 here, or equal."""
    for d, o in zip(reversed(shape), reversed(out), strict=False):
        if d != 1:
            require_equal(b, d, o, "these sizes broadcast only when they are equal")
