"""`aicc --verify`: runs what was compiled against the ONNX reference, and finds the culprit when they differ."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from numpy.typing import NDArray

import aicc
from aicc.driver import Options, compile_model
from aicc.errors import AiccError
from aicc.passes.base import Pass, PassContext
from aicc.passes.schedules import registry
from aicc.passes.schedules.schedule import Choice
from aicc.pipeline import Pipeline
from aicc.signature import DimChoice
from aicc.tools import console
from aicc.tools.agreement import Agreement, compare
from aicc.tools.aicc_run import run_named, table
from aicc.tools.inputs import random_inputs
from aicc.tools.models import Reference, read_onnx, tensors_of

Array = NDArray[Any]

OPTIONAL_STAGE = "graph"
"""The stage whose passes only improve the program: leaving one out must not change the result."""


def _within(choice: DimChoice) -> int:
    """A size that is allowed: small, but larger than one when it may be."""
    return choice if isinstance(choice, int) else min(choice[1], max(choice[0], 16))


def verify_model(model: Path, library: Path, options: Options) -> bool:
    """Whether the library agrees with the reference on random inputs; shows the comparison and suspects."""
    sizes = {name: _within(choice) for name, choice in options.dims.items()}
    inputs = random_inputs(read_onnx(model, options.shapes), sizes)
    executable = aicc.load(library)
    expected = tensors_of(executable, Reference("reference", model).run(inputs))
    outputs = run_named(executable, inputs)
    checks = compare(outputs, expected)
    console.show(table(executable.outputs, outputs, checks, "reference"))
    if all(check.good for check in checks):
        return True
    for suspect in suspects(model, options, inputs, expected):
        print(f"suspect: {suspect}", file=sys.stderr)
    return False


def suspects(
    model: Path, options: Options, inputs: Mapping[str, Array], expected: Mapping[str, Array]
) -> list[str]:
    """What makes the result right when it is left out: the schedule of a kernel, or a pass of stage graph."""
    found = []

    def good(**changes: Any) -> bool:
        checks = recompiled(model, replace(options, **changes), inputs, expected)
        return all(check.good for check in checks)

    if options.opt_level > 1 and good(opt_level=1):
        found.append(f"a schedule of -O{options.opt_level}: -O1 is right.")
        for kernel, schedule in chosen_schedules(model, options).items():
            pipeline = Pipeline(options.chosen_pipeline().stages)
            pipeline.append("buffers", FallBack(kernel))
            if good(pipeline=pipeline):
                found.append(f"kernel '{kernel}': right with another schedule than '{schedule}'.")
    for number, one in enumerate(options.chosen_pipeline().stage(OPTIONAL_STAGE).passes):
        pipeline = Pipeline(options.chosen_pipeline().stages)
        del pipeline.stage(OPTIONAL_STAGE).passes[number]
        if good(pipeline=pipeline):
            found.append(f"pass '{one}': right without it.")
    return found or ["nothing that can be left out by itself; compare --dump of the stages."]


@dataclass(frozen=True)
class FallBack(Pass):
    """Gives one kernel the schedule that matches everything."""

    pass_name: ClassVar[str] = "fall-back"
    kernel: str = ""

    def run(self, module: Any, ctx: PassContext) -> None:
        for op in module.body.operations:
            if "aicc.kernel" in op.attributes and op.attributes["sym_name"].value == self.kernel:
                Choice(registry.for_target(ctx.target)[-1]).write(op)


def chosen_schedules(model: Path, options: Options) -> dict[str, str]:
    """The schedule of each kernel of a compilation, without those that have the last resort already."""
    with tempfile.TemporaryDirectory(prefix="aicc-verify-") as folder:
        quiet = replace(options, progress=None, dump=None)
        stats = compile_model(model, Path(folder) / "model.so", quiet).stats
    last = registry.for_target(options.target)[-1].name
    kernels = stats.get("kernel_results", {})
    return {name: k["schedule"] for name, k in kernels.items() if k["schedule"] != last}


def recompiled(
    model: Path, options: Options, inputs: Mapping[str, Array], expected: Mapping[str, Array]
) -> list[Agreement]:
    """The comparison for other options; a compilation that fails agrees with nothing."""
    with tempfile.TemporaryDirectory(prefix="aicc-verify-") as folder:
        library = Path(folder) / "model.so"
        try:
            compile_model(model, library, replace(options, progress=None, dump=None))
            executable = aicc.load(library)
            return compare(run_named(executable, inputs), expected)
        except AiccError:
            return [Agreement("", float("inf"), 0.0)]
