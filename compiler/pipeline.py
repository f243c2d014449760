"""Stages and the passes in them, as data: edit, print, parse back, stop after, start from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from aicc.errors import CompileError
from aicc.passes.base import PASSES, Pass, Upstream, make_pass

STAGES = ("import", "graph", "linalg", "kernels", "buffers", "schedule", "loops", "llvm", "object", "link")
"""The public stages. Passes live in graph to buffers; from schedule on each kernel is built by itself."""

MODULE_STAGES = STAGES[: STAGES.index("schedule")]


@dataclass
class Stage:
    """A named list of passes."""

    name: str
    passes: list[Pass] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.name}({','.join(map(str, self.passes))})"


class Pipeline:
    """The passes of a target, stage by stage; behaves like a list of passes.

    p = aicc.cpu_pipeline()
    p.insert_after("fold-constants", MyPass(depth=2))
    assert str(Pipeline.parse(str(p))) == str(p)
    """

    def __init__(self, stages: Sequence[Stage]) -> None:
        self.stages = [Stage(s.name, list(s.passes)) for s in stages]

    def __iter__(self) -> Iterator[Pass]:
        return (p for s in self.stages for p in s.passes)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, i: int) -> Pass:
        return list(self)[i]

    def __str__(self) -> str:
        return ";".join(map(str, self.stages))

    def stage(self, name: str) -> Stage:
        """The stage called `name`. Raises CompileError AICC-2003."""
        for s in self.stages:
            if s.name == name:
                return s
        names = ", ".join(s.name for s in self.stages)
        raise CompileError(
            "AICC-2003", f"there is no stage '{name}' with passes.", hint=f"there are: {names}."
        )

    def _find(self, anchor: str | Pass) -> tuple[Stage, int]:
        for s in self.stages:
            for i, p in enumerate(s.passes):
                if p is anchor or p.pass_name == anchor:
                    return s, i
        names = ", ".join(p.pass_name for p in self)
        raise CompileError("AICC-2003", f"the pipeline has no pass '{anchor}'.", hint=f"it has: {names}.")

    def insert_after(self, anchor: str | Pass, new: Pass) -> None:
        """Puts `new` after the first pass called `anchor`. Raises CompileError AICC-2003."""
        stage, i = self._find(anchor)
        stage.passes.insert(i + 1, new)

    def insert_before(self, anchor: str | Pass, new: Pass) -> None:
        """Puts `new` before the first pass called `anchor`. Raises CompileError AICC-2003."""
        stage, i = self._find(anchor)
        stage.passes.insert(i, new)

    def replace(self, anchor: str | Pass, new: Pass) -> None:
        """Puts `new` in the place of the first pass called `anchor`. Raises CompileError AICC-2003."""
        stage, i = self._find(anchor)
        stage.passes[i] = new

    def remove(self, anchor: str | Pass) -> None:
        """Takes the first pass called `anchor` out. Raises CompileError AICC-2003."""
        stage, i = self._find(anchor)
        del stage.passes[i]

    def append(self, stage: str, new: Pass) -> None:
        """Puts `new` at the end of a stage. Raises CompileError AICC-2003."""
        self.stage(stage).passes.append(new)

    @staticmethod
    def parse(text: str) -> Pipeline:
        """The pipeline that `str` prints so; passes of your own must be imported first.

        Raises CompileError AICC-2003.
        """
        stages = []
        for entry in _split(text, ";"):
            match = re.fullmatch(r"\s*([\w-]+)\((.*)\)\s*", entry, re.DOTALL)
            if match is None:
                raise CompileError("AICC-2003", f"'{entry}' is no stage; expected name(pass,pass…).")
            stages.append(Stage(match[1], [_parse_pass(p) for p in _split(match[2], ",") if p.strip()]))
        return Pipeline(stages)


def _parse_pass(text: str) -> Pass:
    text = text.strip()
    if text.startswith("mlir(") and text.endswith(")"):
        return Upstream(text[5:-1])
    match = re.fullmatch(r"([\w-]+)(?:\{(.*)\})?", text, re.DOTALL)
    if match is None or match[1] not in PASSES:
        return make_pass(match[1] if match else text, {})
    options = {}
    for item in (match[2] or "").split():
        key, eq, value = item.partition("=")
        if not eq:
            raise CompileError("AICC-2003", f"option '{item}' of pass '{match[1]}' has no value.")
        options[key] = value
    return make_pass(match[1], options)


def _split(text: str, separator: str) -> list[str]:
    """Splits at separators outside brackets."""
    parts: list[str] = []
    depth, start = 0, 0
    for i, c in enumerate(text):
        depth += (c in "({[") - (c in ")}]")
        if c == separator and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    return [*parts, text[start:]] if text else []


Upstream.pass_name = "mlir"
