"""`make demo`: a small residual network from ONNX to a shared library, run and checked.

python -m aicc.tools.demo [FOLDER]      keeps demo.onnx and demo.so in FOLDER
"""

from __future__ import annotations

import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from rich.table import Table

from aicc.loader import load
from aicc.tools import console
from aicc.tools.agreement import relative_error, tolerance


def residual_network(size: int = 64, classes: int = 10) -> onnx.ModelProto:
    """An image classifier: f32[batch, 3, size, size] -> probabilities f32[batch, classes]; seeded weights."""
    rng = np.random.default_rng(7)
    nodes: list[onnx.NodeProto] = []
    weights: list[onnx.TensorProto] = []

    def weight(*shape: int) -> str:
        array = (
            rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
            if len(shape) > 1
            else rng.normal(0, 0.1, shape)
        )
        weights.append(numpy_helper.from_array(array.astype(np.float32), f"w{len(weights)}"))
        return weights[-1].name

    def op(kind: str, *inputs: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, list(inputs), [f"{kind.lower()}{len(nodes)}"], **attributes))
        return str(nodes[-1].output[0])

    def conv(x: str, cin: int, cout: int, kernel: int = 3, stride: int = 1) -> str:
        pads = [kernel // 2] * 4
        return op("Conv", x, weight(cout, cin, kernel, kernel), weight(cout), pads=pads, strides=[stride] * 2)

    x, channels = op("Relu", conv("image", 3, 32, stride=2)), 32
    for cout in (32, 64, 128):
        stride = 1 if cout == channels else 2
        shortcut = x if stride == 1 else conv(x, channels, cout, 1, stride)
        y = conv(op("Relu", conv(x, channels, cout, stride=stride)), cout, cout)
        x, channels = op("Relu", op("Add", y, shortcut)), cout
    x = op("Flatten", op("GlobalAveragePool", x))
    x = op("Softmax", op("Gemm", x, weight(classes, channels), weight(classes), transB=1))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ("batch", 3, size, size))
    output = helper.make_tensor_value_info(x, TensorProto.FLOAT, ("batch", classes))
    graph = helper.make_graph(nodes, "demo", [image], [output], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def demo(folder: Path) -> bool:
    """Whether the compiled network agrees with the reference."""
    model_path, library = folder / "demo.onnx", folder / "demo.so"
    model = residual_network()
    onnx.save(model, model_path)
    print(f"wrote {model_path}: {len(model.graph.node)} nodes, {model_path.stat().st_size / 1e6:.1f} MB")

    command = ["aicc", str(model_path), "-o", str(library), "--dim", "batch=1"]
    print("$", shlex.join(command), flush=True)
    start = time.perf_counter()
    if subprocess.run([sys.executable, "-m", "aicc.tools.aicc", *command[1:]]).returncode:
        return False
    compiled = time.perf_counter() - start

    x = np.random.default_rng(0).standard_normal((1, 3, 64, 64)).astype(np.float32)
    executable, reference = load(library), ReferenceEvaluator(model)
    ours, theirs = executable(x), list(reference.run(None, {"image": x}))[0]
    error = relative_error(ours, theirs)
    agrees = error <= tolerance(theirs.dtype)

    table = Table("", "aicc", "onnx reference")
    table.add_row("compile (s)", f"{compiled:.1f}", "")
    table.add_row(
        "one run (ms)",
        f"{1e3 * median(lambda: executable(x)):.3f}",
        f"{1e3 * median(lambda: reference.run(None, {'image': x}), 3):.1f}",
    )
    table.add_row(
        "most likely class", f"{ours.argmax()} ({ours.max():.4f})", f"{theirs.argmax()} ({theirs.max():.4f})"
    )
    table.add_row("max|a-b| / max|b|", f"{error:.1e}", "agrees" if agrees else "DIFFERS")
    console.show(table)
    return agrees


def median(run: Callable[[], object], count: int = 50) -> float:
    """Seconds of a run, the median of `count`."""
    times = []
    for _ in range(count):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), required=False)
@console.reporting
def main(folder: Path | None) -> int:
    """Compile a small network, run it and compare it with the ONNX reference."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        return 0 if demo(folder) else console.FAILED
    with tempfile.TemporaryDirectory(prefix="aicc-demo-") as name:
        return 0 if demo(Path(name)) else console.FAILED


if __name__ == "__main__":
    console.start(main)
