"""Attention as one kernel against float64 NumPy: sizes, masks, limits, grouped heads, blocks of keys, types."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx.helper
import pytest

from aicc.dialects.types import DType
from aicc.driver import Options, compile_model
from aicc.loader import load
from aicc.passes.schedules.cpu.attention import FusedAttention
from aicc.passes.schedules.schedule import NoMatch
from aicc.target import Target
from test.ops.rig import Case, assert_close, case, check_all

Array = np.ndarray[Any, Any]


def attention(
    q: Array,
    k: Array,
    v: Array,
    mask: Array | None = None,
    *,
    is_causal: int = 0,
    scale: float | None = None,
    softcap: float = 0.0,
    left_window_size: int = -1,
    right_window_size: int = -1,
    past: int = 0,
) -> Array:
    """In float64; rows in which nothing is allowed are 0."""
    kind = q.dtype
    group = q.shape[1] // k.shape[1]
    q, k, v = (x.astype(np.float64) for x in (q, k, v))
    s = q @ np.swapaxes(np.repeat(k, group, 1), -1, -2) * (scale or q.shape[-1] ** -0.5)
    if softcap:
        s = softcap * np.tanh(s / softcap)
    if mask is not None:
        s = np.where(mask, s, -np.inf) if mask.dtype == np.bool_ else s + mask.astype(np.float64)
    j = np.arange(s.shape[-1])
    p = np.arange(s.shape[-2])[:, None] + past
    if is_causal:
        s = np.where(j <= p, s, -np.inf)
    if left_window_size >= 0:
        s = np.where(p - j <= left_window_size, s, -np.inf)
    if right_window_size >= 0:
        s = np.where(j - p <= right_window_size, s, -np.inf)
    top = s.max(-1, keepdims=True)
    e = np.exp(s - np.where(np.isneginf(top), 0, top))
    total = e.sum(-1, keepdims=True)
    return ((e / np.where(total == 0, 1, total)) @ np.repeat(v, group, 1)).astype(kind)


def tensors(
    rng: np.random.Generator,
    rows: int,
    keys: int,
    depth: int,
    columns: int | None = None,
    heads: tuple[int, int] = (2, 2),
    batch: int = 1,
    dtype: Any = np.float32,
) -> tuple[Array, Array, Array]:
    """q, k, v."""
    shapes = (
        (batch, heads[0], rows, depth),
        (batch, heads[1], keys, depth),
        (batch, heads[1], keys, columns or depth),
    )
    q, k, v = (rng.standard_normal(s).astype(dtype) for s in shapes)
    return q, k, v


def expecting(*inputs: Array | None, **attrs: Any) -> Case:
    """A case with what `attention` says."""
    return case("Attention", *inputs, expected=[attention(*inputs, **attrs)], **attrs)  # type: ignore[arg-type]


@contextmanager
def compiled(
    inputs: list[Array], dynamic: bool = False, threads: int = 1, options: Options | None = None, **attrs: Any
) -> Iterator[Any]:
    """(executable, feeds, schedules) of one node."""
    names = ["q", "k", "v", "mask"][: len(inputs)]
    infos = [
        onnx.helper.make_tensor_value_info(
            n,
            DType.from_numpy(x.dtype).onnx,
            [f"{n}{i}" if dynamic and i == 2 else d for i, d in enumerate(x.shape)],
        )
        for n, x in zip(names, inputs, strict=True)
    ]
    output = onnx.helper.make_tensor_value_info("y", DType.from_numpy(inputs[0].dtype).onnx, None)
    node = onnx.helper.make_node("Attention", names, ["y"], **attrs)
    graph = onnx.helper.make_graph([node], "g", infos, [output])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 25)], ir_version=10)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.so"
        result = compile_model(model.SerializeToString(), path, options or Options(check_ir=True))
        executable = load(path)
        executable.num_threads = threads
        schedules = [r["schedule"] for r in result.stats["kernel_results"].values()]
        yield executable, dict(zip(names, inputs, strict=True)), schedules


@pytest.mark.parametrize("rows", [1, 2, 7, 64])
def test_numbers_of_rows_and_keys(rows: int, rng: np.random.Generator) -> None:
    cases = [expecting(*tensors(rng, rows, keys, 32)) for keys in (1, 2, 16, 64, 197)]
    check_all(cases, modes=("static",))


@pytest.mark.parametrize("depth", [1, 8, 40, 80, 128])
def test_sizes_of_heads(depth: int, rng: np.random.Generator) -> None:
    sizes = [(1, 33, depth), (3, 20, 24), (30, 70, depth)]
    check_all([expecting(*tensors(rng, r, k, depth, c)) for r, k, c in sizes], modes=("static",))


def test_grouped_heads_and_batches(rng: np.random.Generator) -> None:
    groups = [((8, 2), 2, 1), ((6, 1), 1, 5), ((4, 2), 3, 30)]
    check_all(
        [expecting(*tensors(rng, rows, 37, 16, heads=heads, batch=batch)) for heads, batch, rows in groups],
        modes=("static",),
    )


def test_masks(rng: np.random.Generator) -> None:
    qkv = tensors(rng, 20, 50, 16, batch=2)
    shapes = [(20, 50), (2, 1, 1, 50), (2, 2, 20, 50), (1, 50), (1, 2, 20, 1)]
    added = [expecting(*qkv, rng.standard_normal(s).astype(np.float32)) for s in shapes]
    chosen = [expecting(*qkv, rng.random(s) > 0.6) for s in shapes]
    check_all([*added, *chosen], modes=("static",))


def test_limits_on_positions(rng: np.random.Generator) -> None:
    cases = []
    for rows, keys in ((64, 64), (100, 60), (3, 90)):
        qkv = tensors(rng, rows, keys, 16, heads=(4, 2))
        cases += [
            expecting(*qkv, is_causal=1),
            expecting(*qkv, left_window_size=5),
            expecting(*qkv, left_window_size=20, right_window_size=3),
            expecting(*qkv, is_causal=1, softcap=3.0, scale=0.7),
        ]
    check_all(cases, opset=25, modes=("static",))


def test_rows_with_nothing_allowed_are_zero(rng: np.random.Generator) -> None:
    for rows in (3, 40):
        mask = rng.random((rows, 50)) > 0.5
        mask[1:3] = False
        check_all([expecting(*tensors(rng, rows, 50, 16), mask)], modes=("static",))


@pytest.mark.parametrize("causal", [0, 1])
def test_blocks_of_keys(causal: int, rng: np.random.Generator) -> None:
    """More keys than a block: maxima and sums are carried on."""
    q, k, v = tensors(rng, 50, 1700, 32)
    k[:, :, 1000:] *= 4  # the maxima are in the last blocks
    mask = rng.random((1, 1, 50, 1700)) > 0.3
    mask[..., 5, :] = False
    mask[..., 6, :1200] = False
    late = {"left_window_size": 300} if causal else {}
    check_all(
        [expecting(q, k, v, is_causal=causal), expecting(q, k, v, mask, **late)], opset=25, modes=("static",)
    )


@pytest.mark.parametrize("causal", [0, 1])
def test_sizes_known_at_run_time(causal: int, rng: np.random.Generator) -> None:
    with compiled([*tensors(rng, 5, 6, 16, heads=(4, 2))], dynamic=True, is_causal=causal) as (
        run,
        _,
        schedules,
    ):
        assert "attention" in schedules
        for rows, keys in ((1, 1), (4, 9), (5, 100), (14, 33), (31, 600), (300, 40), (2, 1300)):
            q, k, v = tensors(rng, rows, keys, 16, heads=(4, 2))
            assert_close(run(q=q, k=k, v=v), attention(q, k, v, is_causal=causal), f"{rows} {keys}")


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_share_heads_and_rows(threads: int, rng: np.random.Generator) -> None:
    inputs = [*tensors(rng, 384, 384, 64, heads=(3, 3))]
    with compiled(inputs, threads=threads) as (run, feeds, schedules):
        assert schedules == ["attention"]
        assert_close(run(**feeds), attention(*inputs), "384 keys")


@pytest.mark.parametrize("dtype", [np.float16], ids=lambda d: d.__name__)
def test_half_precision(dtype: Any, rng: np.random.Generator) -> None:
    cases = [expecting(*tensors(rng, rows, 70, 32, dtype=dtype)) for rows in (2, 33)]
    check_all(cases, modes=("static",))
    with compiled([*tensors(rng, 33, 70, 32, dtype=dtype)]) as (_, _, schedules):
        assert schedules == ["attention"]


def test_not_a_number_stays_in_its_row(rng: np.random.Generator) -> None:
    for rows in (2, 20):
        q, k, v = tensors(rng, rows, 40, 16)
        q[0, 0, 1] = np.nan
        k[0, 1, 7, 3] = np.inf
        with compiled([q, k, v]) as (run, feeds, _), np.errstate(invalid="ignore"):
            have = run(**feeds)
        assert np.isnan(have[0, 0, 1]).all()
        assert np.isfinite(have[0, 0, 0]).all()
        # Where the score is +inf every weight is 0 or NaN; where it is -inf the key has no weight.
        infinite = q[0, 1, :, 3] > 0
        assert (np.isnan(have[0, 1]).all(-1) == infinite).all()


def test_large_negative_masks_are_no_infinity(rng: np.random.Generator) -> None:
    """Rows whose mask is the lowest float everywhere are averages."""
    q, k, v = tensors(rng, 20, 40, 16)
    mask = np.zeros((20, 40), np.float32)
    mask[3] = np.finfo(np.float32).min
    mask[4, 7:] = -10000.0
    check_all([expecting(q, k, v, mask)], modes=("static",))


def test_another_schedule_takes_over(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that the schedule took, and then cannot lower, is compiled by the one that takes everything."""

    def lower(*_: Any) -> None:
        raise NoMatch("for a test")

    monkeypatch.setattr(FusedAttention, "lower", lower)
    inputs = [*tensors(rng, 9, 20, 8)]
    with compiled(inputs, options=Options(jobs=0, cache=False)) as (run, feeds, schedules):
        assert schedules == ["affine"]
        assert_close(run(**feeds), attention(*inputs), "affine")


