"""The schedule `attention` for GPUs: both products and the softmax between them in one kernel.

before: generics `q * k`, scale and mask, softmax along the keys, `p * v`
after:  each block has 64 rows of one head; for each 64 (or 32) keys that one of them may see: scores, scale and mask on
        them, the softmax so far, sums of values. Scores never leave the block. f16 and bf16 on tensor cores, f32 by
        multiply-adds. Heads with few rows, as in a step of decoding, have blocks of 16 or 32 rows; where that leaves
        multiprocessors idle, the keys are split over blocks, and a second launch joins what these leave in memory

After Dao, "FlashAttention-2: Faster Attention with Better Parallelism and Work Partitioning", 2023.
"""

from aicc.passes.schedules.cuda.attention.schedule import SCHEDULE

__all__ = ["SCHEDULE"]
