"""LSTM, GRU, RNN: directions apart, input products and biases as ops of their own.

LSTM(x, W, R, B)  -->  gates = matmul(x, W[d], trans_b) + (Wb + Rb)[d]; lstm(gates, R[d]) for each direction d,
                       joined by unsqueeze and concat
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from aicc.dialects import OPS
from aicc.dialects.movement import Concat, Slice, Transpose
from aicc.dialects.recurrent import Gru, Lstm, Rnn
from aicc.dialects.shape import Squeeze, Unsqueeze
from aicc.importer.compose import Compose
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op

ACTIVATIONS: dict[str, tuple[str, float, float]] = {
    "affine": ("affine", 1.0, 0.0),
    "elu": ("elu", 1.0, 0.0),
    "hardsigmoid": ("hard_sigmoid", 0.2, 0.5),
    "leakyrelu": ("leaky_relu", 0.01, 0.0),
    "relu": ("relu", 0.0, 0.0),
    "scaledtanh": ("scaled_tanh", 1.0, 1.0),
    "sigmoid": ("sigmoid", 0.0, 0.0),
    "softplus": ("softplus", 0.0, 0.0),
    "softsign": ("softsign", 0.0, 0.0),
    "tanh": ("tanh", 0.0, 0.0),
    "thresholdedrelu": ("thresholded_relu", 1.0, 0.0),
}
"""aicc name, default alpha and beta of each activation, by its ONNX name in lower case."""
_TAKES_ALPHA = {"affine", "elu", "hardsigmoid", "leakyrelu", "scaledtanh", "thresholdedrelu"}
_TAKES_BETA = {"affine", "hardsigmoid", "scaledtanh"}


@onnx_op("LSTM")
def lstm(n: Node) -> Any:
    return lstm_of(n, None, lambda d: at_direction(n, n.required(2), d))


def lstm_of(n: Node, product: Callable[[int], Any] | None, recurrent: Callable[[int], Any]) -> Any:
    """The layer whose attributes and inputs are those of LSTM; `product(direction)`, where it is given, is the input
    times the input weights, `[T, B, 4·H]`, `recurrent(direction)` the recurrent weights, `[4·H, H]`."""
    layer = _layer(n, gates=4, defaults=["Sigmoid", "Tanh", "Tanh"])
    outs = []
    for d in range(layer.directions):
        outs.append(
            n.build(
                Lstm,
                layer.gates(d, layer.bias(d, None), product),
                recurrent(d),
                layer.lengths,
                layer.state(5, d),
                layer.state(6, d),
                None if n.input(7) is None else at_direction(n, n.input(7), d),
                input_forget=bool(n.attr("input_forget", 0)),
                **layer.attributes(d),
            )
        )
    return layer.joined(outs)


@onnx_op("GRU")
def gru(n: Node) -> Any:
    layer = _layer(n, gates=3, defaults=["Sigmoid", "Tanh"])
    linear = bool(n.attr("linear_before_reset", 0))
    hidden = layer.hidden
    outs = []
    for d in range(layer.directions):
        r = at_direction(n, n.required(2), d)
        inside = None
        if linear and n.input(3) is not None:
            inside = _rows(n, at_direction(n, n.input(3), d), 5 * hidden, 6 * hidden)
        outs.append(
            n.build(
                Gru,
                layer.gates(d, layer.bias(d, 2 * hidden if linear else None)),
                _rows(n, r, 0, 2 * hidden),
                _rows(n, r, 2 * hidden, 3 * hidden),
                inside,
                layer.lengths,
                layer.state(5, d),
                linear_before_reset=linear,
                **layer.attributes(d),
            )
        )
    return layer.joined(outs)


@onnx_op("RNN")
def rnn(n: Node) -> Any:
    layer = _layer(n, gates=1, defaults=["Tanh"])
    outs = []
    for d in range(layer.directions):
        gates = layer.gates(d, layer.bias(d, None))
        r = at_direction(n, n.required(2), d)
        outs.append(n.build(Rnn, gates, r, layer.lengths, layer.state(5, d), **layer.attributes(d)))
    return layer.joined(outs)


@dataclass
class Layer:
    """What the three layers have in common."""

    n: Node
    x: Any
    lengths: Any
    directions: int
    first_is_reverse: bool
    hidden: int
    gate_count: int
    activations: list[list[tuple[str, float, float]]]

    def attributes(self, d: int) -> dict[str, Any]:
        names, alphas, betas = zip(*self.activations[d], strict=True)
        return {
            "activations": names,
            "alphas": alphas,
            "betas": betas,
            "clip": self.n.attr("clip"),
            "reverse": d == 1 or self.first_is_reverse,
        }

    def gates(self, d: int, bias: Any, given: Callable[[int], Any] | None = None) -> Any:
        """`[T, B, G·H]`: the input times the input weights (`given(d)`, or a product), plus the bias."""
        n = self.n
        if given is not None:
            product = given(d)
        else:
            product = n.build(OPS["matmul"], self.x, at_direction(n, n.required(1), d), trans_b=True)
        return product if bias is None else n.build(OPS["add"], product, bias)

    def bias(self, d: int, recurrent_until: int | None) -> Any | None:
        """`Wb + Rb` of direction `d`; of `Rb` only the first `recurrent_until` elements."""
        n, width = self.n, self.gate_count * self.hidden
        if n.input(3) is None:
            return None
        both = at_direction(n, n.input(3), d)
        first, second = _rows(n, both, 0, width), _rows(n, both, width, 2 * width)
        if recurrent_until is not None:
            zeros = n.const(np.zeros(width - recurrent_until), n.info(both).dtype)
            second = n.build(Concat, _rows(n, second, 0, recurrent_until), zeros, dim=0)
        return n.build(OPS["add"], first, second)

    def state(self, i: int, d: int) -> Any | None:
        """Initial state `[B, H]` of direction `d`, input `i`."""
        value = self.n.input(i)
        if value is None:
            return None
        if self.n.attr("layout", 0):
            value = self.n.build(Transpose, value, perm=[1, 0, 2])
        return at_direction(self.n, value, d)

    def joined(self, outs: list[Any]) -> list[Any]:
        """Results of the directions as ONNX has them: Y `[T, D, B, H]`, states `[D, B, H]`, or batch first."""
        n = self.n
        results = []
        for k, parts in enumerate(zip(*outs, strict=True)):
            axis = 1 if k == 0 else 0
            y = [n.build(Unsqueeze, p, axes=[axis]) for p in parts]
            whole = y[0] if len(y) == 1 else n.build(Concat, *y, dim=axis)
            if n.attr("layout", 0):
                whole = n.build(Transpose, whole, perm=[2, 0, 1, 3] if k == 0 else [1, 0, 2])
            results.append(whole)
        return results


def _layer(n: Node, gates: int, defaults: list[str]) -> Layer:
    direction = n.attr("direction", "forward")
    if direction not in ("forward", "reverse", "bidirectional"):
        raise n.error("AICC-1006", f"attribute 'direction' is '{direction}'.")
    directions = 2 if direction == "bidirectional" else 1
    r = n.info(n.required(2))
    hidden = r.shape[2] if r.rank == 3 and isinstance(r.shape[2], int) else n.attr("hidden_size")
    if r.rank != 3 or hidden is None or (isinstance(r.shape[0], int) and r.shape[0] != directions):
        raise n.error("AICC-1005", f"recurrent weights of shape {r} do not fit direction '{direction}'.")
    _fix_sizes(n, directions, gates, hidden)
    x = n.required(0)
    if n.attr("layout", 0):
        x = n.build(Transpose, x, perm=[1, 0, 2])
    activations = _activations(n, defaults * directions)
    count = len(defaults)
    return Layer(
        n,
        x,
        n.input(4),
        directions,
        direction == "reverse",
        hidden,
        gates,
        [activations[d * count : (d + 1) * count] for d in range(directions)],
    )


def _fix_sizes(n: Node, directions: int, gates: int, hidden: int) -> None:
    """Weights, biases and states have the sizes that the attributes say; a run checks what has names."""
    c, rows = Compose(n), gates * hidden
    state = (None, directions, hidden) if n.attr("layout", 0) else (directions, None, hidden)
    sizes: dict[int, tuple[int | None, ...]] = {
        1: (directions, rows, None),
        2: (directions, rows, hidden),
        3: (directions, 2 * rows),
        5: state,
        6: state,
        7: (directions, 3 * hidden),
    }
    for i, expected in sizes.items():
        value = n.input(i)
        if value is not None and n.info(value).rank == len(expected):
            n.inputs[i] = c.sized(value, *expected)


def _activations(n: Node, defaults: list[str]) -> list[tuple[str, float, float]]:
    """Names and parameters; `activation_alpha` and `activation_beta` list those of activations that have one."""
    names = n.attr("activations") or defaults
    if len(names) != len(defaults):
        raise n.error(
            "AICC-1006", f"attribute 'activations' has {len(names)} entries, expected {len(defaults)}."
        )
    alphas, betas = list(n.attr("activation_alpha") or []), list(n.attr("activation_beta") or [])
    out = []
    for name in names:
        key = name.lower()
        if key not in ACTIVATIONS:
            raise n.error("AICC-1006", f"activation '{name}' is unknown.")
        aicc_name, alpha, beta = ACTIVATIONS[key]
        if key in _TAKES_ALPHA and alphas:
            alpha = alphas.pop(0)
        if key in _TAKES_BETA and betas:
            beta = betas.pop(0)
        out.append((aicc_name, alpha, beta))
    return out


def at_direction(n: Node, value: Any, d: int) -> Any:
    """Entry `d` of the first dim."""
    if n.info(value).shape[0] != 1:
        value = n.build(Slice, value, n.ints([d]), n.ints([d + 1]), axes=[0])
    return n.build(Squeeze, value, axes=[0])


def _rows(n: Node, value: Any, start: int, end: int) -> Any:
    return n.build(Slice, value, n.ints([start]), n.ints([end]), axes=[0])
