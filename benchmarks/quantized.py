"""Statically quantized forms of zoo models, made by `onnxruntime.quantization` in the QDQ format, and measured.

`python -m benchmarks.quantized [NAME…]` writes `<cache>/<name>-qdq.onnx` where it is not there yet: unsigned
activations, signed weights with a scale per output channel, min-max ranges over a few random inputs of a fixed seed.
Then it times, on one thread and in turns, this file in aicc, the float model in aicc, and this file in ONNX Runtime,
and counts on how many inputs the results agree:

* `same`: aicc and ONNX Runtime's integer kernels give the same numbers, bit by bit;
* `top-1`: the largest result is where the float emulation of the graph has it (ONNX Runtime without optimizations),
  for aicc and for ONNX Runtime's integer kernels. The zoo's weights are random: largest results are close to others.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from aicc.target import Target
from benchmarks.zoo import CACHE, exported

MODELS = ("resnet50", "mobilenetv2", "bert-base-128")
_SAMPLES = 4


def inputs(path: Path, samples: int, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Random inputs of a model: normal numbers for floats, token numbers, masks of ones."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(seed)
    for _ in range(samples):
        feed = {}
        for i in session.get_inputs():
            if "float" in i.type:
                feed[i.name] = rng.standard_normal(i.shape).astype(np.float32)
            elif "mask" in i.name:
                feed[i.name] = np.ones(i.shape, np.int64)
            else:
                feed[i.name] = rng.integers(0, 2 if "type" in i.name else 30000, i.shape)
        yield feed


def quantize(name: str, folder: Path) -> Path:
    """Writes `folder/<name>-qdq.onnx`, unless it is there already."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    source, out = exported(name), folder / f"{name}-qdq.onnx"
    if out.exists():
        return out

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._feeds = inputs(source, _SAMPLES)

        def get_next(self) -> dict[str, Any] | None:
            return next(self._feeds, None)

    with tempfile.TemporaryDirectory() as scratch:
        prepared = str(Path(scratch) / "prepared.onnx")
        quant_pre_process(str(source), prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            str(out),
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    return out


def measure(name: str, folder: Path, seconds: float = 8.0, samples: int = 8) -> str:
    """A row of the table."""
    from onnxruntime import GraphOptimizationLevel as Level

    import aicc

    path = quantize(name, folder)
    one = Target.host().with_cores(1)
    integers, floats = (aicc.compile(str(p), target=one) for p in (path, exported(name)))
    for exe in (integers, floats):
        exe.num_threads = 1
    peer, emulation = _session(path, Level.ORT_ENABLE_ALL), _session(path, Level.ORT_DISABLE_ALL)
    feeds = list(inputs(exported(name), samples, seed=7))
    runs: dict[str, Callable[[dict[str, Any]], Any]] = {
        "aicc int8": lambda feed: integers(dict(feed)),
        "aicc f32": lambda feed: floats(dict(feed)),
        "ONNX Runtime int8": lambda feed: peer.run(None, feed),
    }
    times: dict[str, list[float]] = {key: [] for key in runs}
    for run in runs.values():
        run(feeds[0])
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for key, run in runs.items():
            start = time.perf_counter()
            run(feeds[0])
            times[key].append(time.perf_counter() - start)
    medians = {key: float(np.median(found)) * 1e3 for key, found in times.items()}
    same = ours = theirs = 0
    for feed in feeds:
        got, other, want = (
            _last(r) for r in (runs["aicc int8"](feed), peer.run(None, feed), emulation.run(None, feed))
        )
        same += bool((got == other).all())
        ours += bool((got.argmax(-1) == want.argmax(-1)).all())
        theirs += bool((other.argmax(-1) == want.argmax(-1)).all())
    mine = medians["aicc int8"]
    return (
        f"| {name} | {mine:.2f} | {medians['aicc f32']:.2f} | {medians['ONNX Runtime int8']:.2f} "
        f"| {medians['aicc f32'] / mine:.2f}x | {medians['ONNX Runtime int8'] / mine:.2f}x "
        f"| {same}/{samples} | {ours}/{samples}, {theirs}/{samples} |"
    )


def _session(path: Path, level: Any) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = level
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _last(results: Any) -> Any:
    """The last output: logits, or the pooled state."""
    return results[-1] if isinstance(results, (list, tuple)) else results


if __name__ == "__main__":
    print(
        "| model | aicc int8 ms | aicc f32 ms | ONNX Runtime int8 ms | to f32 | to ONNX Runtime | same | top-1 |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for chosen in sys.argv[1:] or MODELS:
        print(measure(chosen, CACHE), flush=True)
