"""The schedules by name and by target; each module is imported when it is first asked for."""

from __future__ import annotations

import importlib
from collections.abc import Collection
from functools import cache
from typing import Any

from aicc.bindings import ir
from aicc.errors import CompileError
from aicc.passes.schedules.schedule import TRANSFORM, Choice, Schedule
from aicc.target import Target

# Module names, `aicc.passes.schedules.<kind>.<name>`, the most specialized first; the last of a kind
# matches every kernel.
SCHEDULES: dict[str, tuple[str, ...]] = {
    "cpu": (
        "recurrent",
        "winograd",
        "attention",
        "dot",
        "amx",
        "packed",
        "integer_blocks",
        "integer_tiles",
        "split",
        "contraction",
        "window",
        "rows",
        "pointwise",
        "affine",
    ),
}
TILE_SCHEDULES = ("amx", "integer_tiles", "split")
"""Those whose kernels use the tile registers of Intel CPUs, which a process has to ask for."""

_GPU = ("warpgroup_attention", "attention", "warpgroup", "contraction", "rows", "pointwise", "threads")
SCHEDULES |= {"cuda": _GPU, "rocm": _GPU, "simt": _GPU}

# Those that call a vendor's library, by the name of the library: chosen only where a compilation allows it.
LIBRARIES: dict[str, tuple[str, ...]] = dict.fromkeys(("cuda", "simt"), ("cublaslt", "cudnn"))


@cache
def get(name: str, kind: str = "cpu") -> Schedule:
    """The schedule called `name`. Raises CompileError AICC-2003 when there is none."""
    if name not in (*SCHEDULES.get(kind, ()), *LIBRARIES.get(kind, ())):
        known = ", ".join(SCHEDULES.get(kind, ()))
        raise CompileError(
            "AICC-2003", f"There is no schedule '{name}' for {kind}.", hint=f"there are: {known}."
        )
    folder = kind if kind == "cpu" else "cuda"
    module = importlib.import_module(f"aicc.passes.schedules.{folder}.{name}")
    schedule: Schedule = module.SCHEDULE
    return schedule


def for_target(target: Target, libraries: Collection[str] = ()) -> list[Schedule]:
    """All schedules of a kind of target, the most specialized first, with those of some vendors' libraries."""
    *names, last = SCHEDULES[target.kind]
    names += [name for name in LIBRARIES.get(target.kind, ()) if name in libraries]
    return [get(name, target.kind) for name in (*names, last)]


def check_libraries(libraries: Collection[str], kind: str) -> None:
    """Raises CompileError AICC-4002 when a kind of target calls no such library."""
    known = LIBRARIES.get(kind, ())
    for name in libraries:
        if name not in known:
            raise CompileError(
                "AICC-4002",
                f"--vendor-libraries {name}: the target {kind} calls no such library.",
                hint=f"there are {', '.join(known)}." if known else "--target cuda has cublaslt and cudnn.",
            )


def choice_of(func: Any, target: Target) -> Choice:
    """Reads `aicc.schedule` and `aicc.config` of a kernel; an empty config is the recommended one."""
    schedule = get(ir.StringAttr(func.attributes["aicc.schedule"]).value, target.kind)
    text = ir.StringAttr(func.attributes["aicc.config"]).value if "aicc.config" in func.attributes else ""
    return Choice(schedule, schedule.config_type.parse(text) if text else schedule.configs(func, target)[0])


def is_bound(func: Any) -> bool:
    """Whether only the schedule its attributes name can compile a kernel: operands have been transformed."""
    return any(TRANSFORM in op.operation.attributes for op in func.regions[0].blocks[0].operations)


def bound_schedules(module: Any) -> frozenset[str]:
    """The names of schedules that kernels of `module` are bound to."""
    kernels = [f for f in module.body.operations if "aicc.kernel" in f.attributes]
    return frozenset(ir.StringAttr(f.attributes["aicc.schedule"]).value for f in kernels if is_bound(f))


def lower(module: Any, func: Any, target: Target) -> None:
    """Lowers a kernel by the schedule its attributes name. Raises what that schedule raises."""
    choice = choice_of(func, target)
    choice.schedule.lower(module, func, target, choice.config)
