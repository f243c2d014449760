"""Weights in few bits: each layer reads what a DequantizeLinear makes of them, or is a MatMulNBits.

What a DequantizeLinear reads is beside it: of bodies, ONNX Runtime does not find it in the graph around.

Conv, ConvTranspose, LSTM, GRU, RNN, Gather
    w: f32  -->  DequantizeLinear(w: i8, scale)                              a scale per output channel, row of a table
MatMul, Gemm
    w: f32  -->  DequantizeLinear(w: i4, scale, zero) {axis, block_size}     a scale per block of a column
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper

from aicc.tools.quantize.graph import PRODUCTS, Array, Layer, Rewriting
from aicc.tools.quantize.options import QuantizeOptions
from aicc.weight_packing import Blocks, Rounding, quantize_blocks


def quantize_weights(rewriting: Rewriting, layers: list[Layer], options: QuantizeOptions) -> None:
    """Changes `layers`; a weight that several read alike is stored once."""
    done: dict[tuple[str, int, int], str] = {}
    blocks = [layer for layer in layers if layer.node.op_type in PRODUCTS]
    for layer in blocks:
        if options.format == "nbits":
            _matmul_nbits(rewriting, layer, options)
        else:
            key = (layer.weight, layer.channel_axis, layer.graph)
            if key not in done:
                done[key] = _dequantized_blocks(rewriting, layer, options)
            rewriting.connect(layer, done[key])
    round_channels(rewriting, [layer for layer in layers if layer.node.op_type not in PRODUCTS], True)


def round_channels(rewriting: Rewriting, layers: list[Layer], per_channel: bool) -> None:
    """Weights as bytes, with a scale for each output channel or one, which a DequantizeLinear reads."""
    done: dict[tuple[str, int, int], str] = {}
    for layer in layers:
        key = (layer.weight, layer.channel_axis, layer.graph)
        if key not in done:
            done[key] = dequantized_channels(rewriting, layer, per_channel, layer.node)
        rewriting.connect(layer, done[key])


def dequantized_channels(
    rewriting: Rewriting, layer: Layer, per_channel: bool, before: onnx.NodeProto, most: int = 127
) -> str:
    """Weights as signed bytes without zero points; the name of what DequantizeLinear makes of them."""
    array, axis = rewriting.array(layer.weight), layer.channel_axis
    q, scale = channel_bytes(array, axis, per_channel, most)
    names = [
        rewriting.add_array(f"{layer.weight}_quantized", q, layer.graph),
        rewriting.add_array(f"{layer.weight}_scale", scale, layer.graph),
        rewriting.add_array(f"{layer.weight}_zero_point", np.zeros(scale.shape, np.int8), layer.graph),
    ]
    out = rewriting.unique(f"{layer.weight}_dequantized")
    attributes = {"axis": axis} if per_channel else {}
    rewriting.put_before(before, rewriting.node("DequantizeLinear", names, out, **attributes))
    return out


def channel_bytes(array: Array, axis: int, per_channel: bool, most: int = 127) -> tuple[Array, Array]:
    """`array ≈ q · scale` with q in -most to most; scale a vector along `axis`, or a scalar."""
    others = tuple(d for d in range(array.ndim) if d != axis) if per_channel else None
    largest = np.abs(array).max(others, keepdims=per_channel)
    scale = np.where(largest == 0, 1, largest / most).astype(np.float32)
    q = np.clip(np.rint(array / scale), -most, most).astype(np.int8)
    return q, np.asarray(scale.reshape(-1) if per_channel else scale.reshape(()))


def _blocks(rewriting: Rewriting, layer: Layer, options: QuantizeOptions) -> Blocks:
    array = rewriting.array(layer.weight)
    matrix = array.T if layer.transposed else array
    return quantize_blocks(matrix, Rounding(options.bits, options.block, options.symmetric))


def _dequantized_blocks(rewriting: Rewriting, layer: Layer, options: QuantizeOptions) -> str:
    """A DequantizeLinear in blocks along the summed dim; one scale for a whole column is one along the other."""
    blocks = _blocks(rewriting, layer, options)
    whole = options.block == 0 or options.block >= len(blocks.q)
    turned = [
        None if a is None else (a.T if layer.transposed else a) for a in (blocks.q, blocks.scale, blocks.zero)
    ]
    if whole:
        turned[1:] = [None if a is None else a.reshape(-1) for a in turned[1:]]
    names = [
        _add_integers(rewriting, layer, "quantized", turned[0], options.bits),
        rewriting.add_array(f"{layer.weight}_scale", np.asarray(turned[1]), layer.graph),
    ]
    if turned[2] is not None:
        names.append(_add_integers(rewriting, layer, "zero_point", turned[2], options.bits))
    out = rewriting.unique(f"{layer.weight}_dequantized")
    attributes: dict[str, int] = {"axis": layer.channel_axis}
    if not whole:
        attributes = {"axis": 1 - layer.channel_axis, "block_size": options.block}
    rewriting.put_before(layer.node, rewriting.node("DequantizeLinear", names, out, **attributes))
    return out


def _add_integers(rewriting: Rewriting, layer: Layer, part: str, array: Array | None, bits: int) -> str:
    """Signed numbers as an initializer of i8 or i4."""
    assert array is not None
    name = f"{layer.weight}_{part}"
    if bits == 8:
        return rewriting.add_array(name, array.astype(np.int8), layer.graph)
    flat = array.astype(np.uint8).reshape(-1) & 15
    flat = np.pad(flat, (0, len(flat) % 2))
    packed = flat[0::2] | (flat[1::2] << 4)
    values = helper.make_tensor(name, onnx.TensorProto.INT4, array.shape, packed.tobytes(), raw=True)
    return rewriting.add_tensor(values, layer.graph)


def _matmul_nbits(rewriting: Rewriting, layer: Layer, options: QuantizeOptions) -> None:
    """MatMulNBits, and Add for the bias of a Gemm."""
    blocks = _blocks(rewriting, layer, options)
    depth, columns = blocks.q.shape
    count, middle = len(blocks.scale), 1 << (options.bits - 1)
    q: Array = np.full((columns, count * options.block), middle, np.uint8)
    q[:, :depth] = (blocks.q.T.astype(np.int16) + middle).astype(np.uint8)
    if options.bits == 4:
        q = q[:, 0::2] | (q[:, 1::2] << 4)
    names = [
        layer.node.input[0],
        rewriting.add_array(f"{layer.weight}_quantized", q.reshape(columns, count, -1)),
        rewriting.add_array(f"{layer.weight}_scale", blocks.scale.T.reshape(-1)),
    ]
    if blocks.zero is not None:
        zero: Array = (blocks.zero.T.astype(np.int16) + middle).astype(np.uint8)
        if options.bits == 4:
            zero = np.pad(zero, ((0, 0), (0, count % 2)))
            zero = zero[:, 0::2] | (zero[:, 1::2] << 4)
        names.append(rewriting.add_array(f"{layer.weight}_zero_point", zero.reshape(-1)))
    bias = layer.node.input[2] if len(layer.node.input) > 2 else ""
    result = rewriting.unique(f"{layer.node.output[0]}_product") if bias else layer.node.output[0]
    level: dict[str, Any] = {"accuracy_level": options.accuracy_level} if options.accuracy_level else {}
    node = helper.make_node(
        "MatMulNBits",
        names,
        [result],
        name=layer.node.name,
        domain="com.microsoft",
        K=depth,
        N=columns,
        bits=options.bits,
        block_size=options.block,
        **level,
    )
    add = [helper.make_node("Add", [result, bias], list(layer.node.output))] if bias else []
    rewriting.replace(layer.node, node, *add)
    if not any(entry.domain == "com.microsoft" for entry in rewriting.model.opset_import):
        rewriting.model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
