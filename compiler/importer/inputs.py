"""The inputs of a graph: their types, the shapes a user gives them, and the tensors of those that are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import onnx

from aicc.dialects.symbolic import Dim
from aicc.dialects.types import DType, TensorType
from aicc.errors import ImportError_
from aicc.importer.compound import map_names, map_text, packed_names, tensor_text
from aicc.importer.element_types import dtype_of
from aicc.importer.initializers import Initializer
from aicc.signature import DimChoice, ShapeChoice
from aicc.values import MAP, PACKED, TENSOR, Value


@dataclass(frozen=True)
class GraphInput:
    """An input of the ONNX graph, of `type` in ONNX's words, and the compiled model's tensors for it, with names;
    `shape` has what is known of the tensors of a sequence (-1: nothing); `default` is the initializer that it is
    unless the caller gives another tensor."""

    name: str
    kind: str
    type: str
    tensors: tuple[tuple[str, TensorType], ...]
    shape: tuple[int, ...] = ()
    default: Initializer | None = None

    def value(self, first: int) -> Value:
        """What is to be said of it when its tensors are the compiled model's inputs from `first` on."""
        return Value(self.name, self.kind, self.type, first, len(self.tensors))


def graph_input(value: onnx.ValueInfoProto, dims: Mapping[str, int]) -> GraphInput:
    """Reads one; `dims` are sizes of symbolic dims. Raises ImportError_ AICC-1004, AICC-1005."""
    kind, what = value.type.WhichOneof("value"), f"input '{value.name}'"
    if kind == "map_type" and value.type.map_type.value_type.HasField("tensor_type"):
        of = value.type.map_type
        keys, values = (dtype_of(c, what) for c in (of.key_type, of.value_type.tensor_type.elem_type))
        if keys not in (DType.I64, DType.STRING):
            raise ImportError_("AICC-1004", f"{what} is a map with keys of {keys.mlir}.", stage="import")
        length = Dim.symbol(f"{value.name}.length")
        types = (TensorType((length,), keys), TensorType((length,), values))
        tensors = tuple(zip(map_names(value.name), types, strict=True))
        return GraphInput(value.name, MAP, map_text(keys, values), tensors)
    inner = value.type.sequence_type.elem_type
    if kind == "sequence_type" and inner.HasField("tensor_type"):
        dtype = dtype_of(inner.tensor_type.elem_type, what)
        declared = _shape(value, inner.tensor_type, {})
        item = tuple(d if isinstance(d, int) else -1 for d in declared)
        length, total = (Dim.symbol(f"{value.name}.{n}") for n in ("length", "size"))
        types = (TensorType((length, len(item)), DType.I64), TensorType((total,), dtype))
        tensors = tuple(zip(packed_names(value.name), types, strict=True))
        return GraphInput(value.name, PACKED, f"seq({tensor_text(dtype.onnx)})", tensors, item)
    if kind != "tensor_type":
        raise ImportError_(
            "AICC-1004",
            f"{what} is a {kind}; only tensors, sequences of tensors and maps to numbers or strings are supported.",
            stage="import",
        )
    tensor = value.type.tensor_type
    dtype = dtype_of(tensor.elem_type, what)
    t = TensorType(_shape(value, tensor, dims), dtype)
    return GraphInput(value.name, TENSOR, tensor_text(dtype.onnx), ((value.name, t),))


def overridable_input(
    value: onnx.ValueInfoProto, default: Initializer, dims: Mapping[str, int]
) -> GraphInput:
    """An input that is an initializer, too. Raises ImportError_ AICC-1004, AICC-1005 when they do not fit."""
    what = f"input '{value.name}'"
    if not value.type.tensor_type.HasField("shape"):
        value = with_shapes([value], {value.name: default.shape})[0][0]
    found = graph_input(value, dims)
    ((_, t),) = found.tensors
    if t.dtype is DType.STRING:
        raise ImportError_("AICC-1004", f"{what} cannot have strings as its default.", stage="import")
    if dtype_of(default.code, f"initializer '{value.name}'") is not t.dtype:
        raise ImportError_("AICC-1004", f"{what} is {t}; its initializer has other elements.", stage="import")
    sizes: dict[Dim, int] = {}
    fits = len(t.shape) == len(default.shape)
    for size, given in zip(t.shape, default.shape, strict=False):
        fits = fits and (size if isinstance(size, int) else sizes.setdefault(size, given)) == given
    if not fits:
        raise ImportError_(
            "AICC-1005",
            f"{what} is {t}; its initializer has the shape {list(default.shape)}.",
            stage="import",
        )
    return replace(found, default=default)


def _shape(value: onnx.ValueInfoProto, tensor: Any, dims: Mapping[str, int]) -> tuple[int | Dim, ...]:
    """The shape of a tensor; unnamed dynamic dims get a name of their own."""
    if not tensor.HasField("shape"):
        raise ImportError_(
            "AICC-1005",
            f"input '{value.name}' has no rank.",
            stage="import",
            hint=f"say its shape: --shape {value.name}=1,3,n (numbers, names of symbolic dimensions, ? for any size); "
            f"in Python shapes={{'{value.name}': (1, 3, 'n')}}.",
        )
    shape: list[int | Dim] = []
    for k, d in enumerate(tensor.shape.dim):
        if has_size(d):
            shape.append(d.dim_value)
        elif (symbol := symbol_of(value, k)) in dims:
            shape.append(dims[symbol])
        else:
            shape.append(Dim.symbol(symbol))
    return tuple(shape)


