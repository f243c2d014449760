"""Which convolutions Winograd's algorithm computes, and what their operands are.

The root is `out[n.., h, w, f] += x[n.., h + kh, w + kw, c] * w[kh, kw, c, f]` with kh, kw < 3: stride, dilation
and groups of one. The dimensions of `x` and of `w` may be in any order in memory, but c is contiguous in `x`
and f in the output.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aicc.bindings import ir
from aicc.passes.schedules.cpu.access import Access, access_of
from aicc.passes.schedules.cpu.contraction.roles import Axes, Roles, find_root
from aicc.passes.schedules.cpu.contraction.stages import accesses_of, epilogue_of
from aicc.passes.schedules.cpu.inline import constant_of
from aicc.passes.schedules.cpu.nest import Buffer, Fill, Generic, Operand, Store
from aicc.passes.schedules.cpu.nest_reader import Reader
from aicc.passes.schedules.cpu.sizes import Size, product, row_major
from aicc.passes.schedules.schedule import TRANSFORM, NoMatch


@dataclass(frozen=True, eq=False)
class Convolution:
    """A 3x3 convolution. `roles` describes it for the epilogue: its axes are the root's dimensions.

    `outer`, `h`, `w`, `f` are those numbers; `perm` takes the weights to `[3, 3, C, F]`; `transform` is what
    the kernel says of weights that have been transformed, None when they have not.
    """

    roles: Roles
    outer: tuple[int, ...]
    h: int
    w: int
    f: int
    channels: int
    perm: tuple[int, ...]
    transform: str | None

    def extent(self, dim: int) -> int:
        """The number of points of a dimension that is not an outer one."""
        return self.roles.root.extents[dim].static or 0

    @property
    def height(self) -> int:
        """Lines of the output."""
        return self.extent(self.h)

    @property
    def width(self) -> int:
        """Pixels of a line."""
        return self.extent(self.w)

    @property
    def filters(self) -> int:
        """Channels of the output."""
        return self.extent(self.f)

    @property
    def images(self) -> Size:
        """Images, all outer dimensions together; may be known at run time only."""
        return product(self.roles.root.extents[dim] for dim in self.outer)

    @property
    def weights(self) -> Buffer:
        """The argument that holds the weights."""
        return self.roles.b.buffer


class _Reader(Reader):
    """Reads transformed weights as the weights they were made from."""

    def __init__(self, func: Any) -> None:
        self.transforms: dict[int, str] = {}
        super().__init__(func)

    def _op_builtin_unrealized_conversion_cast(self, op: Any) -> None:
        source = self._nest.sources[op.operands[0]]
        if TRANSFORM not in op.attributes or not isinstance(source, Buffer):
            raise NoMatch("a cast in a kernel")
        self.transforms[source.number] = str(ir.StringAttr(op.attributes[TRANSFORM]).value)
        shape = tuple(Size.of(x) for x in op.results[0].type.shape)
        buffer = Buffer(source.number, source.element, shape, row_major(shape))
        self._nest.buffers[self._nest.buffers.index(source)] = buffer
        self._define(op.results[0], buffer, shape)


def find_convolution(func: Any) -> Convolution:
    """The convolution a kernel is. Raises NoMatch."""
    reader = _Reader(func)
    nest = reader.read()
    root = find_root(nest)
    if any(operand.element != root.inits[0].element for operand in root.operands[:2]):
        raise NoMatch("a convolution of mixed types")
    reasons = []
    for x, w in ((0, 1), (1, 0)):
        try:
            return _assign(reader, root, root.operands[x], root.operands[w])
        except NoMatch as reason:
            reasons.append(reason.reason)
    raise NoMatch("; ".join(dict.fromkeys(reasons)))


def _windows(root: Generic, x: Operand) -> list[tuple[int, int]]:
    """The pairs (output dimension, window dimension) of the indices `h + kh`, in the order of x."""
    pairs = []
    for index in x.indices:
        if len(index.dims) < 2:
            continue
        if index.quotients or len(index.dims) != 2 or any(factor != 1 for _, factor in index.dims):
            raise NoMatch("a stride or dilation")
        (first, _), (second, _) = index.dims
        pair = (first, second) if root.parallel[first] else (second, first)
        if not root.parallel[pair[0]] or root.parallel[pair[1]] or index.const:
            raise NoMatch("no convolution")
        pairs.append(pair)
    if len(pairs) != 2 or any(root.extents[kernel].static != 3 for _, kernel in pairs):
        raise NoMatch("no 3x3 convolution")
    return pairs


def _assign(reader: _Reader, root: Generic, x: Operand, weights: Operand) -> Convolution:
    nest, extents = reader._nest, root.extents
    if not isinstance(x.source, Buffer) or not isinstance(weights.source, Buffer):
        raise NoMatch("an operand of the convolution is computed in the kernel")
    if weights.source.layout is not None or x.source.layout is not None or x.source is weights.source:
        raise NoMatch("an operand is packed")
    if {x.element, weights.element, root.inits[0].element} != {"f32"}:
        raise NoMatch("a convolution of other types than f32")
    init = root.inits[0].source
    if not isinstance(init, Fill) or not _is_zero(init.value):
        raise NoMatch("the sums do not start at zero")
    (h, kh), (w, kw) = _windows(root, x)
    sums = [d for d, parallel in enumerate(root.parallel) if not parallel and d not in (kh, kw)]
    numbers = [index.single for index in weights.indices]
    of_weights = [d for d in numbers if d is not None and root.parallel[d]]
    if (
        len(sums) != 1
        or len(of_weights) != 1
        or sorted(map(str, numbers)) != sorted(map(str, (kh, kw, sums[0], of_weights[0])))
    ):
        raise NoMatch("no 3x3 convolution of one group")
    c, f = sums[0], of_weights[0]
    outer = tuple(d for d, parallel in enumerate(root.parallel) if parallel and d not in (h, w, f))
    if any(extents[d].static is None for d in range(len(extents)) if d not in outer):
        raise NoMatch("a convolution of sizes known at run time")
    for index in x.indices:
        if index.used() - {h, kh, w, kw} and index.single not in (c, *outer):
            raise NoMatch("no convolution")
    units = {d for d in outer if extents[d].static == 1}
    dimensions, epilogue = epilogue_of(nest, root, units)
    accesses = accesses_of(nest, root, dimensions, units)
    a = access_of(x.source, x.indices, extents)
    if not a.linear or a.coef(c) != 1 or a.moves(f):
        raise NoMatch("channels are not contiguous in the input")
    stores = [access for key, access in accesses.items() if isinstance(key, Store)]
    if not stores or any(not access.linear or access.coef(f) != 1 for access in stores):
        raise NoMatch("channels are not contiguous in the output")
    b = Access(weights.source, Size(), tuple(Size() for _ in extents))
    axes = Axes(extents, outer, (h, w), f, (kh, kw, c))
    groups = tuple((d,) for d in range(len(extents)))
    roles = Roles(nest, root, x, weights, axes, groups, a, b, 0, init, epilogue, accesses, dimensions)
    perm = tuple(numbers.index(d) for d in (kh, kw, c, f))
    transform = reader.transforms.get(weights.source.number)
    return Convolution(roles, outer, h, w, f, extents[c].static or 0, perm, transform)


def _is_zero(value: Any) -> bool:
    if hasattr(value, "owner"):
        return constant_of(value) == 0.0
    return isinstance(value, ir.FloatAttr) and value.value == 0.0
