"""What `make test-cuda` runs, on the emulated GPU: built, run with NumPy alone, and wrong numbers found."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from aicc.driver import Options, compile_model
from aicc.passes.schedules.cuda.warpgroup.plan import TILES
from aicc.target import Target
from benchmarks.cuda import cases, jax_peer
from benchmarks.cuda.cases import SPEED
from benchmarks.cuda.speed import PEERS
from test.cuda.cases import expected, model_of, random_inputs

ROOT = Path(__file__).resolve().parents[2]


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    """The checker in a process that cannot import what the compiler needs."""
    hidden = (
        "import sys; sys.modules.update(dict.fromkeys(['onnx', 'torch_mlir', 'llvmlite', 'click', 'rich']));"
    )
    run = f"{hidden} import runpy; sys.argv = ['check', '--folder', {str(folder)!r}];"
    run += " runpy.run_module('benchmarks.cuda.check', run_name='__main__')"
    return subprocess.run([sys.executable, "-c", run], cwd=ROOT, capture_output=True, text=True)


def test_cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        sys, "argv", ["cases", "--target", "simt", "--only", "softmax_o", "--folder", str(tmp_path)]
    )
    cases.main()
    good = check(tmp_path)
    assert good.returncode == 0 and "1 of 1 cases agree" in good.stdout, good.stdout + good.stderr

    path = tmp_path / "softmax_outer.npz"
    with np.load(path) as data:
        arrays = dict(data)
    arrays["out0"][0, 0, 0] += 0.5
    np.savez(path, **arrays)
    bad = check(tmp_path)
    assert bad.returncode == 1 and "FAIL softmax_outer" in bad.stdout and "allowed" in bad.stdout


def test_every_tile_of_warpgroups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A case has the tile that it is named after."""
    arguments = ["--target", "simt", "--mcpu", "sm_90a", "--only", "tile_64x128_right"]
    monkeypatch.setattr(sys, "argv", ["cases", *arguments, "--folder", str(tmp_path)])
    cases.main()
    good = check(tmp_path)
    assert good.returncode == 0 and "1 of 1 cases agree" in good.stdout, good.stdout + good.stderr
    target = Target.cuda("sm_90a")
    found = {name: (cases.LAYOUTS[layout], pipeline) for name, layout, pipeline in cases.tiles(target)}
    assert len(found) == 3 * len(TILES) and not list(cases.tiles(Target.cuda("sm_90")))
    text, pipeline = found["tile_64x128_right_turned"]
    options = Options(target, pipeline=pipeline, stop_after="kernels", jobs=0)
    stopped = compile_model(model_of(text).SerializeToString(), None, options)
    assert 'aicc.config = "rows=64,columns=128"' in stopped.text


def test_cases_of_a_library(tmp_path: Path, cublaslt: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are checked where the library is, and left out where it is not."""
    arguments = ["--target", "simt", "--only", "cublaslt_residual", "--folder", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["cases", *arguments])
    cases.main()
    good = check(tmp_path)
    assert good.returncode == 0 and "1 of 1 cases agree" in good.stdout, good.stdout + good.stderr
    monkeypatch.setenv("AICC_CUBLASLT", "/nowhere/libcublasLt.so.12")
    without = check(tmp_path)
    assert without.returncode == 0 and "0 of 0 cases agree, 1 left out" in without.stdout, without.stdout
    for library, texts in cases.CALLS.items():
        for text in texts.values():
            options = Options(
                Target.cuda("sm_90a"),
                pipeline=cases.library_pipeline(Target.cuda("sm_90a"), library),
                stop_after="kernels",
            )
            stopped = compile_model(model_of(text).SerializeToString(), None, options)
            assert f'aicc.schedule = "{library}"' in stopped.text


@pytest.mark.parametrize("name", SPEED)
def test_speed_cases(name: str) -> None:
    """Each is a model, and has a peer with as many operands."""
    graph = model_of(SPEED[name][0]).graph
    peer = next(p for start, p in PEERS.items() if name.startswith(start))
    assert peer.__code__.co_argcount == 1 + len(graph.input)


@pytest.mark.parametrize("name", ["matmul_float_1024", "add", "transpose", "softmax", "layer_norm"])
def test_cases_in_jax(name: str) -> None:
    """They compute what the model does; NumPy stands in for JAX's functions of the same names."""

    def softmax(x: Any, axis: int) -> Any:
        e = np.exp(x - x.max(axis, keepdims=True))
        return e / e.sum(axis, keepdims=True)

    jax = SimpleNamespace(numpy=np, nn=SimpleNamespace(softmax=softmax))
    text = re.sub(r"\d{4,}", "24", SPEED[name][0])
    inputs = random_inputs(model_of(text))
    peer = next(function for start, function in jax_peer.PEERS.items() if name.startswith(start))
    np.testing.assert_allclose(peer(jax, *inputs.values()), expected(text, inputs)[0], atol=1e-4)
