"""Every IR test of this folder computes the same numbers before and after its passes.

The `.mlir` files say what a pass makes of a module; here each of their modules runs on random inputs
through the ops' NumPy folds, before and after the passes of its RUN line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aicc.bindings import ir
from aicc.dialects import context
from aicc.dialects.shapes import Shapes
from aicc.dialects.symbolic import substitute
from aicc.dialects.types import DType, TensorType
from aicc.passes.base import Pass, make_pass
from aicc.passes.graph import graph_passes
from aicc.passes.graph.facts import main_function, module_ops
from aicc.target import Target
from aicc.tools.pipelines import parse_options
from test.passes.graph.interp import Array, check_pass

HERE = Path(__file__).parent
ROUNDING = {"quantize-activations"}
"""Passes that round where a model allows it: test/ops/test_accuracy_level.py says what they compute."""
SIZES = {"n": 3, "b": 2, "s": 5}


def _cases() -> Iterator[Any]:
    for path in sorted(HERE.glob("*.mlir")):
        text = path.read_text()
        run = re.search(r"RUN: aicc-opt %s ([^|]*)\|", text)
        assert run is not None, path
        names = [flag[2:] for flag in run[1].split() if flag.startswith("--")]
        for i, part in enumerate(text.split("// -----") if ROUNDING.isdisjoint(names) else ()):
            yield pytest.param(part, names, id=f"{path.stem}-{i}")


@pytest.mark.parametrize("text, passes", list(_cases()))
def test_same_numbers(text: str, passes: list[str], rng: np.random.Generator) -> None:
    with context(), ir.Location.unknown():
        module = ir.Module.parse(text)
        shapes = Shapes()
        inputs = [
            random_array(rng, shapes.info(a), SIZES)
            for a in main_function(module).regions[0].blocks[0].arguments
        ]
        weights = {}
        for op in module_ops(module):
            if op.name == "aicc.weight":
                sym = ir.StringAttr(op.attributes["sym"]).value
                weights[sym] = random_array(rng, shapes.info(op.results[0]), {})
    half = "f16" in text
    check_pass(text, list(_passes(passes)), inputs, weights, *((2e-3, 2e-3) if half else (2e-5, 2e-6)))


def _passes(names: list[str]) -> Iterator[Pass]:
    """The passes of a RUN line, where `--graph` is the whole stage."""
    for name in names:
        if name == "graph":
            yield from graph_passes(Target.cpu_named("x86-64-v3"))
        else:
            name, _, options = name.partition("=")
            yield make_pass(name, parse_options(options))


def random_array(rng: np.random.Generator, t: TensorType, sizes: dict[str, int]) -> Array:
    """Random elements; bools are mostly true, so that a mask leaves something."""
    shape = [substitute(d, sizes) for d in t.shape]
    if t.dtype is DType.BOOL:
        return np.asarray(rng.random(shape) < 0.8)
    if t.dtype.is_float:
        return rng.standard_normal(shape).astype(t.dtype.numpy)
    return rng.integers(0, 4, shape).astype(t.dtype.numpy)
