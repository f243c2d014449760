"""How fast a GPU is at what schedules count: only to rank them, and to say what takes long."""

from __future__ import annotations

LAUNCH = 3.0e-6
"""Seconds of a kernel that does nothing."""

BANDWIDTH = 1.5e12
"""Bytes per second from memory: an A100 80GB has 1.9e12, an H100 3.3e12."""

FLOPS = 1.5e13
"""Operations per second of the CUDA cores: an A100 has 1.95e13."""

TENSOR_FLOPS = 2.0e14
"""Operations per second of the tensor cores in 16-bit: an A100 has 3.1e14."""
