"""What quantized models mean, in integers of 64 bits, and the models of the tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = np.ndarray[Any, Any]


@dataclass
class Graph:
    """An ONNX graph being written. `expected` are the outputs' values by name."""

    nodes: list[Any] = field(default_factory=list)
    initializers: list[Any] = field(default_factory=list)
    inputs: dict[str, Array] = field(default_factory=dict)
    expected: dict[str, Array] = field(default_factory=dict)

    def input(self, array: Array) -> str:
        name = f"in{len(self.inputs)}"
        self.inputs[name] = array
        return name

    def constant(self, array: Any, dtype: Any) -> str:
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(array, dtype), name))
        return name

    def node(self, op: str, *inputs: str, **attrs: Any) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attrs))
        return name

    def output(self, name: str, expected: Array) -> None:
        self.expected[name] = expected

    def model(self) -> onnx.ModelProto:
        ins = [_info(name, a) for name, a in self.inputs.items()]
        outs = [_info(name, a) for name, a in self.expected.items()]
        graph = helper.make_graph(self.nodes, "quantized", ins, outs, self.initializers)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def _info(name: str, array: Array) -> Any:
    dtype = helper.np_dtype_to_tensor_dtype(array.dtype)
    assert dtype != TensorProto.UNDEFINED
    return helper.make_tensor_value_info(name, dtype, list(array.shape))


def convolved(
    x: Array,
    w: Array,
    x_zero: int,
    w_zero: Array | int,
    strides: tuple[int, int] = (1, 1),
    pads: tuple[int, int, int, int] = (0, 0, 0, 0),
    group: int = 1,
) -> Array:
    """ConvInteger of `[N, C, H, W]` and `[F, C/group, KH, KW]` in i64: pads add nothing."""
    wide = x.astype(np.int64) - x_zero
    zeros = np.reshape(w_zero, (-1, 1, 1, 1)) if np.ndim(w_zero) else w_zero
    weights = w.astype(np.int64) - zeros
    wide = np.pad(wide, ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
    windows = np.lib.stride_tricks.sliding_window_view(wide, w.shape[2:], (2, 3))
    windows = windows[:, :, :: strides[0], :: strides[1]]
    n, c = x.shape[:2]
    parts = windows.reshape(n, group, c // group, *windows.shape[2:])
    filters = weights.reshape(group, -1, *w.shape[1:])
    out = np.einsum("ngchwyx,gfcyx->ngfhw", parts, filters)
    return out.reshape(n, w.shape[0], *windows.shape[2:4])


def transposed(
    x: Array,
    w: Array,
    strides: tuple[int, int],
    pads: tuple[int, int, int, int],
    output_padding: tuple[int, int] = (0, 0),
    group: int = 1,
) -> Array:
    """ConvTranspose of `[N, C, H, W]` and `[C, F/group, KH, KW]`, of integers without zero points."""
    n, c, *sizes = x.shape
    each, *kernel = w.shape[1:]
    full = [(i - 1) * s + k + o for i, s, k, o in zip(sizes, strides, kernel, output_padding, strict=True)]
    out = np.zeros((n, group, each, *full), np.int64)
    parts = x.astype(np.int64).reshape(n, group, c // group, *sizes)
    weights = w.astype(np.int64).reshape(group, c // group, *w.shape[1:])
    for i, j in np.ndindex(*kernel):
        rows, columns = (
            slice(at, at + (size - 1) * s + 1, s) for at, size, s in zip((i, j), sizes, strides, strict=True)
        )
        out[..., rows, columns] += np.einsum("ngchw,gcf->ngfhw", parts, weights[..., i, j])
    whole = out.reshape(n, group * each, *full)
    return whole[:, :, pads[0] : full[0] - pads[2], pads[1] : full[1] - pads[3]]


def requantized(total: Array, factor: Any, zero: int, dtype: Any) -> Array:
    """`saturate(round(total · factor) + zero)`, in f32 as QLinearConv is defined."""
    y = np.rint(total.astype(np.float32) * np.asarray(factor, np.float32)) + np.float32(zero)
    limits = np.iinfo(dtype)
    return np.clip(y, limits.min, limits.max).astype(dtype)


def numbers(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any, kind: str = "random") -> Array:
    """Bytes: all the smallest, all the largest, either of the two, or anything."""
    limits = np.iinfo(dtype)
    if kind in ("min", "max"):
        return np.full(shape, getattr(limits, kind), dtype)
    if kind == "ends":
        return np.where(rng.integers(0, 2, shape) == 1, limits.max, limits.min).astype(dtype)
    return rng.integers(limits.min, limits.max + 1, shape).astype(dtype)
