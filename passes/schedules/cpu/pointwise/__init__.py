"""Elementwise kernels, gathers, copies and transpositions. See `schedule`."""

from __future__ import annotations

from aicc.passes.schedules.cpu.pointwise.schedule import SCHEDULE, Pointwise

__all__ = ["SCHEDULE", "Pointwise"]
