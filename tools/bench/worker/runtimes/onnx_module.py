"""An ONNX graph as a PyTorch module, op by op, for runtimes that compile PyTorch.

Inference only; an op that is not in `OPS` is an error when the module is made. Scalars and integer vectors
(shapes, axes) are Python numbers and lists, so that tracing sees no data-dependent shapes.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional as F

Attributes = Mapping[str, Any]
OPSET = "opset of the model"
"""Where an op finds it among its attributes."""

FIRST_SOFTMAX_OF_ONE_AXIS = 13


class OnnxModule(nn.Module):
    """Called with the graph's inputs in order, returns its outputs as a tuple."""

    def __init__(self, path: str) -> None:
        super().__init__()
        model = onnx.load(path)
        graph = model.graph
        self.opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
        self.constants: dict[str, Any] = {}
        for tensor in graph.initializer:
            self._constant(tensor.name, tensor)
        weights = {t.name for t in graph.initializer}
        self.arguments = [v.name for v in graph.input if v.name not in weights]
        self.results = [v.name for v in graph.output]
        self.steps = [self._step(node) for node in graph.node if not self._is_constant(node)]

    def _constant(self, name: str, tensor: onnx.TensorProto) -> None:
        value = torch.from_numpy(numpy_helper.to_array(tensor).copy())
        if not value.ndim or value.ndim == 1 and not value.is_floating_point():
            self.constants[name] = value.tolist()
        else:
            self.register_buffer(_attribute(name), value)

    def _is_constant(self, node: onnx.NodeProto) -> bool:
        if node.op_type == "Constant":
            self._constant(node.output[0], node.attribute[0].t)
        return node.op_type == "Constant"

    def _step(self, node: onnx.NodeProto) -> tuple[Callable[..., Any], list[str], list[str], Attributes]:
        if node.op_type not in OPS:
            raise ValueError(f"operator {node.op_type} is not translated to PyTorch")
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        attributes[OPSET] = self.opset
        return OPS[node.op_type], list(node.input), list(node.output), attributes

    def _value(self, name: str, values: Mapping[str, Any]) -> Any:
        if not name:
            return None
        if name in values:
            return values[name]
        return self.constants[name] if name in self.constants else getattr(self, _attribute(name))

    def forward(self, *arguments: Tensor) -> tuple[Tensor, ...]:
        values: dict[str, Any] = dict(zip(self.arguments, arguments, strict=True))
        for function, inputs, outputs, attributes in self.steps:
            result = function(attributes, *(self._value(name, values) for name in inputs))
            for name, value in zip(outputs, result if isinstance(result, tuple) else (result,), strict=False):
                values[name] = value
        return tuple(self._value(name, values) for name in self.results)


def _attribute(name: str) -> str:
    """A parameter's name may hold no dots."""
    return "w_" + name.replace(".", "_")


def _pads(x: Tensor, a: Attributes, value: float = 0.0) -> tuple[Tensor, tuple[int, ...]]:
    """The input, padded where both sides differ, and the padding that is left to the op itself."""
    rank = x.ndim - 2
    pads = list(a.get("pads", [0] * 2 * rank))
    mode = a.get("auto_pad", b"NOTSET").decode()
    if mode.startswith("SAME"):
        pads = _same(x, a, mode == "SAME_UPPER")
    if pads[:rank] == pads[rank:]:
        return x, tuple(pads[:rank])
    both = [n for i in reversed(range(rank)) for n in (pads[i], pads[rank + i])]
    return F.pad(x, both, value=value), (0,) * rank