def test_o1_computes_the_same_by_other_kernels(rng: np.random.Generator) -> None:
    inputs = [*tensors(rng, 9, 20, 8)]
    with compiled(inputs, options=Options(opt_level=1)) as (run, feeds, schedules):
        assert set(schedules) == {"affine"} and len(schedules) > 1
        assert_close(run(**feeds), attention(*inputs), "-O1")


@pytest.mark.parametrize(
    ("cpu", "triple"),
    [
        ("x86-64-v2", "x86_64-unknown-linux-gnu"),
        ("x86-64-v3", "x86_64-unknown-linux-gnu"),
        ("generic", "aarch64-linux-gnu"),
    ],
)
def test_other_targets(cpu: str, triple: str) -> None:
    """To objects only: vectors of 128 and 256 bits, with and without fused multiply-adds."""
    infos = [onnx.helper.make_tensor_value_info(n, 1, [1, 2, 21, 24]) for n in "qkv"]
    output = onnx.helper.make_tensor_value_info("y", 1, None)
    node = onnx.helper.make_node("Attention", [*"qkv"], ["y"], is_causal=1)
    graph = onnx.helper.make_graph([node], "g", infos, [output])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 23)], ir_version=10)
    options = Options(target=Target.cpu_named(cpu, triple), stop_after="object")
    result = compile_model(model.SerializeToString(), None, options)
    assert [r["schedule"] for r in result.stats["kernel_results"].values()] == ["attention"]
