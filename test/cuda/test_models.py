"""Whole networks on the emulated GPU: the host program, its reads of the device, temporaries, recurrences."""

from __future__ import annotations

from typing import Any

import pytest

import aicc
from aicc.target import Target
from aicc.tools.inputs import random_inputs
from test.cuda.cases import pipeline_for
from test.models.test_models import SIZES, agree, model, session


@pytest.mark.parametrize("name", ["resnet", "encoder", "gpt_decode", "lstm"])
def test_static(name: str) -> None:
    exe = aicc.compile(model(name, False), Target.simt(), check_ir=True)
    agree(exe, session(name, False), random_inputs(model(name, False)))


@pytest.mark.parametrize("name", ["mobilenet", "encoder", "gru"])
def test_free_sizes(name: str) -> None:
    exe = aicc.compile(model(name, True), Target.simt(), check_ir=True)
    for sizes in SIZES[:2]:
        agree(exe, session(name, True), random_inputs(model(name, True), sizes))


@pytest.mark.parametrize(("name", "free"), [("resnet", False), ("encoder", True), ("gru", True)])
def test_with_a_library(name: str, free: bool, cublaslt: Any) -> None:
    """Products by the stand-in for cuBLASLt wherever it has them, among kernels of aicc's."""
    target = Target.simt("sm_80")
    exe = aicc.compile(
        model(name, free), target, pipeline=pipeline_for(target, "cublaslt"), vendor_libraries=("cublaslt",)
    )
    for sizes in SIZES[:2] if free else (None,):
        agree(exe, session(name, free), random_inputs(model(name, free), sizes))
    called = [kernel for kernel in exe.kernels if kernel.schedule.startswith("cublaslt")]
    assert called and cublaslt.state.matmuls >= len(called)
    exe.close()


def test_with_two_libraries(cublaslt: Any, cudnn: Any) -> None:
    """Convolutions by one, products by the other; a batch that the run knows, paddings within the library's part."""
    target = Target.simt("sm_80")
    exe = aicc.compile(
        model("mobilenet", True),
        target,
        pipeline=pipeline_for(target, "cudnn"),
        vendor_libraries=("cublaslt", "cudnn"),
    )
    for sizes in SIZES[:2]:
        agree(exe, session("mobilenet", True), random_inputs(model("mobilenet", True), sizes))
    called = [kernel for kernel in exe.kernels if kernel.schedule.startswith("cudnn")]
    assert called and cudnn.state.executions >= len(called)
    assert not any("pad" in kernel.name for kernel in exe.kernels)
    exe.close()
