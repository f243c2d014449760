"""Writes docs/performance-cuda.md from what was measured into build/cuda: `python -m benchmarks.cuda.report`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FOLDER, PAGE = ROOT / "build" / "cuda", ROOT / "docs" / "performance-cuda.md"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    names = list(head)
    lines = [f"| {' | '.join(names)} |", "|" + "|".join([" --- ", *[" ---: "] * (len(names) - 1)]) + "|"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]


def number(found: Mapping[str, Any], key: str, scale: float, digits: int = 0) -> str:
    return f"{found[key] * scale:.{digits}f}" if key in found else "–"


def ratio(found: Mapping[str, Any], of: str, to: str) -> str:
    return f"{found[of] / found[to]:.2f}" if of in found and to in found else "–"


def products(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Rates of whole calls, as those of PyTorch are, and of kernels beside cuBLASLt called from within aicc."""
    rows = []
    for name, found in results.items():
        rates = {
            key: found["flops"] / found[key] / 1e12
            for key in ("kernels", "cublaslt", "call", "torch", "jax")
            if found.get(key)
        }
        rows.append(
            [
                name,
                *(number(rates, key, 1) for key in ("kernels", "cublaslt")),
                ratio(rates, "kernels", "cublaslt"),
                *(number(rates, key, 1) for key in ("call", "torch", "jax")),
                ratio(rates, "call", "torch"),
            ]
        )
    head = ["product", "kernel", "cuBLASLt's", "kernel / cuBLASLt's"]
    head += ["call", "torch (cuBLAS)", "JAX", "call / torch"]
    return ["## Matrix products, TFLOP/s", "", *table(head, rows)]


def memory_bound(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    rows = []
    for name, found in results.items():
        keys = ("kernels", "torch", "jax")
        rates = {key: found["bytes"] / found[key] / 1e9 for key in keys if found.get(key)}
        if found.get("copy"):
            rates["copy"] = found["copy"] / 1e9
        rows.append(
            [
                name,
                *(number(rates, key, 1) for key in ("kernels", "copy", "torch", "jax")),
                ratio(rates, "kernels", "copy"),
            ]
        )
    head = ["kernel", "aicc", "device copy", "torch", "JAX", "of the copy"]
    return ["## Kernels bound by memory, GB/s", "", *table(head, rows)]


def networks(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    rows = []
    for name, found in results.items():
        if "failed" in found:
            rows.append([name, *["–"] * 6])
            continue
        times = {**found, "overhead": found["call"] - found["enqueued"]}
        shown = [number(times, key, 1e6) for key in ("call", "overhead", "torch", "torch_compile")]
        rows.append([name, *shown, ratio(found, "call", "torch_compile"), f"{found['error']:.1e}"])
    head = ["network", "call", "overhead", "torch eager", "torch.compile", "call / compiled", "error"]
    notes = [
        "All tensors are on the device. *Overhead* is what a call takes beyond one that is put on the stream behind",
        "others; *error* is the largest difference from the CPU in f32, relative to the largest output.",
    ]
    return ["## Networks, µs", "", *notes, "", *table(head, rows)]


def read(name: str) -> Any:
    path = FOLDER / name
    return json.loads(path.read_text()) if path.exists() else {}


def main() -> None:
    """Raises SystemExit where nothing was measured."""
    speed, nets = read("speed_measured.json"), read("networks_measured.json")
    if not speed and not nets:
        raise SystemExit(f"nothing was measured: {FOLDER} has no results; see `make bench-cuda`.")
    machine = (
        f"{nets['device']}, PyTorch {nets['torch']}" if "device" in nets else "PyTorch was not installed"
    )
    lines = ["# Performance on NVIDIA GPUs", ""]
    lines += [
        f"Measured by `make bench-cuda` ({machine}); written by `python -m benchmarks.cuda.report`.",
        "",
    ]
    lines += products({name: found for name, found in speed.items() if found["flops"]})
    lines += memory_bound({name: found for name, found in speed.items() if not found["flops"]})
    lines += networks(nets.get("results", {}))
    PAGE.write_text("\n".join(lines).rstrip() + "\n")
    print(PAGE)


if __name__ == "__main__":
    main()
