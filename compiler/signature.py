"""What a model takes and gives, as the host program's attributes say it and the runtime needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from aicc.bindings import ir
from aicc.dialects.strings import STRINGS
from aicc.dialects.symbolic import Dim
from aicc.dialects.types import DType
from aicc.values import INPUT_VALUES, Value, read_values

DimChoice: TypeAlias = "int | tuple[int, int]"
"""What a symbolic dim is to be: of one size, or from the first to the second of two."""
ShapeChoice: TypeAlias = "Sequence[int | str | None]"
"""What the shape of an input is to be: sizes, names of symbolic dims, None or "?" for what the model says, or any."""
BOUNDS = "aicc.bounds"
"""Attribute of the host program: least and largest value of symbolic dims, `{seq = array<i64: 1, 512>}`."""

ALIASES = "aicc.aliases"
"""Attribute of the host program: per output the number of the input whose buffer it may be given, or -1."""


@dataclass(frozen=True)
class Port:
    """An input or output: `dims` are sizes, or texts of symbolic sizes; `default` is the weight that an input is when
    the caller gives none."""

    name: str
    dtype: DType
    dims: tuple[int | str, ...]
    default: str | None = None


@dataclass(frozen=True)
class Signature:
    """`weights` are the symbols of the blob in order; `has_shapes`: output sizes depend on input sizes;
    `bounds` are the least and largest value of symbolic dims that have them; `strings` are those that the model
    names, by number; `values` and `input_values` are what outputs and inputs are made of, where not all are tensors;
    `aliases` are per output the number of the input whose buffer it may be given, or -1 (empty: all are)."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    weights: tuple[str, ...]
    arena_bytes: int
    has_shapes: bool
    bounds: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    strings: tuple[str, ...] = ()
    values: tuple[Value, ...] = ()
    input_values: tuple[Value, ...] = ()
    aliases: tuple[int, ...] = ()

    @staticmethod
    def read(entry: Any, has_shapes: bool) -> Signature:
        """From the attributes of `@aicc_model_main`."""
        arena = entry.attributes.get("aicc.arena_bytes", None)
        return Signature(
            tuple(_port(a, f"input{i}") for i, a in enumerate(entry.attributes["aicc.inputs"])),
            tuple(_port(a, f"output{i}") for i, a in enumerate(entry.attributes["aicc.results"])),
            tuple(str(ir.StringAttr(a).value) for a in entry.attributes["aicc.weights"]),
            int(ir.IntegerAttr(arena).value) if arena is not None else 0,
            has_shapes,
            read_bounds(entry),
            _strings(entry.operation.parent),
            read_values(entry.operation.parent),
            read_values(entry.operation.parent, INPUT_VALUES),
            _aliases(entry),
        )

    @property
    def blob(self) -> tuple[str, ...]:
        """What the blob holds: the weights, and behind them the defaults of inputs."""
        return (*self.weights, *(p.default for p in self.inputs if p.default is not None))

    @property
    def symbols(self) -> list[str]:
        """The names of the inputs' dynamic dims, in order of appearance."""
        return list(dict.fromkeys(d for p in self.inputs for d in p.dims if isinstance(d, str)))


def write_bounds(function: Any, bounds: Mapping[str, tuple[int, int]]) -> None:
    """Sets `aicc.bounds` of a function when there are any."""
    if bounds:
        entries = {name: ir.DenseI64ArrayAttr.get(list(pair)) for name, pair in bounds.items()}
        function.attributes[BOUNDS] = ir.DictAttr.get(entries)


def io_attributes(name: str, shape: Sequence[int | Dim], default: str | None = None) -> Any:
    """The attributes of an input or output: name, per dim an integer or the text of its symbolic size, and the weight
    that an input is by default."""
    i64 = ir.IntegerType.get_signless(64)
    dims = [ir.IntegerAttr.get(i64, d) if isinstance(d, int) else ir.StringAttr.get(str(d)) for d in shape]
    fields = {"aicc.name": ir.StringAttr.get(name), "aicc.dims": ir.ArrayAttr.get(dims)}
    if default is not None:
        fields["aicc.default"] = ir.StringAttr.get(default)
    return ir.DictAttr.get(fields)


def read_bounds(function: Any) -> dict[str, tuple[int, int]]:
    """The inverse of `write_bounds`."""
    if BOUNDS not in function.attributes:
        return {}
    entries = {a.name: list(ir.DenseI64ArrayAttr(a.attr)) for a in ir.DictAttr(function.attributes[BOUNDS])}
    return {name: (low, high) for name, (low, high) in entries.items()}


def _aliases(entry: Any) -> tuple[int, ...]:
    if ALIASES not in entry.attributes:
        return ()
    return tuple(int(n) for n in ir.DenseI64ArrayAttr(entry.attributes[ALIASES]))


def _strings(module: Any) -> tuple[str, ...]:
    return tuple(str(ir.StringAttr(a).value) for a in module.attributes.get(STRINGS, []))


def _port(attributes: Any, fallback: str) -> Port:
    named = {a.name: a.attr for a in ir.DictAttr(attributes)}
    dims = tuple(
        str(ir.StringAttr(d).value) if isinstance(d, ir.StringAttr) else int(ir.IntegerAttr(d).value)
        for d in named["aicc.dims"]
    )
    name = str(ir.StringAttr(named["aicc.name"]).value) if "aicc.name" in named else fallback
    default = str(ir.StringAttr(named["aicc.default"]).value) if "aicc.default" in named else None
    return Port(name, DType.from_mlir(str(ir.TypeAttr(named["aicc.dtype"]).value)), dims, default)
