"""What a kernel with reductions computes: passes over one iteration space, as expression trees.

The reductions of a kernel run over the same space. One of *level* 0 reads arguments only, one of level n + 1
reads results of level n: softmax has a maximum of level 0, a sum of exponentials of level 1 and an output of
level 2, so it is three passes over a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from aicc.passes.schedules.cpu.access import Access, access_of
from aicc.passes.schedules.cpu.emit_kernel import aliased_arguments
from aicc.passes.schedules.cpu.indexing import Expr
from aicc.passes.schedules.cpu.nest import Generic, Nest, Result, Store
from aicc.passes.schedules.cpu.pointwise.tree import (
    Body,
    Constant,
    Given,
    Guarded,
    Load,
    Node,
    Picked,
    Space,
    TreeBuilder,
)
from aicc.passes.schedules.cpu.reduction.combine import combiner_of
from aicc.passes.schedules.schedule import NoMatch


@dataclass(frozen=True, eq=False)
class Step:
    """A reduction: `body` at every point of the space; `starts` its initial values, `combiners` the ops that
    join partial results (None: only one element after the other)."""

    body: Body
    starts: tuple[Constant, ...]
    combiners: tuple[str | None, ...]
    level: int

    @property
    def stage(self) -> Generic:
        """The stage that reduces."""
        return self.body.stage

    @property
    def splits(self) -> bool:
        """Whether partial results can be joined."""
        return None not in self.combiners


@dataclass(frozen=True, eq=False)
class Output:
    """What is stored. full: at every point of the space, in the pass `level`; else once for all points that
    reductions join, when the passes before `level` are done."""

    access: Access
    node: Node
    full: bool
    level: int


@dataclass(frozen=True, eq=False)
class Reductions:
    """`parallel[d]` tells dimensions of the space that are kept from those that are reduced."""

    nest: Nest
    space: Space
    parallel: tuple[bool, ...]
    steps: tuple[Step, ...]
    outputs: tuple[Output, ...]

    @property
    def levels(self) -> int:
        """Number of passes."""
        passes = [step.level + 1 for step in self.steps]
        return max(passes + [output.level + 1 for output in self.outputs if output.full])

    @property
    def sums(self) -> tuple[int, ...]:
        """The dimensions that are reduced."""
        return tuple(d for d, kept in enumerate(self.parallel) if not kept)

    def varies(self, node: Node) -> bool:
        """Whether a value depends on dimensions that are reduced."""
        return _varies(node, frozenset(self.sums))

    def roots(self, level: int) -> list[Node]:
        """What a pass evaluates at every point."""
        found: list[Node] = []
        for step in self.steps:
            if step.level == level:
                found += [arg for arg in step.body.args[: step.stage.inputs] if arg is not None]
        return found + [output.node for output in self.outputs if output.full and output.level == level]


def build(nest: Nest) -> Reductions:
    """Raises NoMatch when the kernel has no reduction, or several over different spaces."""
    return _Builder(nest).build()


def children(node: Node) -> tuple[Node, ...]:
    """What a node reads."""
    if isinstance(node, Guarded):
        return (node.inner,)
    if isinstance(node, Picked):
        return tuple(arg for arg in node.body.args if arg is not None)
    return ()


def indices_used(stage: Generic) -> Iterator[int]:
    """Dimensions whose index a stage's body reads."""
    for op in stage.block.operations:
        if op.operation.name == "linalg.index":
            yield int(op.operation.attributes["dim"].value)


def _varies(node: Node, sums: frozenset[int]) -> bool:
    if isinstance(node, Load):
        return any(node.access.moves(d) for d in sums)
    if isinstance(node, Guarded) and any(index.used() & sums for index, _ in node.conditions):
        return True
    if isinstance(node, Picked):
        return body_varies(node.body, sums)
    return any(_varies(child, sums) for child in children(node))


def body_varies(body: Body, sums: frozenset[int]) -> bool:
    """Whether a stage's value depends on dimensions `sums`."""
    if any(body.dims[d].used() & sums for d in indices_used(body.stage)):
        return True
    return any(_varies(arg, sums) for arg in body.args if arg is not None)


