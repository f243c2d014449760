"""The linalg stage run by MLIR's own bufferization, loops and JIT: an oracle for everything after it."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import onnx

from aicc.bindings import PassManager, ir, linalg
from aicc.dialects import context
from aicc.dialects.types import DType
from aicc.importer.model import import_model
from aicc.passes.base import PassContext
from aicc.passes.linalg.lower import LowerToLinalg
from aicc.passes.linalg.requirements import MESSAGE
from aicc.target import Target
from aicc.weights import WeightStore

Array = np.ndarray[Any, Any]

BUFFERIZE = (
    "canonicalize,cse,one-shot-bufferize{bufferize-function-boundaries=true "
    "function-boundary-type-conversion=identity-layout-map allow-return-allocs-from-loops=true},"
    "canonicalize,cse"
)
TO_LLVM = (
    "convert-linalg-to-loops,lower-affine,expand-strided-metadata,lower-affine,convert-scf-to-cf,"
    "arith-expand{include-bf16=true},convert-math-to-llvm,convert-math-to-libm,"
    "convert-to-llvm,reconcile-unrealized-casts"
)


def run_upstream(model: onnx.ModelProto, feeds: dict[str, Array]) -> list[Array]:
    """The outputs of `model` on `feeds` (by input name)."""
    with context(), ir.Location.unknown():
        module, weights = import_model(model)
        return _run_module(module, weights, list(feeds.values()))


def _run_module(module: Any, weights: WeightStore, inputs: list[Array]) -> list[Array]:
    """Runs `main` of the import stage."""
    from torch_mlir.execution_engine import ExecutionEngine

    module.operation.verify()
    main = next(iter(module.body.operations))
    results = [ir.RankedTensorType(t) for t in main.type.results]
    dtypes = [DType.from_mlir(str(t.element_type)) for t in results]
    LowerToLinalg().run(module, PassContext(target=Target.host(), weights=weights))
    module.operation.verify()
    drop_requirements(module)
    names = weights_to_arguments(module)
    PassManager.parse(f"builtin.module({BUFFERIZE})").run(module.operation)
    _copies_to_linalg(module)
    PassManager.parse(f"builtin.module({TO_LLVM})").run(module.operation)
    engine = ExecutionEngine(module, opt_level=1)
    engine.initialize()
    return _invoke(engine, inputs + [weights.load(name) for name in names], dtypes, [t.rank for t in results])


def drop_requirements(module: Any) -> None:
    """Nothing here defines the function that compares sizes in a run."""
    for f in list(module.body.operations):
        if f.operation.name == "func.func" and f.regions[0].blocks:
            for op in list(f.regions[0].blocks[0].operations):
                if MESSAGE in op.operation.attributes:
                    op.operation.erase()
    for f in list(module.body.operations):
        if "aicc.runtime" in f.operation.attributes:
            f.operation.erase()


def _copies_to_linalg(module: Any) -> None:
    """`memref.copy` as a loop: between strided memrefs it would call a runtime library."""
    copies: list[Any] = []

    def collect(op: Any) -> Any:
        if op.name == "memref.copy":
            copies.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(collect)
    for op in copies:
        source, target = op.operands
        with ir.InsertionPoint(op), op.location:
            linalg.copy(source, outs=[target])
        op.erase()


def weights_to_arguments(module: Any) -> list[str]:
    """Weights of the linalg stage become further arguments of `main`; returns their names in order."""
    main = next(f for f in module.body.operations if f.operation.name == "func.func")
    entry = main.regions[0].blocks[0]
    names: list[str] = []
    arguments: dict[str, Any] = {}
    for op in list(entry.operations):
        if op.operation.name != "ml_program.global_load_const":
            continue
        name = str(ir.FlatSymbolRefAttr(op.operation.attributes["global"]).value)
        if name not in arguments:
            arguments[name] = entry.add_argument(op.operation.results[0].type, ir.Location.unknown())
            names.append(name)
        op.operation.results[0].replace_all_uses_with(arguments[name])
        op.operation.erase()
    for op in list(module.body.operations):
        if op.operation.name == "ml_program.global":
            op.operation.erase()
    types = [a.type for a in entry.arguments]
    main.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(types, main.type.results))
    read_only = ir.DictAttr.get({"bufferization.writable": ir.BoolAttr.get(False)})
    main.attributes["arg_attrs"] = ir.ArrayAttr.get([read_only] * len(types))
    if "res_attrs" in main.attributes:
        del main.attributes["res_attrs"]
    main.attributes["llvm.emit_c_interface"] = ir.UnitAttr.get()
    return names


def _descriptor(rank: int) -> type[ctypes.Structure]:
    dims = [("sizes", ctypes.c_int64 * rank), ("strides", ctypes.c_int64 * rank)] if rank else []
    fields = [("allocated", ctypes.c_void_p), ("aligned", ctypes.c_void_p), ("offset", ctypes.c_int64), *dims]
    return type(f"Memref{rank}", (ctypes.Structure,), {"_fields_": fields})


def _invoke(engine: Any, arrays: list[Array], dtypes: list[DType], ranks: list[int]) -> list[Array]:
    keep: list[Any] = []
    pointers: list[Any] = []
    result_type = type(
        "Results", (ctypes.Structure,), {"_fields_": [(f"r{i}", _descriptor(r)) for i, r in enumerate(ranks)]}
    )
    results = result_type()
    result_pointer = ctypes.pointer(results)
    pointers.append(ctypes.cast(ctypes.pointer(result_pointer), ctypes.c_void_p))
    for array in arrays:
        data = np.ascontiguousarray(array).reshape(array.shape)
        d = _descriptor(data.ndim)()
        d.allocated = d.aligned = data.ctypes.data
        for k in range(data.ndim):
            d.sizes[k] = data.shape[k]
            d.strides[k] = data.strides[k] // data.itemsize
        pointer = ctypes.pointer(d)
        keep += [data, d, pointer]
        pointers.append(ctypes.cast(ctypes.pointer(pointer), ctypes.c_void_p))
    table = (ctypes.c_void_p * len(pointers))(*pointers)
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(engine.raw_lookup("_mlir_ciface_main"))
    before = [k.copy() for k in keep[::3]]
    function(ctypes.cast(table, ctypes.c_void_p))
    for old, new in zip(before, keep[::3], strict=True):
        np.testing.assert_array_equal(
            old.view(np.uint8) if old.ndim else old, new.view(np.uint8) if new.ndim else new
        )
    return [
        _to_array(getattr(results, f"r{i}"), t, r) for i, (t, r) in enumerate(zip(dtypes, ranks, strict=True))
    ]


def _to_array(d: Any, dtype: DType, rank: int) -> Array:
    shape = tuple(d.sizes[k] for k in range(rank)) if rank else ()
    strides = tuple(d.strides[k] for k in range(rank)) if rank else ()
    if 0 in shape:
        return np.zeros(shape, dtype.numpy)
    span = 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    size = dtype.numpy.itemsize
    raw = (ctypes.c_byte * (span * size)).from_address(d.aligned + d.offset * size)
    flat = np.frombuffer(raw, dtype.numpy, span)
    view = np.lib.stride_tricks.as_strided(flat, shape, tuple(s * size for s in strides))
    return np.array(view, copy=True)


def run_ops(cases: list[tuple[str, list[Array | None], dict[str, Any]]]) -> list[Array]:
    """The first result of each op of the dialect (name, inputs, attributes), as one function of all inputs."""
    from aicc.bindings import func
    from aicc.dialects import OPS
    from aicc.dialects.types import TensorType

    arrays = [x for _, inputs, _ in cases for x in inputs if x is not None]
    with context(), ir.Location.unknown():
        module = ir.Module.create()
        types = [TensorType(x.shape, DType.from_numpy(x.dtype)).mlir() for x in arrays]
        with ir.InsertionPoint(module.body):
            main = func.FuncOp("main", (types, []))
        block = main.add_entry_block()
        arguments = iter(block.arguments)
        with ir.InsertionPoint(block):
            results = []
            for name, inputs, attrs in cases:
                built = OPS[name].build(*(None if x is None else next(arguments) for x in inputs), **attrs)
                results.append(built[0] if isinstance(built, list) else built)
            func.ReturnOp(results)
        main.attributes["function_type"] = ir.TypeAttr.get(
            ir.FunctionType.get(types, [v.type for v in results])
        )
        return _run_module(module, WeightStore(), arrays)
