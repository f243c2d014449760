"""The schedule `attention` for GPUs: both products and the softmax between them in one kernel, on tensor cores.

before: generics `q * k`, scale and mask, softmax along the keys, `p * v`, of f16 or bf16 operands
after:  each block has 64 rows of one head; for each 64 keys: scores by tensor cores, scale and mask on them, the
        softmax so far, sums of values by tensor cores. Scores never leave registers

After Dao, "FlashAttention-2: Faster Attention with Better Parallelism and Work Partitioning", 2023.
"""

from aicc.passes.schedules.cuda.attention.schedule import SCHEDULE

__all__ = ["SCHEDULE"]