class _Builder(TreeBuilder):
    def __init__(self, nest: Nest) -> None:
        self._stages = [stage for stage in nest.stages if stage.reduces]
        if not self._stages:
            raise NoMatch("no reduction")
        root = self._stages[0]
        super().__init__(nest, root.extents)
        self._parallel = root.parallel
        for stage in self._stages:
            if stage.extents != root.extents or stage.parallel != root.parallel:
                raise NoMatch("reductions over different spaces")
        self._identity = tuple(self._unit(d) for d in range(len(root.extents)))
        self._steps: dict[Generic, Step] = {}
        self._given: dict[tuple[Generic, int], Given] = {}
        self._levels: dict[Body, int] = {}

    def _unit(self, dim: int) -> Expr:
        return Expr() if self.space.extents[dim].static == 1 else Expr.dim(dim)

    def build(self) -> Reductions:
        for stage in self._stages:
            self._steps[stage] = self._step(stage)
        if not self._nest.stores:
            raise NoMatch("no output")
        outputs = [self._output(store) for store in self._nest.stores]
        tree = Reductions(self._nest, self.space, self._parallel, tuple(self._steps.values()), tuple(outputs))
        return replace(tree, outputs=tuple(self._late(output, tree.levels) for output in outputs))

    def _late(self, output: Output, levels: int) -> Output:
        """An output that shares memory with an input is written when nothing reads that any more."""
        if output.access.buffer.number not in aliased_arguments(self._nest.func):
            return output
        return replace(output, level=levels - 1 if output.full else levels)

    def _step(self, stage: Generic) -> Step:
        body = self._body(stage, self._identity)
        starts = []
        for arg in body.args[stage.inputs :]:
            if not isinstance(arg, Constant):
                raise NoMatch("a reduction that starts from a tensor")
            starts.append(arg)
        level = max((self._level(arg) for arg in body.args if arg is not None), default=0)
        combiners = tuple(combiner_of(stage, number) for number in range(len(stage.inits)))
        return Step(body, tuple(starts), combiners, level)

    def _result(self, source: Result, indices: Sequence[Expr]) -> Node:
        stage = source.stage
        if not stage.reduces:
            return super()._result(source, indices)
        for there, here in zip(stage.inits[source.number].indices, indices, strict=True):
            dim = there.single
            if dim is None or here != self._identity[dim]:
                raise NoMatch("the result of a reduction read at another place")
        key = (stage, source.number)
        if key not in self._given:
            self._given[key] = Given(stage, source.number)
        return self._given[key]

    def _level(self, node: Node) -> int:
        if isinstance(node, Given):
            return self._steps[node.stage].level + 1
        if isinstance(node, Picked):
            if node.body not in self._levels:
                self._levels[node.body] = max((self._level(child) for child in children(node)), default=0)
            return self._levels[node.body]
        return max((self._level(child) for child in children(node)), default=0)

    def _output(self, store: Store) -> Output:
        source = store.source
        if not isinstance(source, Result):
            raise NoMatch("an output that no stage computes")
        stage, extents = source.stage, self.space.extents
        kept = [d for d, parallel in enumerate(self._parallel) if parallel]
        dims = self._identity if stage.reduces else self._aligned(stage, kept)
        full = dims is None
        if dims is None:
            dims = self._aligned(stage, range(len(extents)))
        if dims is None:
            raise NoMatch("an output over another space")
        where = [x.substitute(dims, extents) for x in stage.inits[source.number].indices]
        access = access_of(store.target, where, extents)
        if stage.reduces:
            node = self._result(source, where)
        else:
            node = Picked(self._body(stage, dims), source.number)
        self.space.elements.add(store.target.element)
        self.space.stores.append((access, node))
        return Output(access, node, full, self._level(node))

    def _aligned(self, stage: Generic, dims: Sequence[int]) -> tuple[Expr, ...] | None:
        """The dimensions of a stage, when they are those in `dims` one by one; ones of extent 1 do not count."""
        extents = self.space.extents
        live = [d for d in dims if extents[d].static != 1]
        own = [i for i, extent in enumerate(stage.extents) if extent.static != 1]
        if [stage.extents[i] for i in own] != [extents[d] for d in live]:
            return None
        place = dict(zip(own, live, strict=True))
        return tuple(Expr.dim(place[i]) if i in place else Expr() for i in range(len(stage.extents)))
