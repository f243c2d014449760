"""Contractions of f32 on the tile registers of Intel AMX: see `schedule`."""

from __future__ import annotations

from aicc.passes.schedules.cpu.split.schedule import SCHEDULE

__all__ = ["SCHEDULE"]
