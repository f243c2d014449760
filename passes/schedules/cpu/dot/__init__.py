"""Contractions of bytes with the CPU's dot products: see `schedule`."""

from __future__ import annotations

from aicc.passes.schedules.cpu.dot.schedule import SCHEDULE

__all__ = ["SCHEDULE"]
