"""What the code is made for: CPU name, features, vector width, caches, cores.

Schedules read a `Target` and nothing else about the machine, so that IR tests give one answer
everywhere: `Target.cpu("x86-64-v3")` is a fixed description; `Target.host()` measures this machine.
"""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from aicc.devices import PTX, device_of
from aicc.errors import CompileError
from aicc.knobs import knobs

_BASELINE: dict[str, tuple[str, ...]] = {
    "x86-64": ("sse2",),
    "x86-64-v2": ("sse2", "sse4.2"),
    "x86-64-v3": ("sse2", "sse4.2", "avx", "avx2", "fma", "f16c"),
    "x86-64-v4": (
        "sse2",
        "sse4.2",
        "avx",
        "avx2",
        "fma",
        "f16c",
        "avx512f",
        "avx512bw",
        "avx512dq",
        "avx512vl",
    ),
}


@dataclass(frozen=True)
class Target:
    """`cpu` is an LLVM CPU name, `triple` an LLVM triple; `features` LLVM feature names that are on.

    `kind` is cpu, cuda or rocm. `vector_bits` is the width schedules use; `l1`, `l2`, `l3` are bytes (per core, per
    core, shared); `cores` the number of threads schedules plan for. Of a GPU, `l1` is the shared memory of a block
    and `cores` the number of multiprocessors.
    """

    kind: str = "cpu"
    triple: str = "x86_64-unknown-linux-gnu"
    cpu: str = "x86-64-v3"
    features: frozenset[str] = field(default_factory=frozenset)
    vector_bits: int = 256
    l1: int = 32 * 1024
    l2: int = 512 * 1024
    l3: int = 8 * 1024 * 1024
    cores: int = 2
    host_target: Target | None = None
    """For devices: the CPU that runs the host program and launches kernels."""
    tf32: bool = False
    """For NVIDIA GPUs: whether products of f32 may round their operands to TF32, for tensor cores."""
    early_launch: bool = False
    """For NVIDIA GPUs: whether kernels may begin before those before them have ended, and wait for that."""

    @property
    def host_side(self) -> Target:
        """The target of the host program: of CPUs the target itself."""
        return self.host_target or self

    @property
    def is_device(self) -> bool:
        """Whether kernels run elsewhere than the host program, on memory the host cannot read."""
        return self.kind != "cpu"

    @property
    def compute_capability(self) -> int:
        """Of an NVIDIA GPU: 80 for sm_80 and 90 for sm_90a; 0 for anything else."""
        match = re.fullmatch(r"sm_(\d+)[a-z]?", self.cpu)
        return int(match[1]) if match else 0

    @property
    def registers(self) -> int:
        """Number of architectural vector registers."""
        return 32 if self.vector_bits == 512 or self.triple.startswith("aarch64") else 16

    def lanes(self, bits: int = 32) -> int:
        """Elements of `bits` bits in one vector register."""
        return max(1, self.vector_bits // bits)

    @staticmethod
    def cpu_named(name: str, triple: str = "x86_64-unknown-linux-gnu") -> Target:
        """A fixed description of `name`: a psABI level (x86-64-v3 …), or any CPU LLVM knows."""
        features = frozenset(_BASELINE[name]) if name in _BASELINE else _llvm_features(name, triple)
        return Target(triple=triple, cpu=name, features=features, vector_bits=_vector_bits(triple, features))

    @staticmethod
    def host() -> Target:
        """This machine (or the override in force)."""
        return _OVERRIDES[-1] if _OVERRIDES else _host()

    @staticmethod
    @contextmanager
    def override(target: Target) -> Iterator[Target]:
        """`Target.host()` is `target` within the block: for tests that must not depend on the machine."""
        _OVERRIDES.append(target)
        try:
            yield target
        finally:
            _OVERRIDES.pop()

    @staticmethod
    def parse(mcpu: str, triple: str | None = None) -> Target:
        """From the command line's `--mcpu` and `--mtriple`. Raises CompileError AICC-3002."""
        if mcpu == "native":
            if triple is None or triple.split("-")[0] == _host().triple.split("-")[0]:
                return Target.host()
            mcpu = "generic"
        return Target.cpu_named(mcpu, triple or _host().triple)

    @staticmethod
    def cuda(arch: str = "native", host: Target | None = None) -> Target:
        """An NVIDIA GPU: sm_80, sm_90, sm_90a …; `native` is sm_80, and `generic` sm_75. Code for one runs on every
        later one, but for sm_90a (H100, H200), which alone has products of warpgroups. `host` (default: this machine)
        runs the host program.

        Sizes are those of the largest of the architecture. Raises CompileError AICC-3002.
        """
        name = {"native": "sm_80", "generic": "sm_75"}.get(arch, arch)
        if name not in PTX:
            raise CompileError(
                "AICC-3002",
                f"'{arch}' is no NVIDIA architecture.",
                hint=f"there are: native, generic, {', '.join(PTX)}.",
            )
        device = device_of(name)
        target = Target(
            kind="cuda",
            triple="nvptx64-nvidia-cuda",
            cpu=name,
            features=frozenset({PTX[name]}),
            vector_bits=128,
            l1=device.shared << 10,
            l2=device.l2 << 20,
            l3=device.l2 << 20,
            cores=device.multiprocessors,
            host_target=host or Target.host(),
        )
        return replace(target, early_launch=knobs.cuda_early_launch and target.compute_capability >= 90)

    @staticmethod
    def simt(arch: str = "native", host: Target | None = None) -> Target:
        """A CPU that runs kernels made for the NVIDIA GPU `arch`, thread by thread: for tests without a device."""
        model = Target.cuda(arch, host)
        cpu = model.host_side
        return replace(model, kind="simt", triple=cpu.triple, features=cpu.features)

    @staticmethod
    def rocm(arch: str = "native", host: Target | None = None) -> Target:
        """An AMD GPU: gfx90a, gfx942 … Raises CompileError AICC-3002."""
        name = {"native": "gfx90a", "generic": "gfx90a"}.get(arch, arch)
        if not re.fullmatch(r"gfx[0-9a-f]+", name):
            raise CompileError("AICC-3002", f"'{arch}' is no AMD architecture.", hint="for example gfx90a.")
        device = device_of(name)
        return Target(
            kind="rocm",
            triple="amdgcn-amd-amdhsa",
            cpu=name,
            vector_bits=128,
            l1=device.shared << 10,
            l2=device.l2 << 20,
            l3=device.l2 << 20,
            cores=device.multiprocessors,
            host_target=host or Target.host(),
        )

    @staticmethod
    def named(kind: str, mcpu: str = "native", triple: str | None = None) -> Target:
        """From the command line's `--target`, `--mcpu` and `--mtriple`; for devices the triple is the host's.

        Raises CompileError AICC-3002.
        """
        if kind == "cpu":
            return Target.parse(mcpu, triple)
        makers = {"cuda": Target.cuda, "rocm": Target.rocm, "simt": Target.simt}
        if kind not in makers:
            raise CompileError(
                "AICC-3002",
                f"target '{kind}' is not supported.",
                hint=f"supported: cpu, {', '.join(makers)}.",
            )
        return makers[kind](mcpu, Target.parse("native", triple))

    def with_cores(self, cores: int) -> Target:
        return replace(self, cores=cores)


_OVERRIDES: list[Target] = []


def _vector_bits(triple: str, features: frozenset[str]) -> int:
    if triple.startswith("x86_64"):
        return 512 if "avx512f" in features and "avx512vl" in features else 256 if "avx2" in features else 128
    return 128


def _llvm_features(cpu: str, triple: str) -> frozenset[str]:
    """LLVM does not list a CPU's features through its C API: unknown names get the triple's baseline."""
    arch = triple.split("-")[0]
    if arch == "x86_64":
        for names, level, more in _X86_FAMILIES:
            if cpu.startswith(names):
                return frozenset((*_BASELINE[level], *more))
        if cpu in ("generic", "x86-64"):
            return frozenset(_BASELINE["x86-64"])
        known = ", ".join(name for names, _, _ in _X86_FAMILIES for name in names)
        raise CompileError(
            "AICC-3002",
            f"CPU '{cpu}' is unknown for {triple}.",
            hint=f"use native, one of {', '.join(_BASELINE)}, or one of {known}.",
        )
    if arch != "aarch64":
        return frozenset()
    return frozenset({"neon"}.union(*(more for names, more in _ARM_FAMILIES if cpu.startswith(names))))


# Prefixes of CPU names, the psABI level they have, and instructions beyond it; the first row that fits.
_X86_FAMILIES: tuple[tuple[tuple[str, ...], str, tuple[str, ...]], ...] = (
    (
        ("sapphirerapids", "emeraldrapids", "graniterapids"),
        "x86-64-v4",
        ("avx512vnni", "avx512bf16", "amx-tile", "amx-int8", "amx-bf16"),
    ),
    (("znver4", "znver5"), "x86-64-v4", ("avx512vnni", "avx512bf16")),
    (("cascadelake", "icelake"), "x86-64-v4", ("avx512vnni",)),
    (("skylake-avx512",), "x86-64-v4", ()),
    (("alderlake", "raptorlake"), "x86-64-v3", ("avxvnni",)),
    (("haswell", "broadwell", "skylake", "znver1", "znver2", "znver3"), "x86-64-v3", ()),
)

# Arm, "Arm Architecture Reference Manual": dot products are optional from 8.2 on, products of bytes of either sign
# from 8.6 on.
_ARM_FAMILIES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (
        ("neoverse", "cortex-a76", "cortex-a77", "cortex-a78", "cortex-x", "apple-m", "apple-a14"),
        ("dotprod",),
    ),
    (
        ("neoverse-v", "neoverse-n2", "neoverse-n3", "cortex-x2", "cortex-x3", "cortex-x4"),
        ("dotprod", "i8mm"),
    ),
    (("apple-m2", "apple-m3", "apple-m4"), ("dotprod", "i8mm")),
)


