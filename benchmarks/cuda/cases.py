"""Compiles what is run on a GPU into build/cuda: for each case a library, its inputs and what they should give.

A folder of libraries needs no compiler: it is copied to the machine with the GPU, where `check.py` and `speed.py` need
Python and NumPy. `make cases-cuda CUDA_ARGS='--mcpu sm_80'` chooses the architecture.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from aicc.bindings import ir
from aicc.driver import Options, compile_model, cuda_pipeline
from aicc.passes.base import Pass, PassContext
from aicc.passes.kernels.choose import ChooseSchedules
from aicc.passes.schedules.cuda.warpgroup.plan import TILES, WarpgroupConfig
from aicc.pipeline import Pipeline
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


LAYOUTS = {
    "plain": "(float16[392,648] X, float16[648,776] W, float16[776] B) => (float16[392,776] Y)"
    " { T = MatMul(X,W) S = Add(T,B) Y = Relu(S) }",
    "right_turned": "(float16[392,648] X, float16[776,648] W, float16[776] B) => (float16[392,776] Y)"
    " { Y = Gemm<transB=1>(X,W,B) }",
    "both_turned": "(float16[648,392] X, float16[776,648] W, float16[776] B) => (float16[392,776] Y)"
    " { Y = Gemm<transA=1,transB=1>(X,W,B) }",
}


LIBRARY = "cublaslt"
"""What products of speed cases are compared with within aicc: calls of NVIDIA's library."""

EPILOGUES = {
    **LAYOUTS,
    "batches": "(float16[6,136,72] X, float16[6,72,200] W) => (float16[6,136,200] Y) { Y = MatMul(X,W) }",
    "single": "(float[136,72] X, float[72,200] W, float[200] B) => (float[136,200] Y)"
    " { T = MatMul(X,W) S = Add(T,B) Y = Relu(S) }",
    "gelu": "(float16[136,72] X, float16[72,200] W, float16[200] B) => (float16[136,200] Y)"
    ' { T = MatMul(X,W) S = Add(T,B) Y = Gelu<approximate="tanh">(S) }',
    "residual": "(float16[136,72] X, float16[72,200] W, float16[200] B, float16[136,200] Z) => (float16[136,200] Y)"
    " { T = MatMul(X,W) S = Add(T,B) Y = Add(S,Z) }",
}
"""What is checked of the library's products: layouts, epilogues, stages that are left."""

CONVOLUTIONS = {
    "half_window": CASES["half_convolution"],
    "single_window": CASES["convolution"],
    "asymmetric": "(float16[2,32,20,22] X, float16[64,32,3,3] W, float16[64] B) => (float16[2,64,11,11] Y)"
    " { T = Conv<pads=[1,0,2,1],strides=[2,2]>(X,W,B) Y = Sigmoid(T) }",
    "dilated_groups": "(float16[2,32,20,22] X, float16[64,8,3,3] W) => (float16[2,64,20,22] Y)"
    " { Y = Conv<pads=[2,2,2,2],dilations=[2,2],group=4>(X,W) }",
    "depthwise": "(float16[2,64,20,22] X, float16[64,1,3,3] W, float16[64] B) => (float16[2,64,20,22] Y)"
    " { Y = Conv<pads=[1,1,1,1],group=64>(X,W,B) }",
    "residual": "(float16[2,64,20,22] X, float16[64,64,3,3] W, float16[64] B) => (float16[2,64,20,22] Y)"
    " { S = Conv<pads=[1,1,1,1]>(X,W,B) T = Conv<pads=[1,1,1,1]>(S,W,B) U = Add(T,S) V = Relu(U)"
    " Y = Conv<pads=[1,1,1,1]>(V,W,B) }",
    "volume": "(float16[2,16,6,7,8] X, float16[32,16,3,3,3] W) => (float16[2,32,4,5,6] Y) { Y = Conv(X,W) }",
}
"""What is checked of the library's convolutions."""

CALLS = {LIBRARY: EPILOGUES, "cudnn": CONVOLUTIONS}


def library_pipeline(target: Target, library: str = LIBRARY) -> Pipeline:
    """The pipeline of GPUs, with what a library computes wherever it can."""
    pipeline = cuda_pipeline(target)
    pipeline.replace("choose-schedules", ChooseSchedules(only=library, libraries=library))
    return pipeline


