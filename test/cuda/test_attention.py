"""Attention as one kernel: masks, causal order, grouped heads, head sizes, one row against a cache; registers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest
from numpy.typing import NDArray

from aicc.codegen import device_build
from aicc.codegen.gpu_code import assemble, find_ptxas
from aicc.driver import Options, compile_model
from aicc.passes.schedules.cpu.attention.roles import Attention
from aicc.passes.schedules.cuda.attention.plan import AttentionConfig, Plan, plan_for
from aicc.passes.schedules.cuda.attention.schedule import FusedAttention
from aicc.target import Target
from test.cuda.cases import compiled, pipeline_for, random_inputs, schedules

TOLERANCE = {"float": 2e-5, "float16": 2e-3, "bfloat16": 1.6e-2}


def model(kind: str, q: str, kv: str, more: str = "", mask: str = "") -> onnx.ModelProto:
    """ONNX's Attention of `q` (batch, heads, rows, size) and `kv`."""
    inputs = f"{kind}[{q}] Q, {kind}[{kv}] K, {kind}[{kv}] V" + (f", {mask} M" if mask else "")
    operands = "Q,K,V" + (",M" if mask else "")
    text = f"({inputs}) => ({kind}[{q}] Y) {{ Y = Attention<{more or 'is_causal=0'}>({operands}) }}"
    return onnx.parser.parse_model('<ir_version: 11, opset_import: ["" : 23]> agraph ' + text)


