"""Weights of few bits: read where they are, packed, by the kernels that multiply with them."""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.bindings import ir
from aicc.dialects.packed_weights import LEVELS, PackedMatMul
from aicc.dialects.types import DType
from aicc.importer.compose import Compose
from aicc.importer.node import Node
from aicc.weight_packing import Array, numbers_of, packable, words_of


def stored_array(n: Node, value: Any) -> Array | None:
    """The elements of a constant or of an initializer of any size; None for what run time computes."""
    owner = value.owner
    if not isinstance(owner, ir.Block) and owner.name == "aicc.weight":
        return n.importer.weights.load(ir.StringAttr(owner.attributes["sym"]).value)
    return n.importer.constant_of(value)


def packed_nbits(n: Node) -> Any | None:
    """MatMulNBits of constant weights with `packed_matmul`, which takes 2 bits as 4; None when blocks or zero points
    do not fit it."""
    bits, block, depth, columns = (n.required_attr(a) for a in ("bits", "block_size", "K", "N"))
    zero = n.input(3)
    wide = max(bits, 4)
    if not packable(depth, block, wide) or (zero is not None and n.info(zero).dtype is not DType.U8):
        return None
    stored, scale = stored_array(n, n.required(1)), stored_array(n, n.required(2))
    zeros = None if zero is None else stored_array(n, zero)
    if stored is None or scale is None or (zero is not None and zeros is None):
        return None
    blocks, middle = depth // block, 1 << (bits - 1)
    order = None
    if n.input(4) is not None:
        order = _order(n, depth, block)
        if order is None:
            return None
    q = numbers_of(stored, bits)
    q = (q.reshape(columns, depth).astype(np.int16) - middle).astype(np.int8)
    q = q if order is None else q[:, order]
    words = words_of(q.T, wide, block)
    z = None
    if zeros is not None:
        zeros = numbers_of(zeros.reshape(columns, -1), bits)[:, :blocks]
        z = np.ascontiguousarray((zeros.reshape(columns, blocks).astype(np.int16) - middle).astype(np.int8).T)
    s = np.ascontiguousarray(scale.astype(np.float32).reshape(columns, blocks).T)
    c, x = Compose(n), n.required(0)
    dtype = n.info(x).dtype
    if order is not None:
        x = c("gather", x, c.constant(order), axis=n.info(x).rank - 1)
    given = [c.constant(words), c.constant(s), None if z is None or not z.any() else c.constant(z)]
    level = n.attr("accuracy_level", 0)
    if level not in LEVELS:
        raise n.error("AICC-1006", f"attribute 'accuracy_level' is {level}; expected one of {LEVELS}.")
    y = c.cast(n.build(PackedMatMul, c.cast(x, DType.F32), *given, accuracy_level=level or None), dtype)
    return y if n.input(5) is None else c("add", y, n.input(5))


def _order(n: Node, depth: int, block: int) -> Array | None:
    """The numbers of a sum by the block whose scale they have, as `g_idx` says it; None when blocks are of other
    sizes."""
    groups = stored_array(n, n.required(4))
    if groups is None or groups.size < depth:
        return None
    groups = groups.reshape(-1)[:depth]
    blocks = depth // block
    if groups.min() < 0 or not np.array_equal(np.bincount(groups, minlength=blocks), np.full(blocks, block)):
        return None
    return np.argsort(groups, kind="stable").astype(np.int64)
