"""Transformers written out in torch: BERT-base, GPT-2 small, ViT-S/16, a stack of Llama-like decoder blocks.

The attention of BERT and GPT-2 is spelled out (as in models exported by older tools), that of ViT and Llama
goes through `scaled_dot_product_attention`: exporters turn the two into different graphs.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def split_heads(x: Tensor, heads: int) -> Tensor:
    """[n, s, h*d] -> [n, h, s, d]."""
    n, s, width = x.shape
    return x.view(n, s, heads, width // heads).permute(0, 2, 1, 3)


def merge_heads(x: Tensor) -> Tensor:
    """[n, h, s, d] -> [n, s, h*d]."""
    n, h, s, d = x.shape
    return x.permute(0, 2, 1, 3).contiguous().view(n, s, h * d)


class BertLayer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.project, self.norm1 = nn.Linear(width, width), nn.LayerNorm(width, eps=1e-12)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norm2 = nn.LayerNorm(width, eps=1e-12)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        q, k, v = (split_heads(f(x), self.heads) for f in (self.query, self.key, self.value))
        scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(q.shape[-1]) + mask
        attended = merge_heads(torch.matmul(scores.softmax(-1), v))
        x = self.norm1(self.project(attended) + x)
        return self.norm2(self.down(F.gelu(self.up(x))) + x)


class Bert(nn.Module):
    """input_ids, attention_mask, token_type_ids i64[n, s] -> last_hidden_state f32[n, s, w], pooled f32[n, w]."""

    def __init__(self, width: int = 768, heads: int = 12, layers: int = 12, vocabulary: int = 30522) -> None:
        super().__init__()
        self.words, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(512, width)
        self.types, self.norm = nn.Embedding(2, width), nn.LayerNorm(width, eps=1e-12)
        self.layers = nn.ModuleList(BertLayer(width, heads) for _ in range(layers))
        self.pool = nn.Linear(width, width)
        self.register_buffer("position_ids", torch.arange(512).unsqueeze(0))

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor
    ) -> tuple[Tensor, Tensor]:
        positions = self.position_ids[:, : input_ids.shape[1]]
        x = self.norm(self.words(input_ids) + self.types(token_type_ids) + self.positions(positions))
        mask = (1.0 - attention_mask[:, None, None, :].to(x.dtype)) * -10000.0
        for layer in self.layers:
            x = layer(x, mask)
        return x, torch.tanh(self.pool(x[:, 0]))


class GptLayer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(
        self, x: Tensor, mask: Tensor | None, past: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        q, k, v = (split_heads(t, self.heads) for t in self.qkv(self.norm1(x)).chunk(3, -1))
        if past is not None:
            k, v = torch.cat((past[0], k), 2), torch.cat((past[1], v), 2)
        scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(q.shape[-1])
        if mask is not None:
            scores = torch.where(mask, scores, torch.finfo(scores.dtype).min)
        x = x + self.project(merge_heads(torch.matmul(scores.softmax(-1), v)))
        x = x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))
        return x, (k, v)


class Gpt2(nn.Module):
    """GPT-2 with its cache as inputs and outputs.

    Prefill: input_ids i64[n, s] -> logits f32[n, s, v], present key and value f32[n, h, s, d] per layer.
    Decode: input_ids i64[n, 1], position_ids i64[n, 1], past key and value f32[n, h, p, d] per layer.
    """

    def __init__(
        self, decode: bool, width: int = 768, heads: int = 12, layers: int = 12, vocabulary: int = 50257
    ) -> None:
        super().__init__()
        self.decode, self.shape = decode, (layers, heads, width // heads)
        self.words, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(1024, width)
        self.layers, self.norm = (
            nn.ModuleList(GptLayer(width, heads) for _ in range(layers)),
            nn.LayerNorm(width),
        )
        self.register_buffer("triangle", torch.ones(1024, 1024, dtype=torch.bool).tril())

    def forward(
        self,
        input_ids: Tensor,
        position_ids: Tensor | None = None,
        past: list[tuple[Tensor, Tensor]] | None = None,
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        s = input_ids.shape[1]
        where = torch.arange(s).unsqueeze(0) if position_ids is None else position_ids
        mask = None if self.decode else self.triangle[:s, :s]
        x, present = self.words(input_ids) + self.positions(where), []
        for i, layer in enumerate(self.layers):
            x, kv = layer(x, mask, past[i] if past is not None else None)
            present.append(kv)
        return torch.matmul(self.norm(x), self.words.weight.t()), present


class VitLayer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.norm1, self.norm2 = heads, nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (split_heads(t, self.heads) for t in self.qkv(self.norm1(x)).chunk(3, -1))
        x = x + self.project(merge_heads(F.scaled_dot_product_attention(q, k, v)))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class VitS16(nn.Module):
    """f32[n, 3, 224, 224] -> logits f32[n, 1000]."""

    def __init__(self, width: int = 384, heads: int = 6, layers: int = 12) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 16, 16)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.zeros(1, 197, width))
        self.layers = nn.Sequential(*(VitLayer(width, heads) for _ in range(layers)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 1000)

    def forward(self, image: Tensor) -> Tensor:
        x = self.patches(image).flatten(2).transpose(1, 2)
        x = torch.cat((self.token.expand(x.shape[0], -1, -1), x), 1) + self.positions
        return self.head(self.norm(self.layers(x))[:, 0])


class RmsNorm(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.weight


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding (arXiv:2104.09864), halves convention."""
    low, high = x.chunk(2, -1)
    return x * cos + torch.cat((-high, low), -1) * sin