def reference(
    q: NDArray[np.float64],
    k: NDArray[np.float64],
    v: NDArray[np.float64],
    mask: NDArray[np.float64] | None,
    causal: bool,
) -> NDArray[np.float64]:
    """In f64; heads of k and v serve several of q; -inf in `mask` forbids."""
    group = q.shape[1] // k.shape[1]
    k, v = np.repeat(k, group, 1), np.repeat(v, group, 1)
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores + mask
    if causal:
        rows, keys = scores.shape[-2:]
        scores = np.where(np.arange(keys) <= np.arange(rows)[:, None], scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return np.asarray(weights / weights.sum(-1, keepdims=True) @ v)


CASES = {
    "plain": ("1,2,70,64", "1,2,133,64", "", ""),
    "mask": ("2,2,33,32", "2,2,65,32", "", "[2,1,33,65]"),
    "causal": ("1,2,130,64", "1,2,130,64", "is_causal=1", ""),
    "grouped": ("1,6,40,32", "1,2,90,32", "", ""),
    "grouped_causal": ("1,4,96,64", "1,2,96,64", "is_causal=1", ""),
    "size_16": ("1,1,20,16", "1,1,40,16", "", ""),
    "size_96": ("1,2,65,96", "1,2,64,96", "", ""),
    "size_128": ("1,2,65,128", "1,2,70,128", "", ""),
    "size_256": ("1,1,65,256", "1,1,70,256", "", ""),
    "one_row": ("2,4,1,64", "2,2,200,64", "", ""),
    "one_row_mask": ("2,4,1,64", "2,2,200,64", "", "[2,1,1,200]"),
    "three_warps": ("1,1,35,32", "1,1,70,32", "", ""),
}


def force(monkeypatch: pytest.MonkeyPatch, parts: int) -> list[Plan]:
    """So many parts of the keys, whatever the sizes; the plans that were made."""
    plans: list[Plan] = []

    def planned(roles: Attention, target: Target, config: AttentionConfig) -> Plan:
        plans.append(plan_for(roles, target, AttentionConfig(parts)))
        return plans[-1]

    monkeypatch.setattr("aicc.passes.schedules.cuda.attention.schedule.plan_for", planned)
    return plans


@pytest.mark.parametrize("kind", ["float", "float16"])
@pytest.mark.parametrize("name", CASES)
def test_numbers(name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    q, kv, more, mask = CASES[name]
    graph = model(kind, q, kv, more, kind + mask if mask else "")
    inputs = random_inputs(graph)
    if mask:
        allowed = np.random.default_rng(1).random(inputs["M"].shape) < 0.7
        allowed[..., 0] = True
        inputs = inputs | {"M": np.where(allowed, inputs["M"], -np.inf).astype(inputs["M"].dtype)}
    executable = compiled(graph, "attention")
    assert "attention" in schedules(executable)
    wide = {key: value.astype(np.float64) for key, value in inputs.items()}
    expected = reference(wide["Q"], wide["K"], wide["V"], wide.get("M"), "causal" in name)
    for order in ("ascending", "descending"):
        monkeypatch.setenv("AICC_SIMT_ORDER", order)
        found = executable(dict(inputs))
        error = np.abs(found.astype(np.float64) - expected).max() / np.abs(expected).max()
        assert error <= TOLERANCE[kind], order


SPLIT = {
    "one_row_mask": 3,
    "grouped_causal": 2,  # rows that see no key of the second part
    "size_128": 16,  # parts without a key
    "three_warps": 2,
}


@pytest.mark.parametrize("kind", ["float", "float16"])
@pytest.mark.parametrize("name", SPLIT)
def test_parts(name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys split over blocks give the same numbers."""
    plans = force(monkeypatch, SPLIT[name])
    test_numbers(name, kind, monkeypatch)
    assert plans and all(plan.parts == SPLIT[name] for plan in plans)


def test_rows_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row of which all keys are forbidden is 0, in parts too; its neighbour is what it is without parts."""
    found = []
    for parts in (1, 4):
        force(monkeypatch, parts)
        graph = model("float", "1,1,2,32", "1,1,130,32", "", "float[2,130]")
        inputs = {name: value.copy() for name, value in random_inputs(graph).items()}
        inputs["M"][0] = -np.inf
        found.append(compiled(graph, "attention")(inputs))
        assert (found[-1][0, 0, 0] == 0).all()
    assert np.abs(found[1] - found[0]).max() <= TOLERANCE["float"] * np.abs(found[0]).max()


@pytest.mark.parametrize("keys", [1, 40, 700])
def test_keys_that_the_run_counts(keys: int) -> None:
    """A step of decoding with a cache of any length: as many parts as are worth it."""
    graph = model("float16", "1,4,1,32", "1,2,past,32")
    inputs = random_inputs(graph, {"past": keys})
    executable = compiled(graph, "attention")
    assert "attention" in schedules(executable)
    wide = {key: value.astype(np.float64) for key, value in inputs.items()}
    expected = reference(wide["Q"], wide["K"], wide["V"], None, False)
    error = np.abs(executable(dict(inputs)).astype(np.float64) - expected).max() / np.abs(expected).max()
    assert error <= TOLERANCE["float16"]


@pytest.mark.parametrize(
    ("q", "kv", "split"),
    [
        ("1,12,1,64", "1,12,4096,64", True),
        ("1,32,1,128", "1,8,1024,128", True),
        ("1,12,1,64", "1,12,past,64", True),
        ("512,12,1,64", "512,12,4096,64", False),  # enough blocks
        ("1,12,1,64", "1,12,32,64", False),  # few keys
        ("1,12,512,64", "1,12,512,64", False),  # a prompt
        ("1,12,n,64", "1,12,n,64", False),
    ],
)
def test_who_splits(q: str, kv: str, split: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cost model splits keys where blocks of rows and heads leave multiprocessors idle."""
    plans = force(monkeypatch, 0)
    target = Target.cuda("sm_90")
    graph = model("float16", q, kv)
    options = Options(
        target, stop_after="kernels", jobs=0, pipeline=pipeline_for(target, FusedAttention.name)
    )
    compile_model(graph.SerializeToString(), None, options)
    assert plans and all((plan.parts > 1) == split for plan in plans)


def test_keys_that_nobody_sees() -> None:
    """Blocks of rows before a key do not touch it: NaNs stay with the rows of the last block."""
    graph = model("float", "1,1,130,32", "1,1,130,32", "is_causal=1")
    inputs = {name: value.copy() for name, value in random_inputs(graph).items()}
    inputs["V"][0, 0, -1] = np.nan
    found = compiled(graph, "attention")(inputs)
    assert np.isfinite(found[0, 0, :128]).all() and np.isnan(found[0, 0, -1]).all()


@pytest.mark.skipif(find_ptxas() is None, reason="needs ptxas: pip install nvidia-cuda-nvcc-cu12")
@pytest.mark.parametrize(
    ("kind", "size", "rows"),
    [
        ("float", 32, 512),
        ("float", 64, 512),
        ("float", 128, 512),
        ("float", 256, 512),
        ("float16", 32, 512),
        ("float16", 64, 512),
        ("float16", 128, 512),
        ("float", 256, 1),
        ("float16", 128, 1),
    ],
)
def test_no_spills(kind: str, size: int, rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores, sums and what is read ahead stay in registers: but for f16 heads of 256, which spill 60 bytes."""
    reports = []

    def spy(ptx: bytes, name: str, ptxas: str) -> tuple[bytes, str]:
        cubin, report = assemble(ptx, name, ptxas)
        reports.append(report)
        return cubin, report

    monkeypatch.setattr(device_build, "assemble", spy)
    target = Target.cuda("sm_80")
    graph = model(kind, f"1,4,{rows},{size}", f"1,4,512,{size}")
    options = Options(target, emit="obj", cache=False, jobs=0, pipeline=pipeline_for(target, "attention"))
    compile_model(graph.SerializeToString(), tmp_path / "m.o", options)
    functions = [part for report in reports for part in report.split("Function properties for ")[1:]]
    # The first launch; the other one is for arguments that are not aligned.
    aligned = [part for part in functions if part.splitlines()[0].endswith("_kernel_0")]
    assert aligned and all(" 0 bytes spill stores" in part for part in aligned), reports
