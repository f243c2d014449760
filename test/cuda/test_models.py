"""Whole networks on the emulated GPU: the host program, its reads of the device, temporaries, recurrences."""

from __future__ import annotations

import pytest

import aicc
from aicc.target import Target
from aicc.tools.inputs import random_inputs
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
