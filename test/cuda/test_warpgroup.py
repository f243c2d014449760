"""Products by warpgroups (sm_90a): numbers of every layout and tile on the emulated GPU, the assembler's report."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicc.codegen import device_build
from aicc.codegen.gpu_code import assemble, find_ptxas
from aicc.driver import Options, compile_model
from aicc.passes.schedules.cuda.warpgroup.boxes import Dim
from aicc.passes.schedules.cuda.warpgroup.plan import TILES, Plan, patch_of, plan_of, stages_for
from aicc.passes.schedules.cuda.warpgroup.schedule import Warpgroup
from aicc.target import Target
from test.cuda.cases import (
    CASES,
    compiled,
    expected,
    make_constant,
    model_of,
    pipeline_for,
    random_inputs,
    schedules,
    tolerance,
    worst_error,
)
from test.cuda.test_shapes import FEW, SIZE

ARCH = "sm_90a"
ORDERS = ("ascending", "descending")
PRODUCTS = {
    "rows": "(float16[264,200] X, float16[200,328] W, float16[328] B) => (float16[264,328] Y)"
    " { T = MatMul(X,W) S = Add(T,B) Y = Relu(S) }",
    "right_turned": "(float16[66,72] X, float16[136,72] W, float16[136] B) => (float16[66,136] Y)"
    " { Y = Gemm<transB=1>(X,W,B) }",
    "both_turned": "(float16[72,136] X, float16[136,72] W, float16[136] B) => (float16[136,136] Y)"
    " { Y = Gemm<transB=1,transA=1>(X,W,B) }",
    "batches": "(float16[3,2,72,64] X, float16[3,2,64,40] W) => (float16[3,2,72,40] Y) { Y = MatMul(X,W) }",
    "shared_weights": "(float16[3,72,64] X, float16[64,200] W) => (float16[3,72,200] Y) { Y = MatMul(X,W) }",
    "one_turn": "(float16[70,16] X, float16[16,72] W) => (float16[70,72] Y) { Y = MatMul(X,W) }",
    "pointwise_convolution": "(float16[2,64,9,10] X, float16[48,64,1,1] W, float16[48] B) => (float16[2,48,9,10] Y)"
    " { T = Conv(X,W,B) Y = Relu(T) }",
    "wide_results": "(float16[136,64] X, float16[64,72] W, float[72] B) => (float[136,72] Y)"
    " { T = MatMul(X,W) U = Cast<to=1>(T) Y = Add(U,B) }",
    "one_output": "(float16[64,64] X, float16[64,64] W, float[64,64] Z) => (float[64,64] Y)"
    " { T = MatMul(X,W) U = Cast<to=1>(T) V = Tanh(U) Y = Mul(V,Z) }",
}

WINDOWS = {
    "convolution": "(float16[2,32,9,10] X, float16[48,32,3,3] W, float16[48] B) => (float16[2,48,9,10] Y)"
    " { T = Conv<pads=[1,1,1,1]>(X,W,B) Y = Relu(T) }",
    "channels_of_two_stages": "(float16[1,72,9,10] X, float16[48,72,3,1] W) => (float16[1,48,7,10] Y)"
    " { Y = Conv(X,W) }",
    "stride": "(float16[1,32,17,19] X, float16[48,32,3,3] W) => (float16[1,48,9,10] Y)"
    " { Y = Conv<pads=[1,1,1,1],strides=[2,2]>(X,W) }",
    "stride_of_images": "(float16[2,32,17,19] X, float16[48,32,3,3] W) => (float16[2,48,9,10] Y)"
    " { Y = Conv<pads=[1,1,1,1],strides=[2,2]>(X,W) }",
    "stride_and_dilation": "(float16[2,32,17,19] X, float16[48,32,3,3] W) => (float16[2,48,4,4] Y)"
    " { Y = Conv<strides=[3,4],dilations=[2,2]>(X,W) }",
    "far_stride": "(float16[2,32,51,39] X, float16[48,32,3,3] W) => (float16[2,48,6,5] Y)"
    " { Y = Conv<strides=[9,9]>(X,W) }",
    "volumes": "(float16[1,32,7,9,9] X, float16[48,32,3,3,3] W) => (float16[1,48,3,4,4] Y)"
    " { Y = Conv<strides=[2,2,2]>(X,W) }",
    "pointwise_stride": "(float16[2,32,17,19] X, float16[48,32,1,1] W) => (float16[2,48,9,10] Y)"
    " { Y = Conv<strides=[2,2]>(X,W) }",
    "dilation": "(float16[1,32,12,12] X, float16[48,32,3,3] W) => (float16[1,48,8,8] Y)"
    " { Y = Conv<dilations=[2,2]>(X,W) }",
}

needs_ptxas = pytest.mark.skipif(
    find_ptxas() is None, reason="needs ptxas: pip install nvidia-cuda-nvcc-cu12"
)


CLUSTERED = [(rows, columns, 2 if rows == 128 and columns > 64 else 1) for rows, columns in TILES]
CLUSTERED.append((64, 128, 2))


def named(tile: tuple[int, int, int]) -> str:
    rows, columns, cluster = tile
    return f"{rows}x{columns}x{cluster}"


def force(monkeypatch: pytest.MonkeyPatch, tile: tuple[int, int, int], stages: int = 0) -> None:
    """A tile and a size of clusters that the sizes of a test would not get."""
    rows, columns, cluster = tile
    monkeypatch.setattr(
        "aicc.passes.schedules.cuda.warpgroup.schedule.plan_for",
        lambda roles, target, config: plan_of(roles, rows, columns, target, stages, cluster),
    )


@pytest.mark.parametrize("name", PRODUCTS)
def test_numbers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = PRODUCTS[name]
    executable = compiled(model_of(text), "warpgroup", ARCH)
    assert "warpgroup" in schedules(executable)
    for order in ORDERS:
        monkeypatch.setenv("AICC_SIMT_ORDER", order)
        assert worst_error(executable, text, random_inputs(model_of(text))) <= tolerance(text), order


def check_window(text: str, dims: dict[str, int] | None = None) -> None:
    """A convolution with constant weights, which get the layout that copies take."""
    model = model_of(text)
    inputs = random_inputs(model, dims or {})
    make_constant(model, {name: value for name, value in inputs.items() if name != "X"})
    executable = compiled(model, "warpgroup", ARCH)
    assert "warpgroup" in schedules(executable)
    (wanted,) = expected(text, inputs)
    for order in ORDERS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AICC_SIMT_ORDER", order)
            found = executable(inputs["X"])
        error = np.abs(found.astype(np.float64) - wanted).max() / np.abs(wanted).max()
        assert error <= tolerance(text), order


@pytest.mark.parametrize("name", WINDOWS)
def test_windows(name: str) -> None:
    """Copies of boxes that the window moves."""
    check_window(WINDOWS[name])


def test_frames_that_overlap() -> None:
    """A driver may refuse to describe lines of a box that begin within others: no copies then."""
    text = "(float16[1,1,688] X, float16[48,1,64] W) => (float16[1,48,40] Y) { Y = Conv<strides=[16]>(X,W) }"
    model = model_of(text)
    executable = compiled(model, "warpgroup", ARCH)
    assert "warpgroup" not in schedules(executable)
    apart = text.replace("688", "2560").replace("16]>", "64]>")
    assert "warpgroup" in schedules(compiled(model_of(apart), "warpgroup", ARCH))
    assert worst_error(executable, text, random_inputs(model)) <= tolerance(text)


@pytest.mark.parametrize("tile", CLUSTERED, ids=named)
def test_tiles(tile: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Several tiles of a block, turns of the ring, and edges, for each size of tile and few stages; clusters of which
    one block has no rows."""
    force(monkeypatch, tile, 3)
    for name in ("rows", "both_turned"):
        text = PRODUCTS[name].replace("[72", "[392").replace(",72]", ",392]")
        executable = compiled(model_of(text), "warpgroup", ARCH)
        for order in ORDERS:
            monkeypatch.setenv("AICC_SIMT_ORDER", order)
            assert worst_error(executable, text, random_inputs(model_of(text))) <= tolerance(text), order


