"""Times the speed cases of build/cuda on the GPU, kernels and whole calls, beside PyTorch and JAX where they are
installed. Products are also timed as calls of cuBLASLt from within aicc, in turns with aicc's own kernels.

Without PyTorch arrays come from the host and only kernels are timed, by events of the device around each. With it
inputs and outputs are its tensors, and whole calls of both are timed in turns: medians of interleaved rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cuda import jax_peer
from benchmarks.cuda.package import lacks_library, loader, torch_with_gpu

PROFILED, ROUNDS, CALLS, TURNS = 5, 15, 10, 5
LIBRARY = "cublaslt"

PEERS: dict[str, Callable[..., Any]] = {
    "matmul": lambda torch, x, w: x @ w,
    "add": lambda torch, x, z: x + z,
    "transpose": lambda torch, x: x.t().contiguous(),
    "softmax": lambda torch, x: torch.softmax(x, -1),
    "layer_norm": lambda torch, x, s, b: torch.nn.functional.layer_norm(x, x.shape[-1:], s, b),
}
"""What a case is in PyTorch, by how its name begins."""


def kernel_seconds(executable: Any, inputs: list[Any]) -> float:
    """Time of all kernels of a call."""
    executable.run(inputs)
    with executable.profile() as profile:
        for _ in range(PROFILED):
            executable.run(inputs)
    return sum(kernel.seconds for kernel in profile.kernels) / PROFILED


def against_library(folder: Path, name: str, executable: Any, inputs: list[Any]) -> dict[str, float]:
    """Seconds of the kernels here and of the library's, medians of turns, and the largest difference relative to the
    largest number; empty where there is no such case, or no library."""
    path = folder / f"speed_{name}_{LIBRARY}.so"
    if not path.exists():
        return {}
    try:
        library = loader().load(path)
    except Exception as error:
        if lacks_library(error):
            return {}
        raise
    try:
        ours, theirs = (each.run(inputs)[0].astype(np.float32) for each in (executable, library))
        times = [[kernel_seconds(each, inputs) for each in (executable, library)] for _ in range(TURNS)]
    finally:
        library.close()
    return {
        "kernels": statistics.median(t[0] for t in times),
        LIBRARY: statistics.median(t[1] for t in times),
        f"{LIBRARY}_error": float(np.abs(ours - theirs).max() / max(float(np.abs(theirs).max()), 1e-9)),
    }


def copy_bandwidth(executable: Any) -> float:
    """Bytes a second that the driver's copy of 2 GiB on the device reads and writes."""
    from aicc.runtime.device_arrays import device_array

    library, size = executable._library, 2 << 30
    source, target = (device_array(library, (size,), np.dtype(np.uint8)) for _ in range(2))

    def copy() -> float:
        started = time.perf_counter()
        library.check(library.functions["copy"](library.first_context, target.address, source.address, size))
        return time.perf_counter() - started

    return 2 * size / min(copy() for _ in range(10))


def call_seconds(torch: Any, call: Callable[[], Any]) -> float:
    """Time of a call among CALLS in a row, to the end of the device's work."""
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(CALLS):
        call()
    torch.cuda.synchronize()
    return (time.perf_counter() - started) / CALLS


def against_torch(torch: Any, executable: Any, inputs: list[Any], name: str) -> tuple[float, float, float]:
    """Seconds of a call here, seconds in PyTorch, difference relative to the largest number."""
    tensors = [torch.from_numpy(array).cuda() for array in inputs]
    peer = next(p for start, p in PEERS.items() if name.startswith(start))
    expected = peer(torch, *tensors)
    out = torch.empty_like(expected)
    torch.cuda.synchronize()

    def ours() -> None:
        executable.run(tensors, [out])

    def theirs() -> None:
        peer(torch, *tensors)

    for call in (ours, theirs, ours, theirs):
        call()
    torch.cuda.synchronize()
    error = float((out.float() - expected.float()).abs().max() / expected.float().abs().max().clamp(min=1e-9))
    times = [(call_seconds(torch, ours), call_seconds(torch, theirs)) for _ in range(ROUNDS)]
    return statistics.median(t[0] for t in times), statistics.median(t[1] for t in times), error


def random_array(rng: np.random.Generator, info: Any) -> Any:
    """Numbers around 0, small enough for sums of products in 16 bits."""
    return (rng.standard_normal(info.shape, dtype=np.float32) * 0.25).astype(info.dtype)


def measured(folder: Path, case: dict[str, Any], torch: Any, jax: Any) -> dict[str, float]:
    """Seconds by what was measured, bytes a second of a copy, and the difference from PyTorch."""
    executable = loader().load(folder / f"speed_{case['name']}.so")
    rng = np.random.default_rng(0)
    try:
        inputs = [random_array(rng, info) for info in executable.inputs]
        found = {
            "kernels": kernel_seconds(executable, inputs),
            "flops": case["flops"],
            "bytes": case["bytes"],
        }
        found |= against_library(folder, case["name"], executable, inputs)
        found["copy"] = copy_bandwidth(executable) if not case["flops"] else 0.0
        if torch is not None:
            ours, theirs, error = against_torch(torch, executable, inputs, case["name"])
            found |= {"call": ours, "torch": theirs, "error": error}
    finally:
        executable.close()
    if jax is not None:
        found["jax"] = jax_peer.seconds(jax, case["name"], inputs, ROUNDS, CALLS)
    return found


def line_of(name: str, found: dict[str, float]) -> str:
    """A line of the table; what was not measured is left empty."""

    def shown(key: str) -> str:
        return f"{found[key] * 1e3:9.3f} ms" if key in found else " " * 12

    seconds = found["kernels"]
    rates = (
        f"{found['flops'] / seconds / 1e12:10.1f}{found['bytes'] / seconds / 1e9:10.0f}"
        if seconds
        else " " * 20
    )
    peer = f"{found['call'] / found['torch']:8.2f}{found['error']:10.1e}" if "torch" in found else " " * 18
    library = f"{shown(LIBRARY)}{seconds / found[LIBRARY]:8.2f}" if found.get(LIBRARY) else " " * 20
    return f"{name:24}{shown('kernels')}{rates}{library}{shown('call')}{shown('torch')}{peer}{shown('jax')}".rstrip()


def main() -> None:
    """Prints a line a case; exits with 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/cuda"))
    parser.add_argument("--only", default="", help="names that contain this")
    args = parser.parse_args()
    torch, jax = torch_with_gpu(), jax_peer.installed()
    print(
        f"{'case':24}{'kernels':>12}{'TFLOP/s':>10}{'GB/s':>10}{LIBRARY:>12}{'ratio':>8}{'call':>12}{'torch':>12}"
        f"{'ratio':>8}{'error':>10}{'jax':>12}"
    )
    results: dict[str, dict[str, float]] = {}
    failed = 0
    for case in json.loads((args.folder / "index.json").read_text())["speed"]:
        if args.only not in case["name"]:
            continue
        try:
            results[case["name"]] = measured(args.folder, case, torch, jax)
            print(line_of(case["name"], results[case["name"]]), flush=True)
        except Exception as error:  # the next case may tell more
            failed += 1
            print(f"{case['name']:24}FAILED {type(error).__name__}: {error}"[:400], flush=True)
        (args.folder / "speed_measured.json").write_text(json.dumps(results, indent=1))
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
