"""Pipelines as data: text form, editing, errors."""

from dataclasses import dataclass
from typing import ClassVar

import pytest

from aicc.driver import cpu_pipeline
from aicc.errors import CompileError
from aicc.passes.base import Pass
from aicc.pipeline import Pipeline, Stage
from aicc.target import Target

TARGET = Target.cpu_named("x86-64-v3")


@dataclass(frozen=True)
class Count(Pass):
    """Counts the ops of `main`; a user's own pass."""

    pass_name: ClassVar[str] = "test-count"
    depth: int = 1
    names: tuple[int, ...] = (1, 2)

    def run(self, module, ctx):
        ctx.stats["count"] = self.depth * sum(
            1 for f in module.body.operations for _ in f.regions[0].blocks[0].operations
        )


def test_the_text_of_a_pipeline_parses_back():
    pipeline = cpu_pipeline(TARGET)
    assert str(Pipeline.parse(str(pipeline))) == str(pipeline)
    assert [s.name for s in pipeline.stages] == ["graph", "linalg", "kernels", "buffers"]


def test_options_survive_the_text_form():
    pipeline = Pipeline([Stage("graph", [Count(depth=3, names=(4, 5))])])
    assert str(pipeline) == "graph(test-count{depth=3 names=4,5})"
    assert list(Pipeline.parse(str(pipeline))) == [Count(depth=3, names=(4, 5))]


def test_insertion_replacement_and_removal():
    pipeline = cpu_pipeline(TARGET)
    n = len(pipeline)
    pipeline.insert_after("form-kernels", Count())
    pipeline.insert_before("form-kernels", Count(depth=2))
    names = [p.pass_name for p in pipeline]
    at = names.index("form-kernels")
    assert pipeline[at - 1] == Count(depth=2) and pipeline[at + 1] == Count()
    pipeline.replace("test-count", Count(depth=7))
    assert pipeline[at - 1] == Count(depth=7)
    pipeline.remove("test-count")
    pipeline.remove("test-count")
    assert len(pipeline) == n


@pytest.mark.parametrize(
    "text",
    [
        "graph",
        "graph(no-such-pass)",
        "graph(test-count{depth=x})",
        "graph(test-count{wrong=1})",
        "graph(test-count{depth})",
    ],
)
def test_malformed_texts_say_so(text):
    with pytest.raises(CompileError) as caught:
        Pipeline.parse(text)
    assert caught.value.code == "AICC-2003"


def test_an_unknown_anchor_says_what_there_is():
    with pytest.raises(CompileError, match="form-kernels"):
        cpu_pipeline(TARGET).insert_after("nothing", Count())