class LlamaLayer(nn.Module):
    """Grouped-query attention with rotary embedding, then SwiGLU; both behind an RMS norm."""

    def __init__(self, width: int, heads: int, kv_heads: int, hidden: int) -> None:
        super().__init__()
        self.heads, self.kv_heads, d = heads, kv_heads, width // heads
        self.norm1, self.norm2 = RmsNorm(width), RmsNorm(width)
        self.query, self.project = (nn.Linear(width, width, bias=False) for _ in range(2))
        self.key, self.value = (nn.Linear(width, kv_heads * d, bias=False) for _ in range(2))
        self.gate, self.up = (nn.Linear(width, hidden, bias=False) for _ in range(2))
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        return self.step(x, cos, sin, None)[0]

    def step(
        self, x: Tensor, cos: Tensor, sin: Tensor, past: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The block on tokens after `past`, keys and values [n, kv_heads, p, d]; also returns all keys and values."""
        y, group = self.norm1(x), self.heads // self.kv_heads
        q = rotate(split_heads(self.query(y), self.heads), cos, sin)
        k = rotate(split_heads(self.key(y), self.kv_heads), cos, sin)
        v = split_heads(self.value(y), self.kv_heads)
        if past is not None:
            k, v = torch.cat((past[0], k), 2), torch.cat((past[1], v), 2)
        keys, values = (t.repeat_interleave(group, 1) for t in (k, v))
        attended = F.scaled_dot_product_attention(q, keys, values, is_causal=past is None)
        x = x + self.project(merge_heads(attended))
        y = self.norm2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y)), (k, v)


class Llama(nn.Module):
    """input_ids i64[n, s] -> logits f32[n, s, v]: two blocks of a 1-billion-parameter layout."""

    def __init__(
        self, width: int = 2048, heads: int = 32, kv_heads: int = 8, hidden: int = 5632, layers: int = 2
    ) -> None:
        super().__init__()
        self.words, self.norm = nn.Embedding(4096, width), RmsNorm(width)
        self.layers = nn.ModuleList(LlamaLayer(width, heads, kv_heads, hidden) for _ in range(layers))
        self.head, d = nn.Linear(width, 4096, bias=False), width // heads
        angle = torch.outer(torch.arange(2048.0), 10000.0 ** (-torch.arange(0, d, 2) / d)).repeat(1, 2)
        self.register_buffer("cos", angle.cos())
        self.register_buffer("sin", angle.sin())

    def forward(self, input_ids: Tensor) -> Tensor:
        s, x = input_ids.shape[1], self.words(input_ids)
        for layer in self.layers:
            x = layer(x, self.cos[:s], self.sin[:s])
        return self.head(self.norm(x))


class LlamaDecode(nn.Module):
    """One token at a time: input_ids i64[n, 1], position_ids i64[n, 1], past key and value f32[n, g, p, d] per layer
    -> logits f32[n, 1, v], present key and value f32[n, g, p + 1, d] per layer. 120 million parameters are read."""

    def __init__(
        self,
        width: int = 1024,
        heads: int = 16,
        kv_heads: int = 4,
        hidden: int = 2816,
        layers: int = 8,
        vocabulary: int = 32000,
    ) -> None:
        super().__init__()
        self.words, self.norm = nn.Embedding(vocabulary, width), RmsNorm(width)
        self.layers = nn.ModuleList(LlamaLayer(width, heads, kv_heads, hidden) for _ in range(layers))
        self.head, d = nn.Linear(width, vocabulary, bias=False), width // heads
        angle = torch.outer(torch.arange(2048.0), 10000.0 ** (-torch.arange(0, d, 2) / d)).repeat(1, 2)
        self.register_buffer("cos", angle.cos())
        self.register_buffer("sin", angle.sin())

    def forward(
        self, input_ids: Tensor, position_ids: Tensor, past: list[tuple[Tensor, Tensor]]
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        cos, sin = (table[position_ids].unsqueeze(1) for table in (self.cos, self.sin))
        x, present = self.words(input_ids), []
        for layer, kv in zip(self.layers, past, strict=True):
            x, kv = layer.step(x, cos, sin, kv)
            present.append(kv)
        return self.head(self.norm(x)), present


class Lstm(nn.Module):
    """Features f32[n, t, 80] -> log-probabilities f32[n, t, 64]: two LSTM layers of 512, a linear layer."""

    def __init__(self, features: int = 80, width: int = 512, classes: int = 64) -> None:
        super().__init__()
        self.rnn = nn.LSTM(features, width, num_layers=2, batch_first=True)
        self.head = nn.Linear(width, classes)

    def forward(self, features: Tensor) -> Tensor:
        return self.head(self.rnn(features)[0]).log_softmax(-1)
