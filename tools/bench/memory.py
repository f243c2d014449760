"""Memory of a process and all below it."""

from __future__ import annotations

from pathlib import Path


def tree_bytes(root: int) -> int:
    """Resident bytes of the process `root` and its descendants; a page shared by n processes counts 1/n each."""
    return sum(_proportional_bytes(pid) for pid in _tree(root))


def _tree(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                # The name in parentheses may hold anything; the parent's number is the second field after it.
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, ()))
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
