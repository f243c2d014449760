"""One ONNX node as an import rule sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from aicc.dialects import Op
from aicc.dialects.constants import Constant
from aicc.dialects.op import TypeRuleError
from aicc.dialects.types import DType, TensorType
from aicc.errors import ImportError_
from aicc.importer.compound import is_compound
from aicc.importer.wellformed import title

if TYPE_CHECKING:
    from aicc.importer.graph import GraphImporter

Array = np.ndarray[Any, Any]


class Node:
    """Inputs as MLIR values, attributes as Python values, the opset in force, and the builder."""

    def __init__(self, proto: onnx.NodeProto, importer: GraphImporter, opset: int) -> None:
        self.proto = proto
        self.importer = importer
        self.opset = opset
        self.op_type: str = proto.op_type
        self.inputs: list[Any | None] = [importer.value(name) if name else None for name in proto.input]
        self.outputs: list[str] = list(proto.output)
        self._attrs = {a.name: a for a in proto.attribute}

    @property
    def title(self) -> str:
        """For messages: `"name" (Op)`."""
        return title(self.proto)

    def input(self, i: int) -> Any | None:
        """Input `i`, a tensor; None when absent. Raises ImportError_ AICC-1004 for a sequence or an optional."""
        value = self.anything(i)
        if is_compound(value):
            raise self.error("AICC-1004", f"input {i} must be a tensor.")
        return value

    def anything(self, i: int) -> Any | None:
        """Input `i`: a tensor, sequence or optional; None when absent."""
        return self.inputs[i] if i < len(self.inputs) else None

    def required(self, i: int) -> Any:
        """Input `i`. Raises ImportError_ AICC-1005 when absent."""
        value = self.input(i)
        if value is None:
            raise self.error("AICC-1005", f"input {i} is missing.")
        return value

    def has_output(self, i: int) -> bool:
        """Whether output `i` is wanted."""
        return i < len(self.outputs) and self.outputs[i] != ""

    def attr(self, name: str, default: Any = None) -> Any:
        """An attribute as int, float, str, list, NumPy array (tensor) or GraphProto."""
        if name not in self._attrs:
            return default
        a = self._attrs[name]
        value = onnx.helper.get_attribute_value(a)
        if a.type in (onnx.AttributeProto.STRING, onnx.AttributeProto.STRINGS):
            return self._decoded(name, value)
        if a.type == onnx.AttributeProto.TENSOR:
            return self.importer.tensor_array(value)
        if a.type in (onnx.AttributeProto.INTS, onnx.AttributeProto.FLOATS):
            return list(value)
        return value

    def _decoded(self, name: str, value: Any) -> Any:
        try:
            return value.decode() if isinstance(value, bytes) else [s.decode() for s in value]
        except UnicodeDecodeError:
            raise self.error("AICC-1006", f"attribute '{name}' is not UTF-8: {value!r}.") from None

    def replace_attr(self, name: str, value: Any) -> None:
        """Sets an attribute for the rule to see; the model stays as it is."""
        self._attrs[name] = onnx.helper.make_attribute(name, value)

    def required_attr(self, name: str) -> Any:
        if name not in self._attrs:
            raise self.error("AICC-1006", f"attribute '{name}' is missing.")
        return self.attr(name)

    def by_opset(self, table: dict[int, Any]) -> Any:
        """The entry of the newest opset in `table` that is not newer than the model's.

        For defaults that changed: `n.attr("axis", n.by_opset({1: 1, 13: -1}))`.
        """
        fitting = [v for v in table if v <= self.opset]
        if not fitting:
            raise self.error(
                "AICC-1003",
                f"opset {self.opset} has no such operator; it is of opset {min(table)} and later.",
            )
        return table[max(fitting)]

    def info(self, value: Any) -> TensorType:
        """What is known of a value: symbolic shape, dtype, constant value."""
        return self.importer.shapes.info(value)

    def constant(self, i: int) -> Array | None:
        """Input `i` as a concrete array (small constants and shape arithmetic), None when unknown.

        Large initializers are not read: use `info` for their type.
        """
        value = self.input(i)
        if value is None:
            return None
        return self.importer.constant_of(value)

    def build(self, op: type[Op], *operands: Any, **attrs: Any) -> Any:
        """Builds `op` at this node. Raises ImportError_ AICC-1004/1005 with the node's name."""
        try:
            return op.build(*operands, shapes=self.importer.shapes, **attrs)
        except TypeRuleError as error:
            code = (
                "AICC-1004"
                if "dtype" in str(error)
                else "AICC-1006"
                if "attribute" in str(error)
                else "AICC-1005"
            )
            found = [str(self.info(v)) if v is not None else "-" for v in operands]
            raise self.error(code, f"{error}.", notes=[f"operands: {', '.join(found)}"]) from error

    def const(self, array: Any, dtype: DType | None = None) -> Any:
        """A constant value: `aicc.constant`, or a weight when it is large."""
        a = np.asarray(array, dtype=dtype.numpy if dtype else None)
        return self.importer.constant(a, self.proto.name or next(iter(self.outputs), self.op_type))

    def ints(self, values: Sequence[int]) -> Any:
        """A 1-D i64 constant. Raises ImportError_ AICC-1005 for numbers of more bits."""
        try:
            return self.build(Constant, value=np.asarray(values, dtype=np.int64))
        except OverflowError:
            raise self.error("AICC-1005", f"sizes or positions are too large: {list(values)}.") from None

    def error(
        self, code: str, message: str, hint: str | None = None, notes: list[str] | None = None
    ) -> ImportError_:
        """An error that names this node."""
        return ImportError_(code, message, node=self.title, stage="import", hint=hint, notes=notes or [])
