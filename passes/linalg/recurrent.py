"""Recurrent layers as a host loop over time.

before --> after
  aicc.lstm(gates, r)  -->  scf.for %t iter_args(%y, %h, %c) {
                              %p = linalg.generic {mulf, addf} (%h, %r)        // [B, 4, H]
                              %h1, %c1 = linalg.generic {…} (gates[%t], %p, %c)
                              %y1 = tensor.insert_slice %h1 into %y[%t] }
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aicc.bindings import arith, ir
from aicc.dialects.symbolic import static
from aicc.dialects.types import DType, TensorType
from aicc.passes.linalg.activation import BODIES
from aicc.passes.linalg.builder import Builder, Lowered, lowering
from aicc.passes.linalg.convolution_dims import widen
from aicc.passes.linalg.elementwise import compute_dtype
from aicc.passes.linalg.loops import loop
from aicc.passes.linalg.scalars import Scalars, cast
from aicc.passes.linalg.views import as_type, extract_slice, insert_slice

Cell = Callable[[Any, Sequence[Any], "Recurrence"], list[Any]]
"""`cell(gates of the step, states, recurrence)` returns the new states, h first."""


@dataclass(frozen=True)
class Weights:
    """Recurrent weights `[gates, H, H]` of `dtype`; of bytes with a scale `[gates, H]`."""

    value: Any
    dtype: DType
    gates: int
    scale: Any


@dataclass(frozen=True)
class Product:
    """A state times recurrent weights, `[B, gates, H]`, still to be multiplied by `scale` where there is one."""

    value: Any
    scale: Any

    def gate(self, number: int) -> Gate:
        """One of its gates, for `Recurrence.pointwise`."""
        return Gate(self, number)


@dataclass(frozen=True)
class Gate:
    """Gate `number` of a product."""

    product: Product
    number: int


class Recurrence:
    """What the layers share: sizes, activations, the loop."""

    def __init__(self, b: Builder, n: Lowered, gate_count: int, lengths: int) -> None:
        self.b, self.n = b, n
        self.gates_t = n.typed(0).plain()
        self.gate_count = gate_count
        self.y_t, self.state_t = n.results[0].plain(), n.results[1].plain()
        self.dtype = self.gates_t.dtype
        self.wide = compute_dtype(self.dtype)
        self.s = Scalars(self.wide)
        self.lengths = n.operands[lengths]
        batch, hidden = self.state_t.shape
        self.batch, self.hidden = batch, hidden

    def run(self, initial: Sequence[Any], cell: Cell) -> list[Any]:
        """Every h, then the last states. `initial` states may be None: zeros."""
        b = self.b
        steps = b.size(self.y_t.shape[0])
        last = arith.SubIOp(steps, b.index(1)).result
        states = [self._zeros() if s is None else as_type(s, self.state_t) for s in initial]

        def step(t: Any, carried: Sequence[Any]) -> list[Any]:
            y, *old = carried
            t = arith.SubIOp(last, t).result if self.n.attrs["reverse"] else t
            new = cell(self._step_gates(t), old, self)
            h = new[0]
            if self.lengths is not None:
                h, *new = self._masked(t, new, old)
            row_t = TensorType((1, *self.state_t.shape), self.dtype)
            row, _ = b.reshape(h, self.state_t, row_t.shape)
            return [insert_slice(b, row, row_t, y, [t, 0, 0]), *new]

        return loop(b, steps, [b.empty(self.y_t), *states], step)

    def _step_gates(self, t: Any) -> Any:
        """The gates of step `t` as `[B, G, H]`."""
        batch, width = self.gates_t.shape[1:]
        row, row_t = extract_slice(self.b, self.n.operands[0], self.gates_t, [t, 0, 0], [1, batch, width])
        return self.b.reshape(row, row_t, [batch, self.gate_count, self.hidden])[0]

    def _zeros(self) -> Any:
        """The first state where none is given."""
        if all(isinstance(d, int) for d in self.state_t.shape):
            return self.b.constant(np.zeros(self.state_t.shape, self.dtype.numpy))
        return self.b.fill(self.state_t, 0)

    def weights(self, r: Any, gates: int, scale: Any = None) -> Weights:
        """`r` as `[G, H, H]`, in the wide dtype or in bytes, whose `scale` is `[G·H]`: outside of the loop."""
        b, hidden = self.b, static(self.hidden)
        t = TensorType((gates * hidden, hidden), self.dtype if scale is None else DType.I8)
        if scale is None:
            r, t = widen(b, r, t, self.wide), t.with_dtype(self.wide)
        else:
            scale, _ = b.reshape(scale, TensorType((gates * hidden,), DType.F32), [gates, hidden])
        return Weights(b.reshape(r, t, [gates, hidden, hidden])[0], t.dtype, gates, scale)

    def product(self, h: Any, w: Weights) -> Product:
        """`h · rᵀ` as `[B, gates, H]`, in the wide dtype; without the scale."""
        b, gates = self.b, w.gates
        out = TensorType((self.batch, gates, self.hidden), self.wide)
        h = widen(b, h, self.state_t, self.wide)
        m, g, n, k = (ir.AffineExpr.get_dim(i) for i in range(4))
        value = b.generic(
            [out],
            [(h, ir.AffineMap.get(4, 0, [m, k])), (w.value, ir.AffineMap.get(4, 0, [g, n, k]))],
            ["parallel", "parallel", "parallel", "reduction"],
            lambda u, v, acc: self.s.add(acc, self.s.mul(u, cast(v, w.dtype, self.wide))),
            out_maps=[ir.AffineMap.get(4, 0, [m, g, n])],
            inits=[b.fill(out, 0)],
        )[0]
        return Product(value, w.scale)

    def pointwise(
        self, ins: Sequence[tuple[Any, Any] | Gate], results: int, body: Callable[..., list[Any]]
    ) -> list[Any]:
        """A generic over `[B, H]`; `ins` are values with what they are read at, as `at_gate` and friends say, or gates
        of a product.

        `body` gets scalars of the wide dtype, gates times their scale.
        """
        read: list[tuple[Any, Any]] = []
        for i in ins:
            if not isinstance(i, Gate):
                read.append(i)
                continue
            read.append((i.product.value, self.at_gate(i.number)))
            if i.product.scale is not None:
                read.append((i.product.scale, self.at_row(i.number)))

        def wide_body(*args: Any) -> list[Any]:
            scalars = []
            for (value, _), a in zip(read, args, strict=False):
                element = str(ir.RankedTensorType(value.type).element_type)
                scalars.append(a if element == self.wide.mlir else cast(a, self.dtype, self.wide))
            rest, given = iter(scalars), []
            for i in ins:
                scaled = isinstance(i, Gate) and i.product.scale is not None
                given.append(self.s.mul(next(rest), next(rest)) if scaled else next(rest))
            return [cast(v, self.wide, self.dtype) for v in body(*given)]

        outs = [self.state_t] * results
        return self.b.generic(outs, read, ["parallel", "parallel"], wide_body)

    def at_gate(self, g: int) -> Any:
        """The map of gate `g` of `[B, G, H]`."""
        return ir.AffineMap.get(
            2, 0, [ir.AffineExpr.get_dim(0), ir.AffineExpr.get_constant(g), ir.AffineExpr.get_dim(1)]
        )

    @property
    def at_state(self) -> Any:
        return ir.AffineMap.get_identity(2)

    def at_row(self, g: int) -> Any:
        """The map of row `g` of `[G, H]`, for all batch entries."""
        return ir.AffineMap.get(2, 0, [ir.AffineExpr.get_constant(g), ir.AffineExpr.get_dim(1)])

    def activate(self, i: int, x: Any, clips: bool = True) -> Any:
        """Activation `i` of `x`, clipped before."""
        s, attrs = self.s, self.n.attrs
        if clips and attrs["clip"] is not None:
            x = s.max(s.min(x, s.const(attrs["clip"])), s.const(-attrs["clip"]))
        name, alpha, beta = attrs["activations"][i], attrs["alphas"][i], attrs["betas"][i]
        if name == "tanh":
            return s.math("tanh", x)
        if name == "affine":
            return s.add(s.mul(x, s.const(alpha)), s.const(beta))
        if name == "scaled_tanh":
            return s.mul(s.const(alpha), s.math("tanh", s.mul(s.const(beta), x)))
        return BODIES[name](s, {"alpha": alpha, "beta": beta}, x)

    def _masked(self, t: Any, new: Sequence[Any], old: Sequence[Any]) -> list[Any]:
        """What step `t` gives, and the states: those of entries past their length stay."""
        pairs = [(v, self.at_state) for v in (*new, *old)]
        length = ir.AffineMap.get(2, 0, [ir.AffineExpr.get_dim(0)])
        count = len(new)

        def body(*args: Any) -> list[Any]:
            s = Scalars(self.dtype)
            inside = arith.CmpIOp(arith.CmpIPredicate.slt, t, self.b.to_index(args[2 * count])).result
            kept = [s.select(inside, args[i], args[count + i]) for i in range(count)]
            return [s.select(inside, args[0], s.const(0)), *kept]

        outs = [self.state_t] * (count + 1)
        return self.b.generic(outs, [*pairs, (self.lengths, length)], ["parallel", "parallel"], body)


@lowering("lstm")
def lstm(b: Builder, n: Lowered) -> Any:
    peephole = n.operands[5]
    if peephole is not None:
        peephole, _ = b.reshape(peephole, n.typed(5).plain(), [3, n.results[1].shape[1]])

    def cell(gates: Any, states: Sequence[Any], r: Recurrence) -> list[Any]:
        h, c = states
        product = r.product(h, weights)
        ins: list[Any] = [*((gates, r.at_gate(g)) for g in range(4)), *(product.gate(g) for g in range(4))]
        ins.append((c, r.at_state))
        if peephole is not None:
            ins += [(peephole, r.at_row(g)) for g in range(3)]
        return r.pointwise(ins, 2, lambda *xs: _lstm_cell(r, n.attrs["input_forget"], *xs))

    recurrence = Recurrence(b, n, 4, lengths=2)
    weights = recurrence.weights(n.operands[1], 4, n.operands[6])
    return recurrence.run([n.operands[3], n.operands[4]], cell)


def _lstm_cell(r: Recurrence, input_forget: bool, *xs: Any) -> list[Any]:
    """Scalars: gates i o f c of the input, of the state, the cell, and peepholes of i o f or the accumulators."""
    s = r.s
    i, o, f, g = (s.add(xs[k], xs[4 + k]) for k in range(4))
    c = xs[8]
    peephole = xs[9:12] if len(xs) >= 12 else None
    if peephole is not None:
        i, f = s.add(i, s.mul(peephole[0], c)), s.add(f, s.mul(peephole[2], c))
    i = r.activate(0, i)
    f = s.sub(s.const(1), i) if input_forget else r.activate(0, f)
    new_c = s.add(s.mul(f, c), s.mul(i, r.activate(1, g)))
    if peephole is not None:
        o = s.add(o, s.mul(peephole[1], new_c))
    # like ONNX Runtime: clip bounds the gates, not the cell
    return [s.mul(r.activate(0, o), r.activate(2, new_c, clips=False)), new_c]


@lowering("gru")
def gru(b: Builder, n: Lowered) -> Any:
    linear, bias = n.attrs["linear_before_reset"], n.operands[3]
    if bias is not None:
        bias, _ = b.reshape(bias, n.typed(3).plain(), [1, n.results[1].shape[1]])

    def cell(gates: Any, states: Sequence[Any], r: Recurrence) -> list[Any]:
        (h,) = states
        s = r.s
        product = r.product(h, weights)
        z_ins: list[Any] = [(gates, r.at_gate(0)), product.gate(0)]
        r_ins: list[Any] = [(gates, r.at_gate(1)), product.gate(1), (h, r.at_state)]

        def mixed(z: Any, candidate: Any, old: Any) -> Any:
            return s.add(s.mul(s.sub(s.const(1), z), candidate), s.mul(z, old))

        if linear:
            hidden = r.product(h, hidden_weights)
            ins = [*z_ins, *r_ins, (gates, r.at_gate(2)), hidden.gate(0)]
            ins += [] if bias is None else [(bias, r.at_row(0))]

            def whole(*xs: Any) -> list[Any]:
                z, reset = r.activate(0, s.add(xs[0], xs[1])), r.activate(0, s.add(xs[2], xs[3]))
                inner = xs[6] if bias is None else s.add(xs[6], xs[7])
                return [mixed(z, r.activate(1, s.add(xs[5], s.mul(reset, inner))), xs[4])]

            return r.pointwise(ins, 1, whole)
        reset_h = r.pointwise(r_ins, 1, lambda *xs: [s.mul(r.activate(0, s.add(xs[0], xs[1])), xs[2])])[0]
        hidden = r.product(reset_h, hidden_weights)
        ins = [*z_ins, (gates, r.at_gate(2)), hidden.gate(0), (h, r.at_state)]

        def second(*xs: Any) -> list[Any]:
            z = r.activate(0, s.add(xs[0], xs[1]))
            return [mixed(z, r.activate(1, s.add(xs[2], xs[3])), xs[4])]

        return r.pointwise(ins, 1, second)

    recurrence = Recurrence(b, n, 3, lengths=4)
    scale, inner = n.operands[6], None
    if scale is not None:
        rows = static(recurrence.hidden)
        t = n.typed(6).plain()
        scale, inner = (
            extract_slice(b, scale, t, [at], [size])[0] for at, size in ((0, 2 * rows), (2 * rows, rows))
        )
    weights = recurrence.weights(n.operands[1], 2, scale)
    hidden_weights = recurrence.weights(n.operands[2], 1, inner)
    return recurrence.run([n.operands[5]], cell)


@lowering("rnn")
def rnn(b: Builder, n: Lowered) -> Any:
    def cell(gates: Any, states: Sequence[Any], r: Recurrence) -> list[Any]:
        product = r.product(states[0], weights)
        ins: list[Any] = [(gates, r.at_gate(0)), product.gate(0)]
        return r.pointwise(ins, 1, lambda *xs: [r.activate(0, r.s.add(xs[0], xs[1]))])

    recurrence = Recurrence(b, n, 1, lengths=2)
    weights = recurrence.weights(n.operands[1], 1, n.operands[4])
    return recurrence.run([n.operands[3]], cell)
