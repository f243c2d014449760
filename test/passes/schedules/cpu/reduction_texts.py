"""Kernels with reductions, as text, and how tests run them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from aicc.passes.schedules import jit
from aicc.passes.schedules.schedule import Config, Schedule
from aicc.target import Target
from test.passes.schedules.kernel_text import KernelText

Shape = Sequence[int | str]


def floats(shape: Sequence[int], seed: int, dtype: Any = np.float32) -> Any:
    """Normally distributed, aligned."""
    result = jit.aligned(shape, dtype)
    result[...] = np.random.default_rng(seed).standard_normal(shape)
    return result


def run(
    schedule: Schedule,
    text: KernelText,
    inputs: Sequence[Any],
    shapes: Sequence[Sequence[int]],
    target: str = "x86-64-v3",
    config: Config | None = None,
    sizes: Sequence[int] = (),
    dtype: Any = np.float32,
) -> list[Any]:
    """The outputs. What surrounds them stays as it is; tiles run in two parts, the later ones first."""
    if target == "x86-64-v4" and Target.host().vector_bits < 512:
        pytest.skip("needs AVX-512")
    kernel = jit.compile_kernel(str(text), schedule, Target.cpu_named(target), config)
    guards = []
    for shape in shapes:
        guard = jit.aligned((int(np.prod(shape)) + 128,), dtype)
        guard.view(np.uint8)[...] = 0xAB
        guards.append(guard)
    args = [*inputs, *(guard[64:] for guard in guards), *sizes]
    before = [x.copy() for x in inputs]
    count = kernel.count(args)
    kernel(*args, lo=count // 2, hi=count)
    kernel(*args, lo=0, hi=count // 2)
    for old, new in zip(before, inputs, strict=True):
        np.testing.assert_array_equal(old, new)
    found = []
    for guard, shape in zip(guards, shapes, strict=True):
        size = int(np.prod(shape))
        assert (guard[:64].view(np.uint8) == 0xAB).all() and (guard[64 + size :].view(np.uint8) == 0xAB).all()
        found.append(guard[64 : 64 + size].reshape(shape))
    return found


class Rows:
    """Writes stages over one space of `shape` whose dimensions `axes` are reduced."""

    def __init__(self, shape: Shape, axes: Sequence[int], schedule: str = "rows") -> None:
        self.text = KernelText(schedule)
        self.shape = list(shape)
        self.names = [f"d{i}" for i in range(len(shape))]
        self.full = ", ".join(self.names)
        self.kept = [i for i in range(len(shape)) if i not in axes]
        self.row = ", ".join(self.names[i] for i in self.kept)
        self.row_shape = [shape[i] for i in self.kept]
        self.iterators = "".join("r" if i in axes else "p" for i in range(len(shape)))

    def reduce(self, ins: Sequence[tuple[str, str]], start: str, body: str, element: str = "f32") -> str:
        """A value per row; maps of operands are "full" or "row"."""
        init = self.text.fill(self.text.constant(start, element), self.row_shape, element)
        pairs = [(value, self.full if kind == "full" else self.row) for value, kind in ins]
        return self.text.generic(self.full, self.iterators, pairs, ("", self.row), body, init)

    def each(self, ins: Sequence[tuple[str, str]], body: str, element: str = "f32") -> str:
        """A value per element; maps are "full", "row", or text."""
        maps = {"full": self.full, "row": self.row}
        pairs = [(value, maps.get(kind, kind)) for value, kind in ins]
        return self.text.generic(
            self.full, "p" * len(self.shape), pairs, ("", self.full), body, shape=self.shape, element=element
        )

    def per_row(self, ins: Sequence[str], body: str, element: str = "f32") -> str:
        """A value per row from others."""
        return self.text.generic(
            self.row, "p" * len(self.kept), [(value, self.row) for value in ins], ("", self.row), body,
            shape=self.row_shape, element=element,
        )  # fmt: skip


MAX = "%r = arith.maximumf %y, %x0 : f32\nlinalg.yield %r : f32"
SUM = "%r = arith.addf %y, %x0 : f32\nlinalg.yield %r : f32"


def _widened(element: str, body: str) -> str:
    """A body whose first operand is half precision."""
    if element == "f32":
        return body
    return f"%w = arith.extf %x0 : {element} to f32\n" + body.replace("%x0", "%w")


def softmax(shape: Shape, axis: int = -1, element: str = "f32") -> KernelText:
    """As the lowering of softmax writes it."""
    k = Rows(shape, [axis % len(shape)])
    x = k.text.input(shape, element)
    top = k.reduce([(x, "full")], "0xFF800000", _widened(element, MAX))
    shifted = "%s = arith.subf %x0, %x1 : f32\n%e = math.exp %s : f32\nlinalg.yield %e : f32"
    e = k.each([(x, "full"), (top, "row")], _widened(element, shifted))
    total = k.reduce([(e, "full")], "0.0", SUM)
    last = "%one = arith.constant 1.0 : f32\n%i = arith.divf %one, %x1 : f32\n%r = arith.mulf %x0, %i : f32\n"
    if element == "f32":
        last += "linalg.yield %r : f32"
    else:
        last += f"%h = arith.truncf %r : f32 to {element}\nlinalg.yield %h : {element}"
    k.text.output(k.each([(e, "full"), (total, "row")], last, element))
    return k.text


def log_softmax(shape: Shape) -> KernelText:
    """x - max - log(sum(exp(x - max)))."""
    k = Rows(shape, [len(shape) - 1])
    x = k.text.input(shape)
    top = k.reduce([(x, "full")], "0xFF800000", MAX)
    total = k.reduce(
        [(x, "full"), (top, "row")],
        "0.0",
        "%s = arith.subf %x0, %x1 : f32\n%e = math.exp %s : f32\n%r = arith.addf %y, %e : f32\nlinalg.yield %r : f32",
    )
    shift = k.per_row([total], "%r = math.log %x0 : f32\nlinalg.yield %r : f32")
    y = k.each(
        [(x, "full"), (top, "row"), (shift, "row")],
        "%s = arith.subf %x0, %x1 : f32\n%r = arith.subf %s, %x2 : f32\nlinalg.yield %r : f32",
    )
    k.text.output(y)
    return k.text


def normalized_sum(shape: Shape) -> KernelText:
    """x + r, the sum of its squares per row, and their quotient: three outputs."""
    k = Rows(shape, [len(shape) - 1])
    x, r = k.text.input(shape), k.text.input(shape)
    total = k.each([(x, "full"), (r, "full")], "%r = arith.addf %x0, %x1 : f32\nlinalg.yield %r : f32")
    squares = k.reduce(
        [(total, "full")],
        "0.0",
        "%q = arith.mulf %x0, %x0 : f32\n%r = arith.addf %y, %q : f32\nlinalg.yield %r : f32",
    )
    y = k.each([(total, "full"), (squares, "row")], "%r = arith.divf %x0, %x1 : f32\nlinalg.yield %r : f32")
    for value in (total, squares, y):
        k.text.output(value)
    return k.text


def layer_norm(shape: Shape) -> KernelText:
    """Over the last dimension, with scale and bias. The number of elements is read from the shape."""
    k = Rows(shape, [len(shape) - 1])
    last = k.names[-1]
    x, scale, bias = k.text.input(shape), k.text.input(shape[-1:]), k.text.input(shape[-1:])
    width = shape[-1]
    if isinstance(width, int):
        inverse = k.text.constant(repr(1.0 / width), "f32")
    else:
        k.text.lines += [
            f"%count = arith.index_cast %{width} : index to i64",
            "%real = arith.sitofp %count : i64 to f32",
            "%unit = arith.constant 1.0 : f32",
            "%inverse = arith.divf %unit, %real : f32",
        ]
        inverse = "%inverse"
    total = k.reduce([(x, "full")], "0.0", SUM)
    centered = f"%m = arith.mulf %x1, {inverse} : f32\n%d = arith.subf %x0, %m : f32\n"
    spread = k.reduce(
        [(x, "full"), (total, "row")],
        "0.0",
        centered + "%q = arith.mulf %d, %d : f32\n%r = arith.addf %y, %q : f32\nlinalg.yield %r : f32",
    )
    y = k.each(
        [(x, "full"), (total, "row"), (spread, "row"), (scale, last), (bias, last)],
        centered
        + f"%v = arith.mulf %x2, {inverse} : f32\n%eps = arith.constant 1.0e-05 : f32\n"
        + "%ve = arith.addf %v, %eps : f32\n%sd = math.sqrt %ve : f32\n%one = arith.constant 1.0 : f32\n"
        + "%i = arith.divf %one, %sd : f32\n%z = arith.mulf %d, %i : f32\n%g = arith.mulf %z, %x3 : f32\n"
        + "%r = arith.addf %g, %x4 : f32\nlinalg.yield %r : f32",
    )
    k.text.output(y)
    return k.text


STARTS = {
    "sum": ("0.0", lambda e: "0"),
    "sum_square": ("0.0", lambda e: "0"),
    "prod": ("1.0", lambda e: "1"),
    "max": ("-inf", lambda e: str(-(1 << (int(e[1:]) - 1)))),
    "min": ("inf", lambda e: str((1 << (int(e[1:]) - 1)) - 1)),
}
INFINITIES = {"f32": ("0x7F800000", "0xFF800000"), "f64": ("0x7FF0000000000000", "0xFFF0000000000000")}


def reduce(shape: Shape, axes: Sequence[int], op: str, element: str, schedule: str = "rows") -> KernelText:
    """One reduction."""
    k = Rows(shape, axes, schedule)
    x = k.text.input(shape, element)
    suffix = element[0]
    names = {"sum": f"add{suffix}", "sum_square": f"add{suffix}", "prod": f"mul{suffix}"}
    names |= {"max": "maximumf", "min": "minimumf"} if suffix == "f" else {"max": "maxsi", "min": "minsi"}
    start = STARTS[op][1](element) if suffix == "i" else STARTS[op][0]
    if start.endswith("inf"):
        start = INFINITIES[element][start[0] == "-"]
    value, body = "%x0", ""
    if op == "sum_square":
        value, body = "%q", f"%q = arith.mul{suffix} %x0, %x0 : {element}\n"
    body += f"%r = arith.{names[op]} %y, {value} : {element}\nlinalg.yield %r : {element}"
    k.text.output(k.reduce([(x, "full")], start, body, element))
    return k.text


def argmax(shape: Shape) -> KernelText:
    """The first position of the maximum of the last dimension."""
    k = Rows(shape, [len(shape) - 1])
    x = k.text.input(shape)
    top = k.reduce([(x, "full")], "0xFF800000", MAX)
    where = k.reduce(
        [(x, "full"), (top, "row")],
        str((1 << 63) - 1),
        f"%hit = arith.cmpf oeq, %x0, %x1 : f32\n%i = linalg.index {len(shape) - 1} : index\n"
        "%here = arith.index_cast %i : index to i64\n"
        f"%none = arith.constant {(1 << 63) - 1} : i64\n%f = arith.select %hit, %here, %none : i64\n"
        "%r = arith.minsi %y, %f : i64\nlinalg.yield %r : i64",
        "i64",
    )
    k.text.output(where)
    return k.text


class Window:
    """Windows over images with channels last: `out` and `input` are `[b, h, w, c]`."""

    def __init__(
        self,
        out: Sequence[int],
        kernel: tuple[int, int],
        stride: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1),
    ) -> None:
        self.out, self.kernel, self.stride, self.dilation = tuple(out), kernel, stride, dilation
        b, h, w, c = out
        reach = [
            (k - 1) * d + (n - 1) * s + 1 for k, d, n, s in zip(kernel, dilation, (h, w), stride, strict=True)
        ]
        self.input = (b, *reach, c)
        self.dims = "b, h, w, c, i, j"
        (sh, sw), (dh, dw) = stride, dilation
        self.read = f"b, h * {sh} + i * {dh}, w * {sw} + j * {dw}, c"

    def depthwise(self, relu: bool = True, channels_first: bool = False, packed: bool = False) -> KernelText:
        """A depthwise convolution with bias, and what comes after."""
        k = KernelText("window")
        c = self.out[-1]
        shape = [c, *self.kernel] if channels_first else [*self.kernel, c]
        x = k.input(self.input)
        if packed:
            w = k.unpack(k.input([1, *self.kernel, c]), shape, [0, 1, 2], 0, c)
        else:
            w = k.input(shape)
        bias = k.input([c])
        product = "%p = arith.mulf %x0, %x1 : f32\n%r = arith.addf %y, %p : f32\nlinalg.yield %r : f32"
        ins = [(x, self.read), (w, "c, i, j" if channels_first else "i, j, c")]
        init = k.fill(k.constant("0.0", "f32"), self.out)
        y = k.generic(self.dims, "pppprr", ins, ("", "b, h, w, c"), product, init)
        body = "%s = arith.addf %x0, %x1 : f32\n"
        if relu:
            body += "%z = arith.constant 0.0 : f32\n%r = arith.maximumf %s, %z : f32\nlinalg.yield %r : f32"
        else:
            body += "linalg.yield %s : f32"
        ins = [(y, "b, h, w, c"), (bias, "c")]
        k.output(k.generic("b, h, w, c", "pppp", ins, ("", "b, h, w, c"), body, shape=self.out))
        return k

    def pool(self, op: str, element: str = "f32", channels_first: bool = False) -> KernelText:
        """Maximum or sum of windows; a tensor without data gives the window's extent."""
        k = KernelText("window")
        b, h, w, c = self.input
        x = k.input((b, c, h, w) if channels_first else self.input, element)
        extent = k.empty(self.kernel, element)
        if element[0] == "f":
            start = INFINITIES[element][1] if op == "max" else "0.0"
            name = "maximumf" if op == "max" else "addf"
        else:
            start, name = STARTS[op][1](element), "maxsi" if op == "max" else "addi"
        b, h, w, c = self.out
        init = k.fill(k.constant(start, element), (b, c, h, w) if channels_first else self.out, element)
        read, write = self.read, "b, h, w, c"
        if channels_first:
            image, row, column, channel = read.split(", ")
            read, write = f"{image}, {channel}, {row}, {column}", "b, c, h, w"
        body = f"%r = arith.{name} %y, %x0 : {element}\nlinalg.yield %r : {element}"
        ins = [(x, read), (extent, "i, j")]
        k.output(k.generic(self.dims, "pppprr", ins, ("", write), body, init))
        return k

    def pool_with_indices(self) -> KernelText:
        """The maximum of each window and its position in the window."""
        k = KernelText("window")
        x, extent = k.input(self.input), k.empty(self.kernel)
        best = k.fill(k.constant("0xFF800000", "f32"), self.out)
        where = k.fill(k.constant("-1", "i64"), self.out, "i64")
        maps = [self.read, "i, j", "b, h, w, c", "b, h, w, c"]
        texts = ", ".join(f"affine_map<({self.dims}) -> ({m})>" for m in maps)
        kinds = ", ".join(['"parallel"'] * 4 + ['"reduction"'] * 2)
        types = f"{k.type(best)}, {k.type(where)}"
        k.lines.append(
            f"%pair:2 = linalg.generic {{indexing_maps = [{texts}], iterator_types = [{kinds}]}} "
            f"ins({x}, {extent} : {k.type(x)}, {k.type(extent)}) outs({best}, {where} : {types}) {{\n"
            "^bb0(%x0: f32, %x1: f32, %y: f32, %at: i64):\n%i = linalg.index 4 : index\n%j = linalg.index 5 : index\n"
            f"%row = arith.constant {self.kernel[1]} : index\n%m = arith.muli %i, %row : index\n"
            "%n = arith.addi %m, %j : index\n%here = arith.index_cast %n : index to i64\n"
            "%wins = arith.cmpf ogt, %x0, %y : f32\n%v = arith.select %wins, %x0, %y : f32\n"
            f"%p = arith.select %wins, %here, %at : i64\nlinalg.yield %v, %p : f32, i64\n}} -> ({types})"
        )
        for name, element in (("%pair#0", "f32"), ("%pair#1", "i64")):
            k.types[name] = (list(self.out), element)
            k.output(name)
        return k
