"""LSTM of mode dynamic: com.microsoft's DynamicQuantizeLSTM, which has weights in bytes.

LSTM(x, W, R, B, …)  -->  DynamicQuantizeLSTM(x, W': i8, R': i8, B, …, W_scale, W_zero, R_scale, R_zero)

W' is `[directions, input, 4 · hidden]`, R' `[directions, hidden, 4 · hidden]`: those of LSTM, transposed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper

from aicc.tools.quantize.graph import Layer, Rewriting
from aicc.tools.quantize.options import QuantizeOptions
from aicc.tools.quantize.weights import channel_bytes

_DOMAIN = "com.microsoft"
_ATTRIBUTES = (
    "activation_alpha",
    "activation_beta",
    "activations",
    "clip",
    "direction",
    "hidden_size",
    "input_forget",
)
_OPTIONAL = 8
"""Inputs of LSTM, which come first."""


def quantize_dynamic_lstm(
    rewriting: Rewriting, layers: Sequence[Layer], options: QuantizeOptions
) -> list[Layer]:
    """Changes the LSTMs both of whose weights are among `layers`; the layers of all else."""
    pairs: dict[int, list[Layer]] = {}
    for layer in layers:
        if layer.node.op_type == "LSTM" and _plain(layer.node):
            pairs.setdefault(id(layer.node), []).append(layer)
    done = {number for number, pair in pairs.items() if len(pair) == 2}
    for number in done:
        _replace(rewriting, pairs[number], options)
    if done and not any(entry.domain == _DOMAIN for entry in rewriting.model.opset_import):
        rewriting.model.opset_import.append(helper.make_opsetid(_DOMAIN, 1))
    return [layer for layer in layers if id(layer.node) not in done]


def _plain(node: onnx.NodeProto) -> bool:
    """Whether time is the first dim."""
    return not any(a.name == "layout" and a.i for a in node.attribute)


def _replace(rewriting: Rewriting, pair: list[Layer], options: QuantizeOptions) -> None:
    node = pair[0].node
    inputs = [*node.input, *[""] * (_OPTIONAL - len(node.input))]
    parameters: list[str] = []
    for layer in pair:
        w = rewriting.array(layer.weight)  # [directions, 4 · hidden, columns]
        directions = [channel_bytes(part.T, 1, options.per_channel) for part in w]
        q, scale = (np.stack(parts) for parts in zip(*directions, strict=True))
        inputs[layer.operand] = rewriting.add_array(f"{layer.weight}_quantized", q, layer.graph)
        for part, array in (("scale", scale), ("zero_point", np.zeros(scale.shape, np.int8))):
            parameters.append(rewriting.add_array(f"{layer.weight}_{part}", array, layer.graph))
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute if a.name in _ATTRIBUTES}
    new = helper.make_node(
        "DynamicQuantizeLSTM",
        [*inputs, *parameters],
        list(node.output),
        name=node.name,
        domain=_DOMAIN,
        **attributes,
    )
    rewriting.replace(node, new)
