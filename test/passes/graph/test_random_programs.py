"""The whole stage on random programs: the same numbers, valid IR after every pass."""

from __future__ import annotations

import numpy as np
import pytest

from aicc.bindings import ir
from aicc.dialects import context
from aicc.passes.graph import graph_passes
from aicc.passes.graph.facts import kind, module_ops
from aicc.target import Target
from test.passes.graph.interp import context_for, evaluate
from test.passes.graph.programs import Program


@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
@pytest.mark.parametrize("seed", range(40))
def test_same_numbers(seed: int, dynamic: bool) -> None:
    ctx = context_for()
    with context(), ir.Location.unknown():
        program = Program(seed, 24, ctx.weights, dynamic)
        assert program.module.operation.verify()
        text = str(program.module)
        before = evaluate(program.module, program.inputs, ctx.weights)
        for p in graph_passes(Target.cpu_named("x86-64-v3")):
            p.run(program.module, ctx)
            assert program.module.operation.verify(), str(p)
        assert not ctx.stats.get("rewrites given up"), ctx.stats
        after = evaluate(program.module, program.inputs, ctx.weights)
        for a, b in zip(before, after, strict=True):
            assert a.shape == b.shape
            scale = 1e-3 + float(np.abs(a).max(initial=0))
            np.testing.assert_allclose(b / scale, a / scale, rtol=0, atol=5e-5, err_msg=text)
        left = {kind(op) for op in module_ops(program.module)}
        assert not left & {"batch_norm", "pow"}, left
