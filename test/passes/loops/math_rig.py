"""Runs one math op over arrays, through the pass and the code generator, and measures errors in ulp."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from aicc.bindings import ir
from aicc.bindings import llvm as llvm_dialect
from aicc.codegen.jit import LoadedKernel
from aicc.codegen.objects import check_imports, compile_llvm_text
from aicc.passes.llvm import lower_kernel
from aicc.passes.loops.expand_math import expand_math
from aicc.target import Target

Array = np.ndarray[Any, Any]
ELEMENTS = {
    "f16": np.float16, "f32": np.float32, "f64": np.float64,
    "i8": np.int8, "i32": np.int32, "i64": np.int64,
}  # fmt: skip


def kernel_text(op: str, elements: Sequence[str], results: int, shape: Sequence[int], flags: str = "") -> str:
    """A kernel that applies `op`, `lanes` elements at a time (shape () is scalars), to n elements."""
    lanes = int(np.prod(shape)) if shape else 1
    kind = [f"vector<{'x'.join(map(str, shape))}x{e}>" if shape else e for e in elements]
    flat = [f"vector<{lanes}x{e}>" if shape else e for e in elements]
    outs = [f"%o{i}: memref<{elements[0]}>" for i in range(results)]
    args = [f"%a{i}: memref<{e}>" for i, e in enumerate(elements)] + outs
    lines = []
    for i, e in [*enumerate(elements), *((f"o{i}", elements[0]) for i in range(results))]:
        name = f"%{i}" if str(i).startswith("o") else f"%a{i}"
        lines.append(
            f"{name}v = memref.reinterpret_cast {name} to offset: [0], sizes: [%n], strides: [1] : "
            f"memref<{e}> to memref<?x{e}>"
        )
    lines += [f"%step = arith.constant {lanes} : index", "%start = arith.constant 0 : index"]
    lines.append("scf.for %i = %start to %n step %step {")
    for i, e in enumerate(elements):
        if shape:
            lines.append(f"%x{i}f = vector.load %a{i}v[%i] : memref<?x{e}>, {flat[i]}")
            lines.append(f"%x{i} = vector.shape_cast %x{i}f : {flat[i]} to {kind[i]}")
        else:
            lines.append(f"%x{i} = memref.load %a{i}v[%i] : memref<?x{e}>")
    values = ", ".join(f"%x{i}" for i in range(len(elements)))
    result = "%y" if results == 1 else f"%y:{results}"
    types = ", ".join([kind[0]] * results)
    attributes = f" {{fastmath = #arith.fastmath<{flags}>}}" if flags else ""
    lines.append(f'{result} = "{op}"({values}){attributes} : ({", ".join(kind)}) -> ({types})')
    for i in range(results):
        value = "%y" if results == 1 else f"%y#{i}"
        if shape:
            lines.append(f"%z{i} = vector.shape_cast {value} : {kind[0]} to {flat[0]}")
            lines.append(f"vector.store %z{i}, %o{i}v[%i] : memref<?x{elements[0]}>, {flat[0]}")
        else:
            lines.append(f"memref.store {value}, %o{i}v[%i] : memref<?x{elements[0]}>")
    lines.append("}")
    body = "\n  ".join(lines)
    return (
        f"func.func @k({', '.join(args)}, %n: index, %lo: index, %hi: index, %scratch: memref<0xi8>) "
        f"attributes {{aicc.kernel, aicc.tiles = 1 : i64}} {{\n  {body}\n  return\n}}"
    )


def compiled(text: str, target: Target, opt: int = 1) -> bytes:
    """The object of a kernel; raises when it calls anything."""
    with ir.Context(), ir.Location.unknown():
        module = ir.Module.parse(text)
        expand_math(module, target)
        lower_kernel(module, target)
        llvm_text = llvm_dialect.translate_module_to_llvmir(module.operation)
    data = compile_llvm_text(llvm_text, target, opt)
    check_imports(data)
    return data


@cache
def math_kernel(
    op: str, elements: tuple[str, ...], results: int, shape: tuple[int, ...], baseline: bool, flags: str
) -> Any:
    """A loaded kernel, kept for the run; `baseline`: x86-64 without fused multiply-add and rounding."""
    target = Target.cpu_named("x86-64") if baseline else Target.host()
    return LoadedKernel(compiled(kernel_text(op, elements, results, shape, flags), target), "k")


def apply(
    op: str,
    arrays: Sequence[Array],
    elements: Sequence[str],
    results: int = 1,
    shape: tuple[int, ...] = (8,),
    baseline: bool = False,
    flags: str = "",
) -> list[Array]:
    """`op` on each element of 1-D arrays of one length."""
    lanes = int(np.prod(shape)) if shape else 1
    n = len(arrays[0])
    padded = -(-n // lanes) * lanes
    ins = [
        np.resize(np.ascontiguousarray(a, ELEMENTS[e]), padded) for a, e in zip(arrays, elements, strict=True)
    ]
    outs = [np.zeros(padded, ELEMENTS[elements[0]]) for _ in range(results)]
    kernel = math_kernel(op, tuple(elements), results, shape, baseline, flags)
    kernel.run([*ins, *outs], sizes=[padded])
    return [o[:n] for o in outs]


def ulp(got: Array, want: Array) -> Array:
    """Distance in units of the last place of the wanted value, 0 where both are the same special value."""
    kind = got.dtype.type
    with np.errstate(all="ignore"):
        rounded = want.astype(kind)
        info = np.finfo(kind)
        step = np.maximum(
            np.spacing(np.abs(np.where(np.isfinite(rounded), rounded, 1))), info.smallest_subnormal
        )
        top = np.isinf(rounded) & np.isfinite(want)
        step = np.where(top, np.spacing(info.max), step)
        distance = np.abs(got.astype(want.dtype) - want) / step
    same = (np.isnan(got) & np.isnan(rounded)) | ((got == rounded) & ~np.isfinite(rounded))
    distance = np.where(same, 0, distance)
    return np.where(np.isnan(distance), np.inf, distance)


def all_floats(count: int, low: float, high: float, kind: Any = np.float32) -> Array:
    """`count` numbers evenly spread over the representable ones in [low, high]: every exponent alike."""
    integer = np.int32 if kind is np.float32 else np.int64

    def order(x: float) -> int:
        bits = int(np.array(x, kind).view(integer))
        return bits if bits >= 0 else -(bits & ((1 << (8 * np.dtype(kind).itemsize - 1)) - 1))

    first, last = order(low), order(high)
    step = max((last - first) // count, 1)
    codes = np.array(range(first, last + 1, step), dtype=np.int64 if kind is np.float32 else object)
    sign_bit = np.iinfo(integer).min
    bits = [int(c) if c >= 0 else int(-c) + int(sign_bit) for c in codes]
    return np.array(bits, integer).view(kind)
