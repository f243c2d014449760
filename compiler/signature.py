"""What a model takes and gives, as the host program's attributes say it and the runtime needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aicc.bindings import ir
from aicc.dialects.types import DType


@dataclass(frozen=True)
class Port:
    """An input or output: `dims` are sizes, or texts of symbolic sizes."""

    name: str
    dtype: DType
    dims: tuple[int | str, ...]


@dataclass(frozen=True)
class Signature:
    """`weights` are the symbols of the blob in order; `has_shapes`: output sizes depend on input sizes."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    weights: tuple[str, ...]
    arena_bytes: int
    has_shapes: bool

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
        )


def _port(attributes: Any, fallback: str) -> Port:
    named = {a.name: a.attr for a in ir.DictAttr(attributes)}
    dims = tuple(
        str(ir.StringAttr(d).value) if isinstance(d, ir.StringAttr) else int(ir.IntegerAttr(d).value)
        for d in named["aicc.dims"]
    )
    name = str(ir.StringAttr(named["aicc.name"]).value) if "aicc.name" in named else fallback
    return Port(name, DType.from_mlir(str(ir.TypeAttr(named["aicc.dtype"]).value)), dims)
