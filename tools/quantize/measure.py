"""Runs a model and looks at tensors inside it: they become outputs of a copy, which aicc compiles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

import aicc
from aicc.errors import CompileError
from aicc.tools.quantize.ranges import Observed
from aicc.tools.quantize.samples import Sample

Array = np.ndarray[Any, Any]


def tensors_of(model: onnx.ModelProto, names: Sequence[str], samples: Iterable[Sample]) -> Iterator[Sample]:
    """For each sample the tensors called `names`, which may be inputs of the model."""
    given = {v.name for v in model.graph.input}
    inside = [name for name in dict.fromkeys(names) if name not in given]
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    del watched.graph.output[:]
    watched.graph.output.extend(onnx.ValueInfoProto(name=name) for name in inside)
    executable = aicc.compile(watched) if inside else None
    for sample in samples:
        found: Sample = {name: sample[name] for name in names if name in given}
        if executable is not None:
            results = executable.run([sample[i.name] for i in executable.inputs])
            found |= dict(zip(inside, results, strict=True))
        yield found


def observe(model: onnx.ModelProto, names: Sequence[str], samples: Iterable[Sample]) -> dict[str, Observed]:
    """What the tensors are over all samples. Raises CompileError AICC-4004 where no number is known."""
    seen = {name: Observed() for name in names}
    count = 0
    for found in tensors_of(model, names, samples):
        count += 1
        for name, array in found.items():
            seen[name].see(array)
    if not count:
        raise CompileError("AICC-4004", "there is no calibration data: no ranges can be known.")
    for name, observed in seen.items():
        if not observed.finite:
            raise CompileError(
                "AICC-4004",
                f"'{name}' has no finite number in any sample: no range can be known.",
                hint="the samples hold NaN or infinities, or the model makes them of these samples.",
            )
    return seen


@dataclass(frozen=True)
class LayerError:
    """How far a layer's output is from that of the f32 model: signal to noise in dB, and the cosine between both."""

    layer: str
    op: str
    snr: float
    cosine: float


def layer_errors(
    before: onnx.ModelProto, after: onnx.ModelProto, layers: dict[str, tuple[str, str]], samples: list[Sample]
) -> list[LayerError]:
    """`layers` are (name, operator) by output; errors add up along the model, as they do in use."""
    names = list(layers)
    signal, noise, dot, other = (dict.fromkeys(names, 0.0) for _ in range(4))
    pairs = zip(tensors_of(before, names, samples), tensors_of(after, names, samples), strict=True)
    for wanted, got in pairs:
        for name in names:
            a, b = (np.asarray(found[name], np.float64).reshape(-1) for found in (wanted, got))
            signal[name] += float(a @ a)
            noise[name] += float((a - b) @ (a - b))
            dot[name] += float(a @ b)
            other[name] += float(b @ b)
    rows = []
    for name, (title, op) in layers.items():
        snr = 10 * np.log10(signal[name] / noise[name]) if noise[name] and signal[name] else np.inf
        length = np.sqrt(signal[name] * other[name])
        rows.append(LayerError(title, op, float(snr), float(dot[name] / length) if length else 1.0))
    return rows
