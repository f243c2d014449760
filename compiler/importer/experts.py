"""com.microsoft's MoE and QMoE: of several feed-forward networks, the experts, each token goes through a few.

    for e in experts that some token goes to:                # a loop of the run
        rows = tokens of e
        y[rows] += gate[rows, e] * second(e, activation(first(e, x[rows])))

An expert that no token goes to is not read. Weights are those of all experts, one behind the other, each as the
kernels want it; a run takes a part of them, which is an address.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from aicc.dialects.packed_weights import LEVELS, PackedMatMul
from aicc.dialects.types import DType
from aicc.importer.compose import Compose
from aicc.importer.contrib import DOMAIN
from aicc.importer.loops import Rounds
from aicc.importer.node import Node
from aicc.importer.packed_weights import stored_array
from aicc.importer.registry import onnx_op
from aicc.weight_packing import Array, numbers_of, packable, words_of

LIMITS = "constant weights; no sparse mixer"


@dataclass(frozen=True)
class Layer:
    """One product of all experts: `weights` `[E, …]` as `packed_matmul` takes each, or floats `[E, K, N]`."""

    weights: Any
    scale: Any = None
    zero: Any = None
    bias: Any = None

    def apply(self, c: Compose, x: Any, expert: Any) -> Any:
        """`[rows, K] -> [rows, N]` by the weights of `expert`, a scalar."""

        def part(value: Any) -> Any:
            return None if value is None else c("part", value, expert)

        if self.scale is None:
            y = c("matmul", x, part(self.weights))
        else:
            level = c.n.attr("accuracy_level", 0)
            given = (part(v) for v in (self.weights, self.scale, self.zero))
            y = c.n.build(
                PackedMatMul, x, *given, accuracy_level=level if level in LEVELS and level else None
            )
        return y if self.bias is None else c("add", y, part(self.bias))


@onnx_op("MoE", domain=DOMAIN, limits=LIMITS)
def moe(n: Node) -> Any:
    """Inputs x, router_probs, fc1 weights `[E, N, K]` and bias, fc2's, fc3's."""
    c = Compose(n)
    scores = c.cast(n.required(1), DType.F32)
    gates, experts = _top(n, c("softmax", scores, axis=1))
    if n.attr("normalize_routing_weights", 0):
        gates = c("div", gates, c.sum(gates, 1, keepdims=True))

    layers = [None if n.input(2 + 2 * i) is None else _floats(n, i) for i in range(3)]
    return _mixture(n, gates, experts, layers)


@onnx_op("QMoE", domain=DOMAIN, limits=f"{LIMITS}; integers of 2, 4 or 8 bits")
def qmoe(n: Node) -> Any:
    """Inputs x, router_probs, then weights, scales and bias of fc1, fc2 and fc3, their zero points, router_weights."""
    c = Compose(n)
    if n.attr("quant_type", "int") != "int":
        raise n.error("AICC-1006", f"attribute 'quant_type' is {n.attr('quant_type')!r}; supported is 'int'.")
    scores = c.cast(n.required(1), DType.F32)
    gates, experts = _top(n, scores)
    if n.input(14) is None:
        gates = c("softmax", gates, axis=1)
    else:
        gates = c("gather_elements", c.cast(n.required(14), DType.F32), experts, axis=1)
        if n.attr("normalize_routing_weights", 0):
            total = c.sum(gates, 1, keepdims=True)
            none = c("equal", total, n.const(0.0, DType.F32))
            gates = c("where", none, n.const(0.0, DType.F32), c("div", gates, total))
    layers = [None if n.input(2 + 3 * i) is None else _integers(n, i) for i in range(3)]
    return _mixture(n, gates, experts, layers)


def _top(n: Node, scores: Any) -> tuple[Any, Any]:
    """The `k` greatest scores of each token, and whose they are: `[T, k]`."""
    count, k = n.info(scores).shape[-1], n.attr("k", 1)
    if n.info(scores).rank != 2 or not isinstance(count, int) or not 0 < k <= count:
        raise n.error("AICC-1005", f"the {k} best experts of {n.info(scores)} cannot be chosen.")
    if n.attr("use_sparse_mixer", 0):
        raise n.error("AICC-1006", "attribute 'use_sparse_mixer' is 1, which is not supported.")
    top = Compose(n)("topk", scores, n.ints([k]), axis=1, largest=True)
    return top[0], top[1]


def _mixture(n: Node, gates: Any, experts: Any, layers: list[Layer | None]) -> Any:
    """The sum of the experts' results for each token, weighed by `gates` `[T, k]`; `experts` `[T, k]` says whose."""
    c, x = Compose(n), n.required(0)
    first, second, third = layers
    count, width = n.info(n.required(1)).shape[-1], n.info(x).shape[-1]
    if first is None or second is None:
        raise n.error("AICC-1005", "the weights of an expert's two products are missing.")
    if not isinstance(count, int) or not isinstance(width, int):
        raise n.error("AICC-1005", "the widths of experts must be static.")
    activation = _activation(n, third is not None)
    tokens = c.reshape(c.cast(x, DType.F32), -1, width)
    hit = c("equal", c.reshape(experts, -1, 1), c.constant(np.arange(count)[None]))
    loads = c.sum(c.cast(hit, DType.I64), 0)
    active = c.reshape(c("nonzero", loads), -1)
    nothing = c("expand", n.const(0.0, DType.F32), c("shape", tokens))

    def body(values: list[Any]) -> list[Any]:
        captured = n.importer.programs[-1].capture if n.importer.programs else lambda v: v
        i, go_on, total = values
        inside = [captured(v) for v in (active, experts, gates, tokens)]
        e = c("part", inside[0], i)
        places = c("nonzero", c("equal", inside[1], e))
        rows = c.reshape(c.slice(places, 0, 0, 1), -1)
        gate = c("gather_nd", inside[2], c.transpose(places, 1, 0))
        chosen = c("gather", inside[3], rows, axis=0)
        own = [None if layer is None else _captured(layer, captured) for layer in (first, second, third)]
        assert own[0] is not None and own[1] is not None
        y = own[0].apply(c, chosen, e)
        other = None if own[2] is None else own[2].apply(c, chosen, e)
        y = own[1].apply(c, activation(c, y, other), e)
        y = c("mul", y, c.unsqueeze(gate, 1))
        return [go_on, c("scatter_nd", total, c.unsqueeze(rows, 1), y, reduction="add")]

    trip = c.reshape(c("shape", active))
    found = Rounds(n, body, ["condition", "sum"], []).run(trip, n.const(np.bool_(True)), [nothing])
    if isinstance(found, str):
        raise n.error("AICC-1005", f"{found}.")
    return c("reshape", c.cast(found[0], n.info(x).dtype), c("shape", x))


