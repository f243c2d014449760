"""Products of bytes with weights of few bits, a scale for each block: see `schedule`."""

from __future__ import annotations

from aicc.passes.schedules.cpu.integer_blocks.schedule import SCHEDULE

__all__ = ["SCHEDULE"]
