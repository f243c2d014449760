"""Memory of a process and all below it."""

from __future__ import annotations

import time
from pathlib import Path

_PAUSE = 0.05
_PAUSES_PER_SAMPLE = 20
"""A sample walks page tables: it may take a twentieth of the time, lest it slow down what it watches."""


class PeakMemory:
    """The most memory that a process and its descendants held, by samples. Call `sample` until it has ended;
    `pause` is how many seconds to wait before the next."""

    def __init__(self, root: int) -> None:
        self.root = root
        self.bytes = 0
        self.pause = _PAUSE

    def sample(self) -> None:
        start = time.perf_counter()
        self.bytes = max(self.bytes, tree_bytes(self.root))
        self.pause = max(_PAUSE, _PAUSES_PER_SAMPLE * (time.perf_counter() - start))


def tree_bytes(root: int) -> int:
    """Resident bytes of the process `root` and its descendants; a page shared by n processes counts 1/n each."""
    return sum(_proportional_bytes(pid) for pid in _tree(root))


def _tree(root: int) -> list[int]:
    found = [root]
    for pid in found:
        for listing in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                found.extend(int(child) for child in listing.read_text().split())
            except OSError:  # a thread that has ended
                continue
    return found


def _proportional_bytes(pid: int) -> int:
    """The mapped model file counts too."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
