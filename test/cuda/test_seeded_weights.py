"""Networks that travel without their weights: the numbers are the same everywhere, the weights' file as it was."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import onnx
import pytest

from benchmarks.cuda import report, seeded
from benchmarks.cuda.networks import in_float
from benchmarks.cuda.planting import planted, recipe_of


def test_numbers_never_change() -> None:
    """Changed numbers would make files of weights wrong that were described before."""
    assert zlib.crc32(seeded.normal(7, (1000,)).tobytes()) == 738370872
    assert list(seeded.integers(7, (5,), 1000)) == [692, 655, 120, 522, 30]


def test_they_are_nearly_normal() -> None:
    values = seeded.normal(1, (100000,), std=3.0, mean=1.0)
    assert abs(values.mean() - 1) < 0.05
    assert abs(values.std() - 3) < 0.05


def test_bfloat16_rounds_to_even() -> None:
    values = np.float32([1.0, -2.0, 1 + 2**-8, 1 + 3 * 2**-8])
    assert [hex(b) for b in seeded.bits(values, "bfloat16")] == ["0x3f80", "0xc000", "0x3f80", "0x3f82"]


@pytest.mark.parametrize("kind", ["normal", "integers", "ones", "zeros"])
def test_rows_repeat(kind: str) -> None:
    spec = {
        "kind": kind,
        "seed": 3,
        "below": 9,
        "shape": [1, 5],
        "dtype": "int64" if kind == "integers" else "float32",
    }
    batch = seeded.make(spec | {"repeat": 3})
    assert batch.shape == (3, 5)
    np.testing.assert_array_equal(batch, np.repeat(seeded.make(spec), 3, axis=0))


def test_a_file_is_made_again(tmp_path: Path) -> None:
    """Two seeded weights, one of them transposed, between bytes that have no seed."""
    specs = [
        {"kind": "normal", "seed": 1, "shape": [64, 80], "dtype": "float16", "std": 0.1, "mean": 0.0},
        {"kind": "normal", "seed": 2, "shape": [8, 4, 3, 64], "dtype": "float32", "std": 1.0, "mean": 0.5},
        {"kind": "normal", "seed": 3, "shape": [64, 64], "dtype": "float32", "std": 1.0, "mean": 0.5},
    ]
    first, second = seeded.make(specs[0]), seeded.make(specs[1])
    blob = b"begin" + first.T.tobytes() + b"middle" + second.transpose(2, 3, 1, 0).tobytes() + b"end"
    recipe, raw = recipe_of(blob, specs)
    assert len(recipe["planted"]) == 2
    assert raw == b"beginmiddleend"
    seeded.write_weights(recipe, raw, tmp_path / "weights")
    assert (tmp_path / "weights").read_bytes() == blob


def test_planted_models(tmp_path: Path) -> None:
    text = "(float[2,80] X) => (float[2,64] Y) { Y = MatMul(X,W) }"
    model = onnx.parser.parse_model('<ir_version: 10, opset_import: ["" : 20]> g ' + text)
    weights = np.random.default_rng(0).normal(0.5, 0.25, (80, 64)).astype(np.float32)
    model.graph.initializer.append(onnx.numpy_helper.from_array(weights, "W"))
    onnx.save(model, tmp_path / "m.onnx")
    made = planted(tmp_path / "m.onnx", half=True)
    (tensor,) = made.model.graph.initializer
    values = onnx.numpy_helper.to_array(tensor)
    assert values.dtype == np.float16
    np.testing.assert_array_equal(values, seeded.make(made.specs[0]))
    assert abs(float(values.mean()) - 0.5) < 0.02
    single = in_float(made.model)
    onnx.checker.check_model(single, full_check=True)
    assert single.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT


def test_the_page() -> None:
    found = {"matmul": {"flops": 2e12, "bytes": 1.0, "kernels": 1e-3, "call": 2e-3, "torch": 2e-3}}
    assert "| matmul | 2000 | – | – | 1000 | 1000 | – | 1.00 |" in report.products(found)
    memory = {"add": {"bytes": 3e9, "kernels": 1e-3, "copy": 4e12, "jax": 2e-3}}
    assert "| add | 3000 | 4000 | – | 1500 | 0.75 |" in report.memory_bound(memory)
    network = {"call": 2e-3, "enqueued": 1.99e-3, "torch_compile": 4e-3, "error": 1e-3}
    lines = report.networks({"bert": network, "other": {"failed": "no"}})
    assert "| bert | 2000 | 10 | – | 4000 | 0.50 | 1.0e-03 |" in lines
