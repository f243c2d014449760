"""Walks an ONNX graph and builds `main` out of aicc ops."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from aicc.bindings import func, ir
from aicc.dialects.constants import Constant, Weight, is_inline
from aicc.dialects.op import TypeRuleError, as_array, declaration, operand_values
from aicc.dialects.sequences import SequencePack, SequenceUnpack
from aicc.dialects.shapes import Shapes
from aicc.dialects.strings import STRINGS, StringOf
from aicc.dialects.types import DType, TensorType
from aicc.errors import AiccError, ImportError_
from aicc.importer.compound import (
    Element,
    MapValue,
    OptionalValue,
    PackedSequence,
    RunTimeSequence,
    described,
    flattened,
)
from aicc.importer.element_types import dtype_of
from aicc.importer.functions import body_of
from aicc.importer.initializers import Initializer, initializers_of
from aicc.importer.inputs import (
    GraphInput,
    chosen,
    fixed_and_bounded,
    graph_input,
    overridable_input,
    symbols_of,
    with_shapes,
)
from aicc.importer.legacy import modernize
from aicc.importer.model import tensor_loader
from aicc.importer.node import Node
from aicc.importer.programs import Program, Scope
from aicc.importer.registry import normalize_domain, rules
from aicc.importer.wellformed import check_node, in_order, unique
from aicc.signature import DimChoice, ShapeChoice, io_attributes, write_bounds
from aicc.values import INPUT_VALUES, MAP, PACKED, Value, write_values
from aicc.weights import WeightStore

Array = np.ndarray[Any, Any]


_FEW = 64
"""Elements that are worth computing during the import."""


class GraphImporter:
    """Imports one graph into the function being built; values by ONNX name."""

    def __init__(
        self, model: onnx.ModelProto, directory: Path, weights: WeightStore, path: Path | None = None
    ) -> None:
        self.model = model
        self.path = path
        self.directory = directory
        self.weights = weights
        self.shapes = Shapes()
        self._evaluated: dict[Any, Array | None] = {}
        self.module: Any = None
        """The model's module, while it is built."""
        self.scopes: list[Scope] = [Scope(0)]
        """Values by ONNX name, the innermost graph's last."""
        self.programs: list[Program] = []
        """The programs being built inside one another, the innermost last."""
        self.numbers = itertools.count()
        """Tells apart ops that are never the same."""
        self.undecided = 0
        """How many branches there are around the node that a run may not take."""
        self.strings: dict[str, int] = {}
        """Strings that the model names, and their numbers."""
        self.opsets = {normalize_domain(o.domain): o.version for o in model.opset_import}

    def value(self, name: str) -> Any:
        """The MLIR value of an ONNX name; an initializer is materialized at first use."""
        scope = next((s for s in reversed(self.scopes) if name in s), None)
        if scope is None:
            raise ImportError_(
                "AICC-1001", f"the graph uses '{name}', which nothing defines.", stage="import"
            )
        value = scope[name]
        if isinstance(value, Initializer):
            key = (name, self.programs[-1] if self.programs else None)
            if key not in scope.materialized:
                scope.materialized[key] = self._initializer(value)
            return scope.materialized[key]
        return None if value is None else self.inner(value, scope.level)

    def inner(self, value: Any, level: int) -> Any:
        """What stands in the program being built for a value of the one that has `level` programs around it."""
        for program in self.programs[level:]:
            value = program.capture(value)
        return value

    def forget(self, block: Any) -> None:
        """Drops what is known of the values of a block, before it goes."""
        for value in [*block.arguments, *(r for op in block.operations for r in op.results)]:
            self.shapes.forget(value)
            self._evaluated.pop(value, None)

    def subgraph(self, graph: onnx.GraphProto, inputs: Sequence[Any]) -> list[Any]:
        """Imports a graph of an attribute on `inputs`; it sees the values around it. Returns its outputs."""
        scope = Scope(len(self.programs), {**initializers_of(graph)})
        scope.update(zip((i.name for i in graph.input), inputs, strict=False))
        self.scopes.append(scope)
        try:
            self.nodes(graph.node)
            return [self.value(o.name) for o in graph.output]
        finally:
            self.scopes.pop()

    def _initializer(self, tensor: Initializer) -> Any:
        if tensor.code == onnx.TensorProto.STRING:
            return self.constant(tensor.loader(self.directory)(), tensor.name)
        t = self._tensor_type(tensor)
        if is_inline(t.dtype, t.size * t.dtype.numpy.itemsize):
            return Constant.build(value=tensor.loader(self.directory)(), shapes=self.shapes)
        return Weight.build(sym=self._stored(tensor), shape=t.shape, dtype=t.dtype, shapes=self.shapes)

    def _stored(self, tensor: Initializer) -> str:
        """The symbol of an initializer in the weight store."""
        origin = {"model": str(self.path), "initializer": tensor.name} if self.path else {}
        load = tensor.loader(self.directory)
        return self.weights.add(tensor.name, self._tensor_type(tensor), load, origin)

    def _tensor_type(self, tensor: Initializer) -> TensorType:
        return TensorType(tensor.shape, dtype_of(tensor.code, f"initializer '{tensor.name}'"))

    def tensor_array(self, proto: onnx.TensorProto) -> Array:
        return tensor_loader(proto, self.directory)()

    def constant(self, array: Array, hint: str) -> Any:
        """A constant op, or an entry of the weight store when it is large; of strings, their numbers."""
        if array.dtype.kind in "OSU":
            return StringOf.build(self.constant(self.string_numbers(array), hint), shapes=self.shapes)
        if is_inline(DType.from_numpy(array.dtype), array.nbytes):
            return Constant.build(value=array, shapes=self.shapes)
        sym = self.weights.add_array(hint, array)
        t = self.weights.type(sym)
        return Weight.build(sym=sym, shape=t.shape, dtype=t.dtype, shapes=self.shapes)

    def string_numbers(self, array: Array) -> Array:
        """The numbers of strings, text or UTF-8, in the model's table. Raises ImportError_ AICC-1004."""
        numbers = [self._string_number(s) for s in array.flat]
        return np.asarray(numbers, np.int64).reshape(array.shape)

    def _string_number(self, text: str | bytes) -> int:
        if isinstance(text, bytes):
            try:
                text = text.decode()
            except UnicodeDecodeError as error:
                raise ImportError_("AICC-1004", f"a string is not UTF-8: {text!r}.") from error
        return self.strings.setdefault(text, len(self.strings))

    def constant_of(self, value: Any) -> Array | None:
        """The concrete array behind a value: constants, folded shape arithmetic, and weights of up to 64 KiB."""
        known = self.shapes.value(value)
        if known is not None:
            return known
        owner = value.owner
        if not isinstance(owner, ir.Block) and owner.name == "aicc.weight":
            sym = ir.StringAttr(owner.attributes["sym"]).value
            if self.weights.nbytes(sym) <= 64 * 1024:
                return self.weights.load(sym)
        if value not in self._evaluated:
            self._evaluated[value] = self._evaluate(value)
        return self._evaluated[value]

    def _evaluate(self, value: Any) -> Array | None:
        """A few numbers computed from constants: where lengths and numbers of rounds come from floats."""
        owner = value.owner
        info = self.shapes.info(value)
        declared = None if isinstance(owner, ir.Block) else declaration(owner)
        if declared is None or declared.fold is None or not info.is_static or info.size > _FEW:
            return None
        given = operand_values(owner)
        arrays = [None if v is None else self.constant_of(v) for v in given]
        if not given or any(v is not None and a is None for v, a in zip(given, arrays, strict=True)):
            return None
        with np.errstate(all="ignore"):
            out = declared.fold(*arrays, **declared.decode_attributes(owner))
        out = out[ir.OpResult(value).result_number] if isinstance(out, tuple) else out
        return as_array(out, info.dtype).reshape(info.shape)

    def run(
        self,
        graph: onnx.GraphProto,
        dims: Mapping[str, DimChoice],
        shapes: Mapping[str, ShapeChoice] | None = None,
        overridable: Sequence[str] = (),
    ) -> Any:
        """Builds the module. `dims` fixes symbolic dimensions by name, or bounds them; `shapes` are those of inputs;
        `overridable` are the inputs with an initializer that are to be inputs, behind the others."""
        initializers = initializers_of(graph)
        wanted = chosen(overridable, graph, initializers)
        given = [i for i in graph.input if i.name not in initializers]
        given += [i for i in graph.input if i.name in wanted]
        unique(given, "inputs")
        given, sizes = with_shapes(given, shapes or {})
        _check_dims(dims, symbols_of(given), sizes)
        fixed, bounds = fixed_and_bounded({**dims, **sizes})
        inputs = [
            overridable_input(i, initializers.pop(i.name), fixed)
            if i.name in wanted
            else graph_input(i, fixed)
            for i in given
        ]
        tensors = [tensor for i in inputs for tensor in i.tensors]
        defaults = [self._stored(i.default) if i.default else None for i in inputs for _ in i.tensors]
        module = self.module = ir.Module.create(ir.Location.unknown())
        with ir.InsertionPoint(module.body):
            main = func.FuncOp("main", ([t.mlir() for _, t in tensors], []))
        main.attributes["arg_attrs"] = ir.ArrayAttr.get(
            [io_attributes(name, t.shape, d) for (name, t), d in zip(tensors, defaults, strict=True)]
        )
        write_bounds(main, bounds)
        block = main.add_entry_block()
        values = self.scopes[0]
        values.update(initializers)
        with ir.InsertionPoint(block):
            described_inputs = self._bind(inputs, list(block.arguments))
            self.nodes(graph.node)
            named: list[tuple[str, Any]] = []
            results: list[Value] = []
            for o in graph.output:
                value = self._output(o)
                results.append(
                    described(o.name, value, o.type, len(named), lambda v: self.shapes.info(v).dtype)
                )
                named += flattened(o.name, value)
            outputs = [value for _, value in named]
            func.ReturnOp(outputs)
        write_values(module, results)
        write_values(module, described_inputs, INPUT_VALUES)
        if self.strings:
            texts = [ir.StringAttr.get(text) for text in self.strings]
            module.operation.attributes[STRINGS] = ir.ArrayAttr.get(texts)
        infos = [self.shapes.info(v) for v in outputs]
        main.attributes["function_type"] = ir.TypeAttr.get(
            ir.FunctionType.get([a.type for a in block.arguments], [v.type for v in outputs])
        )
        main.attributes["res_attrs"] = ir.ArrayAttr.get(
            [io_attributes(name, t.shape) for (name, _), t in zip(named, infos, strict=True)]
        )
        return module

    def _bind(self, inputs: Sequence[GraphInput], arguments: list[Any]) -> list[Value]:
        """Defines the values of the graph's inputs; what is to be said of them."""
        described_inputs: list[Value] = []
        for i in inputs:
            first = described_inputs[-1].first + described_inputs[-1].count if described_inputs else 0
            described_inputs.append(i.value(first))
            own = arguments[first : first + len(i.tensors)]
            if i.kind == PACKED:
                with ir.Location.name(i.name):
                    number = SequenceUnpack.build(*own, shape=i.shape, shapes=self.shapes)
                self.scopes[0][i.name] = RunTimeSequence(number, Element(i.shape, i.tensors[1][1].dtype))
            elif i.kind == MAP:
                self.scopes[0][i.name] = MapValue(*own)
            else:
                (self.scopes[0][i.name],) = own
        return described_inputs

    def _output(self, output: onnx.ValueInfoProto) -> Any:
        """The value of a graph's output; a sequence of the run as tensors."""
        value, of = self.value(output.name), output.type
        while isinstance(value, OptionalValue) and value.value is not None:
            value, of = value.value, of.optional_type.elem_type
        if not isinstance(value, RunTimeSequence):
            return value
        held = value.element
        if held is None:  # always empty
            declared = of.sequence_type.elem_type.tensor_type
            held = Element((), dtype_of(declared.elem_type, f"output '{output.name}'"))
        with ir.Location.name(output.name):
            packed = SequencePack.build(
                value.number, rank=len(held.shape), dtype=held.dtype, shapes=self.shapes
            )
        return PackedSequence(*packed)

    def nodes(self, nodes: Sequence[onnx.NodeProto], name_of_all: str = "") -> None:
        """Imports nodes in order at the current insertion point; each goes by its own name, or by one for all."""
        for proto in in_order(nodes):
            name = name_of_all or proto.name or (proto.output[0] if proto.output else proto.op_type)
            with ir.Location.name(name):
                self._node(proto)

    def _node(self, proto: onnx.NodeProto) -> None:
        domain = normalize_domain(proto.domain)
        rule = rules().get((domain, proto.op_type))
        label = f'"{proto.name}" ({proto.op_type})'
        check_node(proto, domain, self.opsets.get(domain, 1))
        if rule is None and self._function(proto, domain):
            return
        if rule is None:
            same = sorted(op for d, op in rules() if d == domain)
            raise ImportError_(
                "AICC-1003",
                f"operator {proto.op_type} of domain '{domain or 'ai.onnx'}' "
                f"(opset {self.opsets.get(domain, '?')}) is not supported.",
                node=label,
                stage="import",
                hint=f"docs/operators.md lists the {len(same)} operators of this domain that are."
                if same
                else "no operator of this domain is supported.",
            )
        node = Node(proto, self, self.opsets.get(domain, 1))
        try:
            if domain == "":
                modernize(node)
            out = rule(node)
        except TypeRuleError as error:
            raise node.error("AICC-1005", f"{error}.") from error
        except AiccError:
            raise
        except Exception as error:
            text = str(error).split("\n")[0]
            raise node.error(
                "AICC-9001",
                f"{type(error).__name__}: {text}",
                hint="this is a defect of aicc, please report it with the model.",
            ) from error
        results = list(out) if isinstance(out, (list, tuple)) else [out]
        for name, value in zip(proto.output, results, strict=False):
            if name and value is not None:
                self._define(name, value, label)

    def _define(self, name: str, value: Any, label: str) -> None:
        if name in self.scopes[-1]:
            raise ImportError_(
                "AICC-1001", f"its result '{name}' is defined before.", node=label, stage="import"
            )
        self.scopes[-1][name] = value

    def _function(self, proto: onnx.NodeProto, domain: str) -> bool:
        """Imports the body of an operator that its schema defines as a function; False when it is none."""
        node = Node(proto, self, self.opsets.get(domain, 1))
        body = body_of(node)
        if body is None:
            return False
        scope = Scope(len(self.programs), dict.fromkeys(body.input))
        scope.update(zip(body.input, node.inputs, strict=False))
        outer = self.scopes, self.opsets
        self.scopes = [scope]
        self.opsets = outer[1] | {normalize_domain(o.domain): o.version for o in body.opset_import}
        try:
            self.nodes(body.node, proto.name or proto.output[0])
            results = {
                name: self.value(inner)
                for name, inner in zip(proto.output, body.output, strict=False)
                if name
            }
        except ImportError_ as error:
            inner = [f"in the operator's definition: {error.node}"] if error.node else []
            raise replace(error, node=node.title, notes=[*error.notes, *inner]) from error
        finally:
            self.scopes, self.opsets = outer
        for name, value in results.items():
            self._define(name, value, node.title)
        return True


def _check_dims(dims: Mapping[str, DimChoice], known: set[str], sizes: Mapping[str, int]) -> None:
    """Raises ImportError_ AICC-1008 for a choice of a dim the model lacks, or that a shape given fixes otherwise."""
    if unknown := sorted(set(dims) - known):
        raise ImportError_(
            "AICC-1008",
            f"the model has no symbolic dimension '{unknown[0]}'.",
            hint=f"its symbolic dimensions are: {', '.join(sorted(known)) or 'none'}.",
        )
    for name, size in sizes.items():
        low, high = (c, c) if isinstance(c := dims.get(name, size), int) else c
        if not low <= size <= high:
            raise ImportError_(
                "AICC-1008", f"'{name}' is {size} by the shapes given for inputs, and {low}..{high} by --dim."
            )
