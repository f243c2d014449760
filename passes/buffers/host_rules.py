"""What each op of the host program becomes on buffers: one rule for an op, registered beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from aicc.passes.buffers.host import Host

Rule: TypeAlias = Callable[["Host", Any], None]

RULES: dict[str, Rule] = {}
"""By the op's name; a rule leaves the op's results in `host.buffers` and `host.scalars`."""


def host_rule(name: str) -> Callable[[Rule], Rule]:
    """Registers a rule for the ops of that name."""

    def register(rule: Rule) -> Rule:
        RULES[name] = rule
        return rule

    return register
