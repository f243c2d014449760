"""Building programs within a program (`dialects/programs.py`): values from around become inputs.

with n.importer.inside(program):                 module @loop_0 {
    i = program.input("round", …)                  func.func @main(%i: tensor<i64>, %x: tensor<?xf32>) …
    out = n.importer.subgraph(body, [i])   -->       // the body; %x is what it named `x`, a value around it
program.finish(out)                              }
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aicc.bindings import builtin, func, ir
from aicc.dialects.constants import Constant
from aicc.dialects.op import declaration, operand_values
from aicc.dialects.programs import Control
from aicc.dialects.symbolic import Dim, DimLike, substitute, symbols
from aicc.dialects.types import TensorType
from aicc.importer.compound import MapValue, OptionalValue, RowMaps, RunTimeSequence, TensorSequence
from aicc.signature import io_attributes

if TYPE_CHECKING:
    from aicc.importer.graph import GraphImporter

_COPIED = ("aicc.constant", "aicc.weight", "aicc.none")
_SIZES = ("shape", "size")


class Scope(dict[str, Any]):
    """Values of a graph by ONNX name, and how many programs are around it. Initializers are materialized anew in
    each program that uses them."""

    def __init__(self, level: int, values: dict[str, Any] | None = None) -> None:
        super().__init__(values or {})
        self.level = level
        self.materialized: dict[tuple[str, Program | None], Any] = {}


class Program:
    """A module in the making, beside the model's. `captured` are the values around it that it takes, by the order
    of its inputs; those that are no inputs are its own."""

    def __init__(self, importer: GraphImporter, name: str) -> None:
        self.importer = importer
        self.name = name
        self.captured: list[Any] = []
        self.children: list[Program] = []
        self._names: list[str] = []
        self._known: dict[Any, Any] = {}
        self._inner: dict[Dim, Dim] = {}
        self._outer: dict[str, DimLike] = {}
        with ir.InsertionPoint.at_block_begin(importer.module.body), ir.Location.unknown():
            self.module = builtin.ModuleOp()
            self.module.operation.attributes["sym_name"] = ir.StringAttr.get(name)
        with ir.InsertionPoint(self.module.body), ir.Location.unknown():
            self.main = func.FuncOp("main", ([], []))
        self.block = self.main.add_entry_block()

    # --- inputs -------------------------------------------------------------------------------
    def input(self, name: str, info: TensorType) -> Any:
        """A new input; symbolic sizes keep their names, others get one."""
        shape = tuple(self._inner_dim(d) for d in info.shape)
        t = TensorType(shape, info.dtype)
        argument = self.block.add_argument(t.mlir(), ir.Location.unknown())
        self.importer.shapes.assume(argument, t)
        self._names.append(name)
        return argument

    def fresh_size(self) -> Dim:
        """A size of an input that nothing around the program knows."""
        return Dim.symbol(f"${next(self.importer.numbers)}")

    def capture(self, value: Any) -> Any:
        """What stands for a value around the program: an input, or the same computed again when it says sizes."""
        if isinstance(value, TensorSequence):
            return TensorSequence(tuple(self.capture(v) for v in value.items))
        if isinstance(value, RunTimeSequence):
            return RunTimeSequence(self.capture(value.number), value.element)
        if isinstance(value, MapValue):
            return MapValue(self.capture(value.keys), self.capture(value.values))
        if isinstance(value, RowMaps):
            return RowMaps(value.keys, self.capture(value.table))
        if isinstance(value, OptionalValue):
            return OptionalValue(None if value.value is None else self.capture(value.value))
        if value not in self._known:
            self._known[value] = self._computed_again(value) or self.take(value)
        return self._known[value]

    def take(self, value: Any) -> Any:
        """An input for a value around the program."""
        self.captured.append(value)
        return self.input(f"captured_{len(self.captured) - 1}", self.importer.shapes.info(value))

    def take_like(self, other: Program) -> None:
        """Takes what `other` took and this one did not: then both have the same inputs in the same order."""
        for value in other.captured[len(self.captured) :]:
            self._known[value] = self.take(value)

    def _computed_again(self, value: Any) -> Any | None:
        """Constants, weights and arithmetic on sizes: cheaper than an input, and the program knows what they are."""
        owner = value.owner
        if isinstance(owner, ir.Block):
            return None
        with ir.InsertionPoint(self.block), owner.location:
            if owner.name in _COPIED:
                return self._clone(value, owner)
            info = self.importer.shapes.info(value)
            declared = declaration(owner)
            if info.value is None or declared is None:
                return None
            if info.value.dtype != object:
                return Constant.build(value=info.value, shapes=self.importer.shapes)
            given = [self.importer.shapes.info(v) for v in operand_values(owner) if v is not None]
            follows = declared.symbolic and declared.fold and all(t.value is not None for t in given)
            return self._clone(value, owner) if declared.name in _SIZES or follows else None

    def _clone(self, value: Any, owner: Any) -> Any:
        operands = [self.capture(v) for v in owner.operands]
        clone = owner.operation.clone(ir.InsertionPoint(self.block))
        for i, operand in enumerate(operands):
            clone.operands[i] = operand
        return clone.results[ir.OpResult(value).result_number]

    # --- sizes --------------------------------------------------------------------------------
    def _inner_dim(self, dim: DimLike) -> DimLike:
        if isinstance(dim, int):
            return dim
        if dim not in self._inner:
            text = str(dim)
            named = dim.is_symbol and not text.startswith("%")
            self._inner[dim] = dim if named else self.fresh_size()
            self._outer[str(self._inner[dim])] = dim
        return self._inner[dim]

    def outer_dim(self, dim: DimLike) -> DimLike | None:
        """A size in the program as the values around it have it; None when they do not."""
        if isinstance(dim, int):
            return dim
        return substitute(dim, self._outer) if symbols(dim) <= self._outer.keys() else None

    # --- the end ------------------------------------------------------------------------------
    def finish(self, outputs: Sequence[Any], names: Sequence[str]) -> None:
        """Returns `outputs` from the program, whose signature is known by now."""
        with ir.InsertionPoint(self.block), ir.Location.unknown():
            func.ReturnOp(list(outputs))
        self.seal([self.importer.shapes.info(v) for v in outputs], names)

    def seal(self, results: Sequence[TensorType], names: Sequence[str]) -> None:
        """Writes the signature, again after inputs were added."""
        arguments = list(self.block.arguments)
        terminator = self.block.operations[len(self.block.operations) - 1].operation
        self.main.attributes["function_type"] = ir.TypeAttr.get(
            ir.FunctionType.get([a.type for a in arguments], [v.type for v in terminator.operands])
        )
        inputs = [self.importer.shapes.info(a) for a in arguments]
        self.main.attributes["arg_attrs"] = ir.ArrayAttr.get(
            [io_attributes(name, t.shape) for name, t in zip(self._names, inputs, strict=True)]
        )
        self.main.attributes["res_attrs"] = ir.ArrayAttr.get(
            [io_attributes(name, t.shape) for name, t in zip(names, results, strict=True)]
        )

    def discard(self) -> None:
        """Takes the program, and those made for it, out of the module again."""
        for child in self.children:
            child.discard()
        self.importer.forget(self.block)
        self.module.operation.erase()


@contextmanager
def building(importer: GraphImporter, program: Program) -> Iterator[None]:
    """What is imported in this context goes into `program`."""
    if importer.programs:
        importer.programs[-1].children.append(program)
    importer.programs.append(program)
    try:
        with ir.InsertionPoint(program.block):
            yield
    finally:
        importer.programs.pop()


def call(
    importer: GraphImporter,
    name: str,
    operands: Sequence[Any],
    results: Sequence[TensorType],
    control: Control,
) -> list[Any]:
    """Calls the programs of `control` at the current insertion point."""
    types = ir.FunctionType.get([v.type for v in operands], [t.mlir() for t in results])
    around = importer.programs[-1].module if importer.programs else importer.module
    with ir.InsertionPoint.at_block_begin(around.body), ir.Location.unknown():
        func.FuncOp(name, types, visibility="private")
    op = func.CallOp(list(types.results), ir.FlatSymbolRefAttr.get(name), list(operands)).operation
    control.write(op)
    return list(op.results)
