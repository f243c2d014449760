"""Attention by warpgroups (sm_90a): numbers on the emulated GPU, who is chosen, the assembler's report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from aicc.codegen import device_build
from aicc.codegen.gpu_code import assemble, find_ptxas
from aicc.driver import Options, compile_model
from aicc.passes.schedules.cpu.attention.roles import Attention
from aicc.passes.schedules.cuda.warpgroup_attention.plan import Plan, WarpgroupAttentionConfig, plan_for
from aicc.target import Target
from test.cuda.cases import compiled, model_of, pipeline_for, random_inputs, schedules
from test.cuda.test_attention import TOLERANCE, model, reference

ARCH = "sm_90a"
SCHEDULE = "warpgroup_attention"

# q, k and v, more attributes, mask, warpgroups of a block (0: as chosen)
CASES = {
    "several_turns": ("1,1,70,64", "1,1,300,64", "", "", 3),
    "mask": ("2,2,40,32", "2,2,165,32", "", "[2,1,40,165]", 1),
    "grouped_causal": ("1,4,140,64", "1,2,140,64", "is_causal=1", "", 2),
    "size_96": ("1,1,65,96", "1,1,140,96", "", "", 2),
}


def force(monkeypatch: pytest.MonkeyPatch, groups: int) -> list[Plan]:
    """So many warpgroups, whatever the sizes; the plans that were made."""
    plans: list[Plan] = []

    def planned(roles: Attention, target: Target, config: WarpgroupAttentionConfig) -> Plan:
        plans.append(plan_for(roles, target, WarpgroupAttentionConfig(groups)))
        return plans[-1]

    monkeypatch.setattr(f"aicc.passes.schedules.cuda.{SCHEDULE}.schedule.plan_for", planned)
    return plans


def check(graph: onnx.ModelProto, dims: dict[str, int], causal: bool, kind: str) -> None:
    """Against sums in f64, threads in either order."""
    inputs = random_inputs(graph, dims)
    executable = compiled(graph, SCHEDULE, ARCH)
    assert schedules(executable) == {SCHEDULE}
    wide = {key: value.astype(np.float64) for key, value in inputs.items()}
    expected = reference(wide["Q"], wide["K"], wide["V"], wide.get("M"), causal)
    for order in ("ascending", "descending"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AICC_SIMT_ORDER", order)
            found = executable(dict(inputs)).astype(np.float64)
        assert np.abs(found - expected).max() <= TOLERANCE[kind] * np.abs(expected).max(), order


@pytest.mark.parametrize("name", CASES)
def test_numbers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    q, kv, more, mask, groups = CASES[name]
    kind = "bfloat16" if name == "several_turns" else "float16"
    plans = force(monkeypatch, groups)
    check(model(kind, q, kv, more, kind + mask if mask else ""), {}, "causal" in name, kind)
    assert all(plan.groups == (groups or plan.groups) for plan in plans)


@pytest.mark.parametrize("keys", [0, 40, 260])
def test_keys_that_the_run_counts(keys: int) -> None:
    """The maps of tensors are made in each run; without a key there is none, and the result is NaN or 0."""
    graph = model("float16", "1,2,66,32", "1,2,past,32")
    if keys:
        check(graph, {"past": keys}, False, "float16")
    else:
        found = compiled(graph, SCHEDULE, ARCH)(dict(random_inputs(graph, {"past": 0})))
        other = compiled(graph, "attention", "sm_80")(dict(random_inputs(graph, {"past": 0})))
        assert np.array_equal(found, other, equal_nan=True)


def test_rows_without_a_key() -> None:
    """A row of which all keys are forbidden is 0, its neighbour what it is otherwise."""
    graph = model("float16", "1,1,66,32", "1,1,130,32", "", "float16[66,130]")
    inputs = {name: value.copy() for name, value in random_inputs(graph).items()}
    before = compiled(graph, SCHEDULE, ARCH)(dict(inputs))
    inputs["M"][3] = -np.inf
    found = compiled(graph, SCHEDULE, ARCH)(inputs)
    assert (found[0, 0, 3] == 0).all()
    assert np.array_equal(np.delete(found, 3, axis=2), np.delete(before, 3, axis=2))


def test_heads_side_by_side() -> None:
    """Heads where a projection leaves them: copies step from row to row over the other heads."""
    text = "(float16[2,70,96] X, float16[2,70,96] Z, float16[2,70,96] W) => (float16[2,70,96] Y) {"
    text += " S = Constant<value_ints=[2,70,3,32]>() F = Constant<value_ints=[2,70,96]>()"
    for name, perm in (("X", "0,2,1,3"), ("Z", "0,2,3,1"), ("W", "0,2,1,3")):
        text += f" {name}1 = Reshape({name},S) {name}2 = Transpose<perm=[{perm}]>({name}1)"
    text += " A = MatMul(X2,Z2) P = Softmax<axis=-1>(A) O = MatMul(P,W2)"
    text += " T = Transpose<perm=[0,2,1,3]>(O) Y = Reshape(T,F) }"
    graph = model_of(text)
    executable = compiled(graph, SCHEDULE, ARCH)
    assert schedules(executable) == {SCHEDULE}
    inputs = random_inputs(graph)
    q, k, v = (x.astype(np.float64).reshape(2, 70, 3, 32).transpose(0, 2, 1, 3) for x in inputs.values())
    expected = reference(q * np.sqrt(32), k, v, None, False).transpose(0, 2, 1, 3).reshape(2, 70, 96)
    found = executable(dict(inputs)).astype(np.float64)
    assert np.abs(found - expected).max() <= TOLERANCE["float16"] * np.abs(expected).max()


@pytest.mark.parametrize(
    ("kind", "q", "kv", "arch", "chosen"),
    [
        ("float16", "1,12,128,64", "1,12,128,64", ARCH, SCHEDULE),
        ("float16", "1,32,2048,128", "1,8,2048,128", ARCH, SCHEDULE),
        ("float16", "1,12,n,64", "1,12,n,64", ARCH, SCHEDULE),
        ("float16", "1,12,1,64", "1,12,2048,64", ARCH, "attention"),
        ("float16", "1,12,128,64", "1,12,128,64", "sm_90", "attention"),
        ("float", "1,12,128,64", "1,12,128,64", ARCH, "attention"),
        ("float16", "1,12,128,72", "1,12,128,72", ARCH, ""),
    ],
)
def test_who_is_chosen(kind: str, q: str, kv: str, arch: str, chosen: str) -> None:
    """Rows enough, 16 bits, heads that copies take, and the architecture that has warpgroups."""
    options = Options(Target.cuda(arch), stop_after="kernels", jobs=0)
    text = compile_model(model(kind, q, kv).SerializeToString(), None, options).text
    assert (f'aicc.schedule = "{chosen}"' in text) if chosen else (SCHEDULE not in text)


@pytest.mark.skipif(find_ptxas() is None, reason="needs ptxas: pip install nvidia-cuda-nvcc-cu12")
@pytest.mark.parametrize(("size", "groups", "more"), [(64, 3, ""), (128, 2, "is_causal=1")])
def test_products_overlap(
    size: int, groups: int, more: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The assembler spills nothing, and finds nothing that would make products wait for each other."""
    reports = []

    def spy(ptx: bytes, name: str, ptxas: str) -> tuple[bytes, str]:
        text = ptx.decode()
        assert f"wgmma.mma_async.sync.aligned.m64n{size}k16.f32.f16.f16" in text
        assert "cp.async.bulk.tensor.4d.shared::cluster.global" in text
        assert "ex2.approx.ftz.f32" in text and "setmaxnreg.inc" in text
        cubin, report = assemble(ptx, name, ptxas)
        reports.append(report)
        return cubin, report

    monkeypatch.setattr(device_build, "assemble", spy)
    force(monkeypatch, groups)
    target = Target.cuda(ARCH)
    graph = model("float16", f"2,4,512,{size}", f"2,4,512,{size}", more)
    options = Options(target, emit="obj", cache=False, jobs=0, pipeline=pipeline_for(target, SCHEDULE))
    compile_model(graph.SerializeToString(), tmp_path / "m.o", options)
    (report,) = reports
    assert "Potential Performance Loss" not in report, report
    assert report.count(" 0 bytes spill stores") == report.count("spill stores"), report
