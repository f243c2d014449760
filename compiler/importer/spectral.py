"""Discrete Fourier transforms as products with matrices of constant sines and cosines, and mel filters.

`X[k] = Σ x[t] exp(∓2πi·kt/n)`: with real and imaginary parts as the last dim, one matmul per part.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.dialects.types import DType
from aicc.importer.compose import Compose, known, static_shape
from aicc.importer.element_types import dtype_of
from aicc.importer.movement import axis_of
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op


@onnx_op("DFT", limits="the length is static")
def dft(n: Node) -> Any:
    """The axis is an attribute before opset 20, then an input."""
    x = n.required(0)
    rank = n.info(x).rank
    if n.opset < 20:
        axis = n.attr("axis", 1)
    else:
        given = known(n, 2, "axis")
        axis = -2 if given is None else int(given.item())
    axis = axis_of(n, axis, rank)
    inverse, onesided = bool(n.attr("inverse", 0)), bool(n.attr("onesided", 0))
    length = known(n, 1, "dft_length")
    size = n.info(x).shape[axis]
    if not isinstance(size, int):
        raise n.error("AICC-1005", "the length of a Fourier transform must be static.")
    if length is not None:
        count = int(length.item())
    else:
        count = 2 * (size - 1) if inverse and onesided else size
    perm = [*(i for i in range(rank) if i != axis), axis]  # the parts' dim before it: [..., part, t]
    c = Compose(n)
    y = _transformed(c, c.transpose(x, *perm), size, count, inverse, onesided)
    back = [perm.index(i) for i in range(rank)]
    return c.transpose(y, *back)


def _transformed(c: Compose, x: Any, size: int, count: int, inverse: bool, onesided: bool) -> Any:
    """The transform of `x[..., parts, t]` as `[..., parts, k]`."""
    t = c.n.info(x)
    parts, dtype = t.shape[-1 - 1], t.dtype
    axis = t.rank - 2
    wide = DType.F64 if dtype is DType.F64 else DType.F32
    real = c.cast(c.slice(x, axis, 0, 1), wide)
    imaginary = c.cast(c.slice(x, axis, 1, 2), wide) if parts == 2 else None
    if inverse and onesided:
        cosine, sine = _onesided_inverse(size, count)
        y = c("matmul", real, c.n.const(cosine, wide))
        if imaginary is not None:
            y = c("add", y, c("matmul", imaginary, c.n.const(sine, wide)))
        return c.cast(y, dtype)
    cosine, sine = _matrices(size, count, inverse)
    if onesided:
        cosine, sine = cosine[:, : count // 2 + 1], sine[:, : count // 2 + 1]
    first, second = c.n.const(cosine, wide), c.n.const(sine, wide)
    out_real, out_imaginary = c("matmul", real, first), c("matmul", real, second)
    if imaginary is not None:
        # (a + bi)(p + qi) = (ap − bq) + (aq + bp)i
        out_real = c("sub", out_real, c("matmul", imaginary, second))
        out_imaginary = c("add", out_imaginary, c("matmul", imaginary, first))
    return c.cast(c.concat([out_real, out_imaginary], axis), dtype)


def _matrices(size: int, count: int, inverse: bool) -> tuple[Any, Any]:
    """Real and imaginary part of `exp(∓2πi·kt/count)`, `[size, count]`; elements from `count` on do not matter."""
    t, k = np.arange(size)[:, None], np.arange(count)[None, :]
    angle = 2 * np.pi * (t * k % count) / count
    present = t < count
    scale = 1 / count if inverse else 1.0
    return np.cos(angle) * present * scale, (1 if inverse else -1) * np.sin(angle) * present * scale


def _onesided_inverse(size: int, count: int) -> tuple[Any, Any]:
    """What real and imaginary parts of the first `count // 2 + 1` frequencies add to a real signal."""
    used = count // 2 + 1
    k, t = np.arange(size)[:, None], np.arange(count)[None, :]
    angle = 2 * np.pi * (k * t % count) / count
    # all but the ends stand for their conjugates too
    single = (k == 0) | ((count % 2 == 0) & (k == count // 2))
    weight = np.where(single, 1.0, 2.0) * (k < used) / count
    return np.cos(angle) * weight, -np.sin(angle) * weight


@onnx_op("STFT", limits="the length of the signal is static")
def stft(n: Node) -> Any:
    """Frames of the signal, weighted by the window, each transformed."""
    c, x = Compose(n), n.required(0)
    shape = n.info(x).shape
    parts = shape[2] if len(shape) == 3 else 1
    window = n.input(2)
    given = known(n, 3, "frame_length")
    step = int(known(n, 1, "frame_step").item())
    if given is not None:
        frame = int(given.item())
    elif window is not None:
        frame = static_shape(n, window)[0]
    else:
        raise n.error("AICC-1005", "neither 'window' nor 'frame_length' is given.")
    length = shape[1]
    if not isinstance(length, int):
        raise n.error("AICC-1005", "the length of the signal must be static.")
    count = (length - frame) // step + 1
    if len(shape) == 2:
        x = c.unsqueeze(x, 2)
    positions = step * np.arange(count)[:, None] + np.arange(frame)[None, :]
    frames = c("gather", x, c.constant(positions), axis=1)  # [B, frames, t, parts]
    if window is not None:
        frames = c("mul", frames, c.unsqueeze(window, 1))
    turned = c.transpose(frames, 0, 1, 3, 2)
    onesided = bool(n.attr("onesided", 1)) and parts == 1
    return c.transpose(_transformed(c, turned, frame, frame, False, onesided), 0, 1, 3, 2)


@onnx_op("MelWeightMatrix")
def mel_weight_matrix(n: Node) -> Any:
    """Triangles of equal width in mels, over the bins of a spectrum."""
    names = ("num_mel_bins", "dft_length", "sample_rate", "lower_edge_hertz", "upper_edge_hertz")
    bins, length, rate, low, high = (known(n, i, name).item() for i, name in enumerate(names))
    dtype = dtype_of(n.attr("output_datatype", 1), f"attribute 'output_datatype' of {n.title}")
    mels = 2595 * np.log1p(np.array([low, high]) / 700) / np.log(10)
    edges = np.arange(bins + 2) * ((mels[1] - mels[0]) / (bins + 2)) + mels[0]
    hertz = 700 * np.expm1(edges / 2595 * np.log(10))
    at = ((length + 1) * hertz // rate).astype(int)
    out = np.zeros((length // 2 + 1, bins))
    for i in range(bins):
        left, center, right = at[i : i + 3]
        if left == center:
            out[center, i] = 1
        else:
            j = np.arange(left, center + 1)
            out[j, i] = (j - left) / (center - left)
        if right > center:
            j = np.arange(center, right)
            out[j, i] = (right - j) / (right - center)
    return n.const(out, dtype)