@dataclass(frozen=True)
class SetTile(Pass):
    """Gives kernels of the schedule `warpgroup` a tile of a certain size, which the sizes alone would not get."""

    pass_name: ClassVar[str] = "set-tile"
    rows: int
    columns: int

    def run(self, module: Any, ctx: PassContext) -> None:
        for op in module.body.operations:
            if "aicc.schedule" in op.attributes and '"warpgroup"' in str(op.attributes["aicc.schedule"]):
                config = WarpgroupConfig(self.rows, self.columns)
                op.attributes["aicc.config"] = ir.StringAttr.get(str(config), op.context)


def tiles(target: Target) -> Iterator[tuple[str, str, Pipeline]]:
    """Name, layout and pipeline of a product for each tile of warpgroups and each layout; none for other GPUs."""
    if target.cpu != "sm_90a":
        return
    for rows, columns in TILES:
        for layout in LAYOUTS:
            pipeline = cuda_pipeline(target)
            pipeline.replace("choose-schedules", ChooseSchedules(only="warpgroup"))
            pipeline.insert_after("choose-schedules", SetTile(rows, columns))
            yield f"tile_{rows}x{columns}_{layout}", layout, pipeline


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


def save(path: Path, inputs: Mapping[str, Array], results: list[Array]) -> None:
    """What `check.py` reads."""
    arrays = {f"in{i}": a for i, a in enumerate(inputs.values())}
    np.savez(path, **arrays, **{f"out{i}": a for i, a in enumerate(results)})


def main() -> None:
    """Writes build/cuda/*.so, *.npz and index.json; a case that does not compile is an error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", default="cuda", choices=("cuda", "simt"), help="simt: the emulated GPU")
    parser.add_argument("--mcpu", default="sm_90a", help="architecture")
    parser.add_argument("--only", default="", help="names that contain this")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    args = parser.parse_args()
    make = Target.cuda if args.target == "cuda" else Target.simt
    target = make(args.mcpu)
    options = Options(target=target)
    args.folder.mkdir(parents=True, exist_ok=True)
    index: dict[str, list[dict[str, Any]]] = {"checked": [], "speed": []}
    for name, graph, inputs, results, allowed in checked():
        if args.only in name:
            print(name, flush=True)
            compile_model(graph, args.folder / f"{name}.so", options)
            save(args.folder / f"{name}.npz", inputs, results)
            index["checked"].append({"name": name, "arrays": name, "tolerance": allowed})
    for name, layout, pipeline in tiles(target):
        if args.only in name:
            print(name, flush=True)
            text = LAYOUTS[layout]
            compile_model(
                model_of(text), args.folder / f"{name}.so", Options(target=target, pipeline=pipeline)
            )
            arrays = f"tiles_{layout}"
            if not (args.folder / f"{arrays}.npz").exists():
                inputs = random_inputs(model_of(text))
                results = [values.astype(np.float16) for values in expected(text, inputs)]
                save(args.folder / f"{arrays}.npz", inputs, results)
            index["checked"].append({"name": name, "arrays": arrays, "tolerance": tolerance(text) * 5})
    for called, texts in CALLS.items():
        options_of_call = Options(target=target, pipeline=library_pipeline(target, called))
        for kind, text in texts.items():
            name = f"{called}_{kind}"
            if args.only in name:
                print(name, flush=True)
                compile_model(model_of(text), args.folder / f"{name}.so", options_of_call)
                inputs = random_inputs(model_of(text))
                save(args.folder / f"{name}.npz", inputs, expected(text, inputs))
                entry = {"name": name, "arrays": name, "tolerance": tolerance(text) * 5, "library": called}
                index["checked"].append(entry)
    library = Options(target=target, pipeline=library_pipeline(target))
    for name, (text, flops, size) in SPEED.items():
        if args.only in name and args.target == "cuda":
            print(name, flush=True)
            compile_model(model_of(text), args.folder / f"speed_{name}.so", options)
            index["speed"].append({"name": name, "flops": flops, "bytes": size})
            if flops:
                compile_model(model_of(text), args.folder / f"speed_{name}_{LIBRARY}.so", library)
    (args.folder / "index.json").write_text(json.dumps(index, indent=1) + "\n")


if __name__ == "__main__":
    main()
