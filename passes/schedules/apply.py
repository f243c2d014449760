"""Schedules as a pass: what each kernel job does, on a whole module."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.bindings import ir
from aicc.errors import CompileError
from aicc.passes.base import Pass, PassContext
from aicc.passes.schedules import registry
from aicc.passes.schedules.schedule import NoMatch


@dataclass(frozen=True)
class ApplySchedules(Pass):
    """Lowers every kernel (contract 4) by the schedule its attributes name, to loops over tiles (contract 5).

    `schedule` and `config` replace what the attributes say. In the driver each kernel is a job of its own,
    with fallbacks; this is for tests and for looking at what a schedule makes. Raises CompileError AICC-3001.
    """

    pass_name: ClassVar[str] = "apply-schedules"
    schedule: str = ""
    config: str = ""

    def run(self, module: Any, ctx: PassContext) -> None:
        kernels = [op for op in module.body.operations if "aicc.kernel" in op.operation.attributes]
        for kernel in kernels:
            for name, text in (("aicc.schedule", self.schedule), ("aicc.config", self.config)):
                if text:
                    kernel.operation.attributes[name] = ir.StringAttr.get(text)
            symbol = ir.StringAttr(kernel.operation.attributes["sym_name"]).value
            try:
                registry.lower(module, kernel, ctx.target)
            except NoMatch as error:
                raise CompileError(
                    "AICC-3001", f"kernel {symbol}: {error.reason}.", stage="schedule"
                ) from error
