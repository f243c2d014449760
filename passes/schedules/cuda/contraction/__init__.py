"""The schedule `contraction` for GPUs: one engine for matrix products, batched products and convolutions.

before: a root `linalg.generic` `out += a * b`, and elementwise stages that read its result
after:  each block computes a tile of rows x columns; both operands stream through several stages of shared memory;
        products on tensor cores (16-bit operands, bytes) or on CUDA cores (f32); the stages on tiles of sums, one store

A convolution is a product whose rows are pixels and whose sums are the window's elements (implicit GEMM): the
address of an element is a sum of a part that depends on the row and one that depends on the summed index.
"""

from aicc.passes.schedules.cuda.contraction.schedule import SCHEDULE

__all__ = ["SCHEDULE"]
