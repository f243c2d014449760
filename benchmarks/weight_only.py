"""Decoding with weights of 4 bits: one token after another, a batch of one, where all time goes into reading weights.

python -m benchmarks.weight_only build        the quantized models and the libraries, into the cache
python -m benchmarks.weight_only run          times, threads as AICC_NUM_THREADS says; appended to the results
python -m benchmarks.weight_only page         the section of docs/quantized.md from the results

aicc and ONNX Runtime run the same MatMulNBits file, made by `aicc-quantize --format nbits` (blocks of 32, symmetric,
all constant MatMuls); embeddings stay f32 in it. `--precision int4-weights`, called int4, compiles the f32 file, and
stores embeddings in 8 bits. ONNX Runtime computes with its defaults, in f32 (accuracy level 0); level 4 is the same
file with that accuracy level, at which both runtimes round rows to bytes. A token after 64 others; runs are
interleaved; medians. The difference is that of the logits of both runtimes, of the same file.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.sections import renewed
from benchmarks.zoo import CACHE, exported

MODELS = ("gpt2-decode", "llama-decode")
LEVELS = {"nbits": 0, "level4": 4}
"""The accuracy levels of quantized forms."""
KINDS = ("f32", *LEVELS, "int4")
"""The compiled forms."""
PAGE = Path("docs/quantized.md")
BEGIN, END = "<!-- weights: begin -->", "<!-- weights: end -->"
_PAST = 64
_ROUNDS = 12
_WARM, _TIMED = 3, 4
_PAUSE = 0.02


def library(model: str, kind: str) -> Path:
    """Where a compiled form is: f32, nbits, level4 or int4."""
    return CACHE / f"{model}-{kind}.so"


def quantized(model: str, kind: str) -> Path:
    """Where a quantized form is: nbits or level4."""
    return CACHE / f"{model}-{kind}.onnx"


def build() -> None:
    """Writes what is not there yet."""
    import aicc

    for model in MODELS:
        source = exported(model)
        for kind, level in LEVELS.items():
            if not quantized(model, kind).exists():
                aicc.quantize(
                    source, quantized(model, kind), format="nbits", accuracy_level=level, errors=False
                )
        for kind, file, precision in (
            ("f32", source, "f32"),
            *((kind, quantized(model, kind), "f32") for kind in LEVELS),
            ("int4", source, "int4-weights"),
        ):
            options = aicc.Options(precision=precision)
            aicc.compile_model(file, library(model, kind), options)


def inputs(session: Any) -> dict[str, np.ndarray[Any, Any]]:
    """A token after `_PAST` others."""
    rng = np.random.default_rng(0)
    feed: dict[str, np.ndarray[Any, Any]] = {}
    for i in session.get_inputs():
        shape = [d if isinstance(d, int) else _PAST + ("mask" in i.name) for d in i.shape]
        if "float" in i.type:
            feed[i.name] = rng.standard_normal(shape).astype(np.float32)
        else:
            feed[i.name] = np.full(shape, 1 if "mask" in i.name else _PAST, np.int64)
    return feed


def contestants(model: str, threads: int) -> dict[str, Callable[[], Any]]:
    """What runs, by name."""
    import onnxruntime

    import aicc

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    files = {"onnxruntime f32": exported(model)}
    files |= {f"onnxruntime {kind}": quantized(model, kind) for kind in LEVELS}
    sessions = {name: onnxruntime.InferenceSession(str(file), options) for name, file in files.items()}
    feed = inputs(sessions["onnxruntime f32"])
    calls: dict[str, Callable[[], Any]] = {
        name: lambda s=s: s.run(None, feed)  # type: ignore[misc]
        for name, s in sessions.items()
    }
    for kind in KINDS:
        executable = aicc.load(library(model, kind))
        executable.num_threads = threads
        given = [feed[i.name] for i in executable.inputs]
        calls[f"aicc {kind}"] = lambda e=executable, g=given: e.run(g)  # type: ignore[misc]
    return calls


def agreement(calls: dict[str, Callable[[], Any]], kind: str) -> float:
    """The largest difference of the first output of both runtimes, of the same file, relative to its range."""
    ours, theirs = (np.asarray(calls[f"{who} {kind}"]()[0], np.float64) for who in ("aicc", "onnxruntime"))
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def run(models: tuple[str, ...]) -> list[dict[str, Any]]:
    """Rows of results: milliseconds by contestant, sizes in bytes."""
    threads = int(os.environ.get("AICC_NUM_THREADS", "1"))
    rows = []
    for model in models:
        calls = contestants(model, threads)
        errors = {kind: agreement(calls, kind) for kind in LEVELS}
        times: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(_ROUNDS):
            for name, call in calls.items():
                # threads of the one before still spin for a while, its own sleep
                time.sleep(_PAUSE)
                for number in range(_WARM + _TIMED):
                    start = time.perf_counter()
                    call()
                    if number >= _WARM:
                        times[name].append(time.perf_counter() - start)
        ms = {name: statistics.median(t) * 1e3 for name, t in times.items()}
        size = {kind: library(model, kind).stat().st_size for kind in KINDS}
        rows.append({"model": model, "threads": threads, "ms": ms, "bytes": size, "errors": errors})
        print(json.dumps(rows[-1]))
    return rows


def section(rows: list[dict[str, Any]]) -> str:
    """The part of the page between the marks."""
    names = [f"aicc {kind}" for kind in KINDS]
    names += [f"onnxruntime {kind}" for kind in ("f32", *LEVELS)]
    lines = [
        BEGIN,
        "## Weights of 4 bits",
        "",
        *(line for line in (__doc__ or "").strip().splitlines()[6:] if line),
        "",
        f"| model | threads | {' | '.join(f'{n}, ms' for n in names)} | int4 over f32 "
        "| nbits, level4 over onnxruntime | weights nbits / int4 of f32 | difference |",
        "|---|---|" + "---|" * (len(names) + 4),
    ]
    for row in rows:
        ms, size, errors = row["ms"], row["bytes"], row["errors"]
        over = ", ".join(f"{ms['onnxruntime ' + kind] / ms['aicc ' + kind]:.2f}x" for kind in LEVELS)
        lines.append(
            f"| {row['model']} | {row['threads']} | {' | '.join(f'{ms[n]:.2f}' for n in names)} | "
            f"{ms['aicc f32'] / ms['aicc int4']:.2f}x | {over} | "
            f"{size['nbits'] / size['f32']:.2f} / {size['int4'] / size['f32']:.2f} | "
            f"{', '.join(f'{errors[kind]:.1e}' for kind in LEVELS)} |"
        )
    return "\n".join([*lines, END])


def write_page(rows: list[dict[str, Any]]) -> None:
    """Replaces the section in the page, or appends it."""
    text = PAGE.read_text() if PAGE.exists() else "# Quantized models\n"
    PAGE.write_text(renewed(text, section(rows)))


def main(arguments: list[str]) -> None:
    results = CACHE / "weight-only.json"
    known: list[dict[str, Any]] = json.loads(results.read_text()) if results.exists() else []
    if arguments[:1] == ["build"]:
        build()
    elif arguments[:1] == ["run"]:
        new = run(tuple(arguments[1:]) or MODELS)
        fresh = {(row["model"], row["threads"]) for row in new}
        known = [row for row in known if (row["model"], row["threads"]) not in fresh] + new
        results.write_text(json.dumps(sorted(known, key=lambda r: (r["model"], r["threads"])), indent=1))
    elif arguments[:1] == ["page"]:
        write_page(known)
    else:
        print(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
