"""How the stages after a contraction's root follow it: which of its dimensions each of theirs is."""

from __future__ import annotations

from collections.abc import Sequence

from aicc.passes.schedules.cpu.access import Access, access_of
from aicc.passes.schedules.cpu.indexing import Expr
from aicc.passes.schedules.cpu.nest import Buffer, Fill, Generic, Nest, Result, Store
from aicc.passes.schedules.schedule import NoMatch


def epilogue_of(
    nest: Nest, root: Generic, units: set[int]
) -> tuple[dict[Generic, tuple[int | None, ...]], tuple[Generic, ...]]:
    """The stages after the root, and for each the root dimension that each of its dimensions is."""
    dimensions: dict[Generic, tuple[int | None, ...]] = {root: tuple(range(len(root.extents)))}
    stages = []
    for stage in nest.stages:
        if stage is root:
            continue
        if stage.reduces:
            raise NoMatch("a second reduction")
        found: list[int | None] = [None] * len(stage.extents)
        fed = False
        for operand in stage.operands[: stage.inputs]:
            source = operand.source
            if not isinstance(source, Result):
                continue
            if source.stage not in dimensions:
                raise NoMatch("an operand of the epilogue is computed in the kernel")
            fed = True
            out = source.stage.inits[source.number].indices
            for there, here in zip(out, operand.indices, strict=True):
                _link(there, here, dimensions[source.stage], found, units)
        if not fed:
            raise NoMatch("a stage that does not follow the contraction")
        for d, number in enumerate(found):
            if number is None and stage.extents[d].static != 1:
                raise NoMatch("the epilogue repeats the result of the contraction")
        dimensions[stage] = tuple(found)
        stages.append(stage)
    return dimensions, tuple(stages)


def _link(
    there: Expr, here: Expr, known: tuple[int | None, ...], found: list[int | None], units: set[int]
) -> None:
    """The producer writes `there`, the consumer reads `here`: the same root dimension, or a unit one."""
    target = known[there.single] if there.single is not None else None
    if there.single is None and there.used():
        raise NoMatch("the contraction writes at computed places")
    if target is None or target in units:
        return
    if here.single is None:
        raise NoMatch("the epilogue reads the contraction at other places")
    if found[here.single] not in (None, target):
        raise NoMatch("the epilogue reads the contraction at two places")
    found[here.single] = target


def accesses_of(
    nest: Nest, root: Generic, dimensions: dict[Generic, tuple[int | None, ...]], units: set[int]
) -> dict[tuple[Generic, int] | Store, Access]:
    """What the epilogue reads and what is stored, over root dimensions."""
    extents = root.extents
    result: dict[tuple[Generic, int] | Store, Access] = {}

    def here(stage: Generic, indices: Sequence[Expr]) -> list[Expr]:
        numbers = dimensions[stage]
        exprs = [Expr() if d is None or d in units else Expr.dim(d) for d in numbers]
        return [index.substitute(exprs, extents) for index in indices]

    for stage in dimensions:
        if stage is root:
            continue
        for number, operand in enumerate(stage.operands):
            if isinstance(operand.source, Buffer):
                indices = here(stage, operand.indices)
                result[stage, number] = access_of(operand.source, indices, extents)
            elif number < stage.inputs and not isinstance(operand.source, (Result, Fill)):
                raise NoMatch("an operand of the epilogue is a view")
    for store in nest.stores:
        source = store.source
        if not isinstance(source, Result) or source.stage not in dimensions:
            raise NoMatch("an output that the contraction does not compute")
        indices = here(source.stage, source.stage.inits[source.number].indices)
        result[store] = access_of(store.target, indices, extents)
    return result


def asked_positions(
    epilogue: Sequence[Generic], dimensions: dict[Generic, tuple[int | None, ...]]
) -> set[int]:
    """Root dimensions whose index a body asks for: these stay as they are."""
    asked: set[int] = set()
    for stage in epilogue:
        if any(op.operation.name == "linalg.index" for op in stage.block.operations):
            asked |= {d for d in dimensions[stage] if d is not None}
    return asked
