"""The schedules by name and by target; each module is imported when it is first asked for."""

from __future__ import annotations

import importlib
import importlib.util
from functools import cache
from typing import Any

from aicc.bindings import ir
from aicc.errors import CompileError
from aicc.passes.schedules.schedule import Choice, Schedule
from aicc.target import Target

# Module names, `aicc.passes.schedules.<kind>.<name>`, the most specialized first; the last of a kind
# matches every kernel.
SCHEDULES: dict[str, tuple[str, ...]] = {
    "cpu": ("contraction", "window", "rows", "pointwise", "affine"),
}


@cache
def get(name: str, kind: str = "cpu") -> Schedule:
    """The schedule called `name`. Raises CompileError AICC-2003 when there is none."""
    if name not in SCHEDULES.get(kind, ()):
        known = ", ".join(SCHEDULES.get(kind, ()))
        raise CompileError(
            "AICC-2003", f"There is no schedule '{name}' for {kind}.", hint=f"there are: {known}."
        )
    module = importlib.import_module(f"aicc.passes.schedules.{kind}.{name}")
    schedule: Schedule = module.SCHEDULE
    return schedule


def for_target(target: Target) -> list[Schedule]:
    """All schedules of a kind of target, the most specialized first."""
    names = SCHEDULES[target.kind]
    package = f"aicc.passes.schedules.{target.kind}"
    return [get(name, target.kind) for name in names if importlib.util.find_spec(f"{package}.{name}")]


def choice_of(func: Any, target: Target) -> Choice:
    """Reads `aicc.schedule` and `aicc.config` of a kernel; an empty config is the recommended one."""
    schedule = get(ir.StringAttr(func.attributes["aicc.schedule"]).value, target.kind)
    text = ir.StringAttr(func.attributes["aicc.config"]).value if "aicc.config" in func.attributes else ""
    return Choice(schedule, schedule.config_type.parse(text) if text else schedule.configs(func, target)[0])


def lower(module: Any, func: Any, target: Target) -> None:
    """Lowers a kernel by the schedule its attributes name. Raises what that schedule raises."""
    choice = choice_of(func, target)
    choice.schedule.lower(module, func, target, choice.config)
