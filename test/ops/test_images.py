"""ImageDecoder, as a node of models; the formats are tested with the runtime (test/runtime/test_image_files.py)."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx.onnx_pb import TensorProto
from PIL import Image

import aicc
from aicc.driver import Options, compile_model
from aicc.errors import CompileError, ImportError_, RuntimeError_
from aicc.target import Target

Array = np.ndarray[Any, Any]


def model(nodes: list[Any], output: int = TensorProto.UINT8, rank: int = 1) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "images",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, ["n"] * rank)],
        [helper.make_tensor_value_info("y", output, None)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def decoder(output: str = "y", **attrs: Any) -> Any:
    return helper.make_node("ImageDecoder", ["x"], [output], name="decode", **attrs)


def file_of(pixels: Array, kind: str = "bmp") -> Array:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return np.frombuffer(stream.getvalue(), np.uint8)


def pixels(height: int, width: int) -> Array:
    return np.random.default_rng(height).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize("layout", ["RGB", "BGR", "Grayscale"])
def test_layouts_and_sizes(layout: str) -> None:
    """One library for images of every size, and an error between them."""
    exe = aicc.compile(model([decoder(pixel_format=layout)]), jobs=0)
    for size in ((5, 7), (31, 2), (1, 1)):
        expected = pixels(*size)
        if layout == "Grayscale":
            expected = np.asarray(Image.fromarray(expected).convert("L"))[..., None]
        y = exe(file_of(pixels(*size)))
        np.testing.assert_array_equal(y, expected[..., ::-1] if layout == "BGR" else expected)
        with pytest.raises(RuntimeError_, match="[Nn]ode 'decode': the 3 bytes are no image"):
            exe(np.zeros(3, np.uint8))


def test_what_follows_reads_the_sizes() -> None:
    """The way into a network: float32, channels first, in a batch."""
    nodes = [
        decoder("image"),
        helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["real"], ["turned"], perm=[2, 0, 1]),
        helper.make_node("ReduceMean", ["turned"], ["y"], keepdims=0, noop_with_empty_axes=0),
    ]
    exe = aicc.compile(model(nodes, TensorProto.FLOAT), jobs=0)
    for size in ((9, 4), (20, 33)):
        mean = pixels(*size).astype(np.float64).mean()
        np.testing.assert_allclose(exe(file_of(pixels(*size), "ppm")), mean, rtol=1e-6)


def test_the_decoders_are_in_libraries_that_use_them(tmp_path: Any) -> None:
    counts = []
    for nodes in ([decoder()], [helper.make_node("Identity", ["x"], ["y"])]):
        compile_model(model(nodes), tmp_path / "model.so", Options(jobs=0))
        counts.append((tmp_path / "model.so").read_bytes().count(b"; supported are %s"))
    assert counts[0] > 0
    assert counts[1] == 0


def test_wrong_pixel_format() -> None:
    with pytest.raises(ImportError_, match="AICC-1006.*decode.*pixel_format' is 'CMYK'"):
        aicc.compile(model([decoder(pixel_format="CMYK")]))


def test_input_of_rank_2() -> None:
    with pytest.raises(ImportError_, match="AICC-1005.*decode"):
        aicc.compile(model([decoder()], rank=2))


def test_other_targets() -> None:
    with pytest.raises(CompileError, match="AICC-1003.*images"):
        aicc.compile(model([decoder()]), Target.named("cuda"), jobs=0)
