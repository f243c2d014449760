"""Runs aicc IR on NumPy arrays through the ops' own folds: the oracle for graph passes.

`run(text_or_module, inputs, weights)` evaluates `main` op by op. Ops without a fold (convolutions,
pools, …) are computed here, straight from their documented formula.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from aicc.bindings import ir
from aicc.dialects.op import declaration, is_none
from aicc.dialects.types import type_of
from aicc.dialects.windows import Window
from aicc.passes.base import Pass, PassContext
from aicc.passes.graph.facts import main_function
from aicc.target import Target
from aicc.weights import WeightStore

Array = np.ndarray[Any, Any]


def context_for(weights: dict[str, Array] | None = None) -> PassContext:
    """A pass context of a fixed target with these weights."""
    store = WeightStore()
    for name, array in (weights or {}).items():
        store.add_array(name, array)
    return PassContext(Target.cpu_named("x86-64-v3"), store)


def evaluate(module: Any, inputs: Sequence[Array], weights: WeightStore) -> list[Array]:
    """The results of `main`."""
    block = main_function(module).regions[0].blocks[0]
    env: dict[Any, Array] = dict(zip(block.arguments, inputs, strict=True))
    for view in block.operations:
        op = view.operation
        if op.name == "func.return":
            return [env[v] for v in op.operands]
        out = _evaluate(op, env, weights)
        for result, value in zip(op.results, out, strict=True):
            if not is_none(result):
                _check_type(op, result, value)
                env[result] = value
    raise AssertionError("main does not return")


def _check_type(op: Any, result: Any, value: Array) -> None:
    """The array must be what the IR says: passes may not leave a wrong type behind."""
    t = type_of(result)
    assert value.dtype == t.dtype.numpy, (str(op), value.dtype)
    assert len(t.shape) == value.ndim, (str(op), value.shape)
    assert all(not isinstance(d, int) or d == n for d, n in zip(t.shape, value.shape, strict=True)), str(op)


def _evaluate(op: Any, env: dict[Any, Array], weights: WeightStore) -> list[Array]:
    declared = declaration(op)
    assert declared is not None, op.name
    attrs = declared.decode_attributes(op)
    if declared.name == "none":
        return [np.zeros(())]
    if declared.name == "constant":
        return [attrs["value"]]
    if declared.name == "weight":
        return [weights.load(attrs["sym"])]
    operands = [None if is_none(v) else env[v] for v in op.operands]
    fixed = sum(not o.variadic for o in declared.operands)
    operands += [None] * (fixed - len(operands))
    function = declared.fold if declared.fold is not None else _OTHERS[declared.name]
    with np.errstate(all="ignore"):
        out = function(*operands, **attrs)
    parts = list(out) if isinstance(out, (tuple, list)) else [out]
    return [np.asarray(a) for a in parts]


def check_pass(
    text: str,
    passes: Sequence[Pass],
    inputs: Sequence[Array],
    weights: dict[str, Array] | None = None,
    rtol: float = 1e-5,
    atol: float = 1e-6,
) -> str:
    """Runs `main` of `text` before and after `passes`, compares, and returns the IR after."""
    from aicc.dialects import context

    ctx = context_for(weights)
    with context(), ir.Location.unknown():
        module = ir.Module.parse(text)
        before = evaluate(module, inputs, ctx.weights)
        for p in passes:
            p.run(module, ctx)
            module.operation.verify()
        assert not ctx.stats.get("rewrites given up"), ctx.stats
        after = evaluate(module, inputs, ctx.weights)
        assert len(before) == len(after)
        for a, b in zip(before, after, strict=True):
            assert a.shape == b.shape and a.dtype == b.dtype
            np.testing.assert_allclose(
                a.astype(np.float64), b.astype(np.float64), rtol=rtol, atol=atol, err_msg=str(module)
            )
        return str(module)


def _to_nchw(x: Array, layout: str) -> Array:
    return np.moveaxis(x, -1, 1) if layout == "NHWC" else x


def _from_nchw(y: Array, layout: str) -> Array:
    return np.ascontiguousarray(np.moveaxis(y, 1, -1)) if layout == "NHWC" else y


def _windows(x: Array, wins: list[Window], fill: float) -> tuple[Array, list[Any]]:
    """`x` (channels second) padded, and the slice of every window position per kernel element."""
    pads = [w.pads(n) for w, n in zip(wins, x.shape[2:], strict=True)]
    x = np.pad(x, [(0, 0), (0, 0), *[(max(a, 0), max(b, 0)) for a, b in pads]], constant_values=fill)
    crop = [slice(-a if a < 0 else 0, b if b < 0 else None) for a, b in pads]
    x = x[(slice(None), slice(None), *crop)]
    counts = [(n - w.extent) // w.stride + 1 for w, n in zip(wins, x.shape[2:], strict=True)]
    pieces = []
    for k in np.ndindex(*[w.size for w in wins]):
        at = [
            slice(i * w.dilation, i * w.dilation + (c - 1) * w.stride + 1, w.stride)
            for i, w, c in zip(k, wins, counts, strict=True)
        ]
        pieces.append((k, x[(slice(None), slice(None), *at)]))
    return x, pieces


def _conv(x: Array, w: Array, bias: Array | None, **attrs: Any) -> Array:
    from aicc.dialects.convolution import input_dilations

    x = _to_nchw(x, attrs["layout"])
    if attrs["kernel_layout"] == "HWIO":
        w = np.moveaxis(np.moveaxis(w, -1, 0), -1, 1)
    stuffed = [
        n if d == 1 else (n - 1) * d + 1 for n, d in zip(x.shape[2:], input_dilations(attrs), strict=True)
    ]
    if list(x.shape[2:]) != stuffed:
        wide = np.zeros((*x.shape[:2], *stuffed), x.dtype)
        wide[(slice(None), slice(None), *[slice(None, None, d) for d in input_dilations(attrs)])] = x
        x = wide
    from aicc.dialects.windows import windows

    wins = windows(w.shape[2:], attrs["strides"], attrs["dilations"], attrs["pads"], attrs["auto_pad"])
    _, pieces = _windows(x, wins, 0.0)
    group, oc, ic = attrs["group"], w.shape[0], w.shape[1]
    out: Any = 0
    for k, piece in pieces:
        g = piece.reshape(piece.shape[0], group, ic, *piece.shape[2:]).astype(np.float64)
        weights = w[(slice(None), slice(None), *k)].reshape(group, oc // group, ic).astype(np.float64)
        out = out + np.einsum("ngi...,goi->ngo...", g, weights).reshape(x.shape[0], oc, *piece.shape[2:])
    if bias is not None:
        out = out + bias.reshape(-1, *[1] * (x.ndim - 2)).astype(np.float64)
    return _from_nchw(np.asarray(out).astype(x.dtype), attrs["layout"])


def _integer_conv(
    x: Array, w: Array, x_zero: Array | None, w_zero: Array | None, *, pad_value: int, **attrs: Any
) -> Array:
    """As a convolution of what is left of the pads' value, and of the pads' value, which has a border of none."""
    zero = 0 if x_zero is None else int(x_zero)
    wide, weights = x.astype(np.float64) - zero, w.astype(np.float64) - (0 if w_zero is None else w_zero)
    border = pad_value - zero
    inside = _conv(wide - border, weights, None, **attrs)
    # the border is zero now, everywhere: what was taken away comes back as if it had no edges
    kernel = weights.sum(
        tuple(range(1, w.ndim)) if attrs["kernel_layout"] == "OIHW" else tuple(range(w.ndim - 1))
    )
    shape = (-1, *[1] * (x.ndim - 2)) if attrs["layout"] == "NCHW" else (-1,)
    return (inside + border * kernel.reshape(shape)).astype(np.int32)


def _pool(combine: Callable[..., Any], fill: float) -> Callable[..., Any]:
    def run(x: Array, **attrs: Any) -> Array:
        from aicc.dialects.pooling import pool_windows

        x = _to_nchw(x, attrs["layout"])
        inside, _ = _windows(x, pool_windows(attrs), fill), None
        ones = _windows(np.ones_like(x), pool_windows(attrs), 0.0)[1]
        y = combine(np.stack([p for _, p in inside[1]]), np.stack([p for _, p in ones]), attrs)
        return _from_nchw(np.asarray(y).astype(x.dtype), attrs["layout"])

    return run


def _average(pieces: Array, ones: Array, attrs: dict[str, Any]) -> Array:
    total = pieces.sum(0)
    count = len(pieces) if attrs["count_include_pad"] else ones.sum(0)
    return np.asarray(total / count)


def _lrn(x: Array, *, size: int, alpha: float, beta: float, bias: float, axis: int) -> Array:
    x = np.moveaxis(x, axis, 0)
    y = np.empty_like(x)
    for c in range(x.shape[0]):
        lo, hi = max(0, c - (size - 1) // 2), min(x.shape[0], c + -(-(size - 1) // 2) + 1)
        y[c] = x[c] / (bias + alpha / size * (x[lo:hi] ** 2).sum(0)) ** beta
    return np.ascontiguousarray(np.moveaxis(y, 0, axis))


def _depth_to_space(x: Array, *, block: int, mode: str, layout: str) -> Array:
    x = _to_nchw(x, layout)
    n, c, h, w = x.shape
    split = (block, block, c // block**2) if mode == "DCR" else (c // block**2, block, block)
    order = (0, 3, 4, 1, 5, 2) if mode == "DCR" else (0, 1, 4, 2, 5, 3)
    y = x.reshape(n, *split, h, w).transpose(order).reshape(n, c // block**2, h * block, w * block)
    return _from_nchw(y, layout)


def _resize(x: Array, roi: Any, scales: Array | None, sizes: Array | None, **attrs: Any) -> Array:
    """Nearest by whole factors, which is all the models of these tests use."""
    assert attrs["mode"] == "nearest" and attrs["coordinates"] == "asymmetric", attrs
    for axis, i in zip(attrs["axes"], range(len(attrs["axes"])), strict=True):
        factor = float(scales[i]) if scales is not None else float(sizes[i]) / x.shape[axis]  # type: ignore[index]
        assert factor == int(factor)
        x = np.repeat(x, int(factor), axis=axis)
    return x


def _lstm(gates: Array, r: Array, *operands: Array | None, **attrs: Any) -> tuple[Array, ...]:
    """A plain layer, forwards from zeros: the sums as they are defined, without what else a layer may have."""
    *others, scale = operands
    assert all(v is None for v in others) and attrs["activations"] == ("sigmoid", "tanh", "tanh"), attrs
    assert attrs.get("clip") is None and not attrs["reverse"] and not attrs["input_forget"], attrs
    weights = r.astype(np.float64) * (1 if scale is None else scale[:, None])
    h = c = np.zeros((gates.shape[1], r.shape[1]))
    steps = []
    for step in gates.astype(np.float64):
        *logistic, new = np.split(step + h @ weights.T, 4, axis=1)
        i, o, f = (1 / (1 + np.exp(-v)) for v in logistic)
        c = f * c + i * np.tanh(new)
        h = o * np.tanh(c)
        steps.append(h)
    return tuple(v.astype(gates.dtype) for v in (np.stack(steps), h, c))


_OTHERS: dict[str, Callable[..., Any]] = {
    "conv": _conv,
    "integer_conv": _integer_conv,
    "max_pool": _pool(lambda p, _o, _a: p.max(0), -np.inf),
    "average_pool": _pool(_average, 0.0),
    "lp_pool": _pool(lambda p, _o, a: (np.abs(p) ** a["p"]).sum(0) ** (1 / a["p"]), 0.0),
    "lrn": _lrn,
    "lstm": _lstm,
    "resize": _resize,
    "depth_to_space": _depth_to_space,
}