def _captured(layer: Layer, capture: Callable[[Any], Any]) -> Layer:
    values = (layer.weights, layer.scale, layer.zero, layer.bias)
    return Layer(*(None if v is None else capture(v) for v in values))


# --- activations ------------------------------------------------------------------------------
def _activation(n: Node, gated: bool) -> Callable[[Compose, Any, Any], Any]:
    """What is between the two products, of the first and of the third when there is one."""
    kind, fusion = n.attr("activation_type", "relu"), n.attr("swiglu_fusion", 0)
    if kind == "swiglu":
        if gated == bool(fusion) or fusion not in (0, 1, 2) or n.attr("swiglu_limit_after_activation", 0):
            raise n.error("AICC-1006", f"swiglu with 'swiglu_fusion' {fusion} is not supported here.")
        return lambda c, y, other: _swiglu(c, *((y, other) if gated else _halves(c, y)))
    if kind not in _ACTIVATIONS:
        raise n.error("AICC-1006", f"attribute 'activation_type' is {kind!r}, which is not supported.")
    one = _ACTIVATIONS[kind]
    return lambda c, y, other: one(c, y) if other is None else c("mul", one(c, y), other)


_ACTIVATIONS: dict[str, Callable[[Compose, Any], Any]] = {
    "relu": lambda c, x: c("relu", x),
    "gelu": lambda c, x: c("gelu", x, approximate="tanh"),
    "silu": lambda c, x: c("mul", x, c("sigmoid", x)),
    "identity": lambda c, x: x,
}


