"""Matrix products, batched products and convolutions by one engine of register tiles. See `schedule`."""

from __future__ import annotations

from aicc.passes.schedules.cpu.contraction.schedule import SCHEDULE, Contraction

__all__ = ["SCHEDULE", "Contraction"]
