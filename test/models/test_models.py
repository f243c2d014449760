"""Small networks of nine families, compiled whole, against ONNX Runtime: static and free sizes, -O1, threads."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

import aicc
from aicc.executable import Executable
from aicc.tools.agreement import compare
from aicc.tools.inputs import random_inputs
from test.models import FAMILIES

Array = NDArray[Any]
FREE = {"batch", "seq", "past"}
SIZES = [
    {"batch": 1, "seq": 16, "past": 1},
    {"batch": 3, "seq": 5, "past": 12},
    {"batch": 2, "seq": 1, "past": 7},
]


@cache
def model(name: str, free: bool) -> onnx.ModelProto:
    build = FAMILIES[name]
    return build(**{p: p for p in inspect.signature(build).parameters if p in FREE}) if free else build()


@cache
def session(name: str, free: bool) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    # ONNX Runtime's own rewrites are not what we compare with.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model(name, free).SerializeToString(), options)


@cache
def executable(name: str, free: bool, opt_level: int = 2) -> Executable:
    return aicc.compile(model(name, free), opt_level=opt_level, check_ir=True)


def agree(exe: Executable, reference: onnxruntime.InferenceSession, inputs: Mapping[str, Array]) -> None:
    given = {name: array.copy() for name, array in inputs.items()}
    results = exe(dict(inputs))
    results = results if isinstance(results, tuple) else (results,)
    names = [output.name for output in reference.get_outputs()]
    assert [info.name for info in exe.outputs] == names
    expected = dict(zip(names, reference.run(None, dict(inputs)), strict=True))
    for check in compare(dict(zip(names, results, strict=True)), expected):
        assert check.error <= 2e-5, check
    for name, array in given.items():
        assert np.array_equal(array, inputs[name]), f"input {name} was changed"


@pytest.mark.parametrize("name", FAMILIES)
def test_static(name: str) -> None:
    for seed in range(2):
        agree(executable(name, False), session(name, False), random_inputs(model(name, False), seed=seed))


@pytest.mark.parametrize("name", FAMILIES)
def test_free_sizes(name: str) -> None:
    """One library for every size, the arena growing and shrinking between runs."""
    for sizes in [*SIZES, SIZES[0]]:
        agree(executable(name, True), session(name, True), random_inputs(model(name, True), sizes))


@pytest.mark.parametrize("name", FAMILIES)
def test_fixed_sizes(name: str) -> None:
    """The free model with its sizes fixed by `dims` is a static one."""
    m, sizes = model(name, True), SIZES[1]
    used = {d.dim_param for i in m.graph.input for d in i.type.tensor_type.shape.dim if d.dim_param}
    exe = aicc.compile(m, dims={s: sizes[s] for s in used})
    assert all(info.static for info in exe.inputs)
    agree(exe, session(name, True), random_inputs(m, sizes))


@pytest.mark.parametrize("name", ["resnet", "mobilenet", "encoder", "gpt_decode", "lstm"])
def test_the_affine_schedule_alone(name: str) -> None:
    """-O1 compiles every kernel with the schedule that matches anything: the oracle of the others."""
    agree(executable(name, False, opt_level=1), session(name, False), random_inputs(model(name, False)))


@pytest.mark.parametrize("name", ["resnet", "encoder"])
def test_threads_change_nothing(name: str) -> None:
    exe, inputs = executable(name, False), random_inputs(model(name, False))
    exe.num_threads = 1
    one = exe(inputs)
    exe.num_threads = 3
    many = exe(inputs)
    exe.num_threads = 0
    for a, b in zip(one, many, strict=True) if isinstance(one, tuple) else [(one, many)]:
        assert np.array_equal(a, b)
