"""Compiled models on the stand-in: what is launched and copied. Kernels are looked up in the PTX, but not run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aicc.driver import Options, compile_model
from aicc.loader import load
from aicc.target import Target
from aicc.tools.inputs import random_inputs
from test.cuda.cases import make_constant, model_of, pipeline_for, schedules
from test.models.test_models import SIZES, model
from test.ops.test_control_flow import CASES
from test.ops.test_control_flow import _model as parsed

from .conftest import Driver


@pytest.mark.parametrize("name", ["resnet", "gpt_decode"])
def test_static(driver: Driver, name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.so"
    compile_model(model(name, False), path, Options(target=Target.cuda("sm_80")))
    exe = load(path)
    inputs = random_inputs(model(name, False))
    weights = driver.state.uploads
    assert weights == 1
    results = [exe.run(list(inputs.values())) for _ in range(4)]
    assert driver.state.captures == 1
    assert driver.state.replays == 3
    assert driver.state.launches > 2 * len(exe.kernels) * 0.9
    assert [r.shape for r in results[0]] == [r.shape for r in results[3]]
    assert all(isinstance(r, np.ndarray) for r in results[0])
    exe.close()


def test_windows_by_warpgroups(driver: Driver, tmp_path: Path) -> None:
    """The stand-in describes no tensor whose dims overlap, as those of a moving window might."""
    text = "(float16[1,64,33,33] X, float16[64,64,3,3] W) => (float16[1,64,16,16] Y) { Y = Conv<strides=[2,2]>(X,W) }"
    parsed_model = model_of(text)
    x, w = random_inputs(parsed_model).values()
    make_constant(parsed_model, {"W": w})
    path, target = tmp_path / "model.so", Target.cuda("sm_90a")
    options = Options(target=target, pipeline=pipeline_for(target, "warpgroup"))
    compile_model(parsed_model.SerializeToString(), path, options)
    exe = load(path)
    assert "warpgroup" in schedules(exe)
    exe.run([x])
    exe.close()


@pytest.mark.parametrize("name", ["encoder"])
def test_free_sizes(driver: Driver, name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.so"
    compile_model(model(name, True), path, Options(target=Target.cuda("sm_80")))
    exe = load(path)
    for _ in range(3):
        for sizes in SIZES[:2]:
            exe.run(list(random_inputs(model(name, True), sizes).values()))
    assert driver.state.captures == 2
    exe.close()


def test_a_loop(driver: Driver, tmp_path: Path) -> None:
    """Its rounds are launches of one run; how many depends on a size: nothing is read, and runs are replayed."""
    path = tmp_path / "model.so"
    text, _ = CASES["scan"]
    compile_model(parsed(text), path, Options(target=Target.cuda("sm_80")))
    exe = load(path)
    launches = []
    for length in (3, 30):
        before = driver.state.launches
        last, rows = exe.run([np.ones((2, 4), np.float32), np.ones((2, length, 4), np.float32)])
        assert last.shape == (2, 4) and rows.shape == (2, length, 4)
        launches.append(driver.state.launches - before)
    assert launches[1] > 9 * launches[0] - 30
    exe.close()
