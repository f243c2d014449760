"""Products of f32 on tile registers beside vectors and ONNX Runtime.

python -m benchmarks.tile_products build [NAME…]   the models and two libraries of each, into the cache
python -m benchmarks.tile_products run   [NAME…]   times on one thread and on two; kept with the results
python -m benchmarks.tile_products page            the section of docs/tiles.md from the results

A name is a product `rows x sums x columns` of a weight, or a model of the zoo. The libraries are compiled with
AICC_TILE_F32 on and off. Runs take turns, the three of them one after another; times are the lower quartile.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.sections import renewed
from benchmarks.zoo import CACHE

PAGE = Path("docs/tiles.md")
RESULTS = CACHE / "tile-products.json"
BEGIN, END = "<!-- tile products: begin -->", "<!-- tile products: end -->"
_FOLDER = CACHE / "tile-products"
_SECONDS = 2.0
_SHORT = 2e-3
_THREADS = (1, 2)
_KINDS = {"tiles": True, "vectors": False}

PRODUCTS = ("128x768x768", "128x768x3072", "128x3072x768", "512x512x512", "2048x2048x2048")
MODELS = ("bert-base-128", "bert-base-384", "resnet50", "mobilenetv2", "yolov8n", "gpt2-prefill")


def onnx_path(name: str) -> Path:
    """Of a product, or of a model of the zoo."""
    return (_FOLDER if name[0].isdigit() else CACHE) / f"{name}.onnx"


def library_path(name: str, kind: str) -> Path:
    """Of a library."""
    return _FOLDER / f"{name}-{kind}.so"


def product(name: str) -> onnx.ModelProto:
    """A product of a weight."""
    rows, sums, columns = map(int, name.split("x"))
    weight = np.random.default_rng(0).standard_normal((sums, columns)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        name,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, sums])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [rows, columns])],
        [numpy_helper.from_array(weight, "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def build(names: list[str]) -> None:
    """Writes the products' models, and the libraries."""
    import aicc
    from aicc.knobs import knobs

    _FOLDER.mkdir(parents=True, exist_ok=True)
    for name in names:
        if name[0].isdigit():
            onnx.save(product(name), onnx_path(name))
        for kind, tiles in _KINDS.items():
            with knobs.scope(tile_f32=tiles):
                aicc.compile(onnx_path(name)).save(library_path(name, kind))
        print(name, flush=True)


def feed_of(session: Any) -> dict[str, Any]:
    """Inputs of a model: numbers of a normal distribution, ones where they are integers."""
    rng, feed = np.random.default_rng(1), {}
    for value in session.get_inputs():
        shape = [size if isinstance(size, int) else 1 for size in value.shape]
        if "int" in value.type:
            feed[value.name] = np.ones(shape, np.int32 if "int32" in value.type else np.int64)
        else:
            feed[value.name] = rng.standard_normal(shape).astype(np.float32)
    return feed


def run(name: str, threads: int) -> dict[str, float]:
    """Seconds of each, and the largest difference of aicc from ONNX Runtime as a part of the largest result."""
    import onnxruntime

    import aicc

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(onnx_path(name), options, providers=["CPUExecutionProvider"])
    feed = feed_of(session)
    runs: dict[str, Callable[[], Any]] = {"onnxruntime": lambda: session.run(None, feed)[0]}
    for kind in _KINDS:
        executable = aicc.load(library_path(name, kind))
        executable.num_threads = threads
        runs[kind] = partial(executable, **feed)
    found = {kind: call() for kind, call in runs.items()}
    want = found["onnxruntime"]
    got = found["tiles"][0] if isinstance(found["tiles"], (list, tuple)) else found["tiles"]
    times: dict[str, list[float]] = {kind: [] for kind in runs}
    end = time.perf_counter() + _SECONDS
    while time.perf_counter() < end:
        for kind, call in runs.items():
            spent = 0.0
            while spent < _SHORT:
                start = time.perf_counter()
                call()
                times[kind].append(time.perf_counter() - start)
                spent += times[kind][-1]
    result = {kind: float(np.percentile(values, 25)) for kind, values in times.items()}
    return result | {"error": float(np.abs(got - want).max() / np.abs(want).max())}


def section(results: dict[str, dict[str, float]]) -> str:
    """The table."""
    rows = [
        BEGIN,
        "| product or model | threads | tiles, ms | vectors, ms | ONNX Runtime, ms | to vectors | to ONNX Runtime |",
        "|---|---|---|---|---|---|---|",
    ]
    for key, result in results.items():
        name, threads = key.split("/")
        tiles, vectors, other = (result[kind] for kind in ("tiles", "vectors", "onnxruntime"))
        times = " | ".join(f"{1e3 * seconds:.3g}" for seconds in (tiles, vectors, other))
        rows.append(f"| {name} | {threads} | {times} | {vectors / tiles:.2f}x | {other / tiles:.2f}x |")
    return "\n".join([*rows, END])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("build", "run", "page"))
    parser.add_argument("names", nargs="*", default=[*PRODUCTS, *MODELS])
    arguments = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if arguments.what == "build":
        build(arguments.names)
    elif arguments.what == "run":
        for name in arguments.names:
            for threads in _THREADS:
                results[f"{name}/{threads}"] = run(name, threads)
                print(name, threads, results[f"{name}/{threads}"], flush=True)
                RESULTS.write_text(json.dumps(results, indent=1))
    else:
        PAGE.write_text(renewed(PAGE.read_text(), section(results)))


if __name__ == "__main__":
    main()
