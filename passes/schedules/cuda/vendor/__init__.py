"""What schedules share that leave a part of a kernel to a vendor's library: `LibrarySchedule` is their base class."""

from aicc.passes.schedules.cuda.vendor.schedule import LibrarySchedule, Work

__all__ = ["LibrarySchedule", "Work"]
