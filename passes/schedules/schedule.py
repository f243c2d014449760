"""What a schedule is: the answers a way to compile a kernel has to give.

A kernel is one `func.func` (docs/contracts.md). The first four questions are asked at stage *kernels*,
where it is a function on tensors; `lower` gets the function on buffers, and turns it into loops over a
range of tiles.
"""

from __future__ import annotations

import dataclasses
import typing
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any, ClassVar, TypeVar

from aicc.bindings import ir
from aicc.errors import CompileError
from aicc.target import Target


class NoMatch(Exception):
    """The schedule cannot compile this kernel; the choice is made again without it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class PackLayout:
    """How an operand is to be laid out: the attributes of `linalg.pack`, zero padded.

    `PackLayout((1, 0), (1,), (16,))` takes `K x N` to `N/16 x K x 16`.
    """

    outer_dims_perm: tuple[int, ...]
    inner_dims_pos: tuple[int, ...]
    inner_tiles: tuple[int, ...]

    def packed_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Shape of the packed tensor of a (static) `shape`."""
        outer = list(shape)
        for dim, tile in zip(self.inner_dims_pos, self.inner_tiles, strict=True):
            outer[dim] = ceil(outer[dim] / tile)
        perm = self.outer_dims_perm or tuple(range(len(shape)))
        return (*(outer[dim] for dim in perm), *self.inner_tiles)


# The attribute of a kernel that holds predicted seconds by schedule. It is no part of what is compiled.
COSTS = "aicc.costs"

LAST_RESORT = 3600.0
"""Cost of a schedule that makes no prediction: whatever else matches is chosen before it."""


def write_costs(func: Any, costs: Mapping[str, float]) -> None:
    """Sets `aicc.costs = {contraction = 1.2e-5 : f64, …}`: seconds of one call on one thread by schedule.

    Those that predict nothing are left out.
    """
    seconds = ir.F64Type.get(func.context)
    values = {name: ir.FloatAttr.get(seconds, cost) for name, cost in costs.items() if cost < LAST_RESORT}
    func.attributes[COSTS] = ir.DictAttr.get(values, func.context)


def read_costs(func: Any) -> dict[str, float]:
    """What `write_costs` wrote; empty for a kernel without."""
    if COSTS not in func.attributes:
        return {}
    return {a.name: float(ir.FloatAttr(a.attr).value) for a in ir.DictAttr(func.attributes[COSTS])}


# The attribute of a kernel that holds which of its arguments are weights of small bytes.
NARROW = "aicc.narrow"


def write_narrow(func: Any, arguments: Sequence[int]) -> None:
    """Sets `aicc.narrow = array<i64: 1>`, or nothing when there are none."""
    if arguments:
        func.attributes[NARROW] = ir.DenseI64ArrayAttr.get(list(arguments), func.context)


def narrow_arguments(func: Any) -> tuple[int, ...]:
    """What `write_narrow` wrote."""
    if NARROW not in func.attributes:
        return ()
    return tuple(ir.DenseI64ArrayAttr(func.attributes[NARROW]))


# The attribute of the cast that stands for what undoes a `Transform` in a kernel.
TRANSFORM = "aicc.transform"


@dataclass(frozen=True)
class Transform:
    """What an operand that is a weight is to be replaced with when the model is compiled: a recipe of the
    weight store, `op` of its layout ops with `attrs`, of `shape`.

    Unlike a packed operand the result is no tensor the kernel could unpack, but numbers of an algorithm's
    own. In the kernel a cast `aicc.transform = "op key=value ..."` says that what follows computes with the
    original, and only the schedule that asked for it knows how.
    """

    op: str
    attrs: tuple[tuple[str, Any], ...]
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return " ".join([self.op, *(f"{key}={_print(value)}" for key, value in self.attrs)])


C = TypeVar("C", bound="Config")