def _same(x: Tensor, a: Attributes, upper: bool) -> list[int]:
    kernel, strides = a["kernel_shape"], a.get("strides", [1] * (x.ndim - 2))
    begin, end = [], []
    for size, k, s in zip(x.shape[2:], kernel, strides, strict=True):
        total = max(0, (-(-size // s) - 1) * s + k - size)
        begin.append(total // 2 if upper else total - total // 2)
        end.append(total - begin[-1])
    return begin + end


def _conv(a: Attributes, x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    x, pads = _pads(x, {"kernel_shape": w.shape[2:], **a})
    rank = x.ndim - 2
    one = [1] * rank
    function = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[rank]
    return function(x, w, b, a.get("strides", one), pads, a.get("dilations", one), a.get("group", 1))


def _max_pool(a: Attributes, x: Tensor) -> Tensor:
    x, pads = _pads(x, a, float("-inf"))
    kernel = tuple(a["kernel_shape"])
    strides, up = a.get("strides", [1] * len(kernel)), bool(a.get("ceil_mode", 0))
    return F.max_pool2d(x, kernel, strides, pads, a.get("dilations", 1), up)


def _average_pool(a: Attributes, x: Tensor) -> Tensor:
    kernel = tuple(a["kernel_shape"])
    strides, counted = a.get("strides", [1] * len(kernel)), bool(a.get("count_include_pad", 0))
    up = bool(a.get("ceil_mode", 0))
    padded, pads = _pads(x, a)
    mean = F.avg_pool2d(padded, kernel, strides, pads, up, counted)
    if padded is x or counted:
        return mean
    ones, _ = _pads(torch.ones_like(x[:1, :1]), a)
    return mean / F.avg_pool2d(ones, kernel, strides, pads, up)


def _gemm(a: Attributes, x: Tensor, w: Tensor, c: Tensor | None = None) -> Tensor:
    x = x.t() if a.get("transA") else x
    if a.get("alpha", 1.0) == a.get("beta", 1.0) == 1.0 and (c is None or c.ndim == 1):
        return F.linear(x, w if a.get("transB") else w.t(), c)
    product = a.get("alpha", 1.0) * (x @ (w.t() if a.get("transB") else w))
    return product if c is None else product + a.get("beta", 1.0) * c


def _lrn(a: Attributes, x: Tensor) -> Tensor:
    """As a sum of shifted slices: TorchInductor rejects what `local_response_norm` becomes."""
    size, channels = a["size"], x.shape[1]
    squares = F.pad(x * x, (0, 0) * (x.ndim - 2) + ((size - 1) // 2, size // 2))
    total = _sum(a, *(squares[:, n : n + channels] for n in range(size)))
    return x / (a.get("bias", 1.0) + a.get("alpha", 1e-4) / size * total) ** a.get("beta", 0.75)


def _softmax(a: Attributes, x: Tensor) -> Tensor:
    if a[OPSET] >= FIRST_SOFTMAX_OF_ONE_AXIS:
        return x.softmax(a.get("axis", -1))
    return x.flatten(a.get("axis", 1)).softmax(-1).view(x.shape)


def _reshape(a: Attributes, x: Tensor, shape: list[int]) -> Tensor:
    return x.reshape([x.shape[i] if n == 0 else n for i, n in enumerate(shape)])


def _layer_norm(a: Attributes, x: Tensor, scale: Tensor, bias: Tensor | None = None) -> Tensor:
    return F.layer_norm(x, x.shape[a.get("axis", -1) % x.ndim :], scale, bias, a.get("epsilon", 1e-5))


def _unsqueeze(a: Attributes, x: Tensor, axes: list[int] | None = None) -> Tensor:
    places = a["axes"] if axes is None else axes
    rank = x.ndim + len(places)
    for axis in sorted(n % rank for n in places):
        x = x.unsqueeze(axis)
    return x


def _squeeze(a: Attributes, x: Tensor, axes: list[int] | None = None) -> Tensor:
    places = a.get("axes") if axes is None else axes
    return x.squeeze(tuple(places)) if places is not None else x.squeeze()


def _reduce_mean(a: Attributes, x: Tensor, axes: list[int] | None = None) -> Tensor:
    return x.mean(a["axes"] if axes is None else axes, keepdim=bool(a.get("keepdims", 1)))


def _split(a: Attributes, x: Tensor, sizes: list[int] | None = None) -> tuple[Tensor, ...]:
    axis = a.get("axis", 0)
    parts = a.get("split") if sizes is None else sizes
    return x.split(list(parts), axis) if parts else x.chunk(a["num_outputs"], axis)


def _sum(a: Attributes, *terms: Tensor) -> Tensor:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _elementwise(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda a, *inputs: function(*inputs)


def _clip(a: Attributes, x: Tensor, low: float | None = None, high: float | None = None) -> Tensor:
    return x.clamp(a.get("min", low), a.get("max", high))


def _transpose(a: Attributes, x: Tensor) -> Tensor:
    order: Sequence[int] = a.get("perm", range(x.ndim)[::-1])
    return x.permute(*order)


OPS: dict[str, Callable[..., Any]] = {
    "Conv": _conv,
    "Gemm": _gemm,
    "MatMul": _elementwise(operator.matmul),
    "BatchNormalization": lambda a, x, s, b, m, v: F.batch_norm(x, m, v, s, b, eps=a.get("epsilon", 1e-5)),
    "LayerNormalization": _layer_norm,
    "LRN": _lrn,
    "Softmax": _softmax,
    "LogSoftmax": lambda a, x: x.log_softmax(a.get("axis", -1)),
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": lambda a, x: x.mean(tuple(range(2, x.ndim)), keepdim=True),
    "ReduceMean": _reduce_mean,
    "Reshape": _reshape,
    "Flatten": lambda a, x: x.flatten(a.get("axis", 1)) if a.get("axis", 1) else x.reshape(1, -1),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Concat": lambda a, *xs: torch.cat(xs, a["axis"]),
    "Split": _split,
    "Gather": lambda a, x, i: F.embedding(i, x) if x.ndim == 2 and not a.get("axis", 0) else x[i],
    "Dropout": lambda a, x, *_: x,
    "Identity": lambda a, x: x,
    "Sum": _sum,
    "Add": _elementwise(operator.add),
    "Sub": _elementwise(operator.sub),
    "Mul": _elementwise(operator.mul),
    "Div": _elementwise(operator.truediv),
    "Pow": _elementwise(operator.pow),
    "Sqrt": _elementwise(torch.sqrt),
    "Erf": _elementwise(torch.erf),
    "Exp": _elementwise(torch.exp),
    "Tanh": _elementwise(torch.tanh),
    "Sigmoid": _elementwise(torch.sigmoid),
    "Relu": _elementwise(F.relu),
    "LeakyRelu": lambda a, x: F.leaky_relu(x, a.get("alpha", 0.01)),
    "Gelu": lambda a, x: F.gelu(x, approximate=a.get("approximate", b"none").decode()),
    "HardSigmoid": lambda a, x: (x * a.get("alpha", 0.2) + a.get("beta", 0.5)).clamp(0, 1),
    "Clip": _clip,
}
"""Each takes the node's attributes and its inputs, None for an absent one."""
