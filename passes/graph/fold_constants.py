"""Computes at compile time what depends on constants alone.

    %s = aicc.shape %x          // tensor<1x128x768xf32>   -->  aicc.constant dense<[1, 128, 768]>
    %v = aicc.add %var, %eps    // two small constants     -->  aicc.constant
    %t = aicc.transpose %w      // a weight                -->  aicc.weight "w.transpose", a recipe

Shape arithmetic folds through the symbolic analysis, also where the sizes it does not use are dynamic.
Everything else folds when all operands are constants or weights: what is small is evaluated now, the
rest becomes a recipe in the weight store and is evaluated when the weights are written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from aicc.bindings import ir
from aicc.dialects.op import Op, as_array, declaration
from aicc.dialects.types import TensorType
from aicc.passes.base import Pass, PassContext
from aicc.passes.graph.facts import kind, module_ops
from aicc.passes.graph.rewrite import Rewriter
from aicc.weights import FrozenArray, Recipe

_LITTLE = 16 * 1024
"""Bytes that may be stored whatever an op's limit is: parameters per channel are no larger."""
_SOURCES = frozenset({"constant", "weight", "none"})
_CONTRACTIONS = frozenset({"conv", "conv_transpose", "matmul", "lstm", "gru", "rnn"})


@dataclass(frozen=True)
class FoldConstants(Pass):
    """`eager_bytes`: operands and results up to this size together are evaluated at once."""

    pass_name: ClassVar[str] = "fold-constants"
    eager_bytes: int = 64 * 1024

    def run(self, module: Any, ctx: PassContext) -> None:
        rw = Rewriter(module, ctx)
        folder = Folder(rw, self.eager_bytes)
        for op in module_ops(module):
            folder.fold(op)
        rw.erase_dead()
        rw.finish()


class Folder:
    """Folds op by op, in program order."""

    def __init__(self, rw: Rewriter, eager_bytes: int) -> None:
        self.rw = rw
        self.eager_bytes = eager_bytes
        self._stored: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def fold(self, op: Any) -> bool:
        """Replaces `op` by constants or weights where that is possible."""
        declared = declaration(op)
        if declared is None or declared.name in _SOURCES or declared.fold is None or self.rw.is_dead(op):
            return False
        infos = [self.rw.info(r) for r in op.results]
        if all(t.value is not None and t.value.dtype != object for t in infos):
            self.rw.at(op)
            return self.rw.replace(op, *(self.rw.const(t.value, t.dtype, self._hint(op)) for t in infos))
        operands = self.rw.operands(op)
        if not all(t.is_static for t in infos) or not all(
            v is None or self.rw.is_weight(v) for v in operands
        ):
            return False
        given = [v for v in operands if v is not None]
        grows = self._grows(declared, infos, [self.rw.info(v) for v in given])
        if not given or (grows and not _feeds_contraction(op)):
            return False
        self.rw.at(op)
        sizes = [_nbytes(t) for t in infos] + [_nbytes(self.rw.info(v)) for v in given]
        if sum(sizes) <= self.eager_bytes and all(self._is_at_hand(v) for v in given):
            return self._evaluate(op, declared, operands, infos)
        return self._defer(op, declared, operands, infos)

    def _grows(self, declared: type[Op], results: list[TensorType], operands: list[TensorType]) -> bool:
        """Whether folding would store more than the op declares to be worth it, and not just a little."""
        limit = declared.fold_limit
        made = sum(t.size for t in results)
        if limit is None or sum(_nbytes(t) for t in results) <= _LITTLE:
            return False
        return made > limit and made > sum(t.size for t in operands)

    def _evaluate(self, op: Any, declared: type[Op], operands: list[Any], infos: list[TensorType]) -> bool:
        arrays = [None if v is None else self._array(v) for v in operands]
        assert declared.fold is not None
        with np.errstate(all="ignore"):
            out = declared.fold(*arrays, **self.rw.attrs(op))
        parts = out if isinstance(out, (tuple, list)) else (out,)
        values = [
            self.rw.const(np.ascontiguousarray(as_array(a, t.dtype)).reshape(t.shape), hint=self._hint(op))
            for a, t in zip(parts, infos, strict=True)
        ]
        return self.rw.replace(op, *values)

    def _defer(self, op: Any, declared: type[Op], operands: list[Any], infos: list[TensorType]) -> bool:
        attrs = tuple(
            (k, FrozenArray.of(v) if isinstance(v, np.ndarray) else v) for k, v in self.rw.attrs(op).items()
        )
        inputs = tuple(None if v is None else self._symbol(v) for v in operands)
        values: list[Any] = []
        for i, (t, result) in enumerate(zip(infos, op.results, strict=True)):
            if next(iter(result.uses), None) is None:
                values.append(None)
                continue
            name = self.rw.weights.add_recipe(self._hint(op), t, Recipe(declared.name, attrs, inputs, i))
            values.append(self.rw.weight(name))
        return self.rw.replace(op, *values)

    def _is_at_hand(self, value: Any) -> bool:
        """Whether the elements can be had: IR read from a file may come without its weights."""
        return self.rw.constant(value) is not None or self._is_stored(_weight_symbol(value))

    def _is_stored(self, sym: str) -> bool:
        """Whether a weight, and all that it is made of, is in the store."""
        if sym not in self.rw.weights:
            return False
        load = self.rw.weights.entries[sym].load
        return not isinstance(load, Recipe) or all(n is None or self._is_stored(n) for n in load.inputs)

    def _array(self, value: Any) -> Any:
        known = self.rw.constant(value)
        return known if known is not None else self.rw.weights.load(_weight_symbol(value))

    def _symbol(self, value: Any) -> str:
        """The store's name of a weight; constants are added to the store, each content once."""
        if self.rw.producer(value, "weight") is not None:
            return _weight_symbol(value)
        array = self.rw.constant(value)
        assert array is not None
        key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self._stored:
            self._stored[key] = self.rw.weights.add_array("constant", array)
        return self._stored[key]

    def _hint(self, op: Any) -> str:
        """A name for the result: the first weight's, with what was done to it."""
        for v in op.operands:
            if self.rw.producer(v, "weight") is not None:
                return f"{_weight_symbol(v)}.{kind(op)}"
        return kind(op)


def _feeds_contraction(op: Any) -> bool:
    """Whether a result is the weight of a contraction, which wants it packed before the model runs."""
    users = (use.owner for r in op.results for use in r.uses)
    return any(kind(u) in _CONTRACTIONS for u in users)


def _weight_symbol(value: Any) -> str:
    return str(ir.StringAttr(value.owner.attributes["sym"]).value)


def _nbytes(t: TensorType) -> int:
    return t.size * t.dtype.numpy.itemsize
