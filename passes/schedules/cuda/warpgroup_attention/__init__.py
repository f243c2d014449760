"""The schedule `warpgroup_attention` for GPUs of architecture sm_90a: attention in f16 and bf16 by `wgmma` and TMA.

before: generics `q * k`, scale and mask, softmax along the keys, `p * v`
after:  each block has 64, 128 or 192 rows of one head. One thread copies them and, block after block of those that a
        row may see, keys and values to rings in shared memory. A warpgroup for each 64 rows multiplies: scores are in
        its registers, their weights, in registers, are the left operand of the products with values. Those and the
        scores of the next keys are computed while it waits for neither, the softmax between them

What copies cannot take (steps in memory that are no multiples of 16 bytes, more dims than five), and heads with few
rows, as in a step of decoding, are left to the schedule `attention`; arguments that are not aligned, too, but the host
finds that out.

After Shah, Bikshandi, Zhang, Thakkar, Ramani and Dao, "FlashAttention-3: Fast and Accurate Attention with Asynchrony
and Low-precision", 2024.
"""

from aicc.passes.schedules.cuda.warpgroup_attention.schedule import SCHEDULE

__all__ = ["SCHEDULE"]
