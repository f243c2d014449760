"""The schedule `threads`: matches every kernel, one launch for each linalg op, one thread for each result.

before: linalg on tensors between `to_tensor` and `materialize_in_destination`
after:  the same on memrefs; each `linalg.generic` a `gpu.launch` whose threads go over its parallel iterations
        (grid-stride) and do its reductions one after the other; loops over scalars run in one thread, or their
        independent iterations in as many
"""

from aicc.passes.schedules.cuda.threads.schedule import SCHEDULE

__all__ = ["SCHEDULE"]
