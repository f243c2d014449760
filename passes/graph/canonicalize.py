"""Local simplifications: one spelling for each thing, and nothing that does nothing.

    aicc.pow %x, 2.0                         -->  aicc.mul %x, %x
    aicc.min (aicc.max %x, 0), 6             -->  aicc.clip %x, 0, 6
    aicc.reshape (aicc.unsqueeze %x)         -->  aicc.reshape %x
    aicc.transpose (aicc.transpose %x)       -->  aicc.transpose %x

The patterns are in `simplify_elementwise`, `simplify_movement` and `simplify_transposes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.passes.base import Pass, PassContext
from aicc.passes.graph import simplify_elementwise, simplify_movement, simplify_transposes
from aicc.passes.graph.rewrite import apply

PATTERNS = (*simplify_elementwise.PATTERNS, *simplify_movement.PATTERNS, *simplify_transposes.PATTERNS)


@dataclass(frozen=True)
class Canonicalize(Pass):
    """See the module."""

    pass_name: ClassVar[str] = "canonicalize-graph"

    def run(self, module: Any, ctx: PassContext) -> None:
        apply(module, ctx, PATTERNS)