@dataclass(frozen=True)
class Config:
    """One point of a search space; subclasses add fields of type int, bool, str or tuple[int, ...].

    `str(config)` is the text of the attribute `aicc.config`, e.g. `mr=8,nv=2,split=6x5`: fields at
    their default are left out.
    """

    def __str__(self) -> str:
        texts = []
        for entry in dataclasses.fields(self):
            value = getattr(self, entry.name)
            if value != entry.default:
                texts.append(f"{entry.name}={_print(value)}")
        return ",".join(texts)

    @classmethod
    def parse(cls: type[C], text: str) -> C:
        """The inverse of `str`. Raises CompileError AICC-2003 on unknown fields or malformed values."""
        types = typing.get_type_hints(cls)
        names = {entry.name for entry in dataclasses.fields(cls)}
        values: dict[str, Any] = {}
        for item in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = item.partition("=")
            if name not in names:
                known = ", ".join(sorted(names)) or "none"
                raise CompileError(
                    "AICC-2003", f"Schedule option '{name}' is unknown.", hint=f"known options: {known}."
                )
            try:
                values[name] = _parse(value, types[name])
            except ValueError:
                raise CompileError("AICC-2003", f"Schedule option '{name}' cannot be '{value}'.") from None
        return cls(**values)


def _print(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, tuple):
        return "x".join(str(item) for item in value)
    return str(value)


def _parse(text: str, kind: Any) -> Any:
    if kind is bool:
        return bool(int(text))
    if kind is int:
        return int(text)
    if typing.get_origin(kind) is tuple:
        return tuple(int(item) for item in text.split("x")) if text else ()
    return text


class Schedule(ABC):
    """One way to compile a class of kernels for one kind of target. Stateless: one instance serves all.

    A module `aicc.passes.schedules.<kind>.<name>` defines the subclass and its instance `SCHEDULE`.
    """

    name: ClassVar[str]
    config_type: ClassVar[type[Config]] = Config

    @abstractmethod
    def check(self, kernel: Any, target: Target) -> None:
        """Raises NoMatch with the reason when the kernel (a `func.func` operation) is not one for it."""

    def matches(self, kernel: Any, target: Target) -> bool:
        """Whether `lower` is meant to work on `kernel`."""
        try:
            self.check(kernel, target)
        except NoMatch:
            return False
        return True

    def configs(self, kernel: Any, target: Target) -> list[Config]:
        """The search space of a matching kernel, the recommended one first; never empty."""
        return [self.config_type()]

    @abstractmethod
    def cost(self, kernel: Any, target: Target, config: Config) -> float:
        """Predicted seconds of one run on one thread."""

    def layouts(self, kernel: Any, target: Target, config: Config) -> dict[int, PackLayout]:
        """The operands (argument numbers) it wants packed; every schedule also accepts them unpacked."""
        return {}

    def transforms(self, kernel: Any, target: Target, config: Config) -> dict[int, Transform]:
        """The operands (argument numbers) it needs transformed. They have to be weights in every call, else
        the schedule is not chosen; once chosen, it is the only one that can compile the kernel."""
        return {}

    def pads(self, kernel: Any, target: Target) -> tuple[int, ...]:
        """The operands (argument numbers) that it pads by itself: a `tensor.pad` may become a part of the kernel, if it
        still matches then."""
        return ()

    def packs_itself(self, kernel: Any, target: Target, config: Config) -> bool:
        """Whether operands of `layouts` that are no weights are better left unpacked: packing them for each
        run costs more than reading them as they lie."""
        return False

    @abstractmethod
    def lower(self, module: Any, func: Any, target: Target, config: Config) -> None:
        """Replaces `func` (contract 4) in `module` by its loops over a range of tiles (contract 5).

        Raises NoMatch; `module` is then unchanged.
        """


@dataclass(frozen=True)
class Choice:
    """A schedule and its configuration for one kernel, as it travels in the kernel's attributes."""

    schedule: Schedule
    config: Config = field(default_factory=Config)

    def write(self, func: Any) -> None:
        """Sets `aicc.schedule` and `aicc.config`."""
        func.attributes["aicc.schedule"] = ir.StringAttr.get(self.schedule.name, func.context)
        func.attributes["aicc.config"] = ir.StringAttr.get(str(self.config), func.context)
