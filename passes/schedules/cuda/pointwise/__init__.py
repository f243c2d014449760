"""The schedule `pointwise` for GPUs: kernels without reductions.

before: a chain of parallel `linalg.generic`s, a `tensor.pad`, a copy, a transpose
after:  one launch for each output space, neighbouring threads along the output's contiguous axis: 16 bytes a thread
        where all that is read and written lies so; transposed operands through tiles of shared memory
"""

from aicc.passes.schedules.cuda.pointwise.schedule import SCHEDULE

__all__ = ["SCHEDULE"]
