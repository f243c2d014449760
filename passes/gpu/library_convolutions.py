"""Convolutions that a vendor's library computes.

    %done = func.call @aicc_library_convolution(%x, %w, %out, %bias, %other, %workspace_bytes, …)
            {aicc.convolution = {library = "cudnn", element = f16, result = f16, channels = 32 : i64,
             filters = 64 : i64, groups = 1 : i64, window = array<i64: 3, 3>, strides = array<i64: 2, 2>,
             dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 0, 1>,
             epilogue = [{op = "add", operand = "filters"}, {op = "add", operand = "all"}, {op = "relu"}]}}
            : (memref<?xf16>, memref<?xf16>, memref<?xf16>, memref<?xf16>, memref<?xf16>, index, …) -> i1

computes, for each image n, filter f (of group g) and position o of two or three spatial axes,

    out[n, f, o] = sum over c, k of x[n, g * channels / groups + c, o * strides + k * dilations - low] * w[f, c, k]

where x is zero outside of its sizes (`low` and `high`: how far the windows reach out of it), then the epilogue's
steps, in f32. An operand of a step has a number for each filter ("filters") or for each result ("all"). Element
(image, channel, position…) of x, out and operands of "all", and (filter, channel, position…) of w, is at the sum of
each index times its step.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.bindings import ir
from aicc.passes.gpu.library_calls import LibraryCall, T, text_of

LIBRARIES = ("cudnn",)
MAX_STEPS, MAX_OPERANDS, MAX_SPATIAL = 6, 4, 3
"""As in compiler/runtime/cudnn/cudnn.h."""

WITH_OPERAND = ("add", "mul")
ALONE = ("relu", "sigmoid", "tanh", "swish", "gelu", "gelu_tanh", "elu")
_OPS = (*WITH_OPERAND, *ALONE)
"""In the order of enum aicc_cudnn_op. swish: x * sigmoid(x); gelu_tanh: by its approximation."""

_ELEMENTS = ("f32", "f16", "bf16")
"""In the order of enum aicc_cudnn_element."""

_RANGE = ("lower", "upper", "slope")
_LISTS = ("window", "strides", "dilations", "low", "high")
_COUNTS = ("channels", "filters", "groups")


@dataclass(frozen=True)
class Step:
    """`op` of what was computed so far and, if it takes one, an operand: "filters" or "all". relu: below `lower`,
    `lower + slope * (x - lower)`; at most `upper`."""

    op: str
    operand: str = ""
    lower: float = 0.0
    upper: float = math.inf
    slope: float = 0.0

    def __str__(self) -> str:
        fields = [f'op = "{self.op}"', *([f'operand = "{self.operand}"'] if self.operand else [])]
        plain = Step(self.op)
        fields += [
            f"{name} = {_number(getattr(self, name))}"
            for name in _RANGE
            if getattr(self, name) != getattr(plain, name)
        ]
        return f"{{{', '.join(fields)}}}"


@dataclass(frozen=True)
class Convolution(LibraryCall):
    """`element` is the type of x and w, `result` that of out and the operands of steps; the lists are by spatial axis;
    `tf32`: operands of f32 may be rounded for tensor cores."""

    function: ClassVar[str] = "aicc_library_convolution"
    attribute: ClassVar[str] = "aicc.convolution"
    runtime: ClassVar[str] = "aicc_cudnn_convolution"
    workspace: ClassVar[bool] = False

    element: str
    result: str
    channels: int
    filters: int
    groups: int
    window: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]
    epilogue: tuple[Step, ...] = ()
    tf32: bool = False
    library: str = "cudnn"

    def __str__(self) -> str:
        """The attribute's text."""
        fields = [f'library = "{self.library}"', f"element = {self.element}", f"result = {self.result}"]
        fields += [f"{name} = {getattr(self, name)} : i64" for name in _COUNTS]
        fields += [f"{name} = array<i64: {', '.join(map(str, getattr(self, name)))}>" for name in _LISTS]
        fields += [f"epilogue = [{', '.join(map(str, self.epilogue))}]"] if self.epilogue else []
        return f"{{{', '.join([*fields, *(['tf32'] if self.tf32 else [])])}}}"

    @property
    def operands(self) -> list[str]:
        """What the operands of steps have numbers for, in order."""
        return [step.operand for step in self.epilogue if step.op in WITH_OPERAND]

    @property
    def memrefs(self) -> list[str]:
        """x, w, out, the operands of steps."""
        return [self.element, self.element, self.result, *[self.result] * len(self.operands)]

    @property
    def numbers(self) -> tuple[str, ...]:
        """Sizes that a run may know only, and distances in elements."""
        spatial = range(len(self.window))
        steps = [name for name, kind in self._tensors.items() if kind != "filters"]
        return (
            *("workspace_bytes", "images"),
            *(f"{name}_size_{i}" for name in ("x", "out") for i in spatial),
            *(f"{name}_step_{i}" for name in steps for i in range(len(self.window) + 2)),
        )

    @property
    def _tensors(self) -> dict[str, str]:
        """x, w, out and operand_0 … with what the latter have numbers for."""
        own = {f"operand_{i}": kind for i, kind in enumerate(self.operands)}
        return {"x": "", "w": "", "out": "", **own}

    def table(self, numbers: Mapping[str, T], addresses: Sequence[T]) -> list[T | int]:
        """`struct aicc_cudnn_call` of compiler/runtime/cudnn/cudnn.h."""
        rank = len(self.window)

        def filled(values: Sequence[T | int], count: int, value: int = 0) -> list[T | int]:
            return [*values, *[value] * (count - len(values))]

        def steps(name: str) -> list[T | int]:
            return filled([numbers[f"{name}_step_{i}"] for i in range(rank + 2)], MAX_SPATIAL + 2)

        table: list[T | int] = [_ELEMENTS.index(self.element), _ELEMENTS.index(self.result)]
        table += [int(self.tf32), rank, self.groups, len(self.epilogue)]
        for name in ("strides", "dilations", "low", "high"):
            table += filled(getattr(self, name), MAX_SPATIAL)
        count = 0
        for step in self.epilogue:
            table += [_OPS.index(step.op), count if step.operand else -1]
            table += [_bits(getattr(step, name)) for name in _RANGE]
            count += bool(step.operand)
        table += [0] * (5 * (MAX_STEPS - len(self.epilogue)))
        table.append(numbers["workspace_bytes"])
        x, out = ([numbers[f"{name}_size_{i}"] for i in range(rank)] for name in ("x", "out"))
        table += filled([numbers["images"], self.channels, *x], MAX_SPATIAL + 2)
        table += filled([self.filters, self.channels // self.groups, *self.window], MAX_SPATIAL + 2)
        table += filled([numbers["images"], self.filters, *out], MAX_SPATIAL + 2)
        table += [*steps("x"), *steps("w"), *steps("out")]
        table += filled([int(kind == "filters") for kind in self.operands], MAX_OPERANDS)
        for i, kind in enumerate(self.operands):
            table += [0] * (MAX_SPATIAL + 2) if kind == "filters" else steps(f"operand_{i}")
        table += [0] * ((MAX_OPERANDS - len(self.operands)) * (MAX_SPATIAL + 2))
        return [*table, *filled(addresses, 3 + MAX_OPERANDS)]

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> Convolution:
        """See the base class."""
        needed = {"library", "element", "result", *_COUNTS, *_LISTS}
        if not needed <= fields.keys() <= needed | {"epilogue", "tf32"}:
            raise cls.invalid(
                f"'{cls.attribute}' has {', '.join(sorted(needed))}, and may have epilogue and tf32"
            )
        for name, kind in [
            *((n, ir.IntegerAttr) for n in _COUNTS),
            *((n, ir.DenseI64ArrayAttr) for n in _LISTS),
        ]:
            if not isinstance(fields[name], kind):
                raise cls.invalid(
                    f"its {name} is to be {'an integer' if name in _COUNTS else 'an array of i64'}"
                )
        counts = {name: int(ir.IntegerAttr(fields[name]).value) for name in _COUNTS}
        lists = {name: tuple(ir.DenseI64ArrayAttr(fields[name])) for name in _LISTS}
        said: dict[str, Any] = {**counts, **lists, "epilogue": cls._epilogue(fields.get("epilogue"))}
        found = Convolution(
            element=str(fields["element"]),
            result=str(fields["result"]),
            tf32="tf32" in fields,
            library=text_of(fields["library"]),
            **said,
        )
        found._check()
        return found

    @classmethod
    def _epilogue(cls, attribute: Any) -> tuple[Step, ...]:
        steps = []
        if attribute is not None and not isinstance(attribute, ir.ArrayAttr):
            raise cls.invalid("its epilogue is to be a list")
        for entry in attribute or ():
            fields = {e.name: e.attr for e in ir.DictAttr(entry)} if isinstance(entry, ir.DictAttr) else {}
            numbers = {name: fields[name] for name in _RANGE if name in fields}
            if not fields.keys() <= {"op", "operand", *_RANGE} or not all(
                isinstance(number, ir.FloatAttr) for number in numbers.values()
            ):
                raise cls.invalid("a step has an op and may have operand, lower, upper and slope")
            values = {name: float(ir.FloatAttr(number).value) for name, number in numbers.items()}
            steps.append(Step(text_of(fields.get("op")), text_of(fields.get("operand")), **values))
        return tuple(steps)

    def _check(self) -> None:
        if self.library not in LIBRARIES:
            raise self.invalid(f"there is no library '{self.library}', only {', '.join(LIBRARIES)}")
        if self.element not in _ELEMENTS or self.result not in (self.element, "f32"):
            raise self.invalid(
                f"convolutions of {self.element} with results of {self.result} are none of the library's"
            )
        if self.tf32 and self.element != "f32":
            raise self.invalid(f"convolutions of {self.element} have no tf32")
        if len(self.window) not in (2, MAX_SPATIAL):
            raise self.invalid("it has two or three spatial axes")
        if any(len(getattr(self, name)) != len(self.window) for name in _LISTS):
            raise self.invalid(f"{', '.join(_LISTS)} are to be of one length")
        if min(*self.window, *self.strides, *self.dilations) < 1 or min(*self.low, *self.high) < 0:
            raise self.invalid("a window, stride or dilation is below 1, or a padding below 0")
        if self.groups < 1 or self.channels < 1 or self.channels % self.groups or self.filters % self.groups:
            raise self.invalid(
                f"{self.channels} channels and {self.filters} filters are not {self.groups} groups"
            )
        for step in self.epilogue:
            if step.op not in _OPS:
                raise self.invalid(f"there is no step '{step.op}', only {', '.join(_OPS)}")
            if step.operand not in (("filters", "all") if step.op in WITH_OPERAND else ("",)):
                raise self.invalid(f"a step '{step.op}' with the operand '{step.operand}'")
        if len(self.epilogue) > MAX_STEPS or len(self.operands) > MAX_OPERANDS:
            raise self.invalid(f"more than {MAX_STEPS} steps, or {MAX_OPERANDS} operands of them")


def _number(value: float) -> str:
    """As an attribute of f64."""
    if math.isinf(value):
        return f"0x{_bits(value) & (1 << 64) - 1:016X} : f64"
    return f"{value:.17e} : f64"


def _bits(value: float) -> int:
    return int(struct.unpack("<q", struct.pack("<d", value))[0])
