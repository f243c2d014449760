"""A convolution with its epilogue, as the library sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aicc.bindings import ir
from aicc.passes.gpu.library_convolutions import Convolution
from aicc.passes.schedules.cpu.access import Access, access_of
from aicc.passes.schedules.cpu.nest import Buffer, Fill, Generic, Nest, Operand, Padded, Result, analyze
from aicc.passes.schedules.cpu.sizes import Size, row_major
from aicc.passes.schedules.cuda.contraction.roles import check_sum_of_products, is_zero
from aicc.passes.schedules.cuda.cudnn.epilogue import Epilogue
from aicc.passes.schedules.cuda.cudnn.geometry import Geometry, Spatial, geometry_of, static
from aicc.passes.schedules.cuda.vendor.costs import FIRST_CAPABILITY, plain_seconds, product_seconds
from aicc.passes.schedules.schedule import NoMatch
from aicc.target import Target

_ZERO, _ONE = Size(), Size.of(1)


@dataclass(frozen=True)
class Found:
    """`accesses` are x, w, out and the operands of steps over the root's axes; `numbers` those of the call but the
    workspace's size; `padded` is the shape of x with its padding, None where there is none."""

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
        rows = 1
        for axis in (g.images, *(s.position for s in g.spatial)):
            rows *= 1 if axis is None else self.root.extents[axis].guess()
        sums = call.channels // call.groups
        for size in call.window:
            sums *= size
        kind = "tf32" if call.tf32 else call.element
        sizes = (rows, call.filters // call.groups, sums, call.groups)
        return min(product_seconds(kind, *sizes, target), plain_seconds(*sizes, target))


def convolution_of(function: Any, epilogue: Epilogue, target: Target) -> Found:
    """Of a kernel that computes nothing but a convolution with its epilogue. Raises NoMatch."""
    nest = analyze(function)
    root = next(stage for stage in nest.stages if stage.reduces)
    check_sum_of_products(root)
    reasons = []
    for x, w in ((0, 1), (1, 0)):
        try:
            return _assigned(function, nest, root, root.operands[x], root.operands[w], epilogue, target)
        except NoMatch as reason:
            reasons.append(reason.reason)
    raise NoMatch("; ".join(dict.fromkeys(reasons)))


def _assigned(
    function: Any, nest: Nest, root: Generic, x: Operand, w: Operand, epilogue: Epilogue, target: Target
) -> Found:
    element = x.element
    if element not in ("f32", "f16", "bf16") or w.element != element:
        raise NoMatch(f"a convolution of {element} and {w.element}")
    if target.compute_capability < FIRST_CAPABILITY[element]:
        raise NoMatch(f"convolutions of {element} that the library is not asked for")
    init = root.inits[0].source
    if not isinstance(init, Fill) or not is_zero(init.value):
        raise NoMatch("sums that do not start at zero")
    padding = x.source if isinstance(x.source, Padded) else None
    source = padding.source if padding else x.source
    if not isinstance(source, Buffer) or source.layout is not None or not isinstance(w.source, Buffer):
        raise NoMatch("an operand of the convolution is computed in the kernel")
    if padding and not is_zero(padding.value):
        raise NoMatch("a padding of other numbers than zero")
    geometry = geometry_of(root, x, w)
    weights = access_of(w.source, w.indices, root.extents)
    if not weights.linear or source.strides[-1].static != 1:
        raise NoMatch("operands that are not read at linear addresses")
    out, places = _output(nest, root, geometry)
    spatial = geometry.spatial
    rank = len(spatial)
    low = padding.low[1:-1] if padding else (0,) * rank
    high = _high(function)[1:-1] if padding else (0,) * rank
    if padding and (padding.low[0], padding.low[-1], *_high(function)[:: rank + 1]) != (0,) * 4:
        raise NoMatch("a padding of images or channels")
    windows = [_extent(root, s.tap) for s in spatial]
    x_steps = [source.strides[0], _ONE, *source.strides[1:-1]]
    out_steps = [out.strides[p] for p in _ordered(places)]
    w_steps = [_step(weights, a) for a in (geometry.filters, geometry.channels, *(s.tap for s in spatial))]
    positions = [_extent(root, s.position) for s in spatial]
    x_sizes = list(source.shape[1:-1])
    _check_sizes(x_sizes, positions, windows, spatial, low, high)
    filters = static(root.extents[geometry.filters], "filters")
    channels = static(source.shape[-1], "channels")
    if channels != geometry.groups * (_extent(root, geometry.channels).static or 0):
        raise NoMatch("channels that no filter reads")
    operands = [_operand(nest, root, places, step.operand, i) for i, step in _binary(epilogue)]
    accesses = [access_of(source, x.indices, root.extents), weights, _placed(root, out, places), *operands]
    call = Convolution(
        element,
        out.element,
        channels,
        filters,
        geometry.groups,
        tuple(static(size, "a window") for size in windows),
        tuple(s.stride for s in spatial),
        tuple(s.dilation for s in spatial),
        tuple(low),
        tuple(high),
        epilogue.steps,
        element == "f32" and target.tf32,
    )
    steps = {"x": x_steps, "w": w_steps, "out": out_steps}
    steps |= {f"operand_{i}": [a.buffer.strides[p] for p in _ordered(places)] for i, a in enumerate(operands) if call.operands[i] == "all"}
    images = _extent(root, geometry.images)
    return _found(call, nest, root, geometry, w, accesses, images, {"x": x_sizes, "out": positions}, steps, padding)
