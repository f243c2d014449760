"""A model put together by hand: y = relu(x @ b + bias), host program and kernel from MLIR."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aicc.bindings import ir
from aicc.bindings import llvm as llvm_dialect
from aicc.codegen.cache import ObjectCache
from aicc.codegen.jobs import KernelJob
from aicc.codegen.model_info import KernelInfo, ModelInfo, TensorInfo, model_info_source
from aicc.codegen.objects import compile_llvm_text
from aicc.codegen.workers import build_kernels
from aicc.dialects.types import DType
from aicc.loader import load
from aicc.passes.llvm import lower_host
from aicc.target import Target
from test.codegen.kernel_text import MATMUL_BIAS_RELU

_HOST = """
func.func private @k0_matmul_launch(!llvm.ptr, !llvm.ptr, memref<40x48xf32>, memref<48xf32>, !llvm.ptr)
func.func @aicc_model_main(%ctx: !llvm.ptr, %buffers: !llvm.ptr, %dims: !llvm.ptr, %w: memref<SIZExi8>,
                           %arena: !llvm.ptr) -> i32 attributes {aicc.export} {
  %c0 = arith.constant 0 : index
  %at = arith.constant BIAS : index
  %b = memref.view %w[%c0][] : memref<SIZExi8> to memref<40x48xf32>
  %bias = memref.view %w[%at][] : memref<SIZExi8> to memref<48xf32>
  %x = llvm.load %buffers : !llvm.ptr -> !llvm.ptr
  %slot = llvm.getelementptr %buffers[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
  %y = llvm.load %slot : !llvm.ptr -> !llvm.ptr
  func.call @k0_matmul_launch(%ctx, %x, %b, %bias, %y)
    : (!llvm.ptr, !llvm.ptr, memref<40x48xf32>, memref<48xf32>, !llvm.ptr) -> ()
  %ok = arith.constant 0 : i32
  return %ok : i32
}
"""
B_BYTES, BIAS_BYTES = 40 * 48 * 4, 48 * 4


@dataclass(frozen=True)
class HandMade:
    """`objects` of host and kernel, the kernel's `symbol`; `b` and `bias` are the weights' two parts.

    In the blob `bias` lies `bias_at` bytes from the start.
    """

    objects: list[bytes]
    symbol: str
    b: np.ndarray[Any, Any]
    bias: np.ndarray[Any, Any]
    bias_at: int = B_BYTES

    @property
    def size(self) -> int:
        return self.bias_at + BIAS_BYTES

    def info(self, **fields: object) -> str:
        """The text of model_info.c."""
        base: dict[str, object] = {
            "name": "hand made",
            "producer": "aicc test",
            "target": Target.host(),
            "inputs": (TensorInfo('x "é" ??/', DType.F32, (24, 40)),),
            "outputs": (TensorInfo("y", DType.F32, (24, 48)),),
            "kernels": (KernelInfo("k0_matmul", self.symbol),),
            "weights_bytes": self.size,
        }
        return model_info_source(ModelInfo(**{**base, **fields}))  # type: ignore[arg-type]

    def write(self, file: Any) -> None:
        """Writes the blob; what lies between its parts is a hole in the file."""
        file.write(memoryview(self.b.tobytes()))
        if self.bias_at > B_BYTES:
            file.seek(self.bias_at - B_BYTES, 1)
        file.write(memoryview(self.bias.tobytes()))

    def check(self, library: Path) -> None:
        """Loads the library, runs it and compares with NumPy."""
        x = np.random.default_rng(5).standard_normal((24, 40)).astype(np.float32)
        y = load(library)(x)
        y = y if isinstance(y, np.ndarray) else next(iter(y.values() if isinstance(y, dict) else y))
        np.testing.assert_allclose(y, np.maximum(x @ self.b + self.bias, 0), rtol=1e-5, atol=1e-5)


def hand_made(cache: ObjectCache, bias_at: int = B_BYTES) -> HandMade:
    target = Target.host()
    result = build_kernels([KernelJob(MATMUL_BIAS_RELU, ("affine",), target)], cache)[0]
    text = _HOST.replace("SIZE", str(bias_at + BIAS_BYTES)).replace("BIAS", str(bias_at))
    with ir.Context(), ir.Location.unknown():
        module = ir.Module.parse(text)
        lower_host(module, target, {"k0_matmul": result.symbol})
        host = llvm_dialect.translate_module_to_llvmir(module.operation)
    rng = np.random.default_rng(4)
    b, bias = rng.standard_normal((40, 48)).astype(np.float32), rng.standard_normal(48).astype(np.float32)
    objects = [compile_llvm_text(host, target), result.built.object]
    return HandMade(objects, result.symbol, b, bias, bias_at)
