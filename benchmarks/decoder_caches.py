"""Decoding with a cache of the greatest length: in one buffer for past and present, and in two.

python -m benchmarks.decoder_caches build   the file and the library, into the cache
python -m benchmarks.decoder_caches run     times them beside ONNX Runtime; writes the section of docs/quantized.md

The first model of `benchmarks/decoders.py`, 4 layers of 8 heads of keys and values of 64 numbers in f32. A run adds
the last token that the cache has room for, so that all positions are looked at. *in place*: the outputs are given the
inputs' arrays, and one row of each is written. *copied*: they have arrays of their own, which exist before. ONNX
Runtime shares its buffers by IO binding. Runs of all take turns; medians; the error is that of the logits, relative to
the largest of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx

import aicc
from aicc.executable import Executable
from benchmarks.decoders import MODELS, PAGE, feeds, in_turns
from benchmarks.machine import describe
from benchmarks.sections import renewed
from benchmarks.zoo import CACHE
from test.models.decoders import build

BEGIN, END = "<!-- decoder-caches: begin -->", "<!-- decoder-caches: end -->"
_POSITIONS = (512, 4096, 32768)
_MODEL = replace(MODELS["llama-like"], room=_POSITIONS[-1])
_PATH = CACHE / "decoder-long.onnx"

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Row:
    """Seconds of a token."""

    positions: int
    threads: int
    in_place: float
    copied: float
    peer: float
    error: float

    def __str__(self) -> str:
        speeds = (f"{1 / s:.1f}" for s in (self.in_place, self.copied, self.peer))
        cells = (self.positions, self.threads, *speeds, f"{self.copied / self.in_place:.2f}x")
        return f"| {' | '.join(map(str, cells))} | {self.peer / self.in_place:.2f}x | {self.error:.0e} |"


def make() -> None:
    """Writes the file and the library."""
    _PATH.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(build(_MODEL), _PATH)
    aicc.compile(_PATH).save(_PATH.with_suffix(".so"))


def sharing(session: Any, given: dict[str, Array], logits: Array) -> Callable[[], None]:
    """A run of ONNX Runtime whose present is its past, and whose other output is `logits`."""
    import onnxruntime

    binding = session.io_binding()
    values = {name: onnxruntime.OrtValue.ortvalue_from_numpy(x) for name, x in given.items()}
    for name, value in values.items():
        binding.bind_ortvalue_input(name, value)
        if name.startswith("past"):
            binding.bind_ortvalue_output(name.replace("past_key_values", "present"), value)
    # `ortvalue_from_numpy` keeps the array: what is bound is the caller's
    binding.bind_output("logits", "cpu", 0, np.float32, logits.shape, logits.ctypes.data)
    return lambda: session.run_with_iobinding(binding)


def measured(exe: Executable, session: Any, positions: int, threads: int) -> Row:
    given = feeds(_MODEL, positions, 1)
    given["attention_mask"] = given["attention_mask"][:, :positions]
    inputs = [given[info.name] for info in exe.inputs]
    logits = [np.empty((1, 1, _MODEL.vocabulary), np.float32) for _ in range(3)]
    shared = [logits[0], *(given[info.alias] for info in exe.outputs[1:])]
    apart = [logits[1], *(np.zeros_like(x) for x in shared[1:])]
    peer = sharing(session, {name: x.copy() for name, x in given.items()}, logits[2])
    times = in_turns([lambda: exe.run(inputs, shared), lambda: exe.run(inputs, apart), peer])
    assert np.array_equal(logits[0], logits[1])
    error = float(np.abs(logits[0] - logits[2]).max() / np.abs(logits[2]).max())
    return Row(positions, threads, *times, error)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("step", choices=("build", "run"))
    if parser.parse_args().step == "build":
        make()
        return
    import onnxruntime

    rows = []
    exe = aicc.load(_PATH.with_suffix(".so"))
    for threads in (1, 2):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(str(_PATH), options)
        exe.num_threads = threads
        for positions in _POSITIONS:
            rows.append(measured(exe, session, positions, threads))
            print(rows[-1], flush=True)
    lines = [
        BEGIN,
        "### Caches in one buffer",
        "",
        " ".join((__doc__ or "").split("\n\n")[-1].split()),
        "",
        "; ".join(f"{what}: {value}" for what, value in describe().items()) + ".",
        "",
        "| positions | threads | in place, tokens/s | copied | ONNX Runtime | of copied | of ONNX Runtime | error |",
        "|---|---|---|---|---|---|---|---|",
        *map(str, rows),
        END,
    ]
    PAGE.write_text(renewed(PAGE.read_text(), "\n".join(lines)))


if __name__ == "__main__":
    main()
