"""Contractions of bytes on the tile registers of Intel AMX: see `schedule`."""

from __future__ import annotations

from aicc.passes.schedules.cpu.amx.schedule import SCHEDULE

__all__ = ["SCHEDULE"]
