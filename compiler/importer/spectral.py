"""Discrete Fourier transforms as products with matrices of sines and cosines, and mel filters.

`X[k] = Σ x[t] exp(∓2πi·kt/n)`: with real and imaginary parts as the last dim, one matmul per part. The matrices
are constants where the lengths are; else the run makes them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.dialects.types import DType
from aicc.importer.compose import Compose, known
from aicc.importer.element_types import dtype_of
from aicc.importer.movement import axis_of
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op


@onnx_op("DFT")
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
    c = Compose(n)
    size = _size(c, x, axis)
    count = _scalar(c, 1)
    if count is None:
        count = 2 * (size - 1) if isinstance(size, int) else size
        if not inverse or not onesided:
            count = size
        elif not isinstance(size, int):
            count = c("mul", c("sub", size, 1), 2)
    perm = [*(i for i in range(rank) if i != axis), axis]  # the parts' dim before it: [..., part, t]
    y = _transformed(c, c.transpose(x, *perm), size, count, inverse, onesided)
    back = [perm.index(i) for i in range(rank)]
    return c.transpose(y, *back)


def _size(c: Compose, x: Any, axis: int) -> Any:
    """A size of `x`: an int, or an i64 scalar."""
    size = c.n.info(x).shape[axis]
    return size if isinstance(size, int) else c.reshape(c("shape", x, start=axis, end=axis + 1))


def _scalar(c: Compose, i: int) -> Any:
    """Input `i`, one number: an int, or an i64 scalar; None when absent."""
    value = c.n.input(i)
    if value is None:
        return None
    array = c.n.constant(i)
    return c.cast(c.reshape(value), DType.I64) if array is None else int(array.item())


def _counted(c: Compose, count: Any) -> Any:
    """`[0, 1 …]`, i64, `count` of them."""
    if isinstance(count, int):
        return c.constant(np.arange(count))
    return c("range", c.constant(np.int64(0)), count, c.constant(np.int64(1)))


def _transformed(c: Compose, x: Any, size: Any, count: Any, inverse: bool, onesided: bool) -> Any:
    """The transform of `x[..., parts, t]`, `size` elements, as `[..., parts, k]`, of length `count`."""
    t = c.n.info(x)
    parts, dtype = t.shape[-1 - 1], t.dtype
    axis = t.rank - 2
    wide = DType.F64 if dtype is DType.F64 else DType.F32
    real = c.cast(c.slice(x, axis, 0, 1), wide)
    imaginary = None if parts == 1 else c.cast(_second_part(c, x, axis), wide)
    is_static = isinstance(size, int) and isinstance(count, int)
    if inverse and onesided:
        if is_static:
            first, second = (c.n.const(m, wide) for m in _onesided_inverse(size, count))
        else:
            first, second = _run_time_onesided_inverse(c, size, count, wide)
        y = c("matmul", real, first)
        if imaginary is not None:
            y = c("add", y, c("matmul", imaginary, second))
        return c.cast(y, dtype)
    if is_static:
        used = count // 2 + 1 if onesided else count
        first, second = (c.n.const(m[:, :used], wide) for m in _matrices(size, count, inverse))
    else:
        first, second = _run_time_matrices(c, size, count, inverse, onesided, wide)
    out_real, out_imaginary = c("matmul", real, first), c("matmul", real, second)
    if imaginary is not None:
        # (a + bi)(p + qi) = (ap − bq) + (aq + bp)i
        out_real = c("sub", out_real, c("matmul", imaginary, second))
        out_imaginary = c("add", out_imaginary, c("matmul", imaginary, first))
    return c.cast(c.concat([out_real, out_imaginary], axis), dtype)


def _second_part(c: Compose, x: Any, axis: int) -> Any:
    """The imaginary part; where only a run knows whether there is one, zeros stand for none."""
    if c.n.info(x).shape[axis] != 2:
        first = c.slice(x, axis, 0, 1)
        zeros = c("expand", c.constant_like(0, x), c("shape", first, start=0, end=None))
        x = c.concat([x, zeros], axis)
    return c.slice(x, axis, 1, 2)


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


def _run_time_matrices(
    c: Compose, size: Any, count: Any, inverse: bool, onesided: bool, dtype: DType
) -> tuple[Any, Any]:
    """`_matrices` of sizes that only a run knows, `[size, count]`, or the first `count // 2 + 1` columns of them."""
    n = c.constant(np.int64(count)) if isinstance(count, int) else count
    t = c.unsqueeze(_counted(c, size), 1)
    used = c("add", c("div", n, 2), 1) if onesided else n
    weight = c.cast(c("less", t, n), DType.F64)
    if inverse:
        weight = c("div", weight, c.cast(n, DType.F64))
    return _turns(c, t, c.unsqueeze(_counted(c, used), 0), n, weight, 1.0 if inverse else -1.0, dtype)


def _run_time_onesided_inverse(c: Compose, size: Any, count: Any, dtype: DType) -> tuple[Any, Any]:
    """`_onesided_inverse` of sizes that only a run knows."""
    n = c.constant(np.int64(count)) if isinstance(count, int) else count
    k = c.unsqueeze(_counted(c, size), 1)
    twice = c("mul", k, 2)
    ends = c("or", c("equal", k, 0), c("equal", twice, n))
    weight = c("where", ends, c.constant(np.float64(1)), c.constant(np.float64(2)))
    weight = c("div", c("mul", weight, c.cast(c("less_equal", twice, n), DType.F64)), c.cast(n, DType.F64))
    return _turns(c, k, c.unsqueeze(_counted(c, count), 0), n, weight, -1.0, dtype)


def _turns(
    c: Compose, rows: Any, columns: Any, n: Any, weight: Any, sign: float, dtype: DType
) -> tuple[Any, Any]:
    """Cosine and `sign` times sine of `2π·rows·columns/n`, times `weight`; each angle is computed once."""
    place = c("mod", c("mul", rows, columns), n)
    angle = c("div", c("mul", c.cast(_counted(c, n), DType.F64), 2 * np.pi), c.cast(n, DType.F64))
    found = [c("mul", c("gather", c(f, angle), place, axis=0), weight) for f in ("cos", "sin")]
    return c.cast(found[0], dtype), c.cast(c("mul", found[1], sign), dtype)


@onnx_op("STFT")
def stft(n: Node) -> Any:
    """Frames of the signal, weighted by the window, each transformed."""
    c, x = Compose(n), n.required(0)
    window, frame, step = n.input(2), _scalar(c, 3), _scalar(c, 1)
    if frame is None:
        if window is None:
            raise n.error("AICC-1005", "neither 'window' nor 'frame_length' is given.")
        frame = _size(c, window, 0)
    onesided = bool(n.attr("onesided", 1))
    if n.info(x).rank == 2:
        x = c.unsqueeze(x, 2)
    elif onesided and not isinstance(n.info(x).shape[2], int):
        x = c.sized(x, None, None, 1)  # only of a real signal
    frames = c("gather", x, _places(c, _size(c, x, 1), frame, step), axis=1)  # [B, frames, t, parts]
    if window is not None:
        frames = c("mul", frames, c.unsqueeze(window, 1))
    turned = c.transpose(frames, 0, 1, 3, 2)
    onesided = onesided and n.info(x).shape[2] == 1
    return c.transpose(_transformed(c, turned, frame, frame, False, onesided), 0, 1, 3, 2)


def _places(c: Compose, length: Any, frame: Any, step: Any) -> Any:
    """Of each frame of a signal where its elements lie, `[frames, frame]`."""
    if all(isinstance(v, int) for v in (length, frame, step)):
        count = (length - frame) // step + 1
        return c.constant(step * np.arange(count)[:, None] + np.arange(frame)[None, :])
    of, by, total = (c.constant(np.int64(v)) if isinstance(v, int) else v for v in (frame, step, length))
    # none of a signal that is shorter
    number = c("div", c("max", c("add", c("sub", total, of), by), 0), by)
    return c("add", c("mul", c.unsqueeze(_counted(c, number), 1), by), _counted(c, frame))


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
