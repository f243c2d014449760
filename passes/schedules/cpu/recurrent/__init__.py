"""LSTM, GRU and RNN: all time steps in one kernel. See `schedule`."""

from __future__ import annotations

from aicc.passes.schedules.cpu.recurrent.schedule import SCHEDULE, Recurrent

__all__ = ["SCHEDULE", "Recurrent"]
