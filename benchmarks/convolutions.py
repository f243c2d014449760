"""Convolutions of every kind against other runtimes, interleaved: `python -m benchmarks.convolutions [NAME…]`.

A case is a small network: the convolution, with bias and ReLU, `repeat` times with weights of their own, and a global
average of the last result, so that a runtime may keep its own layout between them. Each runtime runs for a moment in
turn, several rounds; a time is the median of all runs. OpenVINO takes part where it is installed.

    --threads 1 2     the numbers of threads to measure with
    --seconds 0.1     of each runtime in each round
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from aicc.driver import Options, compile_model
from aicc.loader import load

ROUNDS = 4


@dataclass(frozen=True)
class Case:
    """`x` is [N, C, *spatial]; `w` is [O, C / group, *kernel], of a transposed one [C, O / group, *kernel]."""

    x: tuple[int, ...]
    w: tuple[int, ...]
    attrs: dict[str, Any] = field(default_factory=dict)
    transposed: bool = False
    repeat: int = 1


def conv(x: Sequence[int], out: int, kernel: Sequence[int], repeat: int = 1, **attrs: Any) -> Case:
    """A convolution to `out` channels; pads default to "same" for odd kernels of stride 1."""
    dilations = attrs.get("dilations", (1,) * len(kernel))
    same = tuple((k - 1) * d // 2 for k, d in zip(kernel, dilations, strict=True))
    attrs.setdefault("pads", (*same, *same))
    return Case(tuple(x), (out, x[1] // attrs.get("group", 1), *kernel), attrs, repeat=repeat)


def square(channels: int, size: int, out: int, kernel: int, stride: int = 1, **attrs: Any) -> Case:
    """A two-dimensional convolution of a square image."""
    if stride > 1:
        attrs["strides"] = (stride, stride)
    return conv((1, channels, size, size), out, (kernel, kernel), **attrs)


def depthwise(channels: int, size: int, kernel: int, stride: int = 1, times: int = 1, **attrs: Any) -> Case:
    """Every channel by itself, `times` results of each."""
    repeat = 4 if stride == 1 and times == 1 else 1
    return square(
        channels, size, channels * times, kernel, stride, group=channels, **{"repeat": repeat, **attrs}
    )


def transposed(
    x: Sequence[int], out: int, kernel: Sequence[int], stride: int, pad: int, **attrs: Any
) -> Case:
    n = len(kernel)
    attrs = {"strides": (stride,) * n, "pads": (pad,) * (2 * n), **attrs}
    return Case(tuple(x), (x[1], out // attrs.get("group", 1), *kernel), attrs, transposed=True)


NO_PADS = (0, 0, 0, 0)
CASES = {
    "stem 7x7 s2": square(3, 224, 64, 7, 2),
    "stem 3x3 s2": square(3, 224, 32, 3, 2),
    "stem 3x3 s1": square(3, 224, 64, 3),
    "stem 11x11 s4": square(3, 227, 64, 11, 4, pads=NO_PADS),
    "patches 4x4 s4": square(3, 224, 96, 4, 4, pads=NO_PADS),
    "patches 16x16 s16": square(3, 224, 384, 16, 16, pads=NO_PADS),
    "patches 2x2 s2": square(96, 56, 192, 2, 2, pads=NO_PADS),
    "depthwise 3x3": depthwise(96, 56, 3),
    "depthwise 3x3 s2": depthwise(144, 56, 3, 2),
    "depthwise 3x3 14x14": depthwise(384, 14, 3),
    "depthwise 5x5": depthwise(240, 28, 5),
    "depthwise 5x5 7x7": depthwise(960, 7, 5),
    "depthwise 7x7": depthwise(192, 28, 7),
    "depthwise 7x7 wide": depthwise(96, 56, 7),
    "depthwise 31x31": depthwise(64, 32, 31, repeat=1),
    "depthwise dilated": depthwise(128, 33, 3, dilations=(2, 2)),
    "depthwise times 2": depthwise(64, 56, 3, times=2),
    "depthwise times 4": depthwise(32, 56, 3, times=4),
    "grouped 32x4": square(128, 56, 128, 3, group=32, repeat=3),
    "grouped 32x8": square(256, 28, 256, 3, group=32, repeat=3),
    "grouped 32x16": square(512, 14, 512, 3, group=32, repeat=3),
    "grouped 32x4 s2": square(128, 56, 128, 3, 2, group=32),
    "grouped 24 channels": square(144, 28, 144, 3, group=6, repeat=3),
    "grouped 1x1": square(240, 28, 240, 1, group=3, repeat=4),
    "dilated 2": square(256, 28, 256, 3, dilations=(2, 2)),
    "dilated 6": square(256, 33, 256, 3, dilations=(6, 6)),
    "dilated 12": square(256, 33, 256, 3, dilations=(12, 12)),
    "1x7": conv((1, 128, 17, 17), 128, (1, 7), repeat=4),
    "7x1": conv((1, 128, 17, 17), 128, (7, 1), repeat=4),
    "1x3": conv((1, 384, 8, 8), 384, (1, 3), repeat=4),
    "3x3": square(64, 56, 64, 3, repeat=3),
    "3x3 s2": square(128, 56, 128, 3, 2),
    "3x3 9 to 10 channels": square(9, 64, 10, 3),
    "3x3 to an image": square(64, 128, 3, 3),
    "5x5 to one channel": square(32, 128, 1, 5),
    "3x3 to 8 channels": square(64, 64, 8, 3),
    "5x5": square(48, 28, 64, 5),
    "one pixel": conv((1, 1280, 1, 1), 1280, (1, 1), repeat=2),
    "squeeze": conv((1, 96, 1, 1), 96, (1, 1), repeat=6),
    "1d 3": conv((1, 64, 4096), 64, (3,), repeat=3),
    "1d dilated": conv((1, 64, 4096), 64, (3,), dilations=(64,), repeat=3),
    "1d first 16 s4": conv((1, 1, 16000), 64, (16,), strides=(4,), pads=(0, 0)),
    "1d depthwise 31": conv((1, 256, 512), 256, (31,), group=256, repeat=3),
    "3d 3x3x3": conv((1, 32, 16, 28, 28), 32, (3, 3, 3), repeat=2),
    "3d stem": conv((1, 3, 16, 112, 112), 32, (3, 7, 7), strides=(1, 2, 2), pads=(1, 3, 3, 1, 3, 3)),
    "3d depthwise": conv((1, 64, 8, 28, 28), 64, (3, 3, 3), group=64, repeat=2),
    "transposed 2x2 s2": transposed((1, 128, 28, 28), 64, (2, 2), 2, 0),
    "transposed 4x4 s2": transposed((1, 256, 16, 16), 128, (4, 4), 2, 1),
    "transposed 4x4 s2 image": transposed((1, 64, 64, 64), 3, (4, 4), 2, 1),
    "transposed 3x3 s2": transposed((1, 128, 28, 28), 64, (3, 3), 2, 1, output_padding=(1, 1)),
    "transposed 5x5 s3": transposed((1, 32, 28, 28), 32, (5, 5), 3, 1),
    "transposed 3x3 s1": transposed((1, 64, 32, 32), 64, (3, 3), 1, 1),
    "transposed grouped": transposed((1, 64, 28, 28), 64, (4, 4), 2, 1, group=64),
    "transposed 1d 16 s8": transposed((1, 128, 128), 64, (16,), 8, 4),
    "transposed 3d 2x2x2": transposed((1, 64, 8, 16, 16), 32, (2, 2, 2), 2, 0),
}


def model(case: Case) -> onnx.ModelProto:
    """The network of a case, with seeded weights."""
    rng = np.random.default_rng(0)
    nodes, weights, value = [], [], "x"
    channels = case.w[1] * case.attrs.get("group", 1) if case.transposed else case.w[0]
    fan_in = int(np.prod(case.w[2:])) * (
        case.w[0] // case.attrs.get("group", 1) if case.transposed else case.w[1]
    )
    for i in range(case.repeat):
        w = rng.standard_normal(case.w) * np.sqrt(2 / fan_in)
        weights.append(numpy_helper.from_array(w.astype(np.float32), f"w{i}"))
        weights.append(numpy_helper.from_array(rng.standard_normal(channels).astype(np.float32), f"b{i}"))
        kind = "ConvTranspose" if case.transposed else "Conv"
        nodes.append(helper.make_node(kind, [value, f"w{i}", f"b{i}"], [f"c{i}"], **case.attrs))
        nodes.append(helper.make_node("Relu", [f"c{i}"], [f"r{i}"]))
        value = f"r{i}"
    nodes.append(helper.make_node("GlobalAveragePool", [value], ["y"]))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, case.x)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, (case.x[0], channels, *[1] * (len(case.x) - 2)))
    graph = helper.make_graph(nodes, "case", [x], [y], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


Run = Callable[[], Any]


def onnxruntime_run(source: onnx.ModelProto, x: NDArray[np.float32], threads: int) -> Run:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        source.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda: session.run(None, {"x": x})[0]


def openvino_run(source: onnx.ModelProto, x: NDArray[np.float32], threads: int) -> Run | None:
    """None where OpenVINO is not installed."""
    try:
        import openvino
    except ImportError:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(source, path)
        hints = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": str(threads),
        }
        request = openvino.Core().compile_model(str(path), "CPU", hints).create_infer_request()
    return lambda: request.infer({"x": x})[0]


def medians(runs: dict[str, Run], seconds: float) -> dict[str, float]:
    """Milliseconds of one run of each, interleaved."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            time.sleep(0.02)  # until the threads of the one before sleep
            run()
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                start = time.perf_counter()
                run()
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) * 1e3 for name, values in times.items()}


