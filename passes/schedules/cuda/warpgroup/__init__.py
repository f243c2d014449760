"""The schedule `warpgroup` for GPUs of architecture sm_90a: products of f16, bf16 and bytes by `wgmma`, tiles by TMA.

before: a root `linalg.generic` `out += a * b`, and elementwise stages that read its result
after:  as many blocks as there are multiprocessors, each with tiles one after the other. One thread copies tiles of
        both operands to a ring of stages in shared memory; one or two warpgroups multiply them, and give the sums
        through shared memory to the stages and the only store, while copies for the next tile are on their way.
        Two blocks may be a cluster: they share columns, of which each copies half to both. Results of stages with
        little work are stored by copies, too (`stores.py`)

Rows of a convolution are pixels: a tile is a patch of them, and the box that is copied moves with the window
(`boxes.py`). Bytes are multiplied along the sums only: weights get that layout when the model is compiled. What copies
cannot take (steps in memory that are no multiples of 16 bytes, more dims than five, dims that overlap) is left to the
schedule `contraction`; arguments that are not aligned, too, but the host finds that out.
"""

from aicc.passes.schedules.cuda.warpgroup.schedule import SCHEDULE

__all__ = ["SCHEDULE"]
