"""Which function imports which ONNX operator."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aicc.importer.node import Node

Rule = Callable[["Node"], "Any | Sequence[Any]"]
_RULES: dict[tuple[str, str], Rule] = {}
_NOT_RULES = {
    *("registry", "node", "graph", "model", "functions", "legacy", "lazy", "compound", "compose"),
    *("kv_cache", "scores", "forest", "automata", "regex_syntax", "programs"),
    *("run_time_sequences", "inputs", "element_types", "initializers"),
}


LIMITS: dict[tuple[str, str], str] = {}
"""What a rule refuses of what the operator may be, by (domain, op type): for docs/operators.md."""


def onnx_op(*op_types: str, domain: str = "", limits: str = "") -> Callable[[Rule], Rule]:
    """Registers an import rule: it gets a `Node` and returns the value, or values, of its outputs.

    `limits` says what of the operator it refuses.
    """

    def register(rule: Rule) -> Rule:
        for op_type in op_types:
            assert (domain, op_type) not in _RULES, f"{op_type} has two import rules"
            _RULES[domain, op_type] = rule
            if limits:
                LIMITS[domain, op_type] = limits
        return rule

    return register


@functools.cache
def rules() -> dict[tuple[str, str], Rule]:
    """All rules by (domain, op type); the family files are imported on first use."""
    package = importlib.import_module("aicc.importer")
    for module in pkgutil.iter_modules(package.__path__):
        if module.name not in _NOT_RULES:
            importlib.import_module(f"aicc.importer.{module.name}")
    return _RULES


def normalize_domain(domain: str) -> str:
    return "" if domain == "ai.onnx" else domain
