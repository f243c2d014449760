"""Compiles every benchmark model for GPUs without one: `python -m benchmarks.cuda.sweep [--only NAME]`.

With `--files MODEL.onnx …` these instead. Device code is checked by ptxas. Prints what each model needed, and how many
of its kernels each schedule made.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

from aicc.codegen.gpu_code import find_ptxas
from aicc.driver import Options, compile_model
from aicc.errors import AiccError
from aicc.target import Target
from benchmarks.zoo import MODELS, exported

ARCHES = ("generic", "sm_80", "sm_90", "sm_90a")


def sweep(model: Path, arch: str) -> str:
    """A line about one model. Raises AiccError."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        result = compile_model(model, Path(folder) / "m.o", Options(Target.cuda(arch), emit="obj"))
    counts = Counter(kernel["schedule"] for kernel in result.stats["kernel_results"].values())
    kinds = ", ".join(f"{count} {schedule}" for schedule, count in sorted(counts.items()))
    return f"{time.perf_counter() - started:6.1f} s  {kinds}"


def main() -> None:
    """Prints a line a model and architecture; exits with 1 if one does not compile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mcpu", default=",".join(ARCHES), help="architectures")
    parser.add_argument("--only", default="", help="names that contain this")
    parser.add_argument(
        "--files", nargs="*", type=Path, help="models of your own instead, quantized ones say"
    )
    args = parser.parse_args()
    if find_ptxas() is None:
        raise SystemExit("ptxas is not installed: pip install nvidia-cuda-nvcc-cu12")
    failed = 0
    names = [path.stem for path in args.files] if args.files else list(MODELS)
    paths = dict(zip(names, args.files or [], strict=False))
    for name in (name for name in names if args.only in name):
        for arch in args.mcpu.split(","):
            try:
                line = sweep(paths.get(name) or exported(name), arch)
            except AiccError as error:
                failed, line = failed + 1, f"FAILED {error}"
            print(f"{name:20}{arch:9}{line}", flush=True)
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
