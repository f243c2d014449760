"""Kernels beside the machine's limits."""

from __future__ import annotations

import pytest

from aicc.kernel_facts import KernelFacts
from aicc.target import Target
from aicc.tools.bench.kernels import (
    HOST,
    contraction_flops,
    contraction_share,
    describe_peaks,
    kernel_label,
    kernel_rows,
    kernel_table,
    limit,
)
from aicc.tools.bench.peaks import Peaks, measure_peaks
from aicc.tools.bench.rounds import cores

PEAKS = Peaks(1, 100e9, ((1 << 20, 80e9, 60e9), (1 << 25, 60e9, 40e9), (0, 20e9, 10e9)))
PROFILE = {
    "runs": 2,
    "seconds": 0.010,
    "kernels": [
        ("matmul_100x100_by_1000_abc", 4, 0.004, 8),
        ("pointwise_1000_def", 2, 0.002, 2),
        ("rows_?_ghi", 2, 0.001, 2),
    ],
}
RESULTS = {
    "matmul_100x100_by_1000_abc": {
        "schedule": "contraction",
        "config": "m=6",
        "facts": KernelFacts(("layer/MatMul",), 2, 800_000, 40_000),
    },
    "pointwise_1000_def": {"schedule": "pointwise", "config": "", "facts": KernelFacts((), 1, 4000, 4000)},
    "rows_?_ghi": {"schedule": "rows", "config": "", "facts": KernelFacts((), 1, None, None)},
}


def test_multiplications_are_read_off_the_name() -> None:
    assert contraction_flops("matmul_128x768_by_3072_0a1b") == 2 * 128 * 768 * 3072
    assert contraction_flops("conv_7x7x512_by_3x3x512_0a1b") == 2 * 7 * 7 * 512 * 9 * 512
    assert contraction_flops("rows_128_by_768_0a1b") is None
    assert contraction_flops("matmul_?x768_by_3072_0a1b") is None


def test_rows_per_call_and_per_run() -> None:
    matmul, pointwise, dynamic, host = kernel_rows(PROFILE, RESULTS, PEAKS)
    assert (matmul.name, matmul.nodes, matmul.schedule) == (
        "matmul_100x100_by_1000",
        "layer/MatMul",
        "contraction m=6",
    )
    assert (matmul.calls, matmul.seconds, matmul.share) == (2, pytest.approx(0.001), pytest.approx(0.4))
    assert (matmul.bound, matmul.of_bound) == ("FMA", pytest.approx(2e7 / 0.001 / 100e9))
    assert pointwise.bound == "bytes" and pointwise.of_bound == pytest.approx(8000 / 60e9 / 0.001)
    assert dynamic.bound == "" and dynamic.of_bound is None
    assert host.name == HOST and host.share == pytest.approx(0.3)


def test_kernels_without_a_shape_in_their_name() -> None:
    facts = KernelFacts(results=("100x1x512", "", "512"))
    assert kernel_label("recurrence_0a1b2c", facts) == "recurrence 100x1x512 512"
    assert kernel_label("rows_8_by_64_0a1b2c", facts) == "rows_8_by_64"


def test_the_compiler_counts_multiplications() -> None:
    facts = KernelFacts(("m",), 1, 1000, 1000, flops=6e7)
    rows = kernel_rows(
        {"runs": 1, "seconds": 1.0, "kernels": [("attention_x", 1, 0.001, 1)]},
        {"attention_x": {"facts": facts}},
        PEAKS,
    )
    assert rows[0].flops == 6e7 and rows[0].of_bound == pytest.approx(0.6)


def test_what_binds_a_kernel() -> None:
    assert limit(1.0, 50e9, 1000, PEAKS) == ("FMA", pytest.approx(0.5))
    # A product with a vector reads its weights from memory longer than it computes.
    assert limit(1.0, 1e9, int(10e9), PEAKS) == ("bytes", pytest.approx(0.5))
    assert limit(1.0, None, int(5e9), PEAKS) == ("bytes", pytest.approx(0.5))
    assert limit(0.0, 1e9, 10, PEAKS) == ("", None)


def test_the_copy_speed_is_that_of_the_level_that_holds_it() -> None:
    assert [PEAKS.copy(n) for n in (1 << 10, 1 << 22, 1 << 28)] == [60e9, 40e9, 10e9]


def test_a_model_compiled_before_has_names_and_times_only() -> None:
    rows = kernel_rows(PROFILE, {}, PEAKS)
    assert rows[1].name == "pointwise_1000_def" and rows[1].moved is None and rows[1].schedule == ""
    assert rows[0].bound == "FMA"


def test_the_table_leaves_out_small_kernels() -> None:
    rows = kernel_rows(PROFILE, RESULTS, PEAKS)
    assert kernel_table(rows).row_count == 4
    assert kernel_table(rows, least=0.25).row_count == 2
    assert contraction_share(rows, PEAKS) == pytest.approx(0.2)
    assert "100 GFLOP/s; memory 20 GB/s read" in describe_peaks(PEAKS)


def test_the_loops_measure_this_machine() -> None:
    peaks = measure_peaks(Target.host(), cores(1))
    assert 1e9 < peaks.flops < 1e13
    assert len(peaks.levels) == 3
    for _, read, copy in peaks.levels:
        assert 1e8 < read < 1e13 and 1e8 < copy < 1e13
