"""Transformer families as exporters write them: shapes computed in the graph, norms and GELU in pieces."""

from __future__ import annotations

import math

import numpy as np
import onnx
from onnx import TensorProto

from test.models.builder import Graph, Size

I64 = np.int64


def _layer_norm(g: Graph, x: str, width: int) -> str:
    """`(x - mean) / sqrt(var + eps) * gamma + beta` in nine nodes."""
    centred = g.Sub(x, g.ReduceMean(x, axes=[-1]))
    variance = g.ReduceMean(g.Pow(centred, np.float32(2)), axes=[-1])
    y = g.Div(centred, g.Sqrt(g.Add(variance, np.float32(1e-5))))
    return g.Add(g.Mul(y, g.weight(width, scale=0.1, around=1.0)), g.weight(width, scale=0.1))


def _rms_norm(g: Graph, x: str, width: int) -> str:
    mean = g.ReduceMean(g.Pow(x, np.float32(2)), axes=[-1])
    y = g.Mul(x, g.Reciprocal(g.Sqrt(g.Add(mean, np.float32(1e-5)))))
    return g.Mul(g.weight(width, scale=0.1, around=1.0), y)


def _gelu(g: Graph, x: str) -> str:
    y = g.Add(g.Erf(g.Div(x, np.float32(math.sqrt(2)))), np.float32(1))
    return g.Mul(g.Mul(x, y), np.float32(0.5))


def _gelu_tanh(g: Graph, x: str) -> str:
    inner = g.Add(x, g.Mul(g.Pow(x, np.float32(3)), np.float32(0.044715)))
    y = g.Add(g.Tanh(g.Mul(inner, np.float32(math.sqrt(2 / math.pi)))), np.float32(1))
    return g.Mul(g.Mul(x, np.float32(0.5)), y)


def _linear(g: Graph, x: str, cin: int, cout: int, bias: bool = True) -> str:
    y = g.MatMul(x, g.weight(cin, cout))
    return g.Add(g.weight(cout, scale=0.1), y) if bias else y


def _size(g: Graph, x: str, axis: int) -> str:
    """One dimension of `x` as i64[1], in the way of tracing exporters."""
    return g.Unsqueeze(g.Gather(g.Shape(x), np.array(axis, I64), axis=0), np.array([0], I64))


