"""The schedule `rows` for GPUs: kernels with reductions over one space (softmax, norms, means, pooling, sums).

before: reductions of full inputs, elementwise stages between and after them
after:  one launch: for each result of the kept axes one thread, one warp or one block, which goes over the reduced
        axes once for each pass; partial results are joined by shuffles, and between warps in shared memory
"""

from aicc.passes.schedules.cuda.rows.schedule import SCHEDULE

__all__ = ["SCHEDULE"]
