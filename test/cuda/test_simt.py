"""Numbers of every schedule: device code run on the CPU, threads in ascending and in descending order."""

from __future__ import annotations

import pytest

from aicc.passes.schedules.registry import SCHEDULES
from test.cuda.cases import CASES, compiled, model_of, random_inputs, schedules, tolerance, worst_error

FORCED = {
    "attention": ["half_attention"],
    "contraction": [name for name in CASES if any(k in name for k in ("matmul", "gemm", "convolution"))],
    "threads": ["add_odd", "softmax", "softmax_outer", "layer_norm", "matmul", "convolution", "half_matmul"],
    "rows": ["matmul", "convolution", "matmul_batched", "half_matmul_odd"],
}


def check(name: str, only: str, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Compiles and compares; returns the schedules that were used."""
    model = model_of(CASES[name])
    inputs = random_inputs(model)
    executable = compiled(model, only)
    for order in ("ascending", "descending"):
        monkeypatch.setenv("AICC_SIMT_ORDER", order)
        assert worst_error(executable, CASES[name], inputs) <= tolerance(CASES[name]), order
    return schedules(executable)


@pytest.mark.parametrize("name", CASES)
def test_chosen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is chosen computes the right numbers, and is a schedule for GPUs."""
    used = check(name, "", monkeypatch)
    assert used and used <= set(SCHEDULES["cuda"])


@pytest.mark.parametrize(("only", "name"), [(only, name) for only in FORCED for name in FORCED[only]])
def test_forced(only: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Schedules that the sizes of a test would not get."""
    assert only in check(name, only, monkeypatch)


def test_16_bit_products_without_tensor_cores() -> None:
    """Before sm_80 products of 16-bit floats are another schedule's."""
    text = CASES["half_matmul"]
    executable = compiled(model_of(text), "contraction", "sm_75")
    assert "contraction" not in schedules(executable)
    assert worst_error(executable, text, random_inputs(model_of(text))) <= tolerance(text)
