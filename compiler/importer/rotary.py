"""RotaryEmbedding: pairs of elements of each head turned by an angle that depends on the position.

    x = [x1, x2 | rest]  -->  [x1 cos - x2 sin, x1 sin + x2 cos | rest]

`x1` and `x2` are the halves of the rotated part, or its even and odd elements when interleaved.
"""

from __future__ import annotations

from typing import Any

from aicc.dialects.elementwise import Add, Mul, Sub
from aicc.dialects.indexing import Gather
from aicc.dialects.movement import Concat, Slice
from aicc.dialects.shape import Reshape, Unsqueeze
from aicc.importer.compose import FAR, Compose
from aicc.importer.kv_cache import positions as counting
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op


@onnx_op("RotaryEmbedding")
def rotary_embedding(n: Node) -> Any:
    return rotate(n, n.required(0), n.required(1), n.required(2), n.input(3))


@onnx_op("RotaryEmbedding", domain="com.microsoft", limits="no packed batching")
def contrib_rotary_embedding(n: Node) -> Any:
    """Inputs x, position_ids, cos_cache, sin_cache. One position is that of the first token of all samples."""
    if n.attr("is_packed_batching", 0):
        raise n.error("AICC-1006", "attribute 'is_packed_batching' is 1, which is not supported.")
    c, x, at = Compose(n), n.required(0), _counted(n)
    width = n.info(n.required(2)).shape[1]
    rotated = 2 * width if isinstance(width, int) else n.attr("rotary_embedding_dim", 0)
    heads = n.attr("num_heads", 0)
    if n.info(x).rank == 3 and not heads:
        size = n.info(x).shape[2]
        if not isinstance(size, int) or not rotated:
            raise n.error("AICC-1006", "attribute 'num_heads' is missing.")
        heads = size // rotated
    y = rotate(n, x, n.required(2), n.required(3), at, rotated=rotated, heads=heads)
    scale = n.attr("scale", 1.0)
    return y if scale == 1 else c("mul", y, scale)


def _counted(n: Node) -> Any:
    """`[B, S]`, or `[1, S]` counted from the one position there is."""
    c, x, at = Compose(n), n.required(0), n.required(1)
    if n.info(at).rank == 2:
        return at
    steps = counting(n, x, 1 if n.info(x).rank == 3 else 2)
    return c.unsqueeze(c("add", c.reshape(at, 1), steps), 0)


def rotate(
    n: Node,
    x: Any,
    cos: Any,
    sin: Any,
    positions: Any | None,
    rotated: int = 0,
    heads: int | None = None,
) -> Any:
    """x is `[B, H, S, D]` or `[B, S, H*D]`; cos and sin are tables, or per position without `positions`.

    `rotated` elements of each head are turned: as many as `rotary_embedding_dim` says, or the tables, unless given.
    """
    flat = n.info(x).rank == 3
    if flat:
        shape = n.build(Reshape, x, n.ints([0, 0, heads or n.required_attr("num_heads"), -1]))
    else:
        shape = x
    partly = rotated or n.attr("rotary_embedding_dim", 0)
    width = n.info(cos).shape[-1]
    half, end = _half(n, partly or (2 * width if isinstance(width, int) else 0), cos)
    heads_axis = 2 if flat else 1
    c, s = (_per_position(n, table, positions, heads_axis) for table in (cos, sin))
    if n.attr("interleaved", 0):
        x1, x2 = (_part(n, shape, start, end, 2) for start in (0, 1))
    else:
        x1, x2 = _part(n, shape, 0, half), _part(n, shape, half, end)
    real = n.build(Sub, n.build(Mul, x1, c), n.build(Mul, x2, s))
    imaginary = n.build(Add, n.build(Mul, x1, s), n.build(Mul, x2, c))
    if n.attr("interleaved", 0):
        pairs = [n.build(Unsqueeze, p, axes=(4,)) for p in (real, imaginary)]
        turned = n.build(Concat, *pairs, dim=4)
        parts = [n.build(Reshape, turned, n.build(Concat, n.ints([0, 0, 0]), _bound(n, end), dim=0))]
    else:
        parts = [real, imaginary]
    if partly and partly != n.info(shape).shape[3]:
        parts.append(_part(n, shape, partly, FAR))
    y = n.build(Concat, *parts, dim=3) if len(parts) > 1 else parts[0]
    return n.build(Reshape, y, n.ints([0, 0, -1])) if flat else y


def _half(n: Node, rotated: int, cos: Any) -> tuple[Any, Any]:
    """Half of the elements that are turned and all of them: ints, or `[1]` of i64 where only a run knows them."""
    if rotated:
        return rotated // 2, rotated
    last = n.info(cos).rank - 1
    half = Compose(n)("shape", cos, start=last, end=last + 1)
    return half, n.build(Add, half, half)


def _per_position(n: Node, table: Any, positions: Any | None, heads_axis: int) -> Any:
    """`[B, S, D/2]` with an axis for the heads."""
    rows = table if positions is None else n.build(Gather, table, positions, axis=0)
    return n.build(Unsqueeze, rows, axes=(heads_axis,))


def _part(n: Node, x: Any, start: Any, end: Any, step: int = 1) -> Any:
    return n.build(Slice, x, _bound(n, start), _bound(n, end), n.ints([step]), axes=(3,))


def _bound(n: Node, v: Any) -> Any:
    return n.ints([v]) if isinstance(v, int) else v
