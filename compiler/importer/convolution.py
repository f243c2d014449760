"""Conv and ConvTranspose."""

from __future__ import annotations

from typing import Any

from aicc.dialects.convolution import Conv
from aicc.dialects.movement import Slice, Transpose
from aicc.importer.compose import Compose
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op
from aicc.importer.run_time_kernels import Windows, convolved, reach_of, same_pads, size_of, window_pads
from aicc.importer.windows import ints, window_attributes

_INT64_MIN = -(2**63)


@onnx_op("Conv")
def conv(n: Node) -> Any:
    return convolution(n, n.required(0), n.required(1), n.input(2))


def convolution(n: Node, x: Any, w: Any, bias: Any | None) -> Any:
    """The convolution that the attributes of `n` describe."""
    w, kernel = weights_and_kernel(n, x, w)
    group = n.attr("group", 1)
    if kernel is not None:
        attrs = window_attributes(n, kernel, n.info(x).shape[2:])
        return n.build(Conv, x, w, bias, group=group, **attrs)
    ones = [1] * (n.info(w).rank - 2)
    strides, dilations = ints(n, "strides", ones), ints(n, "dilations", ones)
    windows = Windows(strides, dilations, ones, *window_pads(n, x, w, strides, dilations))
    return convolved(n, x, w, bias, group, windows)


def weights_and_kernel(n: Node, x: Any, w: Any) -> tuple[Any, list[int] | None]:
    """The weights, and their spatial sizes: None when only a run knows them.

    Attribute 'kernel_shape' says them; the run checks those that have names. Raises ImportError_ AICC-1005, AICC-1006.
    """
    t = n.info(w)
    if t.rank < 3:
        raise n.error("AICC-1005", f"weights of shape {t} cannot be a convolution's.")
    if n.info(x).rank != t.rank:
        raise n.error("AICC-1005", f"input {n.info(x)} and weights {t} differ in rank.")
    given = n.attr("kernel_shape")
    if given is not None:
        have = list(t.shape[2:])
        if len(given) != len(have) or any(
            isinstance(k, int) and k != g for k, g in zip(have, given, strict=True)
        ):
            raise n.error("AICC-1006", f"attribute 'kernel_shape' is {given}, but the weights have {have}.")
        w = Compose(n).sized(w, None, None, *given)
    kernel = [k for k in n.info(w).shape[2:] if isinstance(k, int)]
    return w, kernel if len(kernel) == t.rank - 2 else None


@onnx_op("ConvTranspose")
def conv_transpose(n: Node) -> Any:
    """A convolution of the input with zeros between its elements, and reversed weights.

    ConvTranspose(x, w[IC, OC/g, k], strides s, pads p)
      --> conv(x, reversed w[OC, IC/g, k], input_dilations s, pads dilation·(k − 1) − p)
    """
    x = n.required(0)
    w, kernel = weights_and_kernel(n, x, n.required(1))
    rank = n.info(w).rank - 2
    ones = [1] * rank
    group = n.attr("group", 1)
    strides, dilations = ints(n, "strides", ones), ints(n, "dilations", ones)
    extra = ints(n, "output_padding", [0] * rank)
    if group < 1 or min(strides) < 1 or min(dilations) < 1:
        raise n.error("AICC-1006", "attributes 'group', 'strides' and 'dilations' must be positive.")
    turned = _reversed(n, _output_first(n, w, group), rank)
    pads = None if kernel is None else _transpose_pads(n, kernel, strides, dilations, extra)
    if kernel is None or pads is None:
        begin, end = _run_time_pads(n, x, turned, strides, dilations, extra)
        windows = Windows(ones, dilations, strides, begin, end)
        return convolved(n, x, turned, n.input(2), group, windows)
    reach = [d * (k - 1) for d, k in zip(dilations, kernel, strict=True)]
    return n.build(
        Conv,
        x,
        turned,
        n.input(2),
        strides=ones,
        dilations=dilations,
        pads=[reach[i] - pads[i] for i in range(rank)]
        + [reach[i] - pads[rank + i] + extra[i] for i in range(rank)],
        input_dilations=strides,
        group=group,
    )


