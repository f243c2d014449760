"""Quantized tensors in linalg: one generic for each op, with the parameters read in its body.

before --> after
  aicc.dequantize(x, scale, zero)   -->  linalg.generic {extui, subi, sitofp, mulf}
  aicc.quantize(x, scale, zero)     -->  linalg.generic {divf, roundeven, addf, clamp, fptoui}
  aicc.integer_matmul(a, b)         -->  linalg.generic {extui, extsi, muli, addi} into i32
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from aicc.bindings import arith, ir
from aicc.dialects.convolution import conv_windows, kernel_shape
from aicc.dialects.types import DType, TensorType
from aicc.passes.linalg.builder import Body, Builder, Lowered, lowering
from aicc.passes.linalg.contraction import contract, matmul_terms
from aicc.passes.linalg.convolution import one_each, padded_input, sum_of_products
from aicc.passes.linalg.convolution_dims import Dims
from aicc.passes.linalg.requirements import require_windows
from aicc.passes.linalg.scalars import Scalars, cast, scalar_type
from aicc.passes.linalg.transposed_convolution import IntegerSums, phase_convolution

_FEW_CHANNELS = 7
"""Channels up to which the taps of a row are summed as one."""


@lowering("dequantize")
def dequantize(b: Builder, n: Lowered) -> Any:
    source = n.typed(0).dtype

    def body(x: Any, scale: Any, *zero: Any) -> Any:
        i, f = Scalars(DType.I32), Scalars(DType.F32)
        x = cast(x, source, DType.I32)
        if zero:
            x = i.sub(x, cast(zero[0], source, DType.I32))
        return f.mul(cast(x, DType.I32, DType.F32), scale)

    return _with_parameters(b, n, n.results[0], body)


@lowering("quantize")
def quantize(b: Builder, n: Lowered) -> Any:
    target = n.results[0]
    limits = np.iinfo(target.dtype.numpy)
    is_one, is_zero = _all(n, 1, 1), _all(n, 2, 0)

    def body(x: Any, scale: Any, *zero: Any) -> Any:
        f = Scalars(DType.F32)
        y = f.math("roundeven", x if is_one else f.div(x, scale))
        if zero and not is_zero:
            y = f.add(y, cast(zero[0], target.dtype, DType.F32))
        return saturated(y, int(limits.min), int(limits.max), target.dtype)

    return _with_parameters(b, n, target, body)


def _all(n: Lowered, operand: int, number: int) -> bool:
    """Whether an operand is known to be that number everywhere."""
    t = n.types[operand]
    return t is not None and t.value is not None and bool((np.asarray(t.value) == number).all())


@lowering("integer_matmul")
def integer_matmul(b: Builder, n: Lowered) -> Any:
    n = _centered(b, n)
    left, right, out = matmul_terms(n.typed(0), n.typed(1))
    operands = [(n.operands[0], n.typed(0), left), (n.operands[1], n.typed(1), right)]
    return contract(b, operands, out, n.results[0], _multiply_add(n), shared="k")


@lowering("integer_conv")
def integer_conv(b: Builder, n: Lowered) -> Any:
    require_windows(b, n)
    n = one_each(b, n)
    if n.operands[2] is not None:
        # the pads first, which the zero point is subtracted from as well
        x, x_t = padded_input(b, n, n.attrs["pad_value"])
        unpadded = {"pads": (0,) * len(n.attrs["pads"]), "auto_pad": "NOTSET", "input_dilations": None}
        attrs = n.attrs | unpadded
        n = replace(n, operands=[x, *n.operands[1:]], types=[x_t, *n.types[1:]], attrs=attrs)
    n = _centered(b, n)
    if (phases := phase_convolution(b, n, IntegerSums(_multiply_add(n), n.attrs["pad_value"]))) is not None:
        return phases
    if (merged := _rows_of_taps(b, n)) is not None:
        return merged
    y, t = sum_of_products(b, n, DType.I32, _multiply_add(n), fill=n.attrs["pad_value"])
    return b.reshape(y, t, n.results[0].shape)[0]


def _rows_of_taps(b: Builder, n: Lowered) -> Any | None:
    """A convolution of few channels, with the channels of neighbouring taps as one sum: an image has three, which
    fill no group of four, but a row of a 7x7 window has 21.

    `x[n, h + kh, w + kw, c] * w[kh, kw, c, f] --> x[n, h + kh, (w, c) + j] * w[kh, j, f]`; None where it does not fit.
    """
    attrs, t = n.attrs, n.typed(0)
    channels, each, kernel = kernel_shape(n.typed(1), attrs["kernel_layout"])
    if attrs["layout"] != "NHWC" or attrs["kernel_layout"] != "HWIO" or attrs["group"] != 1:
        return None
    if not isinstance(each, int) or each % 4 == 0 or each > _FEW_CHANNELS or attrs["dilations"][-1] != 1:
        return None
    taps = [k for k in kernel if isinstance(k, int)]
    if len(taps) != len(kernel) or taps[-1] == 1:
        return None
    windows = conv_windows(kernel, attrs)
    x, t = padded_input(b, n, attrs["pad_value"])
    if 0 in n.results[0].shape:
        return None
    x, _ = b.reshape(x, t, (*t.shape[:-2], t.shape[-2] * each))
    w, _ = b.reshape(n.operands[1], n.typed(1), (*taps[:-1], taps[-1] * each, channels))
    d = Dims()
    batch, *at = (d.new("parallel") for _ in range(t.rank - 1))
    f = d.new("parallel")
    ks = [d.new("reduction") for _ in taps]
    read = [o * v.stride + k * v.dilation for o, v, k in zip(at[:-1], windows[:-1], ks[:-1], strict=True)]
    read.append(at[-1] * (windows[-1].stride * each) + ks[-1])
    out = TensorType(n.results[0].shape, DType.I32)
    return b.generic(
        [out],
        [(x, d.map([batch, *read])), (w, d.map([*ks, f]))],
        d.iterators,
        _multiply_add(n),
        out_maps=[d.map([batch, *at, f])],
        inits=[b.fill(out, 0)],
    )[0]


def _centered(b: Builder, n: Lowered) -> Lowered:
    """Operands with zero points as i32 tensors without."""
    operands, types = list(n.operands), list(n.types)
    s = Scalars(DType.I32)
    for i in (0, 1):
        zero_t = n.types[i + 2]
        if zero_t is None:
            continue
        t, wide = n.typed(i), n.typed(i).with_dtype(DType.I32)
        operands[i] = b.pointwise(
            wide,
            [(n.operands[i], t), (n.operands[i + 2], zero_t)],
            lambda x, z, d=t.dtype: s.sub(cast(x, d, DType.I32), cast(z, d, DType.I32)),
        )
        types[i] = wide
    return replace(n, operands=operands[:2], types=types[:2])


def _multiply_add(n: Lowered) -> Body:
    """The body of an integer contraction: `acc + extend(a) * extend(b)`, which the schedule `dot` looks for."""
    s, left, right = Scalars(DType.I32), n.typed(0).dtype, n.typed(1).dtype
    return lambda a, c, acc: s.add(acc, s.mul(cast(a, left, DType.I32), cast(c, right, DType.I32)))


def saturated(y: Any, low: int, high: int, to: DType) -> Any:
    """A whole f32 as an integer, clamped; NaN gives `low`.

    Through i32, which vectors convert to and from in one instruction; comparisons let NaN fall to the bound.
    """
    f = Scalars(DType.F32)
    y = f.select(f.cmp("gt", y, f.const(low)), y, f.const(low))
    y = f.select(f.cmp("lt", y, f.const(high)), y, f.const(high))
    wide = arith.FPToSIOp(scalar_type(DType.I32), y).result
    return arith.TruncIOp(scalar_type(to), wide).result


def _with_parameters(b: Builder, n: Lowered, out: TensorType, body: Any) -> Any:
    """A pointwise generic over x, the scale and the zero point, which broadcast along `axis`."""
    identity = ir.AffineMap.get_identity(out.rank)
    ins, kinds = [(n.operands[0], identity)], [n.typed(0)]
    for value, t in zip(n.operands[1:], n.types[1:], strict=True):
        if t is None:
            continue
        exprs = [] if t.rank == 0 else [ir.AffineExpr.get_dim(n.attrs["axis"])]
        ins.append((value, ir.AffineMap.get(out.rank, 0, exprs)))
        kinds.append(t)
    return b.generic(
        [out], ins, ["parallel"] * out.rank, lambda *args: body(*args[: len(ins)]), in_types=kinds
    )[0]
