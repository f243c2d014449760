"""Layers with activations of 8 bits: ranges known from data, or taken from each run's own numbers."""

from __future__ import annotations

import numpy as np
from onnx import helper

from aicc.tools.quantize.graph import Layer, Rewriting
from aicc.tools.quantize.options import QuantizeOptions
from aicc.tools.quantize.ranges import parameters
from aicc.tools.quantize.recurrent import quantize_dynamic_lstm
from aicc.tools.quantize.weights import channel_bytes, dequantized_channels, round_channels


def quantize_static(
    rewriting: Rewriting,
    layers: list[Layer],
    ranges: dict[str, tuple[float, float]],
    options: QuantizeOptions,
) -> None:
    """QuantizeLinear and DequantizeLinear on each layer's input and weights, and on a constant bias.

    conv(x, w, b) --> conv(dq(q(x)), dq(w: i8), dq(b: i32)), the bias in units of the product of both scales
    """
    inputs: dict[str, tuple[str, float]] = {}
    weights: dict[tuple[str, int], str] = {}
    alone = [layer for layer in layers if layer.weights_alone]
    round_channels(rewriting, alone, options.per_channel)
    for layer in (layer for layer in layers if not layer.weights_alone):
        node, name = layer.node, layer.node.input[0]
        if name not in inputs:
            inputs[name] = _rounded_input(rewriting, layer, ranges[name])
        key = (layer.weight, layer.channel_axis)
        if key not in weights:
            weights[key] = dequantized_channels(rewriting, layer, options.per_channel, node, options.largest)
        if len(node.input) > 2 and node.input[2] and rewriting.tensor(node.input[2]) is not None:
            _rounded_bias(rewriting, layer, inputs[name][1], options)
        node.input[0] = inputs[name][0]
        rewriting.connect(layer, weights[key])


def _rounded_input(rewriting: Rewriting, layer: Layer, limits: tuple[float, float]) -> tuple[str, float]:
    """What stands for the input rounded, and its scale."""
    name = layer.node.input[0]
    scale, zero = parameters(*limits)
    names = [rewriting.add_array(f"{name}_scale", scale), rewriting.add_array(f"{name}_zero_point", zero)]
    q, real = rewriting.unique(f"{name}_quantized"), rewriting.unique(f"{name}_dequantized")
    rewriting.put_before(
        layer.node,
        rewriting.node("QuantizeLinear", [name, *names], q),
        rewriting.node("DequantizeLinear", [q, *names], real),
    )
    return real, float(scale)


def _rounded_bias(rewriting: Rewriting, layer: Layer, input_scale: float, options: QuantizeOptions) -> None:
    """A vector of biases as i32, where they fit."""
    bias = rewriting.array(layer.node.input[2])
    if bias.ndim != 1:
        return
    array = rewriting.array(layer.weight)
    _, scale = channel_bytes(array, layer.channel_axis, options.per_channel, options.largest)
    unit = np.asarray(scale * np.float32(input_scale), np.float32)
    if unit.ndim and len(bias) % len(unit) == 0:
        unit = np.tile(unit, len(bias) // len(unit))  # of ConvTranspose: groups share the scales
    numbers = np.rint(bias.astype(np.float64) / unit)
    if unit.ndim and len(unit) != len(bias) or np.abs(numbers).max(initial=0) > 2**30:
        return
    names = [
        rewriting.add_array(f"{layer.node.input[2]}_quantized", numbers.astype(np.int32)),
        rewriting.add_array(f"{layer.node.input[2]}_scale", unit),
        rewriting.add_array(f"{layer.node.input[2]}_zero_point", np.zeros(unit.shape, np.int32)),
    ]
    out = rewriting.unique(f"{layer.node.input[2]}_dequantized")
    attributes = {"axis": 0} if unit.ndim else {}
    rewriting.put_before(layer.node, rewriting.node("DequantizeLinear", names, out, **attributes))
    layer.node.input[2] = out


def quantize_dynamic(rewriting: Rewriting, layers: list[Layer], options: QuantizeOptions) -> None:
    """Products in integers, the input rounded by its own range in each run.

    matmul(x, w) --> cast(MatMulInteger(DynamicQuantizeLinear(x), w: i8)) · (x_scale · w_scale)
    LSTM(x, …)   --> DynamicQuantizeLSTM(x, …)
    """
    inputs: dict[tuple[str, int], list[str]] = {}
    weights: dict[tuple[str, int], tuple[str, str]] = {}
    layers = quantize_dynamic_lstm(rewriting, layers, options)
    alone = [layer for layer in layers if layer.weights_alone]
    round_channels(rewriting, alone, options.per_channel)
    tables = {layer.weight for layer in alone}
    for layer in (layer for layer in layers if not layer.weights_alone):
        node, x = layer.node, layer.node.input[0]
        here = (x, layer.graph)
        if here not in inputs:
            inputs[here] = [rewriting.unique(f"{x}_{part}") for part in ("quantized", "scale", "zero_point")]
            rewriting.put_before(
                node, helper.make_node("DynamicQuantizeLinear", [x], inputs[here], name=inputs[here][0])
            )
        key = (layer.weight, layer.channel_axis)
        if key not in weights:
            array, axis = rewriting.array(layer.weight), layer.channel_axis
            if layer.transposed and layer.weight not in tables:
                array, axis = array.T, 1
            q, scale = channel_bytes(array, axis, options.per_channel, options.largest)
            weights[key] = (
                rewriting.add_array(f"{layer.weight}_quantized", q),
                rewriting.add_array(f"{layer.weight}_scale", scale),
            )
        q_x, s_x, z_x = inputs[here]
        q_w, s_w = weights[key]
        if layer.transposed and layer.weight in tables:
            q_w = rewriting.turn(layer, q_w)
        out = node.output[0]
        product, real, factor = (
            rewriting.unique(f"{out}_{part}") for part in ("integer", "product", "factor")
        )
        bias = node.input[2] if len(node.input) > 2 and node.input[2] else ""
        result = rewriting.unique(f"{out}_scaled") if bias else out
        rewriting.replace(
            node,
            rewriting.node("MatMulInteger", [q_x, q_w, z_x], product),
            rewriting.node("Cast", [product], real, to=1),
            rewriting.node("Mul", [s_x, s_w], factor),
            rewriting.node("Mul", [real, factor], result),
            *([rewriting.node("Add", [result, bias], out)] if bias else []),
        )
