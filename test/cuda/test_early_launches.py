"""Kernels that wait for those before them by themselves (programmatic dependent launch): where they do; the code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from aicc.codegen import device_build
from aicc.codegen.gpu_code import find_ptxas
from aicc.driver import Options, compile_model
from aicc.knobs import knobs
from aicc.target import Target
from test.cuda.cases import CASES, compiled, model_of, pipeline_for, random_inputs, tolerance, worst_error

ORDERS = ("ascending", "descending")
PAIRS = {  # a case, and the schedule that gets it
    "add_tanh": "",
    "softmax": "",
    "max_pool": "",
    "half_matmul": "warpgroup",
    "half_matmul_odd": "",
    "half_matmul_deep": "",
    "half_attention": "warpgroup_attention",
}
WRONG = 7


@pytest.mark.parametrize("name", PAIRS)
def test_nothing_is_touched_before_the_wait(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulation runs what comes before it with addresses at which there is no memory."""
    text = CASES[name]
    with knobs.scope(cuda_early_launch=True):
        executable = compiled(model_of(text), PAIRS[name], "sm_90a")
    for order in ORDERS:
        monkeypatch.setenv("AICC_SIMT_ORDER", order)
        assert worst_error(executable, text, random_inputs(model_of(text))) <= tolerance(text), order


BROKEN = {
    "a_read": ("add_tanh", "touches memory before it waits", "lambda op: op.name == 'gpu.return'"),
    "a_copy": ("half_matmul", "touches memory before it waits", "lambda op: op.name == 'gpu.return'"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_the_emulation_notices(name: str) -> None:
    """Threads that wait at the end only."""
    case, message, replacement = BROKEN[name]
    script = f"""
from aicc.knobs import knobs
from aicc.passes.gpu import grids
from test.cuda.test_early_launches import CASES, PAIRS, compiled, model_of, random_inputs
grids._touches_memory = {replacement}
with knobs.scope(cuda_early_launch=True, cache=False):
    compiled(model_of(CASES[{case!r}]), PAIRS[{case!r}], "sm_90a")(dict(random_inputs(model_of(CASES[{case!r}]))))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert message in done.stderr, done.stderr[-2000:]


def code_of(name: str, arch: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """PTX of a case's kernels, which the assembler takes if there is one; the object goes to `path`."""
    found = []
    image = device_build.device_image

    def spy(module: object, target: Target) -> object:
        made = image(module, target)
        found.append(made.code.decode())
        return made

    monkeypatch.setattr(device_build, "device_image", spy)
    target = Target.cuda(arch)
    options = Options(target, emit="obj", cache=False, jobs=0, pipeline=pipeline_for(target, PAIRS[name]))
    compile_model(model_of(CASES[name]).SerializeToString(), path, options)
    return found


@pytest.mark.skipif(find_ptxas() is None, reason="needs ptxas: pip install nvidia-cuda-nvcc-cu12")
@pytest.mark.parametrize("name", ["softmax", "half_matmul", "half_attention"])
def test_code(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LLVM moves no access to memory before the wait, and ptxas takes it."""
    with knobs.scope(cuda_early_launch=True):
        images = code_of(name, "sm_90a", tmp_path / "m.o", monkeypatch)
    for body in re.split(r"^\.visible \.entry ", "".join(images), flags=re.MULTILINE)[1:]:
        before, after = body.split("griddepcontrol.wait;")
        assert after.lstrip().startswith("griddepcontrol.launch_dependents;")
        touched = re.compile(r"\b(ld|st|red|atom)\.global|cp\.async")
        assert touched.search(after) and not touched.search(before)


def test_only_from_sm_90_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code for others is the same, as is all code if nobody asks."""
    for arch, value in (("sm_80", False), ("sm_80", True), ("sm_90", False)):
        with knobs.scope(cuda_early_launch=value):
            (ptx,) = code_of("add_tanh", arch, tmp_path / f"{arch}-{value}.o", monkeypatch)
        assert "griddepcontrol" not in ptx
    assert (tmp_path / "sm_80-False.o").read_bytes() == (tmp_path / "sm_80-True.o").read_bytes()
