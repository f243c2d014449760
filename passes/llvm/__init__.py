"""Stage *llvm*: kernels and the host program in the llvm dialect, with bare pointers."""

from __future__ import annotations

from aicc.passes.llvm.host import lower_host
from aicc.passes.llvm.kernel import lower_kernel
from aicc.passes.llvm.launcher import KernelInterface, launch_name, range_name
from aicc.passes.llvm.pointers import memref_to_pointer, pointer_to_memref

__all__ = [
    "KernelInterface",
    "launch_name",
    "lower_host",
    "lower_kernel",
    "memref_to_pointer",
    "pointer_to_memref",
    "range_name",
]
