"""One kernel, one schedule: text of stage *buffers* in, object out. What a worker process runs.

Nothing is shared between two builds: each has its own MLIR context, and ends with bytes.
"""

from __future__ import annotations

import re
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from aicc.bindings import ir
from aicc.bindings import llvm as llvm_dialect
from aicc.codegen.launches import Launch
from aicc.codegen.objects import check_imports, compile_llvm_text
from aicc.errors import AiccError, CompileError
from aicc.passes.llvm import lower_kernel
from aicc.passes.llvm.kernel import find_kernel, symbol
from aicc.passes.loops.expand_math import expand_math
from aicc.passes.schedules import registry
from aicc.passes.schedules.schedule import Config, NoMatch, Schedule
from aicc.target import Target

_DEFINITION = re.compile(r"func\.func\s+(?:private\s+|public\s+)?@([\w$.-]+)")


@dataclass(frozen=True)
class Attempt:
    """Build the kernel `text` with the schedule `schedule`, under the symbol `name`.

    `config` is the schedule's configuration as text; None takes the one in the kernel's attributes if
    that names this schedule, and else the recommended one.
    """

    text: str
    schedule: str
    name: str
    target: Target
    opt: int = 2
    config: str | None = None


@dataclass(frozen=True)
class Built:
    """A kernel object and what went into it.

    `tiles` and `scratch` (bytes per thread) are numbers, or None where the launcher computes them from the
    sizes; `times` are seconds per step: parse, schedule, loops, llvm, translate, object. `launches` are those of a
    device kernel, which has no tiles.
    """

    object: bytes
    schedule: str
    config: str
    tiles: int | None
    grain: int
    scratch: int | None
    times: dict[str, float] = field(default_factory=dict)
    launches: tuple[Launch, ...] = ()


def kernel_name(text: str) -> str:
    """The name a kernel's text gives it. Raises CompileError AICC-2001."""
    match = _DEFINITION.search(text)
    if match is None:
        raise CompileError("AICC-2001", "a kernel's text holds no func.func.", stage="schedule")
    return match[1]


def neutral_text(text: str) -> str:
    """The text with the kernel's own name replaced: equal for kernels that differ in name only."""
    return re.sub(rf"@{re.escape(kernel_name(text))}(?=[\s(_])", "@kernel", text)


def kernel_symbol(text: str) -> str:
    """The symbol a kernel gets in objects: `k_` and a hash of its text without its name.

    The same kernel of two models, or of two places of one, has the same symbol and the same object.
    """
    return "k_" + sha256(neutral_text(text).encode()).hexdigest()[:16]


def build(attempt: Attempt) -> Built:
    """Schedules, lowers and compiles a kernel. Raises NoMatch and CompileError."""
    times: dict[str, float] = {}
    with ir.Context() as context, ir.Location.unknown():
        context.emit_error_diagnostics = False
        module, schedule, config = scheduled(attempt, times)
        with _timed(times, "loops"):
            expand_math(module, attempt.target)
        if attempt.target.is_device:
            return _build_for_device(attempt, module, schedule.name, str(config), times)
        with _timed(times, "llvm"):
            _rename(module, attempt.name)
            interface = lower_kernel(module, attempt.target, small_floats="f16" in attempt.text)
        with _timed(times, "translate"):
            text = llvm_dialect.translate_module_to_llvmir(module.operation)
    with _timed(times, "object"):
        data = compile_llvm_text(text, attempt.target, attempt.opt)
        check_imports(data)
    return Built(
        object=data,
        schedule=schedule.name,
        config=str(config),
        tiles=interface.tiles if isinstance(interface.tiles, int) else None,
        grain=interface.grain,
        scratch=interface.scratch if isinstance(interface.scratch, int) else None,
        times=times,
    )


def _build_for_device(
    attempt: Attempt, module: Any, schedule: str, config: str, times: dict[str, float]
) -> Built:
    """The rest of `build` for kernels that are launched on a device: there are no tiles."""
    from aicc.codegen.device_build import build_device_object

    with _timed(times, "object"):
        _rename(module, attempt.name)
        data, launches = build_device_object(module, attempt.target, attempt.opt)
    return Built(data, schedule, config, None, 1, 0, times, tuple(launches))


def answer(attempt: Attempt) -> tuple[str, Any]:
    """("ok", Built), or ("no match" or "raised", message): what a worker sends back, errors included."""
    try:
        return "ok", build(attempt)
    except NoMatch as error:
        return "no match", error.reason
    except AiccError as error:
        return "raised", str(error)
    except Exception:
        return "raised", traceback.format_exc(limit=-6)


def scheduled(attempt: Attempt, times: dict[str, float]) -> tuple[Any, Schedule, Config]:
    """The module after the schedule, in the current context."""
    with _timed(times, "parse"):
        try:
            module = ir.Module.parse(attempt.text)
        except ir.MLIRError as error:
            raise CompileError(
                "AICC-2001", f"the kernel's text is invalid: {error}", stage="schedule"
            ) from error
    with _timed(times, "schedule"):
        kernel = find_kernel(module)
        schedule = registry.get(attempt.schedule, attempt.target.kind)
        config = _config(attempt, schedule, kernel)
        schedule.lower(module, kernel.opview, attempt.target, config)
    return module, schedule, config


def _config(attempt: Attempt, schedule: Schedule, kernel: Any) -> Config:
    text = attempt.config
    if text is None and _attribute(kernel, "aicc.schedule") == schedule.name:
        text = _attribute(kernel, "aicc.config")
    return schedule.config_type.parse(text) if text else schedule.configs(kernel.opview, attempt.target)[0]


def _attribute(op: Any, name: str) -> str:
    return str(ir.StringAttr(op.attributes[name]).value) if name in op.attributes else ""


def _rename(module: Any, name: str) -> None:
    """Gives the kernel its symbol; companions follow, so that no two kernels' symbols clash."""
    kernel = find_kernel(module)
    old = symbol(kernel)
    table = ir.SymbolTable(module.operation)
    for op in list(module.body.operations):
        operation = op.operation
        own = symbol(operation)
        if own != old and not own.startswith(f"{old}_"):
            continue
        new = name + own[len(old) :]
        if new != own:
            table.replace_all_symbol_uses(own, new, module.operation)
            table.set_symbol_name(operation, new)


@contextmanager
def _timed(times: dict[str, float], step: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    times[step] = times.get(step, 0.0) + time.perf_counter() - start
