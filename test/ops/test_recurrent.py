"""LSTM, GRU, RNN against ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from test.ops.ort import check_ort
from test.ops.rig import check

Rng = np.random.Generator
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
T, B, X, H = 5, 2, 3, 4


def _inputs(
    rng: Rng, op: str, directions: int, *, bias: bool = True, lengths: Any = None, states: bool = False
) -> Any:
    g = GATES[op] * H

    def data(*shape: int) -> Any:
        return rng.standard_normal(shape).astype(np.float32)

    inputs = [data(T, B, X), data(directions, g, X), data(directions, g, H)]
    inputs += [data(directions, 2 * g) if bias else None]
    inputs += [None if lengths is None else np.asarray(lengths, np.int32)]
    inputs += [data(directions, B, H)] * (2 if op == "LSTM" else 1) if states else []
    while inputs[-1] is None:
        inputs.pop()
    return inputs


def _check(op: str, inputs: Any, **attrs: Any) -> None:
    outputs = 3 if op == "LSTM" else 2
    check_ort(
        op, *inputs, outputs=outputs, constant=(1, 2, 3), modes=("static", "dynamic"), hidden_size=H, **attrs
    )


@pytest.mark.parametrize("op", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_directions(rng: Rng, op: str, direction: str) -> None:
    directions = 2 if direction == "bidirectional" else 1
    _check(op, _inputs(rng, op, directions, states=True), direction=direction)


@pytest.mark.parametrize("op", ["LSTM", "GRU", "RNN"])
def test_lengths(rng: Rng, op: str) -> None:
    _check(op, _inputs(rng, op, 2, lengths=[3, 5], states=True), direction="bidirectional")
    _check(op, _inputs(rng, op, 1, lengths=[1, 4]))


@pytest.mark.parametrize("op", ["LSTM", "GRU", "RNN"])
def test_without_bias_and_clipped(rng: Rng, op: str) -> None:
    _check(op, _inputs(rng, op, 1, bias=False))
    _check(op, _inputs(rng, op, 1), clip=0.3)


@pytest.mark.parametrize("bias", [False, True])
def test_gru_linear_before_reset(rng: Rng, bias: bool) -> None:
    _check("GRU", _inputs(rng, "GRU", 2, bias=bias), linear_before_reset=1, direction="bidirectional")


def test_lstm_peephole_and_coupled_gates(rng: Rng) -> None:
    inputs = _inputs(rng, "LSTM", 1, lengths=[5, 5], states=True)
    peephole = rng.standard_normal((1, 3 * H)).astype(np.float32)
    _check("LSTM", [*inputs, peephole])
    _check("LSTM", [*inputs, peephole], input_forget=1)


@pytest.mark.parametrize(
    ("names", "alphas", "betas"),
    [
        (["HardSigmoid", "ScaledTanh", "Affine"], [0.3, 1.5, 0.7], [0.4, 0.6, 0.1]),
        (["Sigmoid", "LeakyRelu", "Elu"], [0.1, 0.8], []),
        (["Softsign", "Relu", "Softplus"], [], []),
    ],
)
def test_activations(rng: Rng, names: Any, alphas: Any, betas: Any) -> None:
    attrs = {"activations": names} | ({"activation_alpha": alphas} if alphas else {})
    _check("LSTM", _inputs(rng, "LSTM", 1), **attrs, **({"activation_beta": betas} if betas else {}))


def test_batch_first(rng: Rng) -> None:
    x, w, r, bias = _inputs(rng, "RNN", 1)
    check("RNN", x.transpose(1, 0, 2), w, r, bias, outputs=2, hidden_size=H, layout=1, constant=(1, 2, 3))


def test_half_precision(rng: Rng) -> None:
    inputs = [v.astype(np.float16) for v in _inputs(rng, "GRU", 1)]
    check("GRU", *inputs, outputs=2, hidden_size=H, constant=(1, 2, 3), rtol=6e-3, modes=("static",))
