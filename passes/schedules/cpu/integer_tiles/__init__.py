"""Products of integer blocks on the tile registers of Intel AMX: see `schedule`."""

from __future__ import annotations

from aicc.passes.schedules.cpu.integer_tiles.schedule import SCHEDULE

__all__ = ["SCHEDULE"]
