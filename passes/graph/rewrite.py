"""Rewriting aicc ops in place: patterns by root op, a worklist, and an erase that keeps the analyses right.

A pattern is a function of the rewriter and a root op that returns whether it changed anything:

    @pattern("add")
    def drop_zero(rw: Rewriter, op: Any) -> bool:
        '''`x + 0 --> x`'''
        x, zero = rw.operands(op)
        return rw.scalar(zero) == 0 and rw.replace(op, x)

`apply(module, ctx, patterns)` runs patterns until none matches. Ops are visited in program order; a
changed op's users and the new ops are visited again. An op that becomes dead lets go of its operands at
once, so that "has one use" always means one live use, but leaves the IR only at the end: handles of ops
and values stay valid, and analyses may memoize by them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aicc.bindings import ir, tensor
from aicc.dialects.constants import is_inline
from aicc.dialects.op import OPS, TypeRuleError, declaration, none_value
from aicc.dialects.types import DType
from aicc.errors import CompileError
from aicc.passes.base import PassContext
from aicc.passes.graph.facts import Facts, key, module_ops

_MAX_LOCATIONS = 8
_REWRITES_PER_OP = 64


@dataclass(frozen=True)
class Pattern:
    """`apply(rewriter, op)` on ops named one of `roots` (without the dialect prefix)."""

    name: str
    roots: tuple[str, ...]
    apply: Callable[[Rewriter, Any], bool]


def pattern(*roots: str) -> Callable[[Callable[[Rewriter, Any], bool]], Pattern]:
    """Makes a function a pattern for ops named `roots`."""

    def make(function: Callable[[Rewriter, Any], bool]) -> Pattern:
        return Pattern(function.__name__.replace("_", "-"), roots, function)

    return make


class Rewriter(Facts):
    """Builds, replaces and erases ops of `main`."""

    def __init__(self, module: Any, ctx: PassContext) -> None:
        super().__init__(module)
        self.ctx = ctx
        self.weights = ctx.weights
        self.changes = 0
        self._queue: deque[Any] = deque()
        self._queued: set[Any] = set()
        self._dead: dict[Any, Any] = {}
        self._nothing: Any = None
        self._made: list[Any] = []
        self._point: Any = None
        self._location: Any = None

    def at(self, op: Any, *merged: Any) -> Rewriter:
        """Builds what follows before `op`, with its location and those of the ops it takes in."""
        self._point = op
        self._location = fused_location([op, *merged])
        return self

    def build(self, name: str, *operands: Any, **attrs: Any) -> Any:
        """Builds `aicc.<name>` at the point set by `at`; the result, or the list of several."""
        with ir.InsertionPoint(self._point), self._location:
            out = OPS[name].build(*operands, shapes=self.shapes, **attrs)
        made = (out[0] if isinstance(out, list) else out).owner.operation
        self._made.append(made)
        self.enqueue(made)
        return out

    def const(self, array: Any, dtype: DType | None = None, hint: str = "const") -> Any:
        """A constant, or an array in the weight store when it is large."""
        a = np.asarray(array, dtype=None if dtype is None else dtype.numpy)
        if is_inline(DType.from_numpy(a.dtype), a.nbytes):
            return self.build("constant", value=a)
        return self.weight(self.weights.add_array(hint, a))

    def weight(self, sym: str) -> Any:
        """Reads an entry of the weight store."""
        t = self.weights.type(sym)
        return self.build("weight", sym=sym, shape=t.shape, dtype=t.dtype)

    def remember_shape(self, value: Any, shape: Sequence[Any]) -> None:
        """Notes the symbolic shape of a new value where it is known better than by the op's type rule."""
        info = self.shapes.info(value)
        if info.shape != tuple(shape):
            self.shapes.remember(value, replace(info, shape=tuple(shape)))

    def none(self) -> Any:
        """The absent operand as a value."""
        with ir.InsertionPoint(self._point), self._location:
            return none_value()

    def replace(self, op: Any, *values: Any) -> bool:
        """Replaces all results of `op`, erases it and what only it used. True, for patterns to return."""
        for old, new in zip(op.results, values, strict=True):
            if new is not None and old != new:
                self.replace_uses(old, new)
        self.erase_if_dead(op)
        return True

    def replace_uses(self, old: Any, new: Any) -> None:
        """Lets all users of `old` read `new`; they are visited again."""
        if old.type != new.type:
            new = self._with_type_for(old, new)
        for user in self.users(old):
            self.enqueue(user)
        old.replace_all_uses_with(new)
        self.changes += 1

    def set_operand(self, op: Any, index: int, value: Any) -> None:
        """Lets `op` read `value` as operand `index`; the operand's old producer goes if nothing else reads it."""
        before = op.operands[index]
        op.operands[index] = value
        for result in op.results:
            self.forget_users(result)
        self.enqueue(op)
        self.changes += 1
        if not isinstance(before.owner, ir.Block):
            self.erase_if_dead(before.owner.operation)

    def set_attr(self, op: Any, name: str, attribute: Any) -> None:
        """Changes an attribute in place."""
        op.attributes[name] = attribute
        for result in op.results:
            self.forget_users(result)
        self.enqueue(op)
        self.changes += 1

    def forget_users(self, value: Any) -> None:
        """Forgets what was inferred of `value` and everything computed from it."""
        stack = [value]
        while stack:
            v = stack.pop()
            if not self.shapes.knows(v):
                continue
            self.shapes.forget(v)
            for user in self.users(v):
                stack.extend(user.results)

    def enqueue(self, op: Any) -> None:
        """Visits `op` (again)."""
        if len(op.results) and key(op) not in self._queued:
            self._queued.add(key(op))
            self._queue.append(op)

    def _with_type_for(self, old: Any, new: Any) -> Any:
        """`new` made fit for uses of `old` whose type says less, or more, of the shape.

        Type rules of aicc ops take any refinement; ops of other dialects need the very type.
        """
        before, after = ir.RankedTensorType(old.type), ir.RankedTensorType(new.type)
        refined = ir.RankedTensorType.get(
            [
                before.get_dim_size(i) if after.is_dynamic_dim(i) and not before.is_dynamic_dim(i) else d
                for i, d in enumerate(after.shape)
            ],
            after.element_type,
        )
        if refined != after and not isinstance(new.owner, ir.Block):
            new.set_type(refined)
        foreign = [u for u in self.users(old) if declaration(u) is None and u.name != "func.return"]
        if foreign and refined != before:
            with ir.InsertionPoint(foreign[0]), foreign[0].location:
                cast = tensor.CastOp(before, new)
            for user in foreign:
                user.replace_uses_of_with(old, cast.result)
        return new

    def is_dead(self, op: Any) -> bool:
        """Whether an op was erased (it leaves the IR when the rewriter finishes)."""
        return key(op) in self._dead

    def erase_if_dead(self, op: Any, revisit: bool = True) -> None:
        """Erases a pure op without uses, then what it alone used; visits what has fewer uses now."""
        stack = [op]
        while stack:
            dead = stack.pop()
            if declaration(dead) is None or key(dead) in self._dead:
                continue
            if any(next(iter(r.uses), None) is not None for r in dead.results):
                if revisit:
                    self._fewer_uses(dead)
                continue
            operands = dead.operands
            inputs = list(operands)
            if inputs and self._nothing is None:
                self._nothing = self._make_nothing()
            for i in range(len(inputs)):
                operands[i] = self._nothing
            self._dead[key(dead)] = dead
            self.changes += 1
            stack.extend(v.owner.operation for v in inputs if not isinstance(v.owner, ir.Block))

    def _make_nothing(self) -> Any:
        """What erased ops read, so that they count as no one's users."""
        with ir.InsertionPoint.at_block_begin(self.main.regions[0].blocks[0]), ir.Location.unknown():
            return none_value()

    def _fewer_uses(self, op: Any) -> None:
        """Visits `op` and its only user: patterns that ask for a single use may match now."""
        self.enqueue(op)
        for result in op.results:
            if self.has_one_use(result):
                self.enqueue(self.users(result)[0])

    # Driving

    def run(self, patterns: Iterable[Pattern]) -> int:
        """Applies patterns until none matches; the number of rewrites. Raises CompileError if they never settle."""
        by_root: dict[str, list[Pattern]] = {}
        for p in patterns:
            for root in p.roots:
                by_root.setdefault(OPS[root].mlir_name, []).append(p)
        ops = [op for op in module_ops(self.module) if op.name in by_root]
        for op in ops:
            self.enqueue(op)
        budget = 1000 + _REWRITES_PER_OP * len(ops)
        done = 0
        counts: dict[str, int] = self.ctx.stats.setdefault("rewrites", {})
        while self._queue:
            op = self._queue.popleft()
            self._queued.discard(key(op))
            if key(op) in self._dead:
                continue
            for p in by_root.get(op.name, ()):
                self.at(op)
                self._made.clear()
                if self._applies(p, op):
                    counts[p.name] = counts.get(p.name, 0) + 1
                    done += 1
                    break
                for made in reversed(self._made):  # it gave up halfway
                    self.erase_if_dead(made, revisit=False)
            if done > budget:
                raise CompileError("AICC-2002", f"rewrites do not settle (last: {p.name}).", stage="graph")
        return done

    def _applies(self, p: Pattern, op: Any) -> bool:
        """Runs a pattern. One that builds an op which does not fit gives up: the rewrite is lost, not the model."""
        try:
            return p.apply(self, op)
        except TypeRuleError as error:
            self.ctx.stats.setdefault("rewrites given up", []).append(f"{p.name}: {error}")
            return False

    def erase_dead(self) -> None:
        """Erases every aicc op without a use."""
        for op in reversed(module_ops(self.module)):
            self.erase_if_dead(op)

    def finish(self) -> None:
        """Takes erased ops out of the IR and makes `main`'s type agree with what it returns now."""
        for op in self._dead.values():
            op.erase()
        if self._nothing is not None:
            self._nothing.owner.operation.erase()
        self._dead, self._nothing = {}, None
        block = self.main.regions[0].blocks[0]
        returned = list(block.operations[len(block.operations) - 1].operands)
        found = ir.FunctionType.get([a.type for a in block.arguments], [v.type for v in returned])
        if ir.TypeAttr(self.main.attributes["function_type"]).value != found:
            self.main.attributes["function_type"] = ir.TypeAttr.get(found)


def fused_location(ops: Sequence[Any]) -> Any:
    """The location of a new op made of `ops`: the names of the ONNX nodes they came from, each once."""
    found: list[Any] = []
    for op in ops:
        location = op.location
        for part in location.locations if isinstance(location, ir.FusedLoc) else [location]:
            if part not in found and not isinstance(part, ir.UnknownLoc):
                found.append(part)
    if not found:
        return ops[0].location
    return found[0] if len(found) == 1 else ir.Location.fused(found[:_MAX_LOCATIONS])


def apply(module: Any, ctx: PassContext, patterns: Iterable[Pattern]) -> int:
    """Runs patterns on `main` until none matches; the number of rewrites."""
    rewriter = Rewriter(module, ctx)
    done = rewriter.run(patterns)
    rewriter.erase_dead()
    rewriter.finish()
    return done
