"""Language models as model builders write them: time of a token, and of a prompt.

python -m benchmarks.decoders build   the files and the libraries, into the cache
python -m benchmarks.decoders run     times them beside ONNX Runtime; writes the section of docs/quantized.md

Files are those of `test/models/decoders.py` with layers of real width and random weights: 4 bits in blocks of 32,
every size named, one library for all. *past* is how many tokens the cache holds, *new* how many a run adds: one while
text is written. `accuracy` is MatMulNBits' accuracy level: 4 lets products round rows to bytes. Runs of both take
turns; medians; the error is relative to the largest number of each output. Experts: 32, of which each token goes
through 4.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

import aicc
from benchmarks.machine import describe
from benchmarks.sections import renewed
from benchmarks.zoo import CACHE
from test.models.decoders import Decoder, Experts, build

PAGE = Path("docs/quantized.md")
BEGIN, END = "<!-- decoders: begin -->", "<!-- decoders: end -->"
_SIZES = ((64, 1), (1024, 1), (0, 64))
_SECONDS = 2.5
_FEWEST = 3
_LLAMA: dict[str, Any] = {"layers": 4, "width": 2048, "heads": 32, "groups": 8, "head": 64, "hidden": 8192}
_EXPERTS: dict[str, Any] = {"layers": 2, "width": 1024, "heads": 16, "groups": 4, "head": 64, "hidden": 1024}

MODELS = {
    "llama-like": Decoder(**_LLAMA, vocabulary=32000, room=4096),
    "llama-like, accuracy 4": Decoder(**_LLAMA, vocabulary=32000, room=4096, level=4),
    "gpt-oss-like": Decoder(**_EXPERTS, vocabulary=8000, room=4096, sinks=True, experts=Experts(32, 4)),
}


@dataclass(frozen=True)
class Row:
    """Milliseconds of a run of both."""

    model: str
    past: int
    new: int
    threads: int
    ours: float
    peer: float
    error: float

    def __str__(self) -> str:
        cells = (self.model, self.past, self.new, self.threads, f"{self.ours:.2f}", f"{self.peer:.2f}")
        return f"| {' | '.join(map(str, cells))} | {self.peer / self.ours:.2f}x | {self.error:.0e} |"


def paths(name: str) -> tuple[Path, Path]:
    """The ONNX file and the library."""
    stem = CACHE / f"decoder-{name.replace(', ', '-').replace(' ', '-')}"
    return stem.with_suffix(".onnx"), stem.with_suffix(".so")


def make(name: str) -> None:
    """Writes both."""
    path, library = paths(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(build(MODELS[name]), path)
    aicc.compile(path).save(library)


def feeds(d: Decoder, past: int, new: int) -> dict[str, np.ndarray[Any, Any]]:
    """Random tokens and a random cache."""
    rng = np.random.default_rng(0)
    found = {
        "input_ids": rng.integers(0, d.vocabulary, (1, new)),
        "attention_mask": np.ones((1, past + new), np.int64),
    }
    for i in range(d.layers):
        for kind in ("key", "value"):
            shape = (1, d.groups, past, d.head)
            found[f"past_key_values.{i}.{kind}"] = rng.standard_normal(shape).astype(np.float32)
    return found


def in_turns(runs: Sequence[Callable[[], Any]]) -> list[float]:
    """Median seconds of each."""
    times: list[list[float]] = [[] for _ in runs]
    end = time.perf_counter() + _SECONDS
    while time.perf_counter() < end or len(times[0]) < _FEWEST:
        for run, found in zip(runs, times, strict=True):
            start = time.perf_counter()
            run()
            found.append(time.perf_counter() - start)
    return [statistics.median(found) for found in times]


def measured(name: str, threads: int) -> list[Row]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    path, library = paths(name)
    session = onnxruntime.InferenceSession(str(path), options)
    exe = aicc.load(library)
    exe.num_threads = threads
    rows = []
    for past, new in _SIZES:
        given = feeds(MODELS[name], past, new)
        pairs = zip(exe(**given), session.run(None, given), strict=True)
        error = max(float(np.abs(np.asarray(a) - b).max() / np.abs(b).max()) for a, b in pairs)
        runs = (lambda g=given: exe(**g), lambda g=given: session.run(None, g))
        ours, peer = (1e3 * s for s in in_turns(runs))
        rows.append(Row(name, past, new, threads, ours, peer, error))
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("step", choices=("build", "run"))
    step = parser.parse_args().step
    if step == "build":
        for name in MODELS:
            make(name)
        return
    rows = [row for name in MODELS for threads in (1, 2) for row in measured(name, threads)]
    about = " ".join((__doc__ or "").split("\n\n")[-1].split())
    lines = [
        BEGIN,
        "## Decoders",
        "",
        about,
        "",
        "; ".join(f"{what}: {value}" for what, value in describe().items()) + ".",
        "",
        "| model | past | new | threads | aicc ms | ONNX Runtime ms | | error |",
        "|---|---|---|---|---|---|---|---|",
        *map(str, rows),
        END,
    ]
    PAGE.write_text(renewed(PAGE.read_text(), "\n".join(lines)))


if __name__ == "__main__":
    main()
