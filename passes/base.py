"""What a pass is: a frozen dataclass whose fields are its options.

The command line, pipeline texts and Python build the same object: `Tile(size=32)` is `tile{size=32}`.
A pass leaves valid IR and may assume valid IR. It reads the machine from `PassContext.target` only.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from aicc.bindings import PassManager
from aicc.errors import CompileError
from aicc.target import Target
from aicc.weights import WeightStore

PASSES: dict[str, type[Pass]] = {}
"""Every pass of aicc by name."""


@dataclass
class PassContext:
    """What passes share besides the module: the target, the weight store, facts for `--stats`."""

    target: Target
    weights: WeightStore = field(default_factory=WeightStore)
    opt_level: int = 2
    stats: dict[str, Any] = field(default_factory=dict)
    excluded: frozenset[str] = frozenset()
    """Names of schedules that are not to be chosen: one of them could not build what it was chosen for."""


@dataclass(frozen=True)
class Pass:
    """Base of all passes. A subclass sets `pass_name`, has options as fields, and implements `run`."""

    pass_name: ClassVar[str]
    whole: ClassVar[bool] = False
    """Whether it runs once on the model's module, not on each program in it by itself (`run_pass`)."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "pass_name" in cls.__dict__:
            PASSES[cls.pass_name] = cls

    def run(self, module: Any, ctx: PassContext) -> None:
        """Rewrites `module` (an MLIR ModuleOp in the current context) in place."""
        raise NotImplementedError

    def __str__(self) -> str:
        options = [
            f"{f.name.replace('_', '-')}={_text(getattr(self, f.name))}"
            for f in fields(self)
            if getattr(self, f.name) != f.default
        ]
        return self.pass_name + ("{" + " ".join(options) + "}" if options else "")


def programs(module: Any) -> list[Any]:
    """The modules of branches and loops in the model's (`aicc.dialects.programs`), and then itself."""
    inner = [op for op in module.body.operations if op.operation.name == "builtin.module"]
    return [*inner, module]


def run_pass(p: Pass, module: Any, ctx: PassContext) -> None:
    """Runs a pass on the model's module: on each of its programs, or on the whole."""
    for program in [module] if p.whole else programs(module):
        p.run(program, ctx)


@dataclass(frozen=True)
class Upstream(Pass):
    """Passes of MLIR itself, as an MLIR pipeline text: `Upstream("canonicalize,cse")`."""

    text: str = ""

    def run(self, module: Any, ctx: PassContext) -> None:
        PassManager.parse(f"builtin.module({self.text})").run(module.operation)

    def __str__(self) -> str:
        return f"mlir({self.text})"


def make_pass(name: str, options: dict[str, str]) -> Pass:
    """The pass `name` with options given as text. Raises CompileError AICC-2003."""
    cls = PASSES.get(name)
    if cls is None:
        raise CompileError(
            "AICC-2003", f"there is no pass '{name}'.", hint="aicc-opt --list-passes shows them all."
        )
    known = {f.name: f for f in fields(cls)}
    values: dict[str, Any] = {}
    for key, text in options.items():
        f = known.get(key.replace("-", "_"))
        if f is None:
            raise CompileError(
                "AICC-2003", f"pass '{name}' has no option '{key}'.", hint=f"it has: {', '.join(known)}."
            )
        try:
            values[f.name] = _parse(text, f.default)
        except ValueError:
            raise CompileError(
                "AICC-2003", f"'{text}' does not fit option '{key}' of pass '{name}'."
            ) from None
    return cls(**values)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _parse(text: str, default: Any) -> Any:
    if isinstance(default, bool):
        if text not in ("true", "false"):
            raise ValueError(text)
        return text == "true"
    if isinstance(default, tuple):
        return tuple(int(x) for x in text.split(",") if x)
    return type(default)(text)