def _halves(c: Compose, y: Any) -> tuple[Any, Any]:
    """Gate and value; the columns lie one kind behind the other by now (`_order`)."""
    width = c.n.info(y).shape[1]
    assert isinstance(width, int)
    return c.slice(y, 1, 0, width // 2), c.slice(y, 1, width // 2)


def _swiglu(c: Compose, gate: Any, value: Any) -> Any:
    """`G sigmoid(alpha G) (L + beta)`, both clamped, the gate from above only."""
    n, limit = c.n, c.n.attr("swiglu_limit")
    if limit is not None:
        bound = n.const(limit, DType.F32)
        gate, value = c("min", gate, bound), c("clip", value, n.const(-limit, DType.F32), bound)
    swish = c("mul", gate, c("sigmoid", c("mul", gate, n.attr("activation_alpha", 1.0))))
    return c("mul", swish, c("add", value, n.attr("activation_beta", 0.0)))


# --- weights ----------------------------------------------------------------------------------
def _stored(n: Node, i: int) -> Array:
    array = stored_array(n, n.required(i))
    if array is None:
        raise n.error("AICC-1005", f"input {i}, weights of experts, must be a constant.")
    return array


def _order(n: Node, rows: int, first: bool) -> Array | slice:
    """The rows of the first product with gates and values apart, where the model has them in turn."""
    fused = first and n.attr("activation_type", "relu") == "swiglu" and n.attr("swiglu_fusion", 0) == 1
    return np.concatenate([np.arange(0, rows, 2), np.arange(1, rows, 2)]) if fused else slice(None)


def _floats(n: Node, which: int) -> Layer:
    """Product `which` of MoE: weights `[E, N, K]` and a bias `[E, N]`."""
    weights = _stored(n, 2 + 2 * which)
    if weights.ndim != 3:
        raise n.error("AICC-1005", f"weights of experts are {weights.shape}; expected [experts, N, K].")
    order = _order(n, weights.shape[1], which == 0)
    turned = np.ascontiguousarray(weights.astype(np.float32)[:, order].transpose(0, 2, 1))
    return Layer(Compose(n).constant(turned), bias=_bias(n, n.input(3 + 2 * which), order))


def _bias(n: Node, bias: Any, order: Array | slice) -> Any:
    if bias is None:
        return None
    array = stored_array(n, bias)
    if array is None:
        raise n.error("AICC-1005", "biases of experts must be constants.")
    return Compose(n).constant(np.ascontiguousarray(array.astype(np.float32)[:, order]))


def _integers(n: Node, which: int) -> Layer:
    """Product `which` of QMoE: bytes `[E, N, K · bits / 8]`, scales `[E, N]` or `[E, N, blocks]`."""
    c = Compose(n)
    bits = n.attr(f"fc{which + 1}_expert_weight_bits") or n.attr("expert_weight_bits", 4)
    if bits not in (2, 4, 8):
        raise n.error("AICC-1006", f"weights of {bits} bits are not supported.")
    q = numbers_of(_stored(n, 2 + 3 * which), bits)
    scale = _stored(n, 3 + 3 * which).astype(np.float32)
    if q.ndim != 3 or scale.shape[:2] != q.shape[:2]:
        raise n.error("AICC-1005", f"weights {q.shape} of experts and scales {scale.shape} do not fit.")
    count, rows, depth = q.shape
    scale = scale.reshape(count, rows, -1)
    blocks = scale.shape[2]
    block = n.attr("block_size") or depth
    if block * blocks != depth:
        raise n.error("AICC-1005", f"{blocks} blocks of {block} numbers do not make up {depth}.")
    middle = 1 << (bits - 1)
    zero = None
    if n.input(11 + which) is not None:
        zero = numbers_of(_stored(n, 11 + which), bits)
        zero = zero[:, :rows] if zero.ndim == 2 else zero[:, :, :blocks]
        zero = zero.reshape(count, rows, blocks).astype(np.int16) - middle
    order = _order(n, rows, which == 0)
    bias = _bias(n, n.input(4 + 3 * which), order)
    q = q[:, order].astype(np.int16) - middle
    scale, zero = scale[:, order], None if zero is None else zero[:, order]
    if not packable(depth, block, bits):
        wide = q.reshape(count, rows, blocks, block) - (0 if zero is None else zero[..., None])
        floats = (wide * scale[..., None]).astype(np.float32).reshape(count, rows, depth)
        return Layer(c.constant(np.ascontiguousarray(floats.transpose(0, 2, 1))), bias=bias)
    words = np.stack([words_of(expert.T, max(bits, 4), block) for expert in q])
    return Layer(
        c.constant(words),
        c.constant(np.ascontiguousarray(scale.transpose(0, 2, 1))),
        None if zero is None else c.constant(np.ascontiguousarray(zero.transpose(0, 2, 1).astype(np.int8))),
        bias,
    )
