"""EyeLike, Trilu and Det."""

from __future__ import annotations

from typing import Any

from aicc.dialects.determinant import Determinant
from aicc.dialects.diagonal import Eye, Trilu
from aicc.dialects.shape import Shape
from aicc.importer.element_types import dtype_of
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op


@onnx_op("EyeLike")
def eye_like(n: Node) -> Any:
    x = n.required(0)
    code = n.attr("dtype")
    dtype = n.info(x).dtype if code is None else dtype_of(code, f"attribute 'dtype' of {n.title}")
    return n.build(Eye, n.build(Shape, x), k=n.attr("k", 0), dtype=dtype)


@onnx_op("Trilu")
def trilu(n: Node) -> Any:
    return n.build(Trilu, n.required(0), n.input(1), upper=bool(n.attr("upper", 1)))


@onnx_op("Det")
def det(n: Node) -> Any:
    return n.build(Determinant, n.required(0))