@FEW
@given(m=SIZE, n=SIZE, k=st.integers(1, 20), left=st.booleans(), right=st.booleans())
def test_any_sizes(m: int, n: int, k: int, left: bool, right: bool) -> None:
    """Sizes that copies cannot take, and few rows, are other schedules' affair: the numbers are right all the same."""
    m, n, k = 4 * m, 4 * n, 8 * k
    x, w = (f"{k},{m}" if left else f"{m},{k}"), (f"{n},{k}" if right else f"{k},{n}")
    text = (
        f"(float16[{x}] X, float16[{w}] W, float16[{n}] B) => (float16[{m},{n}] Y)"
        f" {{ Y = Gemm<transA={int(left)},transB={int(right)}>(X,W,B) }}"
    )
    model = model_of(text)
    assert worst_error(compiled(model, "warpgroup", ARCH), text, random_inputs(model)) <= tolerance(text), (
        text
    )


def test_every_stage_fits() -> None:
    """Three stages at least, within the shared memory of a block."""
    target = Target.cuda(ARCH)
    for tile in TILES:
        plan = Plan(*tile, stages_for(*tile, target), (tile[0],))
        barriers = 2 * 8 * plan.stages
        assert plan.stages >= 3
        assert plan.stages * plan.stage_bytes + plan.groups * plan.slab_bytes + barriers <= target.l1


