"""Conv and ConvTranspose."""

from __future__ import annotations

from typing import Any

from aicc.dialects.convolution import Conv
from aicc.dialects.movement import Slice, Transpose
from aicc.dialects.shape import Reshape
from aicc.dialects.symbolic import static
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op
from aicc.importer.windows import ints, window_attributes

_INT64_MIN = -(2**63)


@onnx_op("Conv")
def conv(n: Node) -> Any:
    x, w = n.required(0), n.required(1)
    attrs = window_attributes(n, _kernel(n, w), n.info(x).shape[2:])
    return n.build(Conv, x, w, n.input(2), group=n.attr("group", 1), **attrs)


def _kernel(n: Node, w: Any) -> list[int]:
    """Spatial sizes of the weights. Raises ImportError_ AICC-1005, AICC-1006."""
    t = n.info(w)
    kernel = [k for k in t.shape[2:] if isinstance(k, int)]
    if t.rank < 3 or len(kernel) != t.rank - 2:
        raise n.error(
            "AICC-1005", f"weights of shape {t} cannot be a convolution's; spatial sizes must be known."
        )
    given = n.attr("kernel_shape")
    if given is not None and list(given) != kernel:
        raise n.error("AICC-1006", f"attribute 'kernel_shape' is {given}, but the weights have {kernel}.")
    if n.info(n.required(0)).rank != t.rank:
        raise n.error("AICC-1005", f"input {n.info(n.required(0))} and weights {t} differ in rank.")
    return kernel


@onnx_op("ConvTranspose")
def conv_transpose(n: Node) -> Any:
    """A convolution of the input with zeros between its elements, and reversed weights.

    ConvTranspose(x, w[IC, OC/g, k], strides s, pads p)
      --> conv(x, reversed w[OC, IC/g, k], input_dilations s, pads dilation·(k − 1) − p)
    """
    x, w = n.required(0), n.required(1)
    kernel = _kernel(n, w)
    rank = len(kernel)
    group = n.attr("group", 1)
    strides = ints(n, "strides", [1] * rank)
    dilations = ints(n, "dilations", [1] * rank)
    extra = ints(n, "output_padding", [0] * rank)
    pads = _transpose_pads(n, kernel, strides, dilations, extra)
    reach = [d * (k - 1) for d, k in zip(dilations, kernel, strict=True)]
    begin = [reach[i] - pads[i] for i in range(rank)]
    end = [reach[i] - pads[rank + i] + extra[i] for i in range(rank)]
    return n.build(
        Conv,
        x,
        _reversed(n, _output_first(n, w, group), rank),
        n.input(2),
        strides=[1] * rank,
        dilations=dilations,
        pads=begin + end,
        input_dilations=strides,
        group=group,
    )


def _transpose_pads(
    n: Node, kernel: list[int], strides: list[int], dilations: list[int], extra: list[int]
) -> Any:
    """`pads` of a ConvTranspose: begins, then ends; from `output_shape` or `auto_pad` where it has those."""
    rank = len(kernel)
    auto_pad = n.attr("auto_pad", "NOTSET")
    output_shape = n.attr("output_shape")
    if output_shape is None and auto_pad in ("NOTSET", "VALID"):
        return ints(n, "pads", [0] * (2 * rank)) if auto_pad == "NOTSET" else [0] * (2 * rank)
    spatial = n.info(n.required(0)).shape[2:]
    begin, end = [], []
    for i in range(rank):
        full = (spatial[i] - 1) * strides[i] + dilations[i] * (kernel[i] - 1) + 1 + extra[i]
        out = spatial[i] * strides[i] if output_shape is None else output_shape[-rank:][i]
        total = full - out
        if not isinstance(total, int):
            raise n.error("AICC-1005", "attribute 'output_shape' needs static spatial sizes.")
        if total < 0:  # the result is larger than the windows reach: zeros at the end
            begin.append(0)
            end.append(total)
            continue
        half = total // 2
        upper = auto_pad == "SAME_UPPER"
        begin.append(half if upper else total - half)
        end.append(total - half if upper else half)
    return begin + end


def _output_first(n: Node, w: Any, group: int) -> Any:
    """`w[IC, OC/g, *k] --> w[OC, IC/g, *k]`."""
    shape = list(n.info(w).shape)
    rest = list(range(2, len(shape)))
    if group == 1:
        return n.build(Transpose, w, perm=[1, 0, *rest])
    ic, oc = shape[0], shape[1]
    kernel = [static(k) for k in shape[2:]]
    if not isinstance(ic, int) or not isinstance(oc, int) or ic % group:
        raise n.error(
            "AICC-1006", f"attribute 'group' is {group}, which does not divide {ic} input channels."
        )
    split = n.build(Reshape, w, n.ints([group, ic // group, oc, *kernel]))
    turned = n.build(Transpose, split, perm=[0, 2, 1, *(r + 1 for r in rest)])
    return n.build(Reshape, turned, n.ints([group * oc, ic // group, *kernel]))


def _reversed(n: Node, w: Any, rank: int) -> Any:
    """The weights with every spatial dim from back to front."""
    axes = [i + 2 for i in range(rank) if n.info(w).shape[i + 2] != 1]
    if not axes:
        return w
    count = len(axes)
    starts, ends, steps = [-1] * count, [_INT64_MIN] * count, [-1] * count
    return n.build(Slice, w, n.ints(starts), n.ints(ends), n.ints(steps), axes=axes)
