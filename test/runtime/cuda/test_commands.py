"""aicc and aicc-run with a model for GPUs: what a machine without one says, and what one with a GPU shows."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from aicc.tools.aicc import main as aicc
from aicc.tools.aicc_run import main as aicc_run
from test.cuda.cases import CASES, model_of
from test.shell import run

from .conftest import Driver


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model compiled where there is no driver."""
    folder = tmp_path_factory.mktemp("commands")
    onnx.save(model_of(CASES["add_tanh"]), folder / "model.onnx")
    out = folder / "model.so"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AICC_CUDA_DRIVER", "/nowhere/libcuda.so.1")
        done = run(aicc, folder / "model.onnx", "--target", "cuda", "--mcpu", "sm_80", "-o", out)
    assert done.code == 0 and out.exists(), done.err
    return out


def test_without_a_driver(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AICC_CUDA_DRIVER", "/nowhere/libcuda.so.1")
    done = run(aicc_run, library)
    text = " ".join(done.err.split())
    assert done.code == 1
    assert "error[AICC-5005]: There is no NVIDIA driver: /nowhere/libcuda.so.1" in text
    assert "Traceback" not in text


def test_without_a_device(library: Path, driver: Driver) -> None:
    driver.state.devices = 0
    done = run(aicc_run, library)
    assert done.code == 1 and "There is no NVIDIA GPU" in " ".join(done.err.split())


def test_with_a_device(library: Path, driver: Driver) -> None:
    """The stand-in launches the kernels without computing anything."""
    done = run(aicc_run, library)
    assert done.code == 0, done.err
    assert driver.state.launches > 0
    assert "Y" in done.out and "4x64x128" in done.out.replace("×", "x").replace(", ", "x")
