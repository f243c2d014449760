"""A convolution with its epilogue, as the library sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aicc.passes.gpu.library_convolutions import Convolution
from aicc.passes.kernels.ir_tools import nested_ops
from aicc.passes.schedules.cpu.access import Access, access_of
from aicc.passes.schedules.cpu.nest import Buffer, Fill, Generic, Nest, Operand, Padded, Result, analyze
from aicc.passes.schedules.cpu.nest_reader import integers
from aicc.passes.schedules.cpu.sizes import Size, guess_product
from aicc.passes.schedules.cuda.contraction.roles import check_sum_of_products, is_zero
from aicc.passes.schedules.cuda.cudnn.epilogue import Epilogue, in_known_order
from aicc.passes.schedules.cuda.cudnn.geometry import Geometry, geometry_of, static
from aicc.passes.schedules.cuda.vendor.costs import FIRST_CAPABILITY, plain_seconds, product_seconds
from aicc.passes.schedules.schedule import NoMatch
from aicc.target import Target

_ONE = Size.of(1)


@dataclass(frozen=True)
class Found:
    """`accesses` are x, w, out and the operands of steps over the axes of `root`; `numbers` those of the call but the
    workspace's size; `weights` is how the root reads w, `padded` the shape of x with its padding, if it has one."""

    call: Convolution
    nest: Nest
    root: Generic
    geometry: Geometry
    weights: Operand
    accesses: tuple[Access, ...]
    numbers: dict[str, Size]
    padded: tuple[Size, ...] | None

    def seconds(self, target: Target) -> float:
        """Of the arithmetic: as products of matrices, or where a group has few channels on CUDA cores."""
        call, g = self.call, self.geometry
        axes = [g.images, *(s.position for s in g.spatial)]
        rows = guess_product(self.root.extents[axis] for axis in axes if axis is not None)
        sums = call.channels // call.groups
        for size in call.window:
            sums *= size
        sizes = (rows, call.filters // call.groups, sums, call.groups)
        kind = "tf32" if call.tf32 else call.element
        return min(product_seconds(kind, *sizes, target), plain_seconds(*sizes, target))


def convolution_of(function: Any, epilogue: Epilogue, target: Target) -> Found:
    """Of a kernel that computes nothing but a convolution with its epilogue. Raises NoMatch."""
    nest = analyze(function)
    root = next(stage for stage in nest.stages if stage.reduces)
    check_sum_of_products(root)
    _check_types(root, target)
    reasons = []
    for x, w in ((0, 1), (1, 0)):
        try:
            return _assigned(nest, root, root.operands[x], root.operands[w], epilogue, target)
        except NoMatch as reason:
            reasons.append(reason.reason)
    raise NoMatch("; ".join(dict.fromkeys(reasons)))


def _check_types(root: Generic, target: Target) -> None:
    elements = {operand.element for operand in root.operands[:2]}
    if not elements <= {"f32", "f16", "bf16"} or len(elements) != 1:
        raise NoMatch(f"a convolution of {' and '.join(sorted(elements))}")
    (element,) = elements
    if target.compute_capability < FIRST_CAPABILITY[element]:
        raise NoMatch(f"convolutions of {element} that the library is not asked for")
    init = root.inits[0].source
    if not isinstance(init, Fill) or not is_zero(init.value):
        raise NoMatch("sums that do not start at zero")


def _assigned(nest: Nest, root: Generic, x: Operand, w: Operand, epilogue: Epilogue, target: Target) -> Found:
    read, low, high = _input(nest, x)
    if not isinstance(w.source, Buffer):
        raise NoMatch("weights that are computed in the kernel")
    geometry = geometry_of(root, x, w)
    weights = access_of(w.source, w.indices, root.extents)
    if not weights.linear:
        raise NoMatch("weights that are not read at linear addresses")
    tail = 1 if geometry.group is None else 2
    if any(border for ends in (low, high) for border in (ends[0], *ends[-tail:])):
        raise NoMatch("a padding of images or channels")
    low, high = low[1:-tail], high[1:-tail]
    source, out = (_joined(buffer, tail) for buffer in (read, _output(nest, root, geometry)))
    steps, found = in_known_order(epilogue.steps, _operands(nest, root))
    operands = [_joined(buffer, tail) for buffer in found]
    kinds = [step.operand for step in steps if step.operand]
    if any(_channel_step(buffer) != 1 for buffer in (source, out, *operands)):
        raise NoMatch("channels that do not lie side by side")
    spatial = geometry.spatial
    window = [static(_extent(root, s.tap), "a window") for s in spatial]
    channels = static(source.shape[-1], "channels")
    if channels != geometry.groups * static(_extent(root, geometry.channels), "channels"):
        raise NoMatch("channels that no filter reads")
    # One axis more: the library wants two at least.
    more = max(0, 2 - len(spatial))

    def listed(values: Sequence[int], missing: int) -> tuple[int, ...]:
        return (*[missing] * more, *values)

    call = Convolution(
        x.element,
        out.element,
        channels,
        static(out.shape[-1], "filters"),
        geometry.groups,
        listed(window, 1),
        listed([s.stride for s in spatial], 1),
        listed([s.dilation for s in spatial], 1),
        listed(low, 0),
        listed(high, 0),
        steps,
        x.element == "f32" and target.tf32,
    )
    sizes = {
        "x": [*[_ONE] * more, *source.shape[1:-1]],
        "out": [*[_ONE] * more, *(_extent(root, s.position) for s in spatial)],
    }
    _check_sizes(call, sizes)

    def laid_out(buffer: Buffer) -> list[Size]:
        first, *middle, last = buffer.strides
        return [first, last, *[middle[0] * buffer.shape[1]] * more, *middle]

    of_w = [_filter_step(root, weights, geometry), _step(weights, geometry.channels)]
    of_taps = [_step(weights, s.tap) for s in spatial]
    distances = {"x": laid_out(source), "w": [*of_w, *[_ONE] * more, *of_taps], "out": laid_out(out)}
    distances |= {
        f"operand_{i}": laid_out(buffer)
        for i, (kind, buffer) in enumerate(zip(kinds, operands, strict=True))
        if kind == "all"
    }
    numbers = {"images": _extent(root, geometry.images)}
    numbers |= {f"{name}_size_{i}": size for name, own in sizes.items() for i, size in enumerate(own)}
    numbers |= {f"{name}_step_{i}": size for name, own in distances.items() for i, size in enumerate(own)}
    accesses = [access_of(read, x.indices, root.extents), weights, _access(root, geometry, out)]
    accesses += [_access(root, geometry, buffer) for buffer in operands]
    padded = None
    if x.source is not read:
        borders = [0, *(a + b for a, b in zip(low, high, strict=True)), *[0] * tail]
        padded = tuple(size + border for size, border in zip(read.shape, borders, strict=True))
    return Found(call, nest, root, geometry, w, tuple(accesses), numbers, padded)


def _input(nest: Nest, x: Operand) -> tuple[Buffer, tuple[int, ...], tuple[int, ...]]:
    """The buffer of x, and how far each of its dims is padded at either end."""
    padding = x.source if isinstance(x.source, Padded) else None
    source = x.source if padding is None else padding.source
    if not isinstance(source, Buffer) or source.layout is not None:
        raise NoMatch("an input that is computed in the kernel")
    if padding is None:
        return source, (0,) * len(source.shape), (0,) * len(source.shape)
    pads = [op for op in nested_ops(nest.func.operation) if op.name == "tensor.pad"]
    low, high = padding.low, tuple(integers(pads[0], "static_high"))
    # One that is dynamic is below 0.
    if len(pads) != 1 or not is_zero(padding.value) or min(*low, *high) < 0:
        raise NoMatch("a padding that is no border of zeros")
    return source, low, high


def _joined(buffer: Buffer, tail: int) -> Buffer:
    """The same memory with the last `tail` dims, 1 or 2, as one."""
    if tail == 1:
        return buffer
    *shape, count, size = buffer.shape
    *strides, far, near = buffer.strides
    if count.static != 1 and far != near * size:
        raise NoMatch("groups that do not lie side by side")
    return Buffer(buffer.number, buffer.element, (*shape, count * size), (*strides, near))


def _output(nest: Nest, root: Generic, geometry: Geometry) -> Buffer:
    """Where the last stage's result goes: by images, positions, filters."""
    places = root.inits[0].indices
    if len(nest.stores) != 1 or [index.single for index in places] != geometry.results:
        raise NoMatch("results in another order")
    store = nest.stores[0]
    if store.target.layout is not None or not isinstance(store.source, Result):
        raise NoMatch("results that are not stored as they are computed")
    return store.target


def _operands(nest: Nest, root: Generic) -> list[Buffer]:
    """What the stages after the root read from memory, in order."""
    found = []
    for stage in nest.stages:
        for operand in stage.operands[: stage.inputs]:
            if stage is root or isinstance(operand.source, Result):
                continue
            if not isinstance(operand.source, Buffer) or operand.source.layout is not None:
                raise NoMatch("an operand of a stage that is computed in the kernel")
            found.append(operand.source)
    return found


def _channel_step(buffer: Buffer) -> int | None:
    """The distance of channels, the last axis that has more than one element."""
    steps = [step for size, step in zip(buffer.shape, buffer.strides, strict=True) if size.static != 1]
    return steps[-1].static if steps else 1


def _extent(root: Generic, axis: int | None) -> Size:
    return _ONE if axis is None else root.extents[axis]


def _step(access: Access, axis: int | None) -> Size:
    return _ONE if axis is None else access.coefs[axis]


def _filter_step(root: Generic, weights: Access, geometry: Geometry) -> Size:
    """Of all groups: the filters of each follow those of the one before."""
    step = weights.coefs[geometry.filters]
    if geometry.group is None:
        return step
    far, size = weights.coefs[geometry.group], root.extents[geometry.filters]
    if size.static == 1:
        return far
    if far != step * size:
        raise NoMatch("groups that do not lie side by side")
    return step


def _access(root: Generic, geometry: Geometry, buffer: Buffer) -> Access:
    """Of results, or of a number for each filter; groups and their filters are one dim of the buffer."""
    axes = [geometry.images, *(s.position for s in geometry.spatial), geometry.filters]
    coefs = [Size() for _ in root.extents]
    if len(buffer.shape) != len(axes):
        coefs[geometry.filters] = _ONE
    else:
        for axis, size, step in zip(axes, buffer.shape, buffer.strides, strict=True):
            if axis is not None and size.static != 1:
                coefs[axis] = step
    if geometry.group is not None:
        coefs[geometry.group] = coefs[geometry.filters] * root.extents[geometry.filters]
    return Access(buffer, Size(), tuple(coefs))


def _check_sizes(call: Convolution, sizes: dict[str, list[Size]]) -> None:
    """As many results as there are windows; the rest is checked in a run."""
    for axis, (x, out) in enumerate(zip(sizes["x"], sizes["out"], strict=True)):
        if x.static is None or out.static is None:
            continue
        reach = (call.window[axis] - 1) * call.dilations[axis] + 1
        room = x.static + call.low[axis] + call.high[axis] - reach
        if room < 0 or room // call.strides[axis] + 1 != out.static:
            raise NoMatch("fewer results than there are windows")
