"""Slices of an outer parallel dimension as the kernel's tiles."""

from __future__ import annotations

from typing import Any


def split_into_tiles(kernel: Any, lo: Any, hi: Any) -> int | str:
    return 1
