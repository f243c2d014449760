"""The host program's signature: tables of pointers and sizes in, a status out."""

from __future__ import annotations

from typing import Any

from aicc.bindings import arith, func, ir
from aicc.bindings import llvm as llvm_dialect
from aicc.passes.buffers.in_place import InPlace
from aicc.passes.buffers.layout import Buffer, Size, whole
from aicc.passes.llvm.pointers import pointer_to_memref, pointer_type

ENTRY = "aicc_model_main"
SHAPES = "aicc_model_shapes"


class Entry:
    """`func @aicc_model_main(ctx, buffers, dims, weights, arena) -> i32`, being built.

    Every dynamic size of an input is loaded once, at the entry.
    """

    def __init__(self, main: Any) -> None:
        pointer = pointer_type()
        t = ir.FunctionType.get([pointer] * 5, [ir.IntegerType.get_signless(32)])
        with ir.InsertionPoint(main), ir.Location.unknown():
            self.func = func.FuncOp(ENTRY, t)
        self.func.attributes["aicc.export"] = ir.UnitAttr.get()
        self.block = self.func.add_entry_block()
        self.context, self.buffers, self.dims, self.weights, self.arena = self.block.arguments
        self.in_place = InPlace(main.operation.parent)
        self.n_inputs = 0

    def inputs(self, types: list[Any], names: list[tuple[str | None, ...]]) -> list[Buffer]:
        """Buffers of the arguments; reading them only."""
        out: list[Buffer] = []
        for number, (t, sizes) in enumerate(zip(types, load_dims(self.dims, types, names), strict=True)):
            out.append(self._buffer(number, t, sizes, owned=False))
        self.n_inputs = len(out)
        return out

    def output(self, number: int, t: Any, sizes: tuple[Size, ...]) -> Buffer:
        """The caller's buffer of a result; `number` counts after the inputs."""
        return self._buffer(number, t, sizes, owned=True)

    def allocated_output(self, base: Any, t: Any, sizes: tuple[Size, ...]) -> Buffer:
        """The runtime's buffer at `base` of a result whose sizes depend on data."""
        kind = _memref_type(t, sizes)
        return whole(pointer_to_memref(base, kind, [s for s in sizes if not isinstance(s, int)]), sizes, True)

    def _buffer(self, number: int, t: Any, sizes: tuple[Size, ...], owned: bool) -> Buffer:
        slot = llvm_dialect.GEPOp(
            pointer_type(), self.buffers, [], ir.DenseI32ArrayAttr.get([number]), pointer_type(), None
        ).result
        base = llvm_dialect.LoadOp(pointer_type(), slot).result
        kind = _memref_type(t, sizes)
        root = pointer_to_memref(base, kind, [s for s in sizes if not isinstance(s, int)])
        buffer = whole(root, sizes, owned)
        self.in_place.note(number - self.n_inputs * owned, owned, base, buffer)
        return buffer


def _memref_type(t: Any, sizes: tuple[Size, ...]) -> Any:
    """Static where the sizes are known by now, though the tensor's type does not say so."""
    dynamic = ir.ShapedType.get_dynamic_size()
    return ir.MemRefType.get([s if isinstance(s, int) else dynamic for s in sizes], t.element_type)


def dim_names(main: Any) -> list[tuple[str | None, ...]]:
    """The symbol of each dim of each input of `main`; None where it has none."""
    attributes = main.attributes.get("arg_attrs", [])
    found = [ir.DictAttr(entry) for entry in attributes]
    names: list[tuple[str | None, ...]] = []
    for number, t in enumerate(main.regions[0].blocks[0].arguments.types):
        dims = found[number]["aicc.dims"] if number < len(found) and "aicc.dims" in found[number] else []
        texts = [str(ir.StringAttr(d).value) if isinstance(d, ir.StringAttr) else None for d in dims]
        names.append(tuple(texts) or (None,) * t.rank)
    return names


def load_dims(table: Any, types: list[Any], names: list[tuple[str | None, ...]]) -> list[tuple[Size, ...]]:
    """Sizes of the inputs from the table of all their dims, concatenated. A symbol is loaded where it stands
    first: that it has one value everywhere is checked before a run."""
    i64, index = ir.IntegerType.get_signless(64), ir.IndexType.get()
    symbols: dict[str, Any] = {}
    out: list[tuple[Size, ...]] = []
    position = 0
    for t, texts in zip(types, names, strict=True):
        sizes: list[Size] = []
        for d, name in enumerate(texts):
            if name in symbols and t.is_dynamic_dim(d):
                sizes.append(symbols[name])
            elif t.is_dynamic_dim(d):
                slot = llvm_dialect.GEPOp(
                    pointer_type(), table, [], ir.DenseI32ArrayAttr.get([position]), i64, None
                ).result
                sizes.append(arith.IndexCastOp(index, llvm_dialect.LoadOp(i64, slot).result).result)
                if name is not None:
                    symbols[name] = sizes[-1]
            else:
                sizes.append(int(t.shape[d]))
            position += 1
        out.append(tuple(sizes))
    return out