def measure(name: str, library: Path, threads: Sequence[int], seconds: float) -> None:
    """Prints a row for each number of threads."""
    case = CASES[name]
    source = model(case)
    x = np.random.default_rng(1).standard_normal(case.x).astype(np.float32)
    for count in threads:
        executable = load(library, num_threads=count)
        runs: dict[str, Run] = {
            "aicc": lambda e=executable: e(x=x),  # type: ignore[misc]
            "onnxruntime": onnxruntime_run(source, x, count),
        }
        if (other := openvino_run(source, x, count)) is not None:
            runs["openvino"] = other
        expected = runs["onnxruntime"]()
        error = np.abs(runs["aicc"]() - expected).max() / np.abs(expected).max()
        found = medians(runs, seconds)
        rest = " | ".join(f"{t:.3f} | **{t / found['aicc']:.2f}**" for n, t in found.items() if n != "aicc")
        print(f"| {name} | {count} | {found['aicc']:.3f} | {rest} | {error:.0e} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", default=list(CASES), metavar="NAME")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=0.1)
    chosen = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        libraries = {name: Path(folder) / f"{i}.so" for i, name in enumerate(chosen.names)}
        for name, library in libraries.items():
            compile_model(model(CASES[name]), library, Options())
        print("| convolution | threads | aicc ms | other ms | ratio | … | agreement |")
        print("|---|---|---|---|---|---|---|")
        for name, library in libraries.items():
            for count in chosen.threads:
                os.sched_setaffinity(0, cores[-count:])
                measure(name, library, [count], chosen.seconds)


if __name__ == "__main__":
    main()
