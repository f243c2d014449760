"""Removes ops without use and ops that compute the same thing twice.

    aicc.relu %x                      -->  nothing, when its result is not used
    %a = aicc.exp %x; %b = aicc.exp %x  -->  %a for both

Every aicc op is pure: equal name, operands and attributes mean equal results.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.passes.base import Pass, PassContext, Upstream
from aicc.passes.graph.facts import module_ops
from aicc.passes.graph.rewrite import Rewriter


@dataclass(frozen=True)
class EliminateCommon(Pass):
    """`cse` of MLIR; the first of equal ops stays, with its location."""

    pass_name: ClassVar[str] = "eliminate-common"

    def run(self, module: Any, ctx: PassContext) -> None:
        before = len(module_ops(module))
        Upstream("func.func(cse)").run(module, ctx)
        ctx.stats["common ops"] = ctx.stats.get("common ops", 0) + before - len(module_ops(module))


@dataclass(frozen=True)
class EliminateDead(Pass):
    """Erases what no result of `main` depends on."""

    pass_name: ClassVar[str] = "eliminate-dead"

    def run(self, module: Any, ctx: PassContext) -> None:
        rewriter = Rewriter(module, ctx)
        rewriter.erase_dead()
        rewriter.finish()
