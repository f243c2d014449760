"""The frame of an emitted kernel: its signature over a range of tiles, flat views of its arguments, and
the scalar values that sizes name (contract 5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aicc.bindings import ir
from aicc.passes.schedules.cpu.access import Access, access_of
from aicc.passes.schedules.cpu.emit import Emitter, Index, element_bits
from aicc.passes.schedules.cpu.indexing import Expr
from aicc.passes.schedules.cpu.inline import literal
from aicc.passes.schedules.cpu.nest import Buffer, Nest
from aicc.passes.schedules.cpu.sizes import Size
from aicc.passes.schedules.schedule import NoMatch
from aicc.target import Target


class KernelEmitter(Emitter):
    """An emitter for the function that replaces `nest.func`. `%lo`, `%hi` are its range of tiles.

    `scratch` is the bytes of a thread's scratch that have been reserved.
    """

    def __init__(self, nest: Nest, target: Target | None = None) -> None:
        super().__init__()
        self.nest = nest
        self.scratch = 0
        self._views: list[tuple[str, int, str]] = []
        if target is not None:
            self.fused = "fma" in target.features or not target.triple.startswith("x86_64")
        self._names: dict[Any, str] = {}
        self._flat: dict[int, str] = {}
        self._values: dict[str, str] = {}
        self._arguments = list(nest.func.regions[0].blocks[0].arguments)
        self.aliased = aliased_arguments(nest.func)

    # Arguments -------------------------------------------------------------------------------------

    def base(self, buffer: Buffer) -> str:
        """The flat `memref<?xelement>` of an argument."""
        if buffer.number not in self._flat:
            kind = self._arguments[buffer.number].type
            name = f"%m{buffer.number}"
            self.head.append(
                f"{name} = memref.reinterpret_cast %a{buffer.number} to offset: [0], "
                f"sizes: [{self.constant('1', 'index')}], strides: [1] : {kind} to memref<?x{buffer.element}>"
            )
            self._flat[buffer.number] = name
        return self._flat[buffer.number]

    def reserve(self, count: int, element: str) -> Buffer:
        """`count` elements of the thread's scratch, at a 64-byte boundary."""
        number = -1 - len(self._views)
        name = self._flat[number] = f"%scratch{-number}"
        self._views.append((name, self.scratch, element))
        self.scratch += -(-count * element_bits(element) // 512) * 64
        return Buffer(number, element, (), ())

    def bind(self, value: Any, name: str) -> None:
        """From now on `value` of the old function is called `name`."""
        self._names[value] = name

    def scalar(self, value: Any) -> str:
        """The SSA name of a scalar value of the old function: an argument, or a clone of what computes it."""
        if value in self._names:
            return self._names[value]
        owner = value.owner
        if isinstance(owner, ir.Block):
            if owner != self.nest.func.regions[0].blocks[0]:
                raise NoMatch("a scalar of another block")
            return f"%a{value.arg_number}"
        op = owner.operation
        if op.name == "arith.constant":
            name = self.constant(literal(op.attributes["value"]), str(value.type))
        elif op.name == "tensor.extract":
            name = self._element(op)
        elif op.regions or len(op.results) != 1 or not op.name.startswith(("arith.", "math.")):
            raise NoMatch(f"a scalar from {op.name}")
        else:
            args = [self.scalar(operand) for operand in op.operands]
            names = [entry.name if hasattr(entry, "name") else entry for entry in op.attributes]
            attributes = ", ".join(f"{name} = {op.attributes[name]}" for name in names)
            types = ", ".join(str(operand.type) for operand in op.operands)
            name = self.name()
            with self.at_start():
                self.do(
                    f'{name} = "{op.name}"({", ".join(args)}) {{{attributes}}} : ({types}) -> {value.type}'
                )
        self._names[value] = name
        return name

    def _element(self, op: Any) -> str:
        """An element of an argument, read once at the start."""
        source = self.nest.sources.get(op.operands[0])
        if not isinstance(source, Buffer):
            raise NoMatch("an element of a tensor that is computed in the kernel")
        indices = [Expr.dim(d) for d in range(len(source.shape))]
        access = access_of(source, indices, source.shape)
        places = [self.scalar(operand) for operand in list(op.operands)[1:]]
        with self.at_start():
            return self.load(self.base(source), self.address(access, lambda d: places[d]), source.element)

    # Sizes and addresses ---------------------------------------------------------------------------

    def size(self, size: Size) -> Index:
        """The index a size is; run-time products are computed once, at the start."""
        static = size.static
        if static is not None:
            return static
        key = str(size)
        if key not in self._values:
            with self.at_start():
                total: Index = 0
                for names, factor in size.terms:
                    term: Index = factor
                    for name in names:
                        term = self.mul(term, self.scalar(self.nest.values[name]))
                    total = self.add(total, term)
                self._values[key] = self.index(total)
        return self._values[key]

    def expr(self, expr: Expr, position: Callable[[int], Index]) -> Index:
        """The value of an index expression."""
        total: Index = expr.const
        for dim, factor in expr.dims:
            total = self.add(total, self.mul(position(dim), factor))
        for quotient, factor in expr.quotients:
            # Never negative where the element is read: maps index tensors.
            divide = self.rem if quotient.remainder else self.div
            value = divide(self.expr(quotient.value, position), quotient.divisor)
            total = self.add(total, self.mul(value, factor))
        return total

    def address(self, access: Access, position: Callable[[int], Index]) -> Index:
        """The element number of an access at a point of the iteration space."""
        total = self.size(access.offset)
        for dim, coef in enumerate(access.coefs):
            if coef.terms:
                total = self.add(total, self.mul(position(dim), self.size(coef)))
        for quotient, factor in access.quotients:
            value = self.expr(Expr(0, (), ((quotient, 1),)), position)
            total = self.add(total, self.mul(value, self.size(factor)))
        return total

    # The function ----------------------------------------------------------------------------------

    def finish(
        self,
        tiles: Callable[[KernelEmitter], Index],
        grain: int,
        steps: Callable[[KernelEmitter], Index] | None = None,
    ) -> str:
        """The text of the kernel's function, and of those that count its tiles and steps when they are not static.

        `tiles` and `steps` are called with the emitter of such a function; a number that they know is an attribute.
        """
        scratch = self.scratch
        signature = [f"%a{i}: {value.type}{self._attributes(i)}" for i, value in enumerate(self._arguments)]
        signature += ["%lo: index", "%hi: index", f"%scratch: memref<{scratch}xi8>"]
        attributes = [
            self._old_attributes(),
            f"aicc.grain = {grain} : i64",
            f"aicc.scratch = {scratch} : i64",
        ]
        companion = ""
        for what, number in (("tiles", tiles), ("steps", steps)):
            if number is None:
                continue
            counter = KernelEmitter(self.nest)
            count = number(counter)
            if isinstance(count, int):
                attributes.append(f"aicc.{what} = {count} : i64")
            else:
                companion += self._companion(what, counter, count)
                attributes.append(f"aicc.{what} = @{self.nest.name}_{what}")
        return (
            f"func.func @{self.nest.name}({', '.join(signature)}) attributes {{"
            f"{', '.join(x for x in attributes if x)}}} {{\n{self.body()}\nreturn\n}}\n{companion}"
        )

    def _companion(self, what: str, counter: KernelEmitter, count: Index) -> str:
        """The function that computes `count` from the kernel's index arguments, as `counter` has."""
        scalars = [i for i, value in enumerate(self._arguments) if isinstance(value.type, ir.IndexType)]
        return (
            f"func.func private @{self.nest.name}_{what}({', '.join(f'%a{i}: index' for i in scalars)}) -> index "
            f"{{\n{counter.body()}\nreturn {count} : index\n}}\n"
        )

    def body(self) -> str:
        """What has been emitted."""
        views = []
        for name, offset, element in self._views:
            views += [
                f"{name}_at = arith.constant {offset} : index",
                f"{name}_size = arith.constant 1 : index",
                f"{name} = memref.view %scratch[{name}_at][{name}_size] : "
                f"memref<{self.scratch}xi8> to memref<?x{element}>",
            ]
        return "\n".join([*views, *self.head, *self.lines])

    def _old_attributes(self) -> str:
        skip = {"sym_name", "function_type", "arg_attrs", "res_attrs", "sym_visibility"}
        names = [entry.name if hasattr(entry, "name") else entry for entry in self.nest.func.attributes]
        kept = []
        for name in names:
            if name not in skip:
                value = str(self.nest.func.attributes[name])
                kept.append(name if value == "unit" else f"{name} = {value}")
        return ", ".join(kept)

    def _attributes(self, number: int) -> str:
        kind = self._arguments[number].type
        if not isinstance(kind, ir.MemRefType):
            return ""
        entries = []
        attributes = self.nest.func.attributes
        if "arg_attrs" in attributes:
            entry = ir.DictAttr(ir.ArrayAttr(attributes["arg_attrs"])[number])
            entries = [f"{x.name} = {x.attr}" for x in entry if x.name != "llvm.noalias"]
        if number not in self.aliased:
            entries.append("llvm.noalias")
        return f" {{{', '.join(entries)}}}" if entries else ""


def aliased_arguments(func: Any) -> set[int]:
    """Arguments that `aicc.alias` says may share memory."""
    if "aicc.alias" not in func.attributes:
        return set()
    pairs = ir.ArrayAttr(func.attributes["aicc.alias"])
    return {ir.IntegerAttr(x).value for pair in pairs for x in ir.ArrayAttr(pair)}


def replace(module: Any, func: Any, text: str) -> None:
    """Puts the functions of `text` in the place of `func`."""
    with module.context, ir.Location.unknown():
        parsed = ir.Module.parse(text)
        for op in parsed.body.operations:
            op.operation.clone(ip=ir.InsertionPoint(func))
        func.erase()