def _heads(g: Graph, x: str, heads: int, width: int, perm: tuple[int, ...] = (0, 2, 1, 3)) -> str:
    shape = g.Concat(
        _size(g, x, 0), _size(g, x, 1), np.array([heads], I64), np.array([width // heads], I64), axis=0
    )
    return g.Transpose(g.Reshape(x, shape), perm=list(perm))


def _merge(g: Graph, x: str, width: int) -> str:
    x = g.Transpose(x, perm=[0, 2, 1, 3])
    return g.Reshape(x, g.Concat(_size(g, x, 0), _size(g, x, 1), np.array([width], I64), axis=0))


def encoder(
    batch: Size = 1, seq: Size = 12, width: int = 32, heads: int = 4, layers: int = 2
) -> onnx.ModelProto:
    """BERT-like: ids and a padding mask -> hidden states and a pooled vector."""
    g = Graph("encoder", seed=5)
    ids = g.input("input_ids", batch, seq, dtype=TensorProto.INT64)
    mask = g.input("attention_mask", batch, seq, dtype=TensorProto.INT64)
    positions = g.Slice(
        g.initializer(np.arange(64, dtype=I64)[None]),
        np.array([0], I64),
        _size(g, ids, 1),
        np.array([1], I64),
    )
    x = g.Add(
        g.Gather(g.weight(100, width, scale=1.0), ids), g.Gather(g.weight(64, width, scale=1.0), positions)
    )
    x = _layer_norm(g, x, width)
    hidden = g.Cast(g.Unsqueeze(mask, np.array([1, 2], I64)), to=TensorProto.FLOAT)
    bias = g.Mul(g.Sub(np.float32(1), hidden), np.float32(-10000))
    for _ in range(layers):
        q = _heads(g, _linear(g, x, width, width), heads, width)
        k = _heads(g, _linear(g, x, width, width), heads, width, (0, 2, 3, 1))
        v = _heads(g, _linear(g, x, width, width), heads, width)
        scores = g.Add(g.Div(g.MatMul(q, k), np.float32(math.sqrt(width // heads))), bias)
        y = _merge(g, g.MatMul(g.Softmax(scores, axis=3), v), width)
        x = _layer_norm(g, g.Add(_linear(g, y, width, width), x), width)
        y = _gelu(g, _linear(g, x, width, 4 * width))
        x = _layer_norm(g, g.Add(_linear(g, y, 4 * width, width), x), width)
    pooled = g.Tanh(
        g.Gemm(g.Gather(x, np.array(0, I64), axis=1), g.weight(width, width), g.weight(width, scale=0.1))
    )
    g.output(x, batch, seq, width, name="last_hidden_state")
    g.output(pooled, batch, width, name="pooled")
    return g.model()


def gpt_decode(
    batch: Size = 1, past: Size = 7, width: int = 32, heads: int = 4, layers: int = 2
) -> onnx.ModelProto:
    """One step of a decoder: a token and the cache of `past` positions -> logits and the longer cache."""
    g = Graph("gpt_decode", seed=6)
    ids = g.input("input_ids", batch, 1, dtype=TensorProto.INT64)
    d = width // heads
    cache = [
        [g.input(f"past_{kind}_{i}", batch, heads, past, d) for kind in ("key", "value")]
        for i in range(layers)
    ]
    length = g.Gather(g.Shape(cache[0][0]), np.array(2, I64))
    words = g.weight(64, width, scale=1.0)
    x = g.Add(
        g.Gather(words, ids),
        g.Gather(g.weight(32, width, scale=1.0), g.Reshape(length, np.array([1, 1], I64))),
    )
    present = []
    for i in range(layers):
        y = g.Gemm(
            g.Reshape(_layer_norm(g, x, width), np.array([-1, width], I64)),
            g.weight(width, 3 * width),
            g.weight(3 * width, scale=0.1),
        )
        y = g.Reshape(y, g.Concat(_size(g, x, 0), _size(g, x, 1), np.array([3 * width], I64), axis=0))
        q, k, v = (
            _heads(g, t, heads, width) for t in g.Split(y, np.array([width] * 3, I64), axis=2, outputs=3)
        )
        k, v = g.Concat(cache[i][0], k, axis=2), g.Concat(cache[i][1], v, axis=2)
        present.append((k, v))
        scores = g.Div(g.MatMul(q, g.Transpose(k, perm=[0, 1, 3, 2])), np.float32(math.sqrt(d)))
        y = _merge(g, g.MatMul(g.Softmax(scores, axis=-1), v), width)
        x = g.Add(x, _linear(g, y, width, width))
        y = _gelu_tanh(g, _linear(g, _layer_norm(g, x, width), width, 4 * width))
        x = g.Add(x, _linear(g, y, 4 * width, width))
    logits = g.MatMul(_layer_norm(g, x, width), g.Transpose(words, perm=[1, 0]))
    g.output(logits, batch, 1, 64, name="logits")
    for i, pair in enumerate(present):
        for kind, value in zip(("key", "value"), pair, strict=True):
            g.output(value, batch, heads, None, d, name=f"present_{kind}_{i}")
    return g.model()


def llama(
    batch: Size = 1, seq: Size = 10, width: int = 32, heads: int = 4, kv_heads: int = 2
) -> onnx.ModelProto:
    """A decoder block: RMS norm, rotary embedding, grouped-query causal attention, SwiGLU."""
    g = Graph("llama", seed=7)
    d, hidden = width // heads, 3 * width
    ids = g.input("input_ids", batch, seq, dtype=TensorProto.INT64)
    x = g.Gather(g.weight(64, width, scale=1.0), ids)
    length = _size(g, ids, 1)
    angle = np.outer(np.arange(32), 10000.0 ** (-np.arange(0, d, 2) / d)).astype(np.float32)
    zero, axis = np.array([0], I64), np.array([0], I64)
    cos, sin = (
        g.Slice(g.initializer(np.tile(f(angle), (1, 2)).astype(np.float32)), zero, length, axis)
        for f in (np.cos, np.sin)
    )

    def rotary(t: str) -> str:
        low = g.Slice(t, zero, np.array([d // 2], I64), np.array([3], I64))
        high = g.Slice(t, np.array([d // 2], I64), np.array([np.iinfo(I64).max], I64), np.array([3], I64))
        return g.Add(g.Mul(t, cos), g.Mul(g.Concat(g.Neg(high), low, axis=-1), sin))

    def repeated(t: str) -> str:
        """[b, kv, s, d] -> [b, heads, s, d] through Unsqueeze, Expand and Reshape."""
        wide = g.Concat(
            _size(g, t, 0), np.array([kv_heads, heads // kv_heads], I64), length, np.array([d], I64), axis=0
        )
        flat = g.Concat(_size(g, t, 0), np.array([heads], I64), length, np.array([d], I64), axis=0)
        return g.Reshape(g.Expand(g.Unsqueeze(t, np.array([2], I64)), wide), flat)

    y = _rms_norm(g, x, width)
    q = rotary(_heads(g, _linear(g, y, width, width, bias=False), heads, width))
    k, v = (_linear(g, y, width, kv_heads * d, bias=False) for _ in range(2))
    k, v = (
        repeated(rotary(_heads(g, k, kv_heads, kv_heads * d))),
        repeated(_heads(g, v, kv_heads, kv_heads * d)),
    )
    square = g.Concat(length, length, axis=0)
    causal = g.Trilu(g.Expand(np.ones((1, 1), np.float32), square), upper=0)
    scores = g.MatMul(g.Mul(q, np.float32(d**-0.5)), g.Transpose(k, perm=[0, 1, 3, 2]))
    scores = g.Where(g.Cast(causal, to=TensorProto.BOOL), scores, np.float32(np.finfo(np.float32).min))
    x = g.Add(
        x, _linear(g, _merge(g, g.MatMul(g.Softmax(scores, axis=-1), v), width), width, width, bias=False)
    )
    y = _rms_norm(g, x, width)
    gate = _linear(g, y, width, hidden, bias=False)
    y = g.Mul(g.Mul(gate, g.Sigmoid(gate)), _linear(g, y, width, hidden, bias=False))
    x = g.Add(x, _linear(g, y, hidden, width, bias=False))
    g.output(_linear(g, _rms_norm(g, x, width), width, 64, bias=False), batch, seq, 64, name="logits")
    return g.model()
