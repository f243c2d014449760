"""The schedule `cublaslt` for NVIDIA GPUs: products of matrices by NVIDIA's library. Chosen among the others only where
`--vendor-libraries cublaslt` allows it.

before: a root `linalg.generic` `out += a * b`, and elementwise stages that read its result
after:  a call of the library (`passes/gpu/library_products.py`), which adds a bias, applies ReLU or GELU (by tanh) and
        narrows the result if the first stages do so; then the launches of another schedule for the other stages, from
        a temporary. Where the library has no algorithm in a run, launches of another schedule for the whole kernel

Operands have to be matrices, or batches of them at equal distances: windows of convolutions other than 1x1 are left to
other schedules.
"""

from aicc.passes.schedules.cuda.cublaslt.schedule import SCHEDULE

__all__ = ["SCHEDULE"]