def host_features() -> dict[str, bool]:
    """Which of the CPU features LLVM knows this process may use. Tile registers are asked for here."""
    import llvmlite.binding as llvm

    features = dict(llvm.get_host_cpu_features())
    if features.get("amx-tile") and not _tiles_granted():
        features |= {name: False for name in features if name.startswith("amx-")}
    return features


def _tiles_granted() -> bool:
    """Whether Linux lets this process use the tile registers of AMX: it saves them only for those that have asked
    (the kernel's Documentation/arch/x86/xstate.rst)."""
    try:
        syscall = ctypes.CDLL(None, use_errno=True).syscall
    except (OSError, AttributeError):
        return False
    return bool(syscall(_ARCH_PRCTL, _ARCH_REQ_XCOMP_PERM, _XFEATURE_XTILEDATA) == 0)


_ARCH_PRCTL, _ARCH_REQ_XCOMP_PERM, _XFEATURE_XTILEDATA = 158, 0x1023, 18


@cache
def _host() -> Target:
    import llvmlite.binding as llvm

    features = frozenset(name for name, on in host_features().items() if on)
    triple = llvm.get_default_triple()
    return Target(
        triple=triple,
        cpu=llvm.get_host_cpu_name(),
        features=features,
        vector_bits=_vector_bits(triple, features),
        cores=len(os.sched_getaffinity(0)),
        l1=_cache(0, 32 << 10),
        l2=_cache(2, 512 << 10),
        l3=_cache(3, 8 << 20),
    )


def _cache(index: int, default: int) -> int:
    """Size in bytes of cache `index` of the first CPU (0: L1d, 2: L2, 3: L3)."""
    try:
        text = Path(f"/sys/devices/system/cpu/cpu0/cache/index{index}/size").read_text().strip()
        return int(text[:-1]) << {"K": 10, "M": 20}[text[-1]]
    except (OSError, KeyError, ValueError, IndexError):
        return default
