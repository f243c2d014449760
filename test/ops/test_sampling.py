"""GridSample, DeformConv, RoiAlign against the ONNX reference and ONNX Runtime."""

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

import aicc
from test.ops.ort import check_ort
from test.ops.rig import check

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_grid_sample(mode: str, padding: str):
    x = RNG.standard_normal((2, 3, 5, 4)).astype(np.float32)
    grid = RNG.uniform(-1.4, 1.4, (2, 3, 6, 2)).astype(np.float32)
    for corners in (0, 1):
        check(
            "GridSample",
            x,
            grid,
            mode=mode,
            padding_mode=padding,
            align_corners=corners,
            rtol=1e-4,
            modes=("static", "dynamic") if mode == "linear" else ("static",),
        )


def test_deform_conv():
    x = RNG.standard_normal((1, 4, 5, 6)).astype(np.float32)
    w = RNG.standard_normal((6, 2, 2, 3)).astype(np.float32)
    offset = RNG.uniform(-1, 1, (1, 2 * 2 * 6, 4, 4)).astype(np.float32)
    mask = RNG.uniform(0, 1, (1, 2 * 6, 4, 4)).astype(np.float32)
    bias = RNG.standard_normal(6).astype(np.float32)
    attrs = {"group": 2, "offset_group": 2}
    check("DeformConv", x, w, offset, bias, mask, rtol=1e-4, modes=("static",), **attrs)


@pytest.mark.parametrize("mode", ["avg", "max"])
def test_roi_align(mode: str):
    x = RNG.standard_normal((2, 3, 8, 8)).astype(np.float32)
    rois = np.float32([[0, 0, 7, 7], [1.5, 2, 6, 5], [-2, -2, 20, 3]])
    attrs = {"output_height": 2, "output_width": 3, "sampling_ratio": 2, "spatial_scale": 0.9, "mode": mode}
    inputs = [x, rois, np.array([0, 1, 1])]
    check_ort("RoiAlign", *inputs, opset=16, modes=("static",), **attrs)


def test_deform_conv_of_any_image():
    """All sizes but those of the weights have names."""
    w = RNG.standard_normal((6, 2, 2, 3)).astype(np.float32)
    info = onnx.helper.make_tensor_value_info
    shapes = {"x": ["n", "c", "h", "w"], "offset": ["n", "o", "u", "v"], "mask": ["n", "m", "u", "v"]}
    names = ["x", "weights", "offset", "", "mask"]
    node = onnx.helper.make_node("DeformConv", names, ["y"], group=2, offset_group=2)
    graph = onnx.helper.make_graph(
        [node],
        "g",
        [info(name, onnx.TensorProto.FLOAT, shape) for name, shape in shapes.items()],
        [info("y", onnx.TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(w, "weights")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 22)], ir_version=10)
    exe = aicc.compile(model.SerializeToString())
    for batch, high, wide in ((1, 5, 6), (3, 7, 4)):
        out = (high - 1, wide - 2)
        feeds = {
            "x": RNG.standard_normal((batch, 4, high, wide)).astype(np.float32),
            "offset": RNG.uniform(-1, 1, (batch, 24, *out)).astype(np.float32),
            "mask": RNG.uniform(0, 1, (batch, 12, *out)).astype(np.float32),
        }
        (want,) = ReferenceEvaluator(model).run(None, feeds)
        np.testing.assert_allclose(exe(**feeds), want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("opset", [10, 16])
@pytest.mark.parametrize("mode", ["avg", "max"])
def test_roi_align_with_points_by_size(mode: str, opset: int):
    """Ratio 0, the default: about one point per element, so that each region has a number of its own; one has none."""
    x = RNG.standard_normal((2, 3, 8, 8)).astype(np.float32)
    rois = np.float32([[0, 0, 7, 7], [1.5, 2, 6, 5], [-2, -2, 20, 3], [3, 3, 3, 3]])
    attrs = {"output_height": 2, "output_width": 3, "spatial_scale": 0.9, "mode": mode}
    check_ort("RoiAlign", x, rois, np.array([0, 1, 1, 0]), opset=opset, modes=("static", "dynamic"), **attrs)


def test_roi_align_of_no_region():
    x = RNG.standard_normal((1, 2, 6, 6)).astype(np.float32)
    inputs = [x, np.zeros((0, 4), np.float32), np.zeros(0, np.int64)]
    check_ort("RoiAlign", *inputs, opset=16, modes=("static",), output_height=2, output_width=2)
