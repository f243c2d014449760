"""Compiles what is run on a GPU into build/cuda: for each case a library, its inputs and what they should give.

A folder of libraries needs no compiler: it is copied to the machine with the GPU, where `check.py` and `speed.py` need
Python and NumPy. `make cases-cuda CUDA_ARGS='--mcpu sm_80'` chooses the architecture.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from aicc.driver import Options, compile_model
from aicc.target import Target
from aicc.tools.inputs import random_inputs
from test.cuda.cases import CASES, expected, model_of, tolerance
from test.models import FAMILIES
from test.models.test_models import SIZES, model

Array = NDArray[Any]
FOLDER = Path("build/cuda")

SPEED: dict[str, tuple[str, float, float]] = {
    f"matmul_{kind}_{n}": (
        f"({kind}[{n},{n}] X, {kind}[{n},{n}] W) => ({kind}[{n},{n}] Y) {{ Y = MatMul(X,W) }}",
        2.0 * n**3,
        3.0 * n * n * size,
    )
    for kind, size, widths in (("float16", 2, (1024, 4096, 8192)), ("float", 4, (1024, 4096)))
    for n in widths
} | {
    "add": (
        "(float[8192,8192] X, float[8192,8192] Z) => (float[8192,8192] Y) { Y = Add(X,Z) }",
        0.0,
        3 * 2.0**28,
    ),
    "transpose": (
        "(float[8192,8192] X) => (float[8192,8192] Y) { Y = Transpose<perm=[1,0]>(X) }",
        0.0,
        2 * 2.0**28,
    ),
    "softmax": (
        "(float[65536,1024] X) => (float[65536,1024] Y) { Y = Softmax<axis=-1>(X) }",
        0.0,
        2 * 2.0**28,
    ),
    "layer_norm": (
        "(float[65536,1024] X, float[1024] S, float[1024] B) => (float[65536,1024] Y)"
        " { Y = LayerNormalization<axis=-1>(X,S,B) }",
        0.0,
        2 * 2.0**28,
    ),
}
"""Graph, floating point operations, bytes read and written at least."""


def checked() -> Iterator[tuple[str, onnx.ModelProto, Mapping[str, Array], list[Array], float]]:
    """Name, model, inputs, expected outputs, tolerance relative to the largest number of an output."""
    for name, text in CASES.items():
        graph = model_of(text)
        inputs = random_inputs(graph)
        yield name, graph, inputs, expected(text, inputs), tolerance(text) * 5
    for name in FAMILIES:
        for free in (False, True):
            graph = model(name, free)
            inputs = random_inputs(graph, SIZES[1] if free else None)
            session = onnxruntime.InferenceSession(
                graph.SerializeToString(), providers=["CPUExecutionProvider"]
            )
            results = session.run(None, dict(inputs))
            yield f"{name}_free" if free else name, graph, inputs, list(results), 1e-4


def main() -> None:
    """Writes build/cuda/*.so, *.npz and index.json; a case that does not compile is an error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", default="cuda", choices=("cuda", "simt"), help="simt: the emulated GPU")
    parser.add_argument("--mcpu", default="sm_90a", help="architecture")
    parser.add_argument("--only", default="", help="names that contain this")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    args = parser.parse_args()
    make = Target.cuda if args.target == "cuda" else Target.simt
    options = Options(target=make(args.mcpu))
    args.folder.mkdir(parents=True, exist_ok=True)
    index: dict[str, list[dict[str, Any]]] = {"checked": [], "speed": []}
    for name, graph, inputs, results, allowed in checked():
        if args.only in name:
            print(name, flush=True)
            compile_model(graph, args.folder / f"{name}.so", options)
            arrays = {f"in{i}": a for i, a in enumerate(inputs.values())}
            np.savez(args.folder / f"{name}.npz", **arrays, **{f"out{i}": a for i, a in enumerate(results)})
            index["checked"].append({"name": name, "tolerance": allowed})
    for name, (text, flops, size) in SPEED.items():
        if args.only in name and args.target == "cuda":
            print(name, flush=True)
            compile_model(model_of(text), args.folder / f"speed_{name}.so", options)
            index["speed"].append({"name": name, "flops": flops, "bytes": size})
    (args.folder / "index.json").write_text(json.dumps(index, indent=1) + "\n")


if __name__ == "__main__":
    main()
