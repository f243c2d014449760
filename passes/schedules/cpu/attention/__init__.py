"""Attention as one kernel: both products and the online softmax between them. See `schedule`."""

from __future__ import annotations

from aicc.passes.schedules.cpu.attention.schedule import SCHEDULE, FusedAttention

__all__ = ["SCHEDULE", "FusedAttention"]
