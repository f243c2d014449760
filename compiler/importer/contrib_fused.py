"""com.microsoft: convolutions, products and normalizations, fused with what follows by ONNX Runtime's optimizer."""

from __future__ import annotations

from typing import Any

from aicc.dialects.contraction import MatMul
from aicc.importer.compose import Compose
from aicc.importer.contraction import gemm
from aicc.importer.convolution import conv
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op

DOMAIN = "com.microsoft"


def activated(n: Node, y: Any, kind: str | None, parameters: list[float]) -> Any:
    """`y` after the activation `kind` (None: none). Raises ImportError_ AICC-1006 for an unknown one."""
    c, first, second = Compose(n), *(list(parameters) + [None, None])[:2]
    if kind in (None, ""):
        return y
    if kind in ("Relu", "Sigmoid", "Tanh"):
        return c(kind.lower(), y)
    if kind == "LeakyRelu":
        return c("leaky_relu", y, alpha=0.01 if first is None else first)
    if kind == "Clip" and first is not None and second is not None:
        return c("clip", y, c.constant_like(first, y), c.constant_like(second, y))
    if kind == "HardSigmoid":
        return c(
            "hard_sigmoid", y, alpha=0.2 if first is None else first, beta=0.5 if second is None else second
        )
    raise n.error("AICC-1006", f"attribute 'activation' is '{kind}', which is not supported.")


def channels_first(c: Compose, x: Any) -> Any:
    """`[N, …, C] -> [N, C, …]`."""
    rank = c.n.info(x).rank
    return c.transpose(x, 0, rank - 1, *range(1, rank - 1))


def channels_last(c: Compose, x: Any) -> Any:
    """`[N, C, …] -> [N, …, C]`."""
    rank = c.n.info(x).rank
    return c.transpose(x, 0, *range(2, rank), 1)


@onnx_op("FusedConv", "NhwcFusedConv", "NhwcConv", domain=DOMAIN)
def fused_conv(n: Node) -> Any:
    """`activation(conv(x, w, bias) + z)`; of the Nhwc ones, x, z and the result have their channels last."""
    c, last = Compose(n), n.op_type != "FusedConv"
    if last:
        n.inputs[0] = channels_first(c, n.required(0))
    y = conv(n)
    y = channels_last(c, y) if last else y
    y = y if n.input(3) is None else c("add", y, n.input(3))
    return activated(n, y, n.attr("activation"), n.attr("activation_params") or [])


def _activation(n: Node, y: Any) -> Any:
    given = [n.attr(f"activation_{p}") for p in ("alpha", "beta")]
    return activated(n, y, n.attr("activation"), given)


@onnx_op("FusedGemm", domain=DOMAIN)
def fused_gemm(n: Node) -> Any:
    return _activation(n, gemm(n))


@onnx_op("FusedMatMul", "FusedMatMulActivation", "TransposeMatMul", domain=DOMAIN)
def fused_matmul(n: Node) -> Any:
    """`alpha · A' B'`. With `transBatchA` the dim before the last stands first: `[M, batch…, K]`."""
    c, sides = Compose(n), []
    for i, side in enumerate("AB"):
        x = n.required(i)
        rank = n.info(x).rank
        moved = n.attr(f"transBatch{side}", 0) and rank > 2
        sides.append(c.transpose(x, *range(1, rank - 1), 0, rank - 1) if moved else x)
    # a vector has nothing to transpose
    trans = {
        f"trans_{s.lower()}": bool(n.attr(f"trans{s}", 0)) and n.info(x).rank > 1
        for s, x in zip("AB", sides, strict=True)
    }
    y = n.build(MatMul, *sides, **trans)
    alpha = n.attr("alpha", 1.0)
    return _activation(n, y if alpha == 1 else c("mul", y, alpha))


@onnx_op("GroupNorm", "SkipGroupNorm", domain=DOMAIN)
def group_norm(n: Node) -> Any:
    """Of x, or of x + skip + bias, which is the second output then; `activation` 1 is SiLU."""
    c, x = Compose(n), n.required(0)
    last = bool(n.attr("channels_last", 1))
    if n.op_type == "SkipGroupNorm":
        for i in (3, 4):
            extra = n.input(i)
            if extra is not None and n.info(extra).rank == 2:  # [N, C]
                rank = n.info(x).rank
                extra = c.unsqueeze(extra, *(range(1, rank - 1) if last else range(2, rank)))
            elif extra is not None and n.info(extra).rank == 1 and not last:
                extra = c.unsqueeze(extra, *range(1, n.info(x).rank - 1))
            x = x if extra is None else c("add", x, extra)
    total = x
    x = channels_first(c, x) if last else x
    dtype = n.info(x).dtype
    scale, bias = (c.cast(n.required(i), dtype) for i in (1, 2))
    y = c("group_norm", x, scale, bias, num_groups=n.required_attr("groups"), epsilon=n.attr("epsilon", 1e-5))
    y = c("silu", y) if n.attr("activation", 0) else y
    return channels_last(c, y) if last else y, total


@onnx_op("BiasAdd", domain=DOMAIN)
def bias_add(n: Node) -> Any:
    c = Compose(n)
    return c("add", c("add", n.required(0), n.required(1)), n.required(2))


@onnx_op("BiasSplitGelu", domain=DOMAIN)
def bias_split_gelu(n: Node) -> Any:
    """The first half of the columns times Gelu of the second half."""
    c = Compose(n)
    x = c("add", n.required(0), n.required(1))
    rank, width = n.info(x).rank, n.info(x).shape[-1]
    if not isinstance(width, int):
        raise n.error("AICC-1005", "the number of columns must be static.")
    left, right = (c.slice(x, rank - 1, i * width // 2, (i + 1) * width // 2) for i in range(2))
    return c("mul", left, c("gelu", right, approximate="none"))
