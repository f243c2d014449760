"""Resize and its predecessor Upsample."""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.dialects.resize import Resize
from aicc.dialects.types import DType
from aicc.importer.cast import cast
from aicc.importer.movement import axis_of
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op


@onnx_op("Upsample")
def upsample(n: Node) -> Any:
    """Scales are an attribute before opset 9, then an input; removed in opset 10."""
    x = n.required(0)
    scales = n.const(n.required_attr("scales"), DType.F32) if n.opset < 9 else n.required(1)
    return _resize(n, x, None, scales, None, _old_attributes(n))


@onnx_op("Resize")
def resize(n: Node) -> Any:
    x = n.required(0)
    if n.opset < 11:
        return _resize(n, x, None, n.required(1), None, _old_attributes(n))
    attrs = {
        "mode": n.attr("mode", "nearest"),
        "coordinates": n.attr("coordinate_transformation_mode", "half_pixel"),
        "rounding": n.attr("nearest_mode", "round_prefer_floor"),
        "cubic_coeff": n.attr("cubic_coeff_a", -0.75),
        "exclude_outside": bool(n.attr("exclude_outside", 0)),
        "extrapolation": n.attr("extrapolation_value", 0.0),
        "antialias": bool(n.attr("antialias", 0)),
        "policy": n.attr("keep_aspect_ratio_policy", "stretch"),
    }
    return _resize(n, x, _present(n, 1), _present(n, 2), _present(n, 3), attrs)


def _old_attributes(n: Node) -> dict[str, Any]:
    """Before opset 11 there was one kind of coordinates, and of rounding."""
    return {"mode": n.attr("mode", "nearest"), "coordinates": "asymmetric", "rounding": "simple"}


def _present(n: Node, i: int) -> Any | None:
    """Input `i`; an empty tensor is an absent input."""
    value = n.input(i)
    return None if value is None or 0 in n.info(value).shape else value


def _resize(n: Node, x: Any, roi: Any, scales: Any, sizes: Any, attrs: dict[str, Any]) -> Any:
    t = n.info(x)
    given = n.attr("axes")
    axes = list(range(t.rank)) if given is None else [axis_of(n, a, t.rank) for a in given]
    if scales is not None and sizes is not None:
        raise n.error("AICC-1005", "inputs 'scales' and 'sizes' exclude each other.")
    crop = attrs["coordinates"] == "tf_crop_and_resize"
    roi = cast(n, roi, DType.F32) if crop and roi is not None else None
    if attrs["mode"] == "bilinear":  # as Upsample-7 spelled it in some exporters
        attrs = attrs | {"mode": "linear"}
    known = n.constant(2 if n.op_type == "Resize" and n.opset >= 11 else 1) if scales is not None else None
    if scales is not None and n.op_type == "Upsample" and n.opset < 9:
        known = np.asarray(n.required_attr("scales"), np.float32)
    if known is not None and not crop and known.size == len(axes):
        # axes that keep their size are no axes of the resampling
        kept = [i for i, s in enumerate(known.flat) if s != 1]
        if not kept:
            return x
        axes = [axes[i] for i in kept]
        scales = n.const(known.reshape(-1)[kept], DType.F32)
    wanted = n.info(sizes).value if sizes is not None else None
    stretches = attrs.get("policy", "stretch") == "stretch"
    if wanted is not None and wanted.dtype != object and not crop and stretches and wanted.size == len(axes):
        kept = [i for i, s in enumerate(wanted.flat) if s != t.shape[axes[i]]]
        if not kept:
            return x
        axes = [axes[i] for i in kept]
        sizes = n.ints([int(wanted.reshape(-1)[i]) for i in kept])
    return n.build(Resize, x, roi, scales, sizes, axes=axes, **attrs)
