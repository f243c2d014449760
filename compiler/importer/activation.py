"""Activations with parameters. ONNX's defaults are the dialect's."""

from __future__ import annotations

from typing import Any

from aicc.dialects import OPS
from aicc.dialects.activation import Gelu
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op

PARAMETERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "LeakyRelu": ("leaky_relu", ("alpha",)),
    "Elu": ("elu", ("alpha",)),
    "Celu": ("celu", ("alpha",)),
    "Selu": ("selu", ("alpha", "gamma")),
    "ThresholdedRelu": ("thresholded_relu", ("alpha",)),
    "HardSigmoid": ("hard_sigmoid", ("alpha", "beta")),
    "Swish": ("silu", ("alpha",)),
    "Shrink": ("shrink", ("bias", "lambd")),
}
"""Per operator: the aicc op and the float attributes handed on."""


@onnx_op(*PARAMETERS)
def parametric(n: Node) -> Any:
    name, parameters = PARAMETERS[n.op_type]
    given = {p: n.attr(p) for p in parameters if n.attr(p) is not None}
    return n.build(OPS[name], n.required(0), **given)


@onnx_op("Gelu")
def gelu(n: Node) -> Any:
    return n.build(Gelu, n.required(0), approximate=n.attr("approximate", "none"))


@onnx_op("Gelu", domain="com.microsoft")
def exact_gelu(n: Node) -> Any:
    return n.build(Gelu, n.required(0), approximate="none")


@onnx_op("FastGelu", domain="com.microsoft")
def fast_gelu(n: Node) -> Any:
    x = n.required(0)
    bias = n.input(1)
    if bias is not None:
        x = n.build(OPS["add"], x, bias)
    return n.build(Gelu, x, approximate="tanh")


@onnx_op("BiasGelu", domain="com.microsoft")
def bias_gelu(n: Node) -> Any:
    return n.build(Gelu, n.build(OPS["add"], n.required(0), n.required(1)), approximate="none")


@onnx_op("QuickGelu", domain="com.microsoft")
def quick_gelu(n: Node) -> Any:
    return n.build(OPS["silu"], n.required(0), alpha=n.attr("alpha", 1.702))