def has_size(dim: Any) -> bool:
    """Whether a declared dim is a number; some writers give an unknown one as -1."""
    return bool(dim.HasField("dim_value") and dim.dim_value >= 0)


def tensor_of(value: onnx.ValueInfoProto) -> Any:
    """The type of an input that is a tensor, or of the tensors of a sequence."""
    of = value.type
    return of.sequence_type.elem_type.tensor_type if of.HasField("sequence_type") else of.tensor_type


def symbol_of(value: onnx.ValueInfoProto, dim: int) -> str:
    """The name of a dynamic dim: its own, or one made of the input's when it has none."""
    return tensor_of(value).shape.dim[dim].dim_param or f"{value.name}_dim{dim}"


def symbols_of(inputs: Sequence[onnx.ValueInfoProto]) -> set[str]:
    """The names of all dynamic dims of tensors."""
    return {
        symbol_of(i, k) for i in inputs for k, d in enumerate(i.type.tensor_type.shape.dim) if not has_size(d)
    }


def with_shapes(
    inputs: Sequence[onnx.ValueInfoProto], shapes: Mapping[str, ShapeChoice]
) -> tuple[list[onnx.ValueInfoProto], dict[str, int]]:
    """Copies of `inputs` that have the shapes given by name, and the sizes of symbolic dims that follow.

    Raises ImportError_ AICC-1008 for an unknown name, and for a shape that is not the model's.
    """
    names = [i.name for i in inputs]
    if unknown := sorted(set(shapes) - set(names)):
        raise ImportError_(
            "AICC-1008",
            f"a shape is given for '{unknown[0]}', which is no input of the model.",
            stage="import",
            hint=f"its inputs are: {', '.join(names) or 'none'}.",
        )
    out: list[onnx.ValueInfoProto] = []
    sizes: dict[str, int] = {}
    for value in inputs:
        copy = onnx.ValueInfoProto()
        copy.CopyFrom(value)
        if value.name in shapes:
            sizes.update(_give(copy, shapes[value.name], sizes))
        out.append(copy)
    return out, sizes


def _give(value: onnx.ValueInfoProto, shape: ShapeChoice, known: Mapping[str, int]) -> dict[str, int]:
    """Sets the shape of an input in place; returns the sizes of the symbolic dims that it was declared with."""
    given = f"the shape given for input '{value.name}' is {', '.join(map(str, shape)) or 'that of a scalar'}"
    if any(isinstance(size, int) and size < 0 for size in shape):
        raise ImportError_("AICC-1008", f"{given}: sizes go from 0 upwards.", stage="import")
    tensor = tensor_of(value)
    if not tensor.HasField("shape"):
        tensor.shape.SetInParent()
        for size in shape:
            dim = tensor.shape.dim.add()
            if isinstance(size, int):
                dim.dim_value = size
            elif size not in (None, "?"):
                dim.dim_param = str(size)
        return {}
    if len(shape) != len(tensor.shape.dim):
        raise ImportError_(
            "AICC-1008", f"{given}; in the model it has rank {len(tensor.shape.dim)}.", stage="import"
        )
    sizes: dict[str, int] = {}
    for k, (size, dim) in enumerate(zip(shape, tensor.shape.dim, strict=True)):
        if size in (None, "?"):
            continue
        if has_size(dim):
            fits = size == dim.dim_value
            found = str(dim.dim_value)
        elif isinstance(size, int):
            symbol = symbol_of(value, k)
            before = sizes.get(symbol, known.get(symbol, size))
            found, fits = f"{symbol}, which is {before}", before == size
            sizes[symbol] = size
        else:
            found = dim.dim_param
            fits = found in ("", size)
            dim.dim_param = str(size)
        if not fits:
            raise ImportError_("AICC-1008", f"{given}; in the model dim {k} is {found}.", stage="import")
    return sizes


def fixed_and_bounded(
    dims: Mapping[str, DimChoice],
) -> tuple[dict[str, int], dict[str, tuple[int, int]]]:
    """A range of one size fixes a dim. Raises ImportError_ AICC-1008 for a range of none."""
    fixed, bounds = {}, {}
    for name, choice in dims.items():
        low, high = (choice, choice) if isinstance(choice, int) else choice
        if not 0 <= low <= high:
            raise ImportError_("AICC-1008", f"'{name}' cannot be {low}..{high}: sizes go from 0 upwards.")
        if low == high:
            fixed[name] = low
        else:
            bounds[name] = (low, high)
    return fixed, bounds


def chosen(
    overridable: Sequence[str], graph: onnx.GraphProto, initializers: Mapping[str, Initializer]
) -> set[str]:
    """Of the inputs that are initializers, too, those to be inputs. Raises ImportError_ AICC-1008 for another name."""
    known = [i.name for i in graph.input if i.name in initializers]
    for name in overridable:
        if name not in known:
            what = "an initializer, but no input" if name in initializers else "no initializer"
            raise ImportError_(
                "AICC-1008",
                f"'{name}' cannot be overridable: it is {what} of the model.",
                stage="import",
                hint=f"inputs with an initializer are: {', '.join(known) or 'none'}.",
            )
    return set(overridable)
