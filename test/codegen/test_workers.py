"""Worker processes: crashes, hangs and refusals cost a kernel its schedule, never the compile."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from aicc.codegen import workers
from aicc.codegen.cache import ObjectCache
from aicc.codegen.jit import LoadedKernel
from aicc.codegen.jobs import KernelJob, KernelResult
from aicc.codegen.workers import build_kernels
from aicc.errors import CompileError
from aicc.knobs import knobs
from aicc.target import Target
from test.codegen.kernel_text import MATMUL_BIAS_RELU as TEXT

V3 = Target.cpu_named("x86-64-v3")
ARM = Target.cpu_named("neoverse-n1", "aarch64-unknown-linux-gnu")

# An intrinsic of x86 in a kernel for aarch64: LLVM does not refuse it, it aborts.
CRASH = """
func.func @k_crash(%o: memref<8xi32>) attributes {aicc.kernel, aicc.outputs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %a = arith.constant dense<3> : vector<16xi16>
  %b = vector.load %o[%c0] : memref<8xi32>, vector<8xi32>
  %c = vector.bitcast %b : vector<8xi32> to vector<16xi16>
  %r = llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"(%c, %a) : (vector<16xi16>, vector<16xi16>) -> vector<8xi32>
  vector.store %r, %o[%c0] : memref<8xi32>, vector<8xi32>
  return
}
"""


def check_matmul(result: KernelResult, rng: np.random.Generator) -> None:
    a, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((24, 40), (40, 48)))
    bias, y = rng.standard_normal(48).astype(np.float32), np.empty((24, 48), np.float32)
    with LoadedKernel(result.built.object, result.symbol) as kernel:
        kernel.run([a, b, bias, y])
    np.testing.assert_allclose(y, np.maximum(a @ b + bias, 0), rtol=1e-5, atol=1e-5)


def test_many_kernels_in_order(rng: np.random.Generator) -> None:
    texts = [TEXT.replace("constant 0.0", f"constant {i}.0") for i in range(6)]
    seen: list[str] = []
    with knobs.scope(jobs=2):
        results = build_kernels(
            [KernelJob(t, ("affine",), Target.host()) for t in texts], None, lambda r: seen.append(r.symbol)
        )
    assert [r.symbol for r in results] == [KernelJob(t, (), V3).symbol for t in texts]
    assert sorted(seen) == sorted(r.symbol for r in results)
    assert all(not r.failures and r.built.schedule == "affine" for r in results)
    check_matmul(results[0], rng)


def test_objects_do_not_depend_on_where_they_are_built() -> None:
    job = KernelJob(TEXT, ("affine",), V3)
    with knobs.scope(jobs=0):
        here = build_kernels([job])[0]
    with knobs.scope(jobs=1):
        there = build_kernels([job])[0]
    assert here.built.object == there.built.object
    assert set(there.built.times) == {"parse", "schedule", "loops", "llvm", "translate", "object"}


@pytest.mark.parametrize("jobs", [0, 1])
def test_a_schedule_that_fails_gives_way_to_the_next(jobs: int) -> None:
    with knobs.scope(jobs=jobs):
        result = build_kernels([KernelJob(TEXT, ("no-such-schedule", "affine{nonsense=1}", "affine"), V3)])[0]
    assert result.built.schedule == "affine"
    assert [f.outcome for f in result.failures] == ["raised", "raised"]
    assert "no-such-schedule" in str(result.failures[0])


def test_a_crash_is_survived_and_reported() -> None:
    with knobs.scope(jobs=2), pytest.raises(CompileError) as caught:
        build_kernels([KernelJob(TEXT, ("affine",), V3), KernelJob(CRASH, ("affine", "affine"), ARM)])
    assert caught.value.code == "AICC-3001"
    assert len(caught.value.notes) == 2
    assert "crashed" in caught.value.notes[0]
    assert "LLVM ERROR" in caught.value.notes[0]
    with knobs.scope(jobs=2):
        assert build_kernels([KernelJob(TEXT, ("affine",), V3)])[0].built.object


def test_a_kernel_that_takes_too_long_is_given_up() -> None:
    with knobs.scope(jobs=1, kernel_timeout=1e-4), pytest.raises(CompileError) as caught:
        build_kernels([KernelJob(TEXT, ("affine",), V3)])
    assert "timed out" in caught.value.notes[0]
    with knobs.scope(jobs=1):
        assert build_kernels([KernelJob(TEXT, ("affine",), V3)])[0].built.object


def test_idle_workers_that_were_killed_are_replaced() -> None:
    with knobs.scope(jobs=1):
        build_kernels([KernelJob(TEXT, ("affine",), V3)])
        for worker in workers._shared_pool()._idle:
            os.kill(worker.pid, signal.SIGKILL)
        result = build_kernels([KernelJob(TEXT, ("affine", "affine"), V3)])[0]
    assert result.built.object


def test_invalid_text_is_an_error_with_the_parsers_words() -> None:
    with knobs.scope(jobs=0), pytest.raises(CompileError) as caught:
        build_kernels([KernelJob(TEXT.replace("arith.addf", "arith.frob"), ("affine",), V3)])
    assert "frob" in caught.value.notes[0]


def test_second_build_comes_from_the_cache(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, 1 << 30)
    jobs = [KernelJob(TEXT, ("no-such-schedule", "affine"), V3)]
    with knobs.scope(jobs=1):
        first = build_kernels(jobs, cache)[0]
        second = build_kernels(
            [KernelJob(TEXT.replace("@k0_matmul", "@renamed"), jobs[0].schedules, V3)], cache
        )[0]
    assert (first.cached, second.cached) == (False, True)
    assert second.name == "renamed"
    assert second.symbol == first.symbol
    assert second.built.object == first.built.object
    assert second.built.tiles == first.built.tiles
    assert [f.outcome for f in second.failures] == ["raised"]


def test_threads_compile_side_by_side() -> None:
    texts = [TEXT.replace("constant 0.0", f"constant {i}.5") for i in range(4)]
    with knobs.scope(jobs=1), ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda t: build_kernels([KernelJob(t, ("affine",), V3)])[0], texts))
    assert [r.symbol for r in results] == [KernelJob(t, (), V3).symbol for t in texts]


def test_a_forked_process_has_workers_of_its_own() -> None:
    with knobs.scope(jobs=1):
        build_kernels([KernelJob(TEXT, ("affine",), V3)])
        pid = os.fork()
        if pid == 0:
            try:
                built = build_kernels([KernelJob(TEXT, ("affine",), V3)])[0].built.object
                workers._shared_pool().close()
                os._exit(0 if built else 1)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert build_kernels([KernelJob(TEXT, ("affine",), V3)])[0].built.object
