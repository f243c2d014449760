"""Writes kernels in the form schedules get them (contract 4), and their NumPy meaning stays with the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


def shaped(kind: str, shape: Sequence[int | str], element: str) -> str:
    """`tensor<2x?xf32>`: a size that is a name is one known at run time."""
    sizes = ["?" if isinstance(x, str) else str(x) for x in shape]
    return f"{kind}<{'x'.join([*sizes, element])}>"


@dataclass
class KernelText:
    """A kernel being written: `input`, `generic` … return SSA names, `output` stores one."""

    schedule: str
    name: str = "k"
    config: str = ""
    types: dict[str, tuple[list[int | str], str]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)
    sizes: list[str] = field(default_factory=list)
    outputs: int = 0
    count: int = 0

    def fresh(self) -> str:
        """An SSA name."""
        self.count += 1
        return f"%t{self.count}"

    def type(self, value: str) -> str:
        """Its tensor type."""
        shape, element = self.types[value]
        return shaped("tensor", shape, element)

    def _argument(
        self, shape: Sequence[int | str], element: str, strides: Sequence[int] | None
    ) -> tuple[str, str]:
        number = len(self.arguments)
        name = f"%a{number}"
        for size in shape:
            if isinstance(size, str) and size not in self.sizes:
                self.sizes.append(size)
        if not any(isinstance(x, str) for x in shape):
            kind = shaped("memref", shape, element)
            if strides is not None:
                kind = f"{kind[:-1]}, strided<[{', '.join(str(x) for x in strides)}]>>"
            self.arguments.append(f"{name}: {kind}")
            return name, kind
        self.arguments.append(f"{name}: memref<{element}>")
        values: list[str] = []
        step: int | str = 1
        for size in reversed(shape):
            values.insert(0, str(step))
            step = self._times(step, size)
        static = ["?" if x.startswith("%") else x for x in values]
        kind = f"{shaped('memref', shape, element)[:-1]}, strided<[{', '.join(static)}]>>"
        sizes = ", ".join(f"%{x}" if isinstance(x, str) else str(x) for x in shape)
        view = self.fresh()
        self.lines.append(
            f"{view} = memref.reinterpret_cast {name} to offset: [0], sizes: [{sizes}], "
            f"strides: [{', '.join(values)}] : memref<{element}> to {kind}"
        )
        return view, kind

    def _times(self, left: int | str, right: int | str) -> int | str:
        if isinstance(left, int) and isinstance(right, int):
            return left * right
        if left == 1:
            return f"%{right}"
        names = []
        for x in (left, right):
            if isinstance(x, int):
                names.append(self.constant(str(x), "index"))
            else:
                names.append(x if x.startswith("%") else f"%{x}")
        result = self.fresh()
        self.lines.append(f"{result} = arith.muli {names[0]}, {names[1]} : index")
        return result

    def input(
        self, shape: Sequence[int | str], element: str = "f32", strides: Sequence[int] | None = None
    ) -> str:
        """The tensor of a new argument."""
        name, kind = self._argument(shape, element, strides)
        result = self.fresh()
        self.types[result] = (list(shape), element)
        self.lines.append(
            f"{result} = bufferization.to_tensor {name} restrict : {kind} to {self.type(result)}"
        )
        return result

    def output(self, value: str, strides: Sequence[int] | None = None) -> None:
        """A new argument that holds `value`. After all inputs."""
        shape, element = self.types[value]
        name, kind = self._argument(shape, element, strides)
        self.outputs += 1
        self.lines.append(
            f"bufferization.materialize_in_destination {value} in restrict writable {name} : "
            f"({self.type(value)}, {kind}) -> ()"
        )

    def constant(self, value: str, element: str) -> str:
        """A scalar."""
        result = self.fresh()
        self.lines.append(f"{result} = arith.constant {value} : {element}")
        return result

    def empty(self, shape: Sequence[int | str], element: str = "f32") -> str:
        """`tensor.empty`."""
        result = self.fresh()
        self.types[result] = (list(shape), element)
        dynamic = ", ".join(f"%{x}" for x in shape if isinstance(x, str))
        self.lines.append(f"{result} = tensor.empty({dynamic}) : {self.type(result)}")
        return result

    def fill(self, scalar: str, shape: Sequence[int | str], element: str = "f32") -> str:
        """`linalg.fill` of a new tensor."""
        init, result = self.empty(shape, element), self.fresh()
        self.types[result] = (list(shape), element)
        kind = self.type(result)
        self.lines.append(f"{result} = linalg.fill ins({scalar} : {element}) outs({init} : {kind}) -> {kind}")
        return result

    def unpack(self, value: str, shape: Sequence[int], perm: Sequence[int], pos: int, tile: int) -> str:
        """`linalg.unpack` of an argument."""
        init = self.empty(shape, self.types[value][1])
        result = self.fresh()
        self.types[result] = (list(shape), self.types[value][1])
        self.lines.append(
            f"{result} = linalg.unpack {value} outer_dims_perm = {list(perm)} inner_dims_pos = [{pos}] "
            f"inner_tiles = [{tile}] into {init} : {self.type(value)} -> {self.type(result)}"
        )
        return result

    def generic(
        self,
        dims: str,
        iterators: str,
        ins: Sequence[tuple[str, str]],
        out: tuple[str, str],
        body: str,
        init: str | None = None,
        shape: Sequence[int | str] = (),
        element: str = "f32",
    ) -> str:
        """`generic("i,j", "pr", [(x, "i,j")], (shape…))`: maps as text, iterators p and r.

        The body sees %x0, %x1 … and %y (the output so far) and ends in `linalg.yield`. The output is a new
        tensor of `shape` unless `init` is given.
        """
        if init is None:
            init = self.empty(shape, element)
        maps = [text for _, text in ins] + [out[1]]
        kinds = ", ".join('"parallel"' if c == "p" else '"reduction"' for c in iterators)
        elements = [self.types[value][1] for value, _ in ins] + [self.types[init][1]]
        names = [f"%x{i}: {e}" for i, e in enumerate(elements[:-1])] + [f"%y: {elements[-1]}"]
        result = self.fresh()
        self.types[result] = self.types[init]
        inputs = ""
        if ins:
            values, types = ", ".join(v for v, _ in ins), ", ".join(self.type(v) for v, _ in ins)
            inputs = f" ins({values} : {types})"
        texts = ", ".join(f"affine_map<({dims}) -> ({m})>" for m in maps)
        self.lines.append(
            f"{result} = linalg.generic {{indexing_maps = [{texts}], iterator_types = [{kinds}]}}{inputs} "
            f"outs({init} : {self.type(init)}) {{\n^bb0({', '.join(names)}):\n{body}\n}} -> {self.type(result)}"
        )
        return result

    def op(self, text: str, shape: Sequence[int | str], element: str = "f32") -> str:
        """Any op with one tensor result, e.g. tensor.pad."""
        result = self.fresh()
        self.types[result] = (list(shape), element)
        self.lines.append(f"{result} = {text}")
        return result

    def __str__(self) -> str:
        arguments = ", ".join([*self.arguments, *(f"%{size}: index" for size in self.sizes)])
        body = "\n".join(self.lines)
        return (
            f"func.func @{self.name}({arguments}) attributes {{aicc.kernel, aicc.schedule = "
            f'"{self.schedule}", aicc.config = "{self.config}", aicc.outputs = {self.outputs} : i64}} {{\n'
            f"{body}\nreturn\n}}\n"
        )


CONTRACTION_BODY = "%p = arith.mulf %x0, %x1 : {e}\n%s = arith.addf %y, %p : {e}\nlinalg.yield %s : {e}"
