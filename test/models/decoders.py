"""Decoders of language models as model builders for ONNX Runtime write them: weights of few bits, attention over a
cache as one node, norms with their residual sums, and every size named.

A `Decoder` says what a family does; `build` writes its graph with random weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from test.models.builder import Graph

Array = NDArray[Any]
I64 = np.int64
MICROSOFT = "com.microsoft"


@dataclass(frozen=True)
class Experts:
    """A mixture of experts instead of one feed-forward network: `top` of `count`, weights of `bits` (0: floats)."""

    count: int = 4
    top: int = 2
    bits: int = 4
    limit: float | None = 7.0


@dataclass(frozen=True)
class Decoder:
    """Sizes, and what differs between families.

    `window` is the reach of every layer whose number is in `local`; `level` MatMulNBits' accuracy level; `tables`
    says where rotary embeddings take cosines and sines from: "one" table, "long" of two by the length that a run
    has, or "none"; with `crossed` each layer looks at keys of an encoder, too; `norm` is "rms", "layer", or
    "sandwich" (before and after attention and network).
    """

    layers: int = 2
    width: int = 64
    heads: int = 4
    groups: int = 2
    head: int = 16
    hidden: int = 128
    vocabulary: int = 96
    dtype: Any = np.float32
    bits: int = 4
    block: int = 32
    zeros: bool = False
    level: int = 0
    norm: str = "rms"
    activation: str = "silu"
    gated: bool = True
    packed: bool = False
    biased: bool = False
    qk_norm: bool = False
    tables: str = "one"
    positions: bool = False
    multi_head: bool = False
    softcap: float = 0.0
    final_softcap: float = 0.0
    scale: float | None = None
    window: int = -1
    local: tuple[int, ...] = (0, 1)
    sinks: bool = False
    scaled_embedding: float = 0.0
    packed_embedding: bool = False
    pruned: bool = False
    crossed: bool = False
    experts: Experts | None = None
    room: int = 64
    short: int = 8


FAMILIES: dict[str, Decoder] = {
    "llama3": Decoder(),
    "qwen2": Decoder(biased=True, zeros=True, block=16),
    "qwen3": Decoder(qk_norm=True, head=32, bits=8),
    "phi3": Decoder(packed=True, tables="long", window=6, positions=True),
    "gemma2": Decoder(
        norm="sandwich",
        activation="gelu_tanh",
        softcap=5.0,
        final_softcap=3.0,
        window=4,
        local=(1,),
        scaled_embedding=8.0,
        scale=0.3,
    ),
    "gemma3": Decoder(
        norm="sandwich", activation="gelu_tanh", qk_norm=True, window=4, local=(0,), scaled_embedding=8.0
    ),
    "mistral": Decoder(window=5, packed_embedding=True, pruned=True),
    "gptoss": Decoder(sinks=True, window=4, local=(0,), biased=True, experts=Experts()),
    "gpt2": Decoder(
        multi_head=True,
        groups=4,
        norm="layer",
        gated=False,
        activation="gelu_tanh",
        tables="none",
        packed=True,
        biased=True,
        positions=True,
    ),
    "whisper": Decoder(
        multi_head=True,
        groups=4,
        norm="layer",
        gated=False,
        activation="gelu",
        tables="none",
        packed=True,
        biased=True,
        positions=True,
        crossed=True,
    ),
}


class Writer:
    """One decoder in the making."""

    def __init__(self, d: Decoder, seed: int) -> None:
        self.d, self.g = d, Graph("decoder", seed=seed, opset=21)
        self.type = helper.np_dtype_to_tensor_dtype(np.dtype(d.dtype))
        self.packed_tables: dict[str, Any] = {}

    def ms(self, op: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> Any:
        return getattr(self.g, op)(*inputs, outputs=outputs, domain=MICROSOFT, **attributes)

    def number(self, value: float) -> Array:
        return np.array(value, self.d.dtype)

    def floats(self, *shape: int, scale: float, around: float = 0.0) -> str:
        array = around + scale * self.g.rng.standard_normal(shape)
        return self.g.initializer(array.astype(self.d.dtype))

    # --- weights ------------------------------------------------------------------------------
    def stored(self, rows: int, depth: int, bits: int, block: int, lead: tuple[int, ...] = ()) -> Any:
        """Random weights `[…, rows, depth]` in blocks: bytes, scales, zero points (or None)."""
        d, rng = self.d, self.g.rng
        blocks = -(-depth // block)
        packed = rng.integers(0, 256, (*lead, rows, blocks, block * bits // 8), np.uint8)
        deviation = (1 << bits) / 3.5
        scales = rng.uniform(0.5, 1.5, (*lead, rows, blocks)) / (deviation * depth**0.5)
        zeros = None
        if d.zeros:
            zeros = rng.integers(0, 256, (*lead, rows, -(-blocks * bits // 8)), np.uint8)
            if bits == 4:
                zeros = (zeros & 0x33) + 0x66
            else:
                zeros = (zeros & 0x1F) + 112
        return packed, scales.astype(d.dtype), zeros

    def linear(self, x: str, depth: int, rows: int, bias: bool = False, tensors: Any = None) -> str:
        d, g = self.d, self.g
        if not d.bits:
            y = g.MatMul(x, self.floats(depth, rows, scale=depth**-0.5))
        else:
            packed, scales, zeros = tensors or (
                None if t is None else g.initializer(t) for t in self.stored(rows, depth, d.bits, d.block)
            )
            y = self.ms(
                "MatMulNBits",
                x,
                packed,
                scales,
                zeros,
                K=depth,
                N=rows,
                bits=d.bits,
                block_size=d.block,
                accuracy_level=d.level,
            )
        return g.Add(y, self.floats(rows, scale=0.1)) if bias else y

    # --- parts --------------------------------------------------------------------------------
    def normed(self, x: str, width: int) -> str:
        if self.d.norm == "layer":
            return self.g.LayerNormalization(
                x, self.floats(width, scale=0.1, around=1), self.floats(width, scale=0.1), epsilon=1e-5
            )
        gamma = self.floats(width, scale=0.1, around=1)
        return self.g.SimplifiedLayerNormalization(x, gamma, axis=-1, epsilon=1e-5, stash_type=1)

    def skipped(self, x: str, skip: str, last: bool = False) -> tuple[str, str]:
        """The norm of `x + skip`, and that sum."""
        width, count = self.d.width, 1 if last else 4
        op = "SkipLayerNormalization" if self.d.norm == "layer" else "SkipSimplifiedLayerNormalization"
        beta = [self.floats(width, scale=0.1)] if self.d.norm == "layer" else []
        gamma = self.floats(width, scale=0.1, around=1)
        number = len(self.g.nodes)
        names = [f"skip_{number}", *(["", "", f"sum_{number}"] if count == 4 else [])]
        self.g.node(op, [x, skip, gamma, *beta], count, {"epsilon": 1e-5, "domain": MICROSOFT}, names)
        return names[0], "" if last else names[3]

    def embedded(self, ids: str) -> str:
        d, g = self.d, self.g
        if d.packed_embedding:
            packed, scales, _ = self.stored(d.vocabulary, d.width, 4, d.block)
            scales = (scales * d.width**0.5).astype(d.dtype)
            table = g.Reshape(g.initializer(packed), np.array([d.vocabulary, -1], I64))
            x = self.ms(
                "GatherBlockQuantized",
                table,
                ids,
                g.initializer(scales),
                bits=4,
                block_size=d.block,
                gather_axis=0,
                quantize_axis=1,
            )
        else:
            x = g.Gather(self.floats(d.vocabulary, d.width, scale=1), ids)
        return g.Mul(x, self.number(d.scaled_embedding)) if d.scaled_embedding else x

    def head_norm(self, x: str, heads: int) -> str:
        """Each head normalized by itself."""
        y = self.g.Reshape(x, np.array([0, -1, self.d.head], I64))
        return self.g.Reshape(self.normed(y, self.d.head), np.array([0, -1, heads * self.d.head], I64))

    def rotary_tables(self, theta: float, rows: int) -> list[Array]:
        angles = np.arange(rows)[:, None] * theta ** -(np.arange(0, self.d.head, 2) / self.d.head)
        return [f(angles).astype(self.d.dtype) for f in (np.cos, np.sin)]

    def rotary(self, total: str) -> list[Any]:
        """Cosines and sines, of one table or of two."""
        d, g = self.d, self.g
        if d.tables == "none":
            return [None, None]
        if d.tables == "one":
            return [g.initializer(t) for t in self.rotary_tables(100.0, d.room)]
        branches = []
        for name, tables in (
            ("large", self.rotary_tables(900.0, d.room)),
            ("small", self.rotary_tables(100.0, d.short)),
        ):
            nodes = [
                helper.make_node("Constant", [], [f"{part}_{name}"], value=numpy_helper.from_array(table))
                for part, table in zip(("cos", "sin"), tables, strict=True)
            ]
            outputs = [
                helper.make_tensor_value_info(f"{part}_{name}", self.type, tables[0].shape)
                for part in ("cos", "sin")
            ]
            branches.append(helper.make_graph(nodes, name, [], outputs))
        found = g.node(
            "If",
            [g.Greater(total, np.array(d.short, I64))],
            2,
            {"then_branch": branches[0], "else_branch": branches[1]},
        )
        return list(found)

    def network(self, x: str) -> str:
        d, g = self.d, self.g
        if d.experts is not None:
            return self.mixture(x, d.experts)
        y = self.linear(x, d.width, d.hidden, bias=d.norm == "layer")
        if d.activation == "silu":
            a = g.Mul(y, g.Sigmoid(y))
        else:
            a = g.Gelu(y, approximate="tanh" if d.activation == "gelu_tanh" else "none")
        if d.gated:
            a = g.Mul(a, self.linear(x, d.width, d.hidden))
        return self.linear(a, d.hidden, d.width, bias=d.norm == "layer")

    def mixture(self, x: str, e: Experts) -> str:
        d, g = self.d, self.g
        scores = self.linear(x, d.width, e.count, bias=True)
        logits = g.Reshape(scores, np.array([-1, e.count], I64))
        first, second = 2 * d.hidden, d.width
        attrs: dict[str, Any] = {
            "k": e.top,
            "normalize_routing_weights": 1,
            "activation_type": "swiglu",
            "activation_alpha": 1.702,
            "activation_beta": 1.0,
            "swiglu_fusion": 1,
        }
        if e.limit is not None:
            attrs["swiglu_limit"] = e.limit
        biases = [self.floats(e.count, n, scale=0.1) for n in (first, second)]
        inputs: list[Any] = [x, logits]
        for (rows, depth), bias in zip(((first, d.width), (second, d.hidden)), biases, strict=True):
            if e.bits:
                packed, scales, _ = self.stored(rows, depth, e.bits, d.block, (e.count,))
                inputs += [g.initializer(packed.reshape(e.count, rows, -1)), g.initializer(scales)]
            else:
                inputs.append(self.floats(e.count, rows, depth, scale=depth**-0.5))
            inputs.append(bias)
        if not e.bits:
            return self.ms("MoE", *inputs, **attrs)
        return self.ms("QMoE", *inputs, expert_weight_bits=e.bits, block_size=d.block, **attrs)

    def attention(self, x: str, layer: int, cache: list[str], sizes: list[str], tables: list[Any]) -> Any:
        """The layer's attention, and its longer cache."""
        d = self.d
        q_width, kv_width = d.heads * d.head, d.groups * d.head
        k: Any
        v: Any
        if d.packed:
            q, k, v = self.linear(x, d.width, q_width + 2 * kv_width, d.biased), None, None
        else:
            q, k, v = (self.linear(x, d.width, n, d.biased) for n in (q_width, kv_width, kv_width))
        if d.qk_norm:
            q, k = self.head_norm(q, d.heads), self.head_norm(k, d.groups)
        if d.multi_head:
            return self.heads_alike(q, cache)
        attrs: dict[str, Any] = {
            "num_heads": d.heads,
            "kv_num_heads": d.groups,
            "do_rotary": int(d.tables != "none"),
            "rotary_interleaved": 0,
            "local_window_size": d.window if layer in d.local else -1,
            "softcap": d.softcap,
            "scale": d.scale or d.head**-0.5,
        }
        sink = self.floats(d.heads, scale=1) if d.sinks else None
        extra = [None, None, sink] if d.sinks else []
        y, key, value = self.ms(
            "GroupQueryAttention", q, k, v, *cache, *sizes, *tables, *extra, outputs=3, **attrs
        )
        return self.linear(y, q_width, d.width, bias=d.biased and not d.qk_norm), key, value

    def heads_alike(self, qkv: str, cache: list[str]) -> Any:
        """MultiHeadAttention, whose mask is the one of the keys."""
        d, g = self.d, self.g
        q, k, v = g.Split(qkv, np.array([d.width] * 3, I64), axis=2, outputs=3)
        y, key, value = self.ms(
            "MultiHeadAttention",
            q,
            k,
            v,
            None,
            None,
            None,
            *cache,
            outputs=3,
            num_heads=d.heads,
            unidirectional=1,
        )
        return self.linear(y, d.width, d.width, bias=True), key, value

    def crossed(self, x: str, layer: int) -> str:
        """Attention over the keys and values that an encoder left."""
        d, g = self.d, self.g
        q = self.linear(x, d.width, d.width, bias=True)
        given = [
            g.input(f"encoder.{layer}.{kind}", "batch_size", d.heads, "frames", d.head, dtype=self.type)
            for kind in ("key", "value")
        ]
        y = self.ms("MultiHeadAttention", q, *given, num_heads=d.heads)
        return self.linear(y, d.width, d.width, bias=True)

    # --- the whole ----------------------------------------------------------------------------
    def model(self) -> onnx.ModelProto:
        d, g = self.d, self.g
        ids = g.input("input_ids", "batch_size", "sequence_length", dtype=TensorProto.INT64)
        mask = g.input("attention_mask", "batch_size", "total_sequence_length", dtype=TensorProto.INT64)
        cache = [
            [
                g.input(
                    f"past_key_values.{i}.{kind}",
                    "batch_size",
                    d.groups,
                    "past_sequence_length",
                    d.head,
                    dtype=self.type,
                )
                for kind in ("key", "value")
            ]
            for i in range(d.layers)
        ]
        one = np.array([1], I64)
        last = g.Cast(g.Sub(g.ReduceSum(mask, one, keepdims=0), one), to=TensorProto.INT32)
        total = g.Gather(g.Shape(mask), np.array(1, I64), axis=0)
        sizes = [last, g.Cast(total, to=TensorProto.INT32)]
        tables = self.rotary(total)
        x = self.embedded(ids)
        if d.multi_head:
            at = g.input("position_ids", "batch_size", "sequence_length", dtype=TensorProto.INT64)
            x = g.Add(x, g.Gather(self.floats(d.room, d.width, scale=1), at))
        y, residual = self.normed(x, d.width), x
        present = []
        for i in range(d.layers):
            y, key, value = self.attention(y, i, cache[i], sizes, tables)
            present += [(f"present.{i}.key", key), (f"present.{i}.value", value)]
            if d.norm == "sandwich":
                y = self.normed(y, d.width)
            y, residual = self.skipped(residual, y)
            if d.crossed:
                y, residual = self.skipped(residual, self.crossed(y, i))
            y = self.network(y)
            if d.norm == "sandwich":
                y = self.normed(y, d.width)
            y, residual = self.skipped(residual, y, last=i == d.layers - 1)
        if d.pruned:
            y = g.Unsqueeze(g.Gather(y, np.array(-1, I64), axis=1), np.array([1], I64))
        logits = self.linear(y, d.width, d.vocabulary)
        if d.final_softcap:
            cap = self.number(d.final_softcap)
            logits = g.Mul(g.Tanh(g.Div(logits, cap)), cap)
        g.output(
            logits,
            "batch_size",
            1 if d.pruned else "sequence_length",
            d.vocabulary,
            dtype=self.type,
            name="logits",
        )
        for name, found in present:
            g.output(
                found, "batch_size", d.groups, "total_sequence_length", d.head, dtype=self.type, name=name
            )
        return g.model()


def build(d: Decoder, seed: int = 0) -> onnx.ModelProto:
    """The graph of a decoder.

    Inputs `input_ids` `[B, S]`, `attention_mask` `[B, P + S]` i64 and `past_key_values.<layer>.<key|value>`
    `[B, groups, P, head]`, for learned positions also `position_ids`, for
    crossed layers `encoder.<layer>.<key|value>` `[B, heads, frames, head]`; outputs `logits` and `present.<layer>.…`.
    """
    return Writer(d, seed).model()
