"""What the numbers were measured on."""

from __future__ import annotations

import os
import platform
import re
from importlib import metadata
from pathlib import Path

from aicc.target import Target


def describe() -> dict[str, str]:
    """Facts about the machine and the software, for the head of a table."""
    target = Target.host()
    caches = f"{target.l1 >> 10} KiB, {target.l2 >> 10} KiB, {target.l3 >> 20} MiB"
    return {
        "CPU": f"{_cpu_model()} ({target.cpu}), {target.vector_bits}-bit vectors",
        "cores": f"{len(os.sched_getaffinity(0))} visible{_virtual()}",
        "caches (L1d, L2, L3)": caches,
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"Linux {platform.release()}, Python {platform.python_version()}",
        "versions": ", ".join(
            f"{name} {_version(name)}" for name in ("aicc", "onnxruntime", "llvmlite", "numpy")
        ),
        "load before": load(os.getloadavg()[0]),
    }


def load(average: float) -> str:
    """The one-minute load average, with a warning when other programs had a share of the cores."""
    text = f"{average:.1f} runnable processes (one-minute average)"
    if average > 0.5:
        text += (
            "; **busy machine**: times are too long, and ratios, of several threads above all, are uncertain"
        )
    return text


def _cpu_model() -> str:
    match = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return match[1] if match else platform.machine()


def _virtual() -> str:
    return ", a virtual machine" if " hypervisor" in Path("/proc/cpuinfo").read_text() else ""


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "(source tree)" if name == "aicc" else "absent"
