"""torch.compile with TorchInductor: frozen weights, so that oneDNN packs them, on a PyTorch module.

The module is the one the ONNX file was exported from where it is known, else the ONNX graph translated op by
op (`onnx_module`). What is compiled is found again by TorchInductor's own cache, one for all models beside the
job's folder, so that the headers are precompiled once.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from ..runtime import Array, Job, Runtime


class Peer(Runtime):
    def compile(self, job: Job) -> None:
        self.load(replace(job, threads=len(os.sched_getaffinity(0))))

    def load(self, job: Job) -> None:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(Path(job.folder).parent / "torchinductor-cache")
        os.environ["TORCHINDUCTOR_FREEZING"] = "1"
        os.environ["TORCHINDUCTOR_CPP_DYNAMIC_THREADS"] = "1"  # compiled once for any number of threads
        import torch

        if job.threads:
            torch.set_num_threads(job.threads)
        self.torch, self.version = torch, torch.__version__
        tensors = {name: torch.from_numpy(array) for name, array in job.inputs.items()}
        for name, axes in job.symbolic.items():
            for axis in axes:
                torch._dynamo.mark_dynamic(tensors[name], axis)
        module, self.inputs = _module(job, list(tensors.values()))
        self.function = torch.compile(module)
        self.run()  # which compiles

    def rethread(self, threads: int) -> None:
        self.torch.set_num_threads(threads or len(os.sched_getaffinity(0)))

    def run(self) -> Sequence[Array]:
        with self.torch.no_grad():
            results = self.function(*self.inputs)
        return [t.numpy() for t in self.torch.utils._pytree.tree_leaves(results)]


def _module(job: Job, tensors: list[Any]) -> tuple[Any, tuple[Any, ...]]:
    """A module in evaluation mode and its arguments."""
    if not job.module:
        from .onnx_module import OnnxModule

        return OnnxModule(job.model).eval(), tuple(tensors)
    import sys

    package, function, argument = job.module.split(":")
    sys.path.insert(0, job.root)
    made = getattr(import_module(package), function)(argument)
    return made.module, made.arguments(tensors)
