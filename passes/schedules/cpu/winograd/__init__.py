"""3x3 convolutions in 2.25 or 4 times fewer multiplications. See `schedule`."""

from __future__ import annotations

from aicc.passes.schedules.cpu.winograd.schedule import SCHEDULE, Winograd

__all__ = ["SCHEDULE", "Winograd"]
