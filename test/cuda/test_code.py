"""Device code: NVIDIA's assembler takes it for each architecture; AMD's objects; errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from aicc.codegen import device_build
from aicc.codegen.gpu_code import assemble, find_ptxas
from aicc.driver import Options, compile_model
from aicc.errors import CompileError
from aicc.passes.schedules import registry
from aicc.target import Target
from test.cuda.cases import CASES, model_of, pipeline_for

ARCHES = ("sm_75", "sm_80", "sm_90")
FORCED = {
    "half_attention": "attention",
    "matmul": "contraction",
    "half_matmul": "contraction",
    "half_convolution": "contraction",
}
NAMES = (
    "transpose_add",
    "add_tanh",
    "softmax",
    "softmax_long",
    "mean_columns",
    "layer_norm",
    "cumulative_sum",
    "top_k",
)

needs_ptxas = pytest.mark.skipif(
    find_ptxas() is None, reason="needs ptxas: pip install nvidia-cuda-nvcc-cu12"
)


@needs_ptxas
@pytest.mark.parametrize("arch", ARCHES)
@pytest.mark.parametrize("name", [*NAMES, *FORCED])
def test_ptxas_takes_it(name: str, arch: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every kernel's code assembles, and spills no registers."""
    reports = []

    def spy(ptx: bytes, name: str, ptxas: str) -> tuple[bytes, str]:
        cubin, report = assemble(ptx, name, ptxas)
        assert cubin.startswith(b"\x7fELF")
        reports.append(report)
        return cubin, report

    monkeypatch.setattr(device_build, "assemble", spy)
    target = Target.cuda(arch)
    options = Options(
        target, emit="obj", cache=False, jobs=0, pipeline=pipeline_for(target, FORCED.get(name, ""))
    )
    compile_model(model_of(CASES[name]).SerializeToString(), tmp_path / "m.o", options)
    assert reports
    assert all("spill stores" not in r or " 0 bytes spill stores" in r for r in reports)


def emitted(name: str, target: Target, kind: str, only: str = "") -> str:
    options = Options(target, emit=kind, cache=False, jobs=0, pipeline=pipeline_for(target, only))
    return compile_model(model_of(CASES[name]).SerializeToString(), None, options).text


def test_instructions() -> None:
    """Tensor cores, asynchronous copies and 16-byte accesses are what the code is made of."""
    text = emitted("half_matmul", Target.cuda("sm_80"), "ptx", "contraction")
    assert ".target sm_80" in text
    for instruction in (
        "mma.sync.aligned.m16n8k16",
        "ldmatrix.sync.aligned.m8n8.x4",
        "cp.async.cg.shared.global",
    ):
        assert instruction in text
    assert ".extern .shared" in text
    assert "ld.global.v4" in emitted("add_tanh", Target.cuda("sm_80"), "ptx").replace(".b32", "")
    assert "shfl.sync" in emitted("softmax_many", Target.cuda("sm_80"), "ptx")


def test_every_level_can_be_seen() -> None:
    target = Target.cuda()
    assert "gpu.launch_func" in emitted("softmax", target, "gpu")
    assert "nvvm.kernel" in emitted("softmax", target, "nvvm")
    assert ".visible .entry" in emitted("softmax", target, "asm")
    assert "rocdl." in emitted("softmax", Target.rocm(), "nvvm")


def test_amd_as_far_as_objects(tmp_path: Path) -> None:
    model = model_of(CASES["softmax"]).SerializeToString()
    compile_model(model, tmp_path / "m.o", Options(Target.rocm(), emit="obj", jobs=0))
    assert (tmp_path / "m.o").stat().st_size > 0
    with pytest.raises(CompileError, match="AMD"):
        compile_model(model, tmp_path / "m.so", Options(Target.rocm(), jobs=0))


def test_kinds_of_schedules_do_not_mix() -> None:
    for kind in ("cuda", "rocm", "simt"):
        for schedule in registry.for_target(Target.named(kind)):
            assert type(schedule).__module__.startswith("aicc.passes.schedules.cuda.")
    for schedule in registry.for_target(Target.host()):
        assert type(schedule).__module__.startswith("aicc.passes.schedules.cpu.")


def test_unknown_architectures() -> None:
    with pytest.raises(CompileError, match="sm_12345"):
        Target.cuda("sm_12345")
    with pytest.raises(CompileError, match="tpu"):
        Target.named("tpu")
    with pytest.raises(CompileError, match="--emit ptx"):
        compile_model(model_of(CASES["softmax"]).SerializeToString(), None, Options(emit="ptx", jobs=0))
