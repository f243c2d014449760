"""Pipelines as text on the command line: `aicc-fold,mlir(canonicalize,cse),tile{size=32}`."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
import runpy
import sys
from functools import cache
from pathlib import Path
from typing import TypeAlias

import aicc.passes
from aicc.errors import AiccError, CompileError
from aicc.passes.base import PASSES, Pass, Upstream, make_pass
from aicc.pipeline import MODULE_STAGES, Pipeline
from aicc.target import Target
from aicc.tools.console import read_text

Step: TypeAlias = Pass

_OPEN, _CLOSE = "({[<", ")}]>"
_ENTRY = re.compile(r"(?P<name>[\w.-]+)\s*(?:\{(?P<options>.*)\})?", re.DOTALL)


@cache
def all_passes() -> dict[str, type[Pass]]:
    """Every pass of aicc by name; imports all modules below `aicc.passes`, where they register."""
    for module in pkgutil.walk_packages(aicc.passes.__path__, "aicc.passes."):
        if module.name not in sys.modules:
            try:
                importlib.import_module(module.name)
            except Exception as error:
                print(f"warning: {module.name} cannot be imported: {error}", file=sys.stderr)
    return dict(sorted(PASSES.items()))


def own_passes() -> dict[str, type[Pass]]:
    """The passes that are part of aicc, without those a program has added."""
    return {name: cls for name, cls in all_passes().items() if cls.__module__.startswith("aicc.passes.")}


def split_top_level(text: str) -> list[str]:
    """`text` cut at the commas outside of all brackets. Raises CompileError AICC-2003 on unbalanced ones."""
    parts, depth, current = [], 0, ""
    for char in text:
        depth += (char in _OPEN) - (char in _CLOSE)
        if depth < 0:
            break
        if char == "," and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += char
    if depth != 0:
        raise CompileError("AICC-2003", f"the brackets of the pipeline '{text}' do not match.")
    return [part for part in (*parts, current.strip()) if part]


def parse_pipeline(text: str, target: Target | None = None) -> list[Step]:
    """The passes of a pipeline text; `builtin.module(…)` around it is allowed. Raises CompileError AICC-2003."""
    text = text.strip()
    match = re.fullmatch(r"builtin\.module\s*\((.*)\)", text, re.DOTALL)
    steps: list[Step] = []
    for entry in split_top_level(match[1] if match else text):
        if own := _ENTRY.fullmatch(entry):
            steps += step(own["name"], own["options"] or "", entry, target)
        elif entry.startswith("mlir(") and entry.endswith(")"):
            steps.append(Upstream(entry[5:-1]))
        else:
            steps.append(Upstream(entry))
    return steps


def step(name: str, options: str = "", text: str | None = None, target: Target | None = None) -> list[Step]:
    """The pass `name`, or the passes of the stage `name`, with options as text (`size=32 unroll`).

    `text` is how a pass of MLIR itself is written, when that differs. Raises CompileError AICC-2003.
    """
    if name in all_passes():
        return [make_pass(name, parse_options(options))]
    if name in MODULE_STAGES:
        return list(aicc.cpu_pipeline(target).stage(name).passes)
    return [Upstream(text or (f"{name}{{{options}}}" if options else name))]


def parse_options(text: str) -> dict[str, str]:
    """`size=32 order=1,0 flag` as a dict; an option without a value is `true`."""
    pairs = (item.partition("=") for item in text.split())
    return {name: value if equals else "true" for name, equals, value in pairs}


def list_passes() -> str:
    """The passes of aicc, one per line, with their options and the first line of what they say of themselves."""
    lines = []
    for name, cls in own_passes().items():
        options = " ".join(f"{f.name.replace('_', '-')}={f.default}" for f in dataclasses.fields(cls))
        summary = (inspect.getdoc(cls) or "").split("\n")[0]
        lines.append(f"{name + ('{' + options + '}' if options else ''):<44} {summary}")
    return "\n".join(lines)


def load_pipeline(path: Path, target: Target, opt_level: int) -> Pipeline:
    """The pipeline of a file: what its function `pipeline(target, opt_level)` returns, or, when it does not end
    in `.py`, the text that `aicc --print-pipeline` prints.

    Raises CompileError AICC-2003, AICC-4002.
    """
    if path.suffix != ".py":
        all_passes()
        return Pipeline.parse(" ".join(read_text(path).split()))
    read_text(path)
    try:
        function = runpy.run_path(str(path)).get("pipeline")
        result = function(target, opt_level) if callable(function) else None
    except AiccError:
        raise
    except Exception as error:
        raise CompileError("AICC-2003", f"'{path}' fails: {type(error).__name__}: {error}") from error
    if not isinstance(result, Pipeline):
        raise CompileError(
            "AICC-2003",
            f"'{path}' has no function pipeline(target, opt_level) that returns an aicc.Pipeline.",
        )
    return result
