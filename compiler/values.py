"""What the inputs and outputs of an ONNX model are made of, where not all of them are tensors.

A compiled model takes and gives tensors. A sequence is one output per item, or, where only a run knows its length, a
tensor of sizes and one of all elements; a sequence of maps (ZipMap) the table of their values, and nothing is left of
an empty optional; this is what says so, in the IR (`aicc.values` and `aicc.input_values` of the module) and for
`model_info.c`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aicc.bindings import ir

VALUES = "aicc.values"
"""Attribute of the module: a dictionary per output of the ONNX model. Absent when all are tensors."""
INPUT_VALUES = "aicc.input_values"
"""The same of its inputs."""

TENSOR, SEQUENCE, EMPTY, MAPS, PACKED, MAP = KINDS = ("tensor", "sequence", "empty", "maps", "packed", "map")


@dataclass(frozen=True)
class Value:
    """An input or output of the ONNX model, of `type` in ONNX's words ("seq(tensor(float))").

    It is made of the compiled model's outputs (inputs) `first … first + count - 1`: the one it is, the items of a
    sequence, the table `[n, len(keys)]` of `n` maps with one set of keys, or (packed) the sizes `[n, rank]` of the
    items of a sequence and their elements, one item after the other; of a map, its keys and its values.
    """

    name: str
    kind: str
    type: str
    first: int
    count: int
    keys: tuple[int, ...] | tuple[str, ...] = ()


def write_values(module: Any, values: Sequence[Value], attribute: str = VALUES) -> None:
    """Sets `aicc.values` (or `aicc.input_values`) of a module unless all are tensors."""
    if all(v.kind == TENSOR for v in values):
        return
    i64 = ir.IntegerType.get_signless(64)

    def entry(v: Value) -> Any:
        fields = {name: ir.StringAttr.get(getattr(v, name)) for name in ("name", "kind", "type")}
        fields |= {name: ir.IntegerAttr.get(i64, getattr(v, name)) for name in ("first", "count")}
        if v.keys:
            keys = [
                ir.StringAttr.get(k) if isinstance(k, str) else ir.IntegerAttr.get(i64, k) for k in v.keys
            ]
            fields["keys"] = ir.ArrayAttr.get(keys)
        return ir.DictAttr.get(fields)

    module.operation.attributes[attribute] = ir.ArrayAttr.get([entry(v) for v in values])


def read_values(module: Any, attribute: str = VALUES) -> tuple[Value, ...]:
    """The inverse of `write_values`; empty when all are tensors."""
    if attribute not in module.attributes:
        return ()
    return tuple(_read(ir.DictAttr(a)) for a in module.attributes[attribute])


def _read(entry: Any) -> Value:
    name, kind, type_ = (str(ir.StringAttr(entry[key]).value) for key in ("name", "kind", "type"))
    first, count = (int(ir.IntegerAttr(entry[key]).value) for key in ("first", "count"))
    given = list(entry["keys"]) if "keys" in entry else []
    texts = [k for k in given if isinstance(k, ir.StringAttr)]
    keys = tuple(str(k.value) for k in texts) if texts else tuple(int(ir.IntegerAttr(k).value) for k in given)
    return Value(name, kind, type_, first, count, keys)
