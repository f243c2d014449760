"""LSTM, GRU, RNN against ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from test.ops.ort import OPSET, ort_case
from test.ops.rig import Case, check, check_all

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


def _case(op: str, inputs: Any, **attrs: Any) -> Case:
    return ort_case(op, *inputs, outputs=3 if op == "LSTM" else 2, constant=(1, 2, 3), hidden_size=H, **attrs)


def _check(cases: Any, modes: Any = ("static", "dynamic")) -> None:
    check_all(cases, opset=OPSET, modes=modes)


@pytest.mark.parametrize("op", ["LSTM", "GRU", "RNN"])
def test_directions(rng: Rng, op: str) -> None:
    cases = [_case(op, _inputs(rng, op, 1, states=True), direction=d) for d in ("forward", "reverse")]
    _check([*cases, _case(op, _inputs(rng, op, 2, states=True), direction="bidirectional")])


@pytest.mark.parametrize("op", ["LSTM", "GRU", "RNN"])
def test_lengths(rng: Rng, op: str) -> None:
    both = _inputs(rng, op, 2, lengths=[3, 5], states=True)
    _check([_case(op, both, direction="bidirectional"), _case(op, _inputs(rng, op, 1, lengths=[1, 4]))])


def test_without_bias_and_clipped(rng: Rng) -> None:
    cases = [_case(op, _inputs(rng, op, 1, bias=False)) for op in GATES]
    _check([*cases, *(_case(op, _inputs(rng, op, 1), clip=0.3) for op in GATES)], modes=("static",))


def test_gru_linear_before_reset(rng: Rng) -> None:
    attrs = {"linear_before_reset": 1, "direction": "bidirectional"}
    _check([_case("GRU", _inputs(rng, "GRU", 2, bias=bias), **attrs) for bias in (False, True)])


def test_lstm_peephole_and_coupled_gates(rng: Rng) -> None:
    inputs = _inputs(rng, "LSTM", 1, lengths=[5, 5], states=True)
    peephole = rng.standard_normal((1, 3 * H)).astype(np.float32)
    _check([_case("LSTM", [*inputs, peephole], input_forget=f) for f in (0, 1)])


def test_activations(rng: Rng) -> None:
    cases = []
    for names, alphas, betas in (
        (["HardSigmoid", "ScaledTanh", "Affine"], [0.3, 1.5, 0.7], [0.4, 0.6, 0.1]),
        (["Sigmoid", "LeakyRelu", "Elu"], [0.1, 0.8], None),
        (["Softsign", "Relu", "Softplus"], None, None),
    ):
        parameters = {"activation_alpha": alphas, "activation_beta": betas}
        given = {k: v for k, v in parameters.items() if v is not None}
        cases.append(_case("LSTM", _inputs(rng, "LSTM", 1), activations=names, **given))
    _check(cases, modes=("static",))


def test_batch_first(rng: Rng) -> None:
    x, w, r, bias = _inputs(rng, "RNN", 1)
    inputs = [x.transpose(1, 0, 2), w, r, bias]
    check("RNN", *inputs, outputs=2, hidden_size=H, layout=1, constant=(1, 2, 3), modes=("static", "dynamic"))


def test_half_precision(rng: Rng) -> None:
    inputs = [v.astype(np.float16) for v in _inputs(rng, "GRU", 1)]
    check("GRU", *inputs, outputs=2, hidden_size=H, constant=(1, 2, 3), rtol=6e-3, modes=("static",))
