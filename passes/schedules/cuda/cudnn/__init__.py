"""The schedule `cudnn` for NVIDIA GPUs: convolutions by NVIDIA's library. Chosen among the others only where
`--vendor-libraries cudnn` allows it.

before: a root `linalg.generic` `out[n, o, f] += x[n, o * stride + k * dilation, c] * w[k, c, f]`, perhaps of groups of
        channels, perhaps of a padded x, and elementwise stages that read its result
after:  a call of the library (`passes/gpu/library_convolutions.py`), which pads, and computes the first stages if they
        add or multiply a number for each filter or each result, are a known activation, or narrow the result; then the
        launches of another schedule for the other stages, from a temporary. Where the library has no plan in a run,
        launches of other schedules for the padding and the whole kernel

Weights are asked for as filter, window, channel: what the library's fast algorithms read. Convolutions of bytes are
left to other schedules: ONNX's have activations without a sign and results of i32, and the library has neither.
"""

from aicc.passes.schedules.cuda.cudnn.schedule import SCHEDULE

__all__ = ["SCHEDULE"]
