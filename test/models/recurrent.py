"""Recurrent families: what exporters make of two-layer LSTM and GRU networks."""

from __future__ import annotations

import numpy as np
import onnx

from test.models.builder import Graph, Size

I64 = np.int64


def _recurrent(op: str, gates: int, states: int, seed: int, batch: Size, seq: Size) -> onnx.ModelProto:
    """[batch, seq, 10] -> two layers, the second bidirectional -> [batch, seq, 6]; zero states by Expand."""
    width, features = 16, 10
    g = Graph(op.lower(), seed=seed)
    x = g.Transpose(g.input("features", batch, seq, features), perm=[1, 0, 2])
    count = g.Unsqueeze(g.Gather(g.Shape(x), np.array(1, I64), axis=0), np.array([0], I64))
    extra = {"linear_before_reset": 1} if op == "GRU" else {}
    last = ""
    for directions, cin in ((1, features), (2, width)):
        shape = g.Concat(np.array([directions], I64), count, np.array([width], I64), axis=0)
        zeros = [g.Expand(np.zeros((1, 1, 1), np.float32), shape) for _ in range(states)]
        weights = [
            g.weight(directions, gates * width, cin, scale=cin**-0.5),
            g.weight(directions, gates * width, width, scale=width**-0.5),
            g.weight(directions, 2 * gates * width, scale=0.1),
        ]
        direction = "bidirectional" if directions == 2 else "forward"
        made = getattr(g, op)(
            x, *weights, None, *zeros, hidden_size=width, direction=direction, outputs=1 + states, **extra
        )
        last = made[1]
        # [seq, directions, batch, width] -> [seq, batch, directions * width]
        x = g.Reshape(g.Transpose(made[0], perm=[0, 2, 1, 3]), np.array([0, 0, -1], I64))
    y = g.Add(g.MatMul(g.Transpose(x, perm=[1, 0, 2]), g.weight(2 * width, 6)), g.weight(6, scale=0.1))
    g.output(g.LogSoftmax(y, axis=-1), batch, seq, 6, name="log_probabilities")
    g.output(last, 2, batch, width, name="last_state")
    return g.model()


def lstm(batch: Size = 1, seq: Size = 9) -> onnx.ModelProto:
    return _recurrent("LSTM", gates=4, states=2, seed=8, batch=batch, seq=seq)


def gru(batch: Size = 1, seq: Size = 9) -> onnx.ModelProto:
    return _recurrent("GRU", gates=3, states=1, seed=9, batch=batch, seq=seq)