def _transpose_pads(
    n: Node, kernel: list[int], strides: list[int], dilations: list[int], extra: list[int]
) -> Any:
    """`pads` of a ConvTranspose: begins, then ends; from `output_shape` or `auto_pad` where it has those.

    None where they depend on a size that only a run knows.
    """
    rank = len(kernel)
    auto_pad = n.attr("auto_pad", "NOTSET")
    output_shape = n.attr("output_shape")
    if output_shape is None and auto_pad in ("NOTSET", "VALID"):
        return ints(n, "pads", [0] * (2 * rank)) if auto_pad == "NOTSET" else [0] * (2 * rank)
    if output_shape is not None and len(output_shape) not in (rank, rank + 2):
        raise n.error(
            "AICC-1006", f"attribute 'output_shape' has {len(output_shape)} entries, expected {rank}."
        )
    spatial = n.info(n.required(0)).shape[2:]
    begin, end = [], []
    for i in range(rank):
        full = (spatial[i] - 1) * strides[i] + dilations[i] * (kernel[i] - 1) + 1 + extra[i]
        out = spatial[i] * strides[i] if output_shape is None else output_shape[-rank:][i]
        total = full - out
        if not isinstance(total, int):
            return None
        if total < 0:  # the result is larger than the windows reach: zeros at the end
            begin.append(0)
            end.append(total)
            continue
        half = total // 2
        upper = auto_pad == "SAME_UPPER"
        begin.append(half if upper else total - half)
        end.append(total - half if upper else half)
    return begin + end


def _run_time_pads(
    n: Node, x: Any, w: Any, strides: list[int], dilations: list[int], extra: list[int]
) -> tuple[list[Any], list[Any]]:
    """Pads of the convolution that a ConvTranspose is, as a run computes them: begins and ends."""
    c, rank = Compose(n), len(strides)
    auto_pad, output_shape = n.attr("auto_pad", "NOTSET"), n.attr("output_shape")
    explicit = output_shape is None and auto_pad in ("NOTSET", "VALID")
    pads = ints(n, "pads", [0] * (2 * rank)) if explicit and auto_pad == "NOTSET" else [0] * (2 * rank)
    begin, end = [], []
    for i in range(rank):
        reach, size = reach_of(c, w, i, dilations[i]), size_of(c, x, 2 + i)
        if explicit:
            first, last = n.ints([pads[i]]), n.ints([pads[rank + i]])
        else:
            full = c("add", c("add", c("mul", c("sub", size, 1), strides[i]), reach), 1 + extra[i])
            wanted = c("mul", size, strides[i]) if output_shape is None else n.ints([output_shape[-rank:][i]])
            first, last = same_pads(c, c("sub", full, wanted), auto_pad == "SAME_UPPER")
        begin.append(c("sub", reach, first))
        end.append(c("add", c("sub", reach, last), extra[i]))
    return begin, end


def _output_first(n: Node, w: Any, group: int) -> Any:
    """`w[IC, OC/g, *k] --> w[OC, IC/g, *k]`."""
    c, shape = Compose(n), n.info(w).shape
    rest = list(range(2, len(shape)))
    if group == 1:
        return n.build(Transpose, w, perm=[1, 0, *rest])
    ic = shape[0]
    if isinstance(ic, int) and ic % group:
        raise n.error(
            "AICC-1006", f"attribute 'group' is {group}, which does not divide {ic} input channels."
        )
    groups, kernel = n.ints([group]), c("shape", w, start=2, end=None)
    part, oc = c("div", c("shape", w, start=0, end=1), group), c("shape", w, start=1, end=2)
    split = c("reshape", w, c.concat([groups, part, oc, kernel], 0), allowzero=True)
    turned = n.build(Transpose, split, perm=[0, 2, 1, *(r + 1 for r in rest)])
    return c("reshape", turned, c.concat([c("mul", oc, group), part, kernel], 0), allowzero=True)


def _reversed(n: Node, w: Any, rank: int) -> Any:
    """The weights with every spatial dim from back to front."""
    axes = [i + 2 for i in range(rank) if n.info(w).shape[i + 2] != 1]
    if not axes:
        return w
    count = len(axes)
    starts, ends, steps = [-1] * count, [_INT64_MIN] * count, [-1] * count
    return n.build(Slice, w, n.ints(starts), n.ints(ends), n.ints(steps), axes=axes)
