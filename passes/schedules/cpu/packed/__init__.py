"""Products with packed weights: numbers of few bits become f32 in registers (`schedule.py`)."""

from __future__ import annotations

from aicc.passes.schedules.cpu.packed.schedule import SCHEDULE, Packed

__all__ = ["SCHEDULE", "Packed"]
