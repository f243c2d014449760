"""`aicc --verify`: runs what was compiled against the ONNX reference, and finds the culprit when they differ."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

import aicc
from aicc.driver import Options, compile_model
from aicc.errors import AiccError
from aicc.tools import console
from aicc.tools.agreement import Agreement, compare
from aicc.tools.aicc_run import run_named, table
from aicc.tools.inputs import random_inputs
from aicc.tools.models import Reference, read_onnx

Array = NDArray[Any]

OPTIONAL_STAGE = "graph"
"""The stage whose passes only improve the program: leaving one out must not change the result."""


def verify_model(model: Path, library: Path, options: Options) -> bool:
    """Whether the library agrees with the reference on random inputs; shows the comparison and suspects."""
    inputs = random_inputs(read_onnx(model), options.dims)
    expected = Reference("reference", model).run(inputs)
    executable = aicc.load(library)
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
    """What makes the result right when it is left out: the schedules of -O2, or a pass of stage graph."""
    found = []

    def good(changed: Options) -> bool:
        return all(check.good for check in recompiled(model, changed, inputs, expected))

    if options.opt_level > 1 and good(replace(options, opt_level=1)):
        found.append(f"a schedule of -O{options.opt_level}: -O1 is right.")
    for number, one in enumerate(options.chosen_pipeline().stage(OPTIONAL_STAGE).passes):
        pipeline = options.chosen_pipeline()
        del pipeline.stage(OPTIONAL_STAGE).passes[number]
        if good(replace(options, pipeline=pipeline)):
            found.append(f"pass '{one}': the result is right without it.")
    return found or ["nothing that can be left out by itself; compare --dump of the stages."]


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
