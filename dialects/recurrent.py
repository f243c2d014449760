"""Recurrent layers, one direction each, after the products with the input.

The importer multiplies all steps of the input by the input weights at once and adds the biases: what
comes in are `gates[T, B, G·H]`. Bidirectional layers are two ops. A step of a batch entry past its
`lengths` leaves the state alone and gives 0; `reverse` walks from the last step to the first. `activations` are
names of aicc activations (and "affine", "scaled_tanh"), `alphas` and `betas` their parameters; with
`clip` what the gates put into them is clamped to ±clip.

Recurrent weights may be i8: they then stand for their product with `scale`, which has an entry for each row (of r, then
of r_hidden).
"""

from __future__ import annotations

from typing import Any

from aicc.dialects.attributes import Bool, Float, Floats, Strs
from aicc.dialects.op import Attribute, Op, Operand, TypeRuleError
from aicc.dialects.symbolic import DimLike
from aicc.dialects.types import FLOAT, DType, TensorType
from aicc.dialects.windows import check_choice

ACTIVATIONS = (
    "affine",
    "elu",
    "hard_sigmoid",
    "leaky_relu",
    "relu",
    "scaled_tanh",
    "sigmoid",
    "softplus",
    "softsign",
    "tanh",
    "thresholded_relu",
)
_ATTRIBUTES = (
    Attribute("activations", Strs),
    Attribute("alphas", Floats),
    Attribute("betas", Floats),
    Attribute("clip", Float, optional=True),
    Attribute("reverse", Bool, default=False),
)
_LENGTHS = Operand("lengths", frozenset({DType.I32}), optional=True)
_STATE = Operand("h0", FLOAT, optional=True, like="gates")
_WEIGHTS = FLOAT | {DType.I8}
_SCALE = Operand("scale", frozenset({DType.F32}), optional=True)


def _checked(
    gates: TensorType, gate_count: int, activation_count: int, attrs: dict[str, Any]
) -> tuple[Any, Any, Any]:
    """Steps, batch and hidden size. Raises TypeRuleError."""
    if gates.rank != 3:
        raise TypeRuleError(f"operand 'gates' must be [steps, batch, {gate_count}·hidden], got {gates}")
    width = gates.shape[2]
    if not isinstance(width, int) or width % gate_count:
        raise TypeRuleError(
            f"operand 'gates' must have a static last size divisible by {gate_count}, got {gates}"
        )
    if any(len(attrs[k]) != activation_count for k in ("activations", "alphas", "betas")):
        raise TypeRuleError(f"expects {activation_count} activations with their parameters")
    for name in attrs["activations"]:
        check_choice("activations", name, ACTIVATIONS)
    return gates.shape[0], gates.shape[1], width // gate_count


def _check_shape(t: TensorType | None, shape: tuple[DimLike, ...], what: str) -> None:
    if t is None:
        return
    fits = t.rank == len(shape) and all(
        a == b or not (isinstance(a, int) and isinstance(b, int)) for a, b in zip(t.shape, shape, strict=True)
    )
    if not fits:
        raise TypeRuleError(f"operand '{what}' has shape {t}, expected [{', '.join(map(str, shape))}]")


def _check_weights(gates: TensorType, scale: TensorType | None, *r: TensorType) -> None:
    """Raises TypeRuleError unless `r` are of the dtype of the gates, or bytes with a scale for each of their rows."""
    rows = gates.shape[2]
    dtype = gates.dtype if scale is None else DType.I8
    if scale is not None and gates.dtype is not DType.F32:
        raise TypeRuleError(f"weights with a scale are of layers in f32, got {gates}")
    if any(t.dtype is not dtype for t in r):
        raise TypeRuleError(f"recurrent weights must be {dtype.mlir}, got {', '.join(map(str, r))}")
    _check_shape(scale, (rows,), "scale")


