"""Runs one kernel in this process: what the differential tests of schedules stand on.

MLIR's own execution engine compiles it, not the code generator of the product, so that an error in one
of the two shows.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aicc.bindings import PassManager, execution_engine, ir
from aicc.passes.schedules import registry
from aicc.passes.schedules.schedule import Config, Schedule
from aicc.target import Target

PIPELINE = (
    "builtin.module(canonicalize,cse,loop-invariant-code-motion,lower-affine,convert-vector-to-scf,"
    "convert-scf-to-cf,expand-strided-metadata,lower-affine,convert-math-to-llvm,convert-math-to-libm,"
    "convert-vector-to-llvm{reassociate-fp-reductions=1},finalize-memref-to-llvm,convert-arith-to-llvm,"
    "convert-index-to-llvm,convert-ub-to-llvm,convert-cf-to-llvm,"
    "convert-func-to-llvm{use-bare-ptr-memref-call-conv=1},reconcile-unrealized-casts,canonicalize,cse)"
)


class Kernel:
    """A compiled kernel. Call it with its arguments (arrays, integers): it runs all tiles, or `lo` to `hi`.

    `text` is the lowered function in vector, scf and memref; `tiles`, `grain`, `scratch` its attributes.
    """

    def __init__(self, text: str, schedule: Schedule | None, target: Target, config: Config | None) -> None:
        self._context = ir.Context()
        with self._context, ir.Location.unknown():
            module = ir.Module.parse(text)
            func = next(
                op.operation for op in module.body.operations if "aicc.kernel" in op.operation.attributes
            )
            self.name = ir.StringAttr(func.attributes["sym_name"]).value
            if schedule is None:
                registry.lower(module, func, target)
            else:
                chosen = config if config is not None else schedule.configs(func, target)[0]
                schedule.lower(module, func, target, chosen)
            module.operation.verify()
            self.text = str(module)
            func = _find(module, self.name)
            self.grain = ir.IntegerAttr(func.attributes["aicc.grain"]).value
            self.scratch = ir.IntegerAttr(func.attributes["aicc.scratch"]).value
            tiles = func.attributes["aicc.tiles"]
            self.tiles = ir.IntegerAttr(tiles).value if isinstance(tiles, ir.IntegerAttr) else None
            self.kinds = [
                str(t) for t in ir.FunctionType(ir.TypeAttr(func.attributes["function_type"]).value).inputs
            ]
            PassManager.parse(PIPELINE).run(module.operation)
            if target != Target.host():
                _restrict(module, target)
            self._engine = execution_engine.ExecutionEngine(module, opt_level=2)
            self._entry = self._lookup(self.name)
            self._count = self._lookup(f"{self.name}_tiles") if self.tiles is None else None

    def _lookup(self, name: str) -> Any:
        return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self._engine.raw_lookup(name))

    def count(self, args: Sequence[NDArray[Any] | int]) -> int:
        """The number of tiles for these arguments."""
        if self._count is None:
            assert self.tiles is not None
            return self.tiles
        result = ctypes.c_int64()
        cells = [ctypes.c_int64(x) for x in args if isinstance(x, int)]
        table = (ctypes.c_void_p * (len(cells) + 1))(*[ctypes.addressof(x) for x in [*cells, result]])
        self._count(ctypes.addressof(table))
        return result.value

    def bind(self, args: Sequence[NDArray[Any] | int], lo: int = 0, hi: int | None = None) -> Bound:
        """The call with these arguments, ready to be made many times."""
        assert len(args) == len(self.kinds) - 3, (len(args), self.kinds)
        for value, kind in zip(args, self.kinds, strict=False):
            assert isinstance(value, int) == (kind == "index"), kind
        scratch: NDArray[Any] = np.empty(self.scratch + 64, np.uint8)
        everything = [*args, lo, self.count(args) if hi is None else hi, scratch[-scratch.ctypes.data % 64 :]]
        return Bound(self._entry, everything)

    def __call__(self, *args: NDArray[Any] | int, lo: int = 0, hi: int | None = None) -> None:
        self.bind(args, lo, hi)()


class Bound:
    """A call with its arguments."""

    def __init__(self, entry: Any, args: Sequence[NDArray[Any] | int]) -> None:
        self._keep = list(args)
        self._cells = (ctypes.c_int64 * len(args))(
            *[x if isinstance(x, int) else x.ctypes.data for x in args]
        )
        start = ctypes.addressof(self._cells)
        self._table = (ctypes.c_void_p * len(args))(*[start + 8 * i for i in range(len(args))])
        self._entry = entry
        self._at = ctypes.addressof(self._table)

    def __call__(self) -> None:
        self._entry(self._at)


def compile_kernel(
    text: str, schedule: Schedule | None = None, target: Target | None = None, config: Config | None = None
) -> Kernel:
    """Lowers the kernel of a module's text (contract 4) and compiles it.

    By `schedule`, else by the one its attributes name; `config` defaults to the recommended one. Raises
    NoMatch.
    """
    return Kernel(text, schedule, target or Target.host(), config)


def _find(module: Any, name: str) -> Any:
    return next(
        op.operation
        for op in module.body.operations
        if ir.StringAttr(op.operation.attributes["sym_name"]).value == name
    )


def _restrict(module: Any, target: Target) -> None:
    """Makes functions use no more than the target has, whatever this machine has."""
    cpu = target.cpu if re.match(r"x86-64(-v\d)?$", target.cpu) else "x86-64-v3"
    for op in module.body.operations:
        if op.operation.name == "llvm.func" and len(op.operation.regions[0].blocks):
            op.operation.attributes["target_cpu"] = ir.StringAttr.get(cpu)
            features = {"x86-64-v3": "+avx2,+fma,+f16c,-avx512f", "x86-64-v4": "+avx512f,+avx512vl"}.get(
                cpu, ""
            )
            quoted = ", ".join(f'"{x}"' for x in features.split(",") if x)
            op.operation.attributes["target_features"] = ir.Attribute.parse(
                f"#llvm.target_features<[{quoted}]>"
            )


def aligned(shape: Sequence[int], dtype: Any = np.float32) -> NDArray[Any]:
    """Zeros at a 64-byte boundary."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.zeros(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)
