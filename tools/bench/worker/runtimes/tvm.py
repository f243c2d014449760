"""Apache TVM: Relax's ONNX importer, its default pipeline for CPUs after the ready-made schedules of dlight.

No tuning: MetaSchedule would need hours for a model on two cores. What is measured is what TVM gives at once.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..runtime import Array, Job, Runtime


class Peer(Runtime):
    def compile(self, job: Job) -> None:
        tvm = _tvm(job.threads)
        import onnx
        from tvm import relax
        from tvm.relax.frontend.onnx import from_onnx
        from tvm.s_tir import dlight

        module = from_onnx(onnx.load(job.model), keep_params_in_input=False)
        cpu = tvm.target.codegen.llvm_get_system_cpu()
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        target = tvm.target.Target({"kind": "llvm", "mcpu": cpu, "num-cores": cores, "opt-level": 3})
        with target:
            module = relax.get_pipeline("zero")(module)
            # dlight raises on some kernels (sums over channels of LRN); without it they keep plain loops.
            with contextlib.suppress(Exception):
                module = dlight.ApplyDefaultSchedule(dlight.cpu.GEMV(), dlight.cpu.Reduction())(module)
        tvm.compile(module, target=target).export_library(str(Path(job.folder) / "model.so"))
        self.version = tvm.__version__

    def load(self, job: Job) -> None:
        tvm = _tvm(job.threads)
        from tvm import relax

        executable = tvm.runtime.load_module(str(Path(job.folder) / "model.so"))
        self.machine = relax.VirtualMachine(executable, tvm.cpu())
        self.inputs = [tvm.runtime.tensor(array) for array in job.inputs.values()]
        self.version = tvm.__version__

    def run(self) -> Sequence[Array]:
        results: Any = self.machine["main"](*self.inputs)
        return [r.numpy() for r in _flat(results)]


def _tvm(threads: int) -> Any:
    """The package; its pool of threads is sized by the environment, before it is imported."""
    if threads:
        os.environ["TVM_NUM_THREADS"] = str(threads)
    import tvm

    return tvm


def _flat(results: Any) -> list[Any]:
    return [results] if hasattr(results, "numpy") else [leaf for r in results for leaf in _flat(r)]