class Lstm(Op, name="lstm"):
    """Long short-term memory. Gates i, o, f, c with activations f, g, h; `peephole` is `[3·H]` of i, o, f.

    `i, o, f = f(gates + h·Rᵀ + p ⊙ c)`, `c' = f ⊙ c + i ⊙ g(…)`, `h' = o ⊙ h(c')`, `o` seeing the new cell.
    With `input_forget`, `f = 1 − i`. Results: every h `[T, B, H]`, the last h and the last c `[B, H]`.
    """

    operands = (
        Operand("gates", FLOAT),
        Operand("r", _WEIGHTS),
        _LENGTHS,
        _STATE,
        Operand("c0", FLOAT, optional=True, like="gates"),
        Operand("peephole", FLOAT, optional=True, like="gates"),
        _SCALE,
    )
    attributes = (*_ATTRIBUTES, Attribute("input_forget", Bool, default=False))
    results = ("y", "h", "c")

    @staticmethod
    def infer(
        gates: TensorType,
        r: TensorType,
        lengths: TensorType | None,
        h0: TensorType | None,
        c0: TensorType | None,
        peephole: TensorType | None,
        scale: TensorType | None,
        **attrs: Any,
    ) -> tuple[TensorType, ...]:
        steps, batch, hidden = _checked(gates, 4, 3, attrs)
        _check_weights(gates, scale, r)
        _check_shape(r, (4 * hidden, hidden), "r")
        _check_shape(lengths, (batch,), "lengths")
        _check_shape(h0, (batch, hidden), "h0")
        _check_shape(c0, (batch, hidden), "c0")
        _check_shape(peephole, (3 * hidden,), "peephole")
        state = gates.with_shape(batch, hidden)
        return gates.with_shape(steps, batch, hidden), state, state


class Gru(Op, name="gru"):
    """Gated recurrent unit. Gates z, r, h with activations f, g.

    `z, r = f(gates + h·Rᵀ)`, `h' = (1 − z) ⊙ g(gates + ĥ) + z ⊙ h` with `ĥ = (r ⊙ h)·R_hᵀ`, or, with
    `linear_before_reset`, `ĥ = r ⊙ (h·R_hᵀ + hidden_bias)`. `r` holds z and r, `r_hidden` h.
    Results: every h `[T, B, H]` and the last one `[B, H]`.
    """

    operands = (
        Operand("gates", FLOAT),
        Operand("r", _WEIGHTS),
        Operand("r_hidden", _WEIGHTS),
        Operand("hidden_bias", FLOAT, optional=True, like="gates"),
        _LENGTHS,
        _STATE,
        _SCALE,
    )
    attributes = (*_ATTRIBUTES, Attribute("linear_before_reset", Bool, default=False))
    results = ("y", "h")

    @staticmethod
    def infer(
        gates: TensorType,
        r: TensorType,
        r_hidden: TensorType,
        hidden_bias: TensorType | None,
        lengths: TensorType | None,
        h0: TensorType | None,
        scale: TensorType | None,
        **attrs: Any,
    ) -> tuple[TensorType, ...]:
        steps, batch, hidden = _checked(gates, 3, 2, attrs)
        _check_weights(gates, scale, r, r_hidden)
        _check_shape(r, (2 * hidden, hidden), "r")
        _check_shape(r_hidden, (hidden, hidden), "r_hidden")
        _check_shape(hidden_bias, (hidden,), "hidden_bias")
        _check_shape(lengths, (batch,), "lengths")
        _check_shape(h0, (batch, hidden), "h0")
        return gates.with_shape(steps, batch, hidden), gates.with_shape(batch, hidden)


class Rnn(Op, name="rnn"):
    """`h' = f(gates + h·Rᵀ)`. Results: every h `[T, B, H]` and the last one `[B, H]`."""

    operands = (Operand("gates", FLOAT), Operand("r", _WEIGHTS), _LENGTHS, _STATE, _SCALE)
    attributes = _ATTRIBUTES
    results = ("y", "h")

    @staticmethod
    def infer(
        gates: TensorType,
        r: TensorType,
        lengths: TensorType | None,
        h0: TensorType | None,
        scale: TensorType | None,
        **attrs: Any,
    ) -> tuple[TensorType, ...]:
        steps, batch, hidden = _checked(gates, 1, 1, attrs)
        _check_weights(gates, scale, r)
        _check_shape(r, (hidden, hidden), "r")
        _check_shape(lengths, (batch,), "lengths")
        _check_shape(h0, (batch, hidden), "h0")
        return gates.with_shape(steps, batch, hidden), gates.with_shape(batch, hidden)
