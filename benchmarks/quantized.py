"""Statically quantized forms of zoo models, made by `onnxruntime.quantization` in the QDQ format.

`python -m benchmarks.quantized [NAME…]` writes `<cache>/<name>-qdq.onnx`: unsigned activations, signed weights with a
scale per output channel, min-max ranges over a few random inputs of a fixed seed. The weights of the zoo are random
or trained ones as the zoo has them: speed and agreement are what these models are for, not accuracy.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

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


if __name__ == "__main__":
    for chosen in sys.argv[1:] or MODELS:
        print(quantize(chosen, CACHE))
