"""Results as they come, in one file: build/bench.json.

    {"format": 2, "machine": {…}, "models": {"resnet50": {"model": …, "dims": …, "compile": {…},
        "results": {"1": {"aicc": {…}, "onnxruntime": {…, "beside": 0.028}}}}}}

A model's numbers may come from several runs. `beside` is aicc's median in the run that measured the other
runtime, which is what its ratio is taken to: ratios never mix two moments of the machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aicc.tools import console
from aicc.tools.bench.rounds import Result

PATH = Path("build/bench.json")
FORMAT = 2


def load(path: Path = PATH) -> dict[str, Any]:
    """What is in the file; nothing when there is none or it is of another format."""
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    if found.get("format") == FORMAT:
        return found
    return {"format": FORMAT, "machine": {}, "models": {}}


def save(everything: Mapping[str, Any], path: Path = PATH) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    console.write_text(path, json.dumps(everything, indent=1))


def add(row: dict[str, Any], results: Iterable[Result]) -> None:
    """Puts results of one interleaved run (of any thread counts) into the row of their model."""
    results = list(results)
    ours = {r.threads: r.median for r in results if r.runtime == "aicc" and r.rounds}
    table = row.setdefault("results", {})
    for r in results:
        facts = {**asdict(r), "beside": ours.get(r.threads)}
        facts.pop("profile")
        if r.rounds:
            facts |= {"median": r.median, "best": r.best, "spread": r.spread}
        table.setdefault(str(r.threads), {})[r.runtime] = facts


def complete(row: Mapping[str, Any] | None, runtimes: Iterable[str], threads: Iterable[int]) -> bool:
    """Whether each of the runtimes has a result, or a failure, at each thread count."""
    table = (row or {}).get("results", {})
    return all(name in table.get(str(n), {}) for n in threads for name in runtimes)
