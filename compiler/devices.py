"""GPUs by name: what vendors state of them. Targets, cost models and predictions read them here.

Sources: NVIDIA's CUDA C++ Programming Guide (appendix "Compute Capabilities"), the white papers and data sheets of the
GPUs; AMD's data sheets. Rates are those of the largest GPU of a line, dense, with sums in f32.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Device:
    """A GPU: `multiprocessors`, KiB of shared memory that a block may use (`shared`), MiB of L2 cache (`l2`), bytes per
    second of its memory (`bandwidth`), operations per second in f32 on the plain cores (`flops`) and of 16-bit products
    on the tensor cores (`tensor_flops`)."""

    name: str
    arch: str
    multiprocessors: int
    shared: int
    l2: int
    bandwidth: float
    flops: float
    tensor_flops: float

    @property
    def compute_capability(self) -> int:
        """Of NVIDIA's: 90 for sm_90a; 0 for anything else."""
        digits = self.arch.removeprefix("sm_").rstrip("af")
        return int(digits) if digits.isdigit() else 0


# The first of an architecture is the one that cost models assume.
DEVICES: dict[str, Device] = {
    "v100": Device("V100 SXM2", "sm_70", 80, 96, 6, 0.9e12, 15.7e12, 125e12),
    "titan-rtx": Device("TITAN RTX", "sm_75", 72, 64, 6, 0.672e12, 16.3e12, 65e12),
    "a100": Device("A100 SXM 80GB", "sm_80", 108, 163, 40, 2.04e12, 19.5e12, 312e12),
    "a40": Device("A40", "sm_86", 84, 99, 6, 0.696e12, 37.4e12, 149.7e12),
    "rtx4090": Device("GeForce RTX 4090", "sm_89", 128, 99, 72, 1.01e12, 82.6e12, 165.2e12),
    "h200": Device("H200 SXM", "sm_90a", 132, 227, 50, 4.8e12, 67e12, 989e12),
    "h100": Device("H100 SXM", "sm_90a", 132, 227, 50, 3.35e12, 67e12, 989e12),
    "b200": Device("B200", "sm_100", 148, 227, 126, 8.0e12, 80e12, 2250e12),
    "rtx5090": Device("GeForce RTX 5090", "sm_120", 170, 99, 96, 1.79e12, 104.8e12, 209.5e12),
    "mi250x": Device("Instinct MI250X, one die", "gfx90a", 104, 64, 8, 1.6e12, 23.9e12, 191.5e12),
}

# The oldest PTX that has an architecture's instructions. sm_90 is sm_90a without products of warpgroups.
PTX = {
    "sm_70": "ptx60",
    "sm_75": "ptx63",
    "sm_80": "ptx70",
    "sm_86": "ptx71",
    "sm_89": "ptx78",
    "sm_90": "ptx78",
    "sm_90a": "ptx80",
    "sm_100": "ptx86",
    "sm_120": "ptx87",
}


def device_of(arch: str) -> Device:
    """The device that code for an architecture is planned for; that of gfx90a for any of AMD's."""
    same = {"sm_90": "sm_90a"}.get(arch, arch)
    return next((d for d in DEVICES.values() if d.arch == same), DEVICES["mi250x"])
