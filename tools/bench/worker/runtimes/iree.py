"""IREE: iree-import-onnx, iree-compile for this processor at O3 with data tiling and channels last, the
local drivers.

Weights stay in a parameter file beside the module, as IREE's guides have it for models of this size; they are
packed when the module is loaded. One thread runs on `local-sync`, several on `local-task`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..runtime import Array, Job, Runtime

FLAGS = (
    "--iree-hal-target-device=local",
    "--iree-hal-local-target-device-backends=llvm-cpu",
    "--iree-llvmcpu-target-cpu=host",
    "--iree-opt-level=O3",
    "--iree-llvmcpu-stack-allocation-limit=262144",  # the default refuses some convolutions
)
TILED = "--iree-opt-data-tiling"
NHWC = "--iree-preprocessing-pass-pipeline=builtin.module(iree-preprocessing-convert-conv-to-channels-last)"
"""Convolutions run 1.3 to 1.7 times faster so."""
CHOICES = ((TILED, NHWC), (TILED,), ())
"""The first that the compiler manages is taken."""

SCOPE = "model"
OLDEST_OPSET = 17
"""Older models are brought to this one first: the importer knows few ops of old opsets."""


class Peer(Runtime):
    def compile(self, job: Job) -> None:
        folder = Path(job.folder)
        module = folder / "model.mlir"
        importing = [*_tool("iree-import-onnx"), job.model, "-o", str(module)]
        importing += ["--externalize-params", "--params-scope", SCOPE]
        importing += ["--save-params-to", str(folder / "model.irpa")]
        if _opset(job.model) < OLDEST_OPSET:
            importing += ["--opset-version", str(OLDEST_OPSET)]
        _check(importing)
        compiling = [*_tool("iree-compile"), str(module), "-o", str(folder / "model.vmfb"), *FLAGS]
        for number, choice in enumerate(CHOICES):
            try:
                _check([*compiling, *choice])
                break
            except RuntimeError:
                if number + 1 == len(CHOICES):
                    raise
        module.unlink()
        self.version = _version()

    def load(self, job: Job) -> None:
        import iree.runtime as rt

        folder = Path(job.folder)
        if job.threads != 1:
            rt.flags.parse_flags(*([f"--task_topology_group_count={job.threads}"] if job.threads else []))
        device = rt.get_device("local-sync" if job.threads == 1 else "local-task")
        config = rt.Config(device=device)
        index = rt.ParameterIndex()
        index.load(str(folder / "model.irpa"))
        parameters = rt.create_io_parameters_module(config.vm_instance, index.create_provider(scope=SCOPE))
        hal = rt.create_hal_module(config.vm_instance, device)
        module = rt.VmModule.mmap(config.vm_instance, str(folder / "model.vmfb"))
        loaded = rt.load_vm_modules(parameters, hal, module, config=config)[-1]
        names = [n for n in loaded.vm_module.function_names if not n.startswith("__") and "$" not in n]
        self.function, self.inputs = loaded[names[0]], list(job.inputs.values())
        self.version = _version()

    def run(self) -> Sequence[Array]:
        results: Any = self.function(*self.inputs)
        return [r.to_host() for r in (results if isinstance(results, (tuple, list)) else (results,))]


def _tool(name: str) -> list[str]:
    return [str(Path(sys.executable).parent / name)]


def _check(command: list[str]) -> None:
    """Raises RuntimeError with the first line of the tool's errors."""
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error:" in line or "Error" in line]
        tool = Path(command[0]).name
        raise RuntimeError(f"{tool} ended with {done.returncode}: {(lines or ['no message'])[0][-300:]}")


def _opset(model: str) -> int:
    import onnx

    imports = onnx.load(model, load_external_data=False).opset_import
    return int(next(o.version for o in imports if o.domain in ("", "ai.onnx")))


def _version() -> str:
    from importlib.metadata import version

    return version("iree-base-compiler")