@needs_ptxas
@pytest.mark.parametrize("tile", CLUSTERED, ids=named)
def test_products_overlap(
    tile: tuple[int, int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The assembler spills nothing, and finds nothing that would make products wait for each other."""
    reports = []

    def spy(ptx: bytes, name: str, ptxas: str) -> tuple[bytes, str]:
        text = ptx.decode()
        assert f"wgmma.mma_async.sync.aligned.m64n{tile[1]}k16.f32.f16.f16" in text
        assert "cp.async.bulk.tensor.2d.shared::cluster.global" in text
        assert (".multicast::cluster" in text) == (".reqnctapercluster 2, 1, 1" in text) == (tile[2] == 2)
        cubin, report = assemble(ptx, name, ptxas)
        reports.append(report)
        return cubin, report

    monkeypatch.setattr(device_build, "assemble", spy)
    target = Target.cuda(ARCH)
    force(monkeypatch, tile)
    text = (
        "(float16[512,1024] X, float16[1024,512] W, float16[512] B) => (float16[512,512] Y)"
        " { T = MatMul(X,W) S = Add(T,B) Y = Gelu(S) }"
    )
    options = Options(target, emit="obj", cache=False, jobs=0, pipeline=pipeline_for(target, "warpgroup"))
    compile_model(model_of(text).SerializeToString(), tmp_path / "m.o", options)
    (report,) = reports
    assert "Potential Performance Loss" not in report, report
    assert report.count(" 0 bytes spill stores") == report.count("spill stores"), report


def test_only_where_there_are_warpgroups() -> None:
    """PTX for sm_90 runs on every later GPU: it has none of this."""
    text = CASES["half_matmul"]
    assert "warpgroup" not in schedules(compiled(model_of(text), "warpgroup", "sm_90"))
    assert Warpgroup.name in schedules(compiled(model_of(text), "warpgroup", ARCH))


@pytest.mark.parametrize("rows", [33, 200])
def test_rows_that_the_run_knows(rows: int) -> None:
    """The map of a tensor is made in each run, with the sizes of the run."""
    text = "(float16[n,2,72] X, float16[72,136] W, float16[136] B) => (float16[n,2,136] Y)"
    text += " { T = MatMul(X,W) S = Add(T,B) Y = Relu(S) }"
    model = model_of(text)
    executable = compiled(model, "warpgroup", ARCH)
    assert "warpgroup" in schedules(executable)
    inputs = random_inputs(model, {"n": rows})
    assert worst_error(executable, text, inputs) <= tolerance(text)
    assert executable({name: value[:0] if name == "X" else value for name, value in inputs.items()}).size == 0


def test_images_that_the_run_counts() -> None:
    """The patch of rows is chosen without knowing how many images there are."""
    text = "(float16[n,32,7,7] X, float16[40,32,3,3] W) => (float16[n,40,7,7] Y) { Y = Conv<pads=[1,1,1,1]>(X,W) }"
    for count in (1, 3):
        check_window(text, {"n": count})


@pytest.mark.parametrize(
    ("extents", "rows", "boxes"),
    [
        ((1000,), 128, (128,)),
        ((56, 56), 128, (2, 64)),
        ((14, 14), 64, (4, 16)),
        ((8, 7, 7), 128, (2, 8, 8)),
        ((1, 112, 112), 128, (1, 8, 16)),
    ],
)
def test_patches_waste_little(extents: tuple[int, ...], rows: int, boxes: tuple[int, ...]) -> None:
    """The boxes that cover the axes with the fewest patches."""
    assert patch_of(extents, rows) == boxes


def test_boxes_of_moving_windows() -> None:
    """Six axes in five dims: positions of two of them are apart, in the order of the steps in memory."""
    dims = [
        Dim(((axis, 1),), step, box)
        for axis, (step, box) in enumerate(((1, 64), (64, 8), (640, 4), (5120, 1)))
    ]
    assert dims[1].joined(Dim(((4, 1),), 32, 1)) == Dim(((1, 2), (4, 1)), 32, 8)
    assert dims[1].joined(Dim(((4, 1),), 192, 1)) == Dim(((1, 1), (4, 3)), 64, 8)
    assert dims[1].joined(Dim(((4, 1),), 48, 1)) == Dim(((1, 4), (4, 3)), 16, 8)
    assert dims[1].joined(dims[2]) is None  # a box along both
    assert Dim(((1, 1),), 160, 128).joined(Dim(((4, 1),), 32, 1)) is None  # longer than boxes are
    assert Dim(((1, 1),), 288, 8).joined(Dim(((4, 1),), 32, 1)) is None  # further apart than they may be


def test_bfloat16() -> None:
    """Against sums in f64 of the same operands."""
    text = "(bfloat16[136,200] X, bfloat16[72,200] W, bfloat16[72] B) => (bfloat16[136,72] Y)"
    text += " { Y = Gemm<transB=1>(X,W,B) }"
    model = model_of(text)
    executable = compiled(model, "warpgroup", ARCH)
    assert "warpgroup" in schedules(executable)
    inputs = random_inputs(model)
    x, w, b = (value.astype(np.float64) for value in inputs.values())
    wanted = x @ w.T + b
    found = executable(dict(inputs)).astype(np.float64)
    assert np.abs(found - wanted).max() / np.abs(wanted).max() <= 2.0**-7  # two roundings


WAIT = "nvvm.wgmma.wait.group.sync.aligned"
BROKEN = {
    "no_wait_for_copies": ("asynchronous.Barriers.wait", "lambda self, number, turn: None"),
    "no_wait_for_products": ("warpgroup.launch.wait_products", "lambda e, left: None"),
    "stages_given_back_too_early": (
        "warpgroup.launch.wait_products",
        f"lambda e, left: e.do('{WAIT} 7' if left else '{WAIT} 0')",
    ),
    "another_step_between_lines": ("asynchronous.ATOM", "512"),
    "copies_before_the_other_block_has_read": (
        "asynchronous.Barriers.arrive_in",
        "lambda self, number, rank: self.arrive(number)",
    ),
    "blocks_that_do_not_wait_for_each_other": ("warpgroup.launch.meet_cluster", "lambda e: e.barrier()"),
    "results_that_nobody_tells_of": ("warpgroup.stores.begin_stores", "lambda e: None"),
    "results_overwritten_too_early": (
        "warpgroup.stores.wait_stores",
        "lambda e, left: e.do(f'nvvm.cp.async.bulk.wait_group {2 * left} {{read}}')",
    ),
    "no_exchange_of_chunks": ("asynchronous.Operand.fixed", "lambda self: 64 << 32 | 1 << 16"),
}
WRONG = 7


@pytest.mark.parametrize("name", BROKEN)
def test_the_emulation_notices(name: str) -> None:
    """Code that lacks a wait, or has another layout's descriptor, gives an error of the emulation or wrong numbers."""
    place, replacement = BROKEN[name]
    owner, attribute = place.rsplit(".", 1)
    module, *classes = (
        owner.split(".Barriers")[0].split(".Operand")[0],
        *re.findall(r"Barriers|Operand", owner),
    )
    script = f"""
import importlib, os, sys
found = importlib.import_module("aicc.passes.schedules.cuda.{module}")
for name in {classes!r}:
    found = getattr(found, name)
setattr(found, {attribute!r}, {replacement})
from aicc.knobs import knobs
from aicc.passes.schedules.cuda.emitter import GpuEmitter
from aicc.passes.schedules.cuda.warpgroup import plan, schedule
from test.cuda.cases import compiled, model_of, random_inputs, worst_error
from test.cuda.test_warpgroup import ARCH, ORDERS, PRODUCTS
text = PRODUCTS["rows"].replace("200", "1000").replace("328", "200")
schedule.plan_for = lambda roles, target, config: plan.plan_of(roles, 64, 128, target, 3, 2)
GpuEmitter.when_aligned = lambda self, buffers, aligned, otherwise: aligned()
with knobs.scope(cache=False):
    executable = compiled(model_of(text), "warpgroup", ARCH)
for os.environ["AICC_SIMT_ORDER"] in ORDERS:
    if worst_error(executable, text, random_inputs(model_of(text))) > 2e-3:
        sys.exit({WRONG})
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == WRONG or "aicc simt: " in done.stderr, done.stderr[-2000:]


def test_blocks_of_clusters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a grid whose size the host computes: as many clusters as there are tiles, or as run at once."""
    for rows, blocks in ((400, 4), (128 * 80, 80), (128 * 301, 132)):
        force(monkeypatch, (128, 256, 2))
        text = f"(float16[{rows},64] X, float16[64,256] W) => (float16[{rows},256] Y) {{ Y = MatMul(X,W) }}"
        target = Target.simt(ARCH)
        options = Options(target, pipeline=pipeline_for(target, "warpgroup"), jobs=0)
        (kernel,) = compile_model(model_of(text), None, options).stats["kernel_results"].values()
        (launch,) = kernel["launches"]
        assert (launch.blocks, launch.threads) == (blocks, 384)
