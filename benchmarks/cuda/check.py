"""Runs the checked cases of build/cuda on the GPU: numbers, and that a replayed run gives the same ones.

Needs Python, NumPy and a driver; see cases.py for what makes the folder. Exit code 1 when a case fails.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cuda.package import lacks_library, loader

RUNS = 3
"""The first is recorded, the others are replayed."""


def worst_error(results: list[Any], expected: list[Any]) -> float:
    """The largest difference relative to the largest number of its output; infinite for another shape or NaN."""
    worst = 0.0
    for ours, theirs in zip(results, expected, strict=True):
        if ours.shape != theirs.shape:
            return float("inf")
        a, b = ours.astype(np.float64), theirs.astype(np.float64)
        error = float(np.abs(a - b).max(initial=0.0) / max(float(np.abs(b).max(initial=0.0)), 1e-9))
        worst = max(worst, error if np.isfinite(error) else float("inf"))
    return worst


def check(folder: Path, name: str, arrays: str, allowed: float) -> str:
    """What is wrong with the case, whose inputs and outputs are `arrays`.npz; empty if nothing is."""
    with np.load(folder / f"{arrays}.npz") as data:
        inputs = [data[f"in{i}"] for i in range(sum(key.startswith("in") for key in data))]
        expected = [data[f"out{i}"] for i in range(sum(key.startswith("out") for key in data))]
    executable = loader().load(folder / f"{name}.so")
    try:
        runs = [[r.copy() for r in executable.run(inputs)] for _ in range(RUNS)]
        error = worst_error(runs[0], expected)
        if not error <= allowed:
            return f"error {error:.2e}, allowed {allowed:.0e}"
        for again in runs[1:]:
            difference = worst_error(again, runs[0])
            if not difference <= allowed:
                return f"a replayed run differs by {difference:.2e}"
    finally:
        executable.close()
    return ""


def main() -> None:
    """Prints a line a case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/cuda"))
    parser.add_argument("--only", default="", help="names that contain this")
    args = parser.parse_args()
    cases = [
        c for c in json.loads((args.folder / "index.json").read_text())["checked"] if args.only in c["name"]
    ]
    failed = without = 0
    for case in cases:
        try:
            wrong = check(args.folder, case["name"], case["arrays"], case["tolerance"])
        except Exception as error:  # the next case may tell more
            wrong = f"{type(error).__name__}: {error}"
            if "library" in case and lacks_library(error):
                without += 1
                print(f"{'none':5}{case['name']:28}{case['library']} is not installed", flush=True)
                continue
        failed += bool(wrong)
        print(f"{'FAIL' if wrong else 'ok':5}{case['name']:28}{wrong}", flush=True)
    checked = len(cases) - without
    left = f", {without} left out" if without else ""
    print(f"{checked - failed} of {checked} cases agree{left}")
    sys.exit(1 if failed or not cases else 0)


if __name__ == "__main__":
    main()
