"""A model of over 3 GB, more than one ONNX file may hold: compiled, measured, run, compared.

    python -m benchmarks.big_model FOLDER     needs 7 GB of disk there for a minute or two

Twelve layers `tanh(x W)` whose weights of 8192 x 8192 lie beside the graph as external data. Compiling may take as
much memory as the weights and 1 GB (pages of mapped files included); exit status 1 when it takes more, or when the
result differs from NumPy's in float64. On two cores: 3.22 GB of weights, 16 s, peak 0.77 GB, agreement 4e-06.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
import numpy as np
import onnx
from onnx import TensorProto, helper

import aicc
from aicc.tools import console
from benchmarks.compile_cost import peak_of

LAYERS, WIDTH = 12, 8192
TOLERANCE = 1e-4


def write(folder: Path) -> Path:
    """The graph, and a file for each weight; weights are made one at a time."""
    rng = np.random.default_rng(0)
    nodes, tensors, value = [], [], "x"
    for layer in range(LAYERS):
        name = f"w{layer}"
        weight = rng.standard_normal((WIDTH, WIDTH), np.float32) / np.float32(np.sqrt(WIDTH))
        weight.tofile(folder / name)
        tensor = TensorProto(
            name=name,
            data_type=TensorProto.FLOAT,
            dims=weight.shape,
            data_location=TensorProto.EXTERNAL,
        )
        tensor.external_data.add(key="location", value=name)
        tensor.external_data.add(key="length", value=str(weight.nbytes))
        tensors.append(tensor)
        nodes.append(helper.make_node("MatMul", [value, name], [f"m{layer}"]))
        value = "y" if layer == LAYERS - 1 else f"t{layer}"
        nodes.append(helper.make_node("Tanh", [f"m{layer}"], [value]))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n" if name == "x" else None, WIDTH])
        for name in ("x", "y")
    ]
    graph = helper.make_graph(nodes, "big", ends[:1], ends[1:], tensors)
    path = folder / "big.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return path


def expected(folder: Path, x: np.ndarray) -> np.ndarray:
    """In float64, a weight at a time."""
    value = x.astype(np.float64)
    for layer in range(LAYERS):
        weight = np.fromfile(folder / f"w{layer}", np.float32).reshape(WIDTH, WIDTH)
        value = np.tanh(value @ weight.astype(np.float64))
    return value


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@console.reporting
def main(folder: Path) -> int:
    """Make, compile and run the model in a new folder in FOLDER, which goes afterwards."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        here = Path(name)
        model, library = write(here), here / "big.so"
        seconds, memory = peak_of(model, library, ("--weights", "external"))
        weights = LAYERS * WIDTH * WIDTH * 4
        print(f"weights {weights / 1e9:.2f} GB; compiled in {seconds:.0f} s, peak {memory / 1e9:.2f} GB")
        x = np.random.default_rng(1).standard_normal((2, WIDTH), np.float32)
        found, want = aicc.load(library)(x), expected(here, x)
        error = float(np.abs(found - want).max() / np.abs(want).max())
        print(f"agreement with float64: {error:.0e}")
    return int(memory > weights + 1e9 or not error <= TOLERANCE)


if __name__ == "__main__":
    main()
