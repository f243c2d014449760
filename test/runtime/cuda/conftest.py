"""Hand-written models for GPUs, linked with the CUDA runtime, and a stand-in for NVIDIA's driver."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aicc import runtime
from test.runtime.conftest import WARNINGS, cc

HERE = Path(__file__).parent
_HELD = ["blocks", "bytes", "pinned", "streams", "events", "modules", "contexts", "graphs", "depth"]
_COUNTED = [
    "uploads",
    "uploaded",
    "downloads",
    "downloaded",
    "moves",
    "sets",
    "launches",
    "replays",
    "captures",
]
_COUNTED += ["frees", "most_shared", "early"]
_SETTINGS = ["devices", "memory", "driver_version", "init_error", "load_error", "capture_error"]

GpuModel = Callable[..., Path]


class State(ctypes.Structure):
    """`struct fake_cuda` of fake_cuda.h."""

    _fields_ = [(name, ctypes.c_int64) for name in (*_HELD, *_COUNTED, *_SETTINGS)]

    def left(self) -> dict[str, int]:
        """What somebody holds; empty when all was given back."""
        return {name: getattr(self, name) for name in _HELD if getattr(self, name)}


class Driver:
    """The stand-in: `driver.state.launches` reads a counter, `driver.state.devices = 2` sets it up."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._library = ctypes.CDLL(str(path))
        self._library.fake_cuda_state.restype = ctypes.POINTER(State)

    @property
    def state(self) -> State:
        return self._library.fake_cuda_state().contents

    def reset(self) -> None:
        self._library.fake_cuda_reset()


@pytest.fixture(scope="session")
def driver_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _driver(tmp_path_factory.mktemp("driver"))


@pytest.fixture(scope="session")
def old_driver_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _driver(tmp_path_factory.mktemp("driver"), "-DCUDA_11")


def _driver(folder: Path, *more: str) -> Path:
    out = folder / "libfake.so"
    flags = ["-std=gnu11", "-O1", "-fPIC", "-shared", "-fvisibility=hidden", "-pthread", *WARNINGS, *more]
    cc(*flags, f"-I{runtime.include_dir() / 'cuda'}", HERE / "fake_cuda.c", "-o", out)
    return out


@pytest.fixture
def driver(driver_library: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Driver]:
    """The stand-in, which models use within the test. At the test's end nothing of it may be in use."""
    yield from _used(driver_library, monkeypatch)


@pytest.fixture
def old_driver(old_driver_library: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Driver]:
    """The same, of CUDA 11.4."""
    yield from _used(old_driver_library, monkeypatch)


def _used(library: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Driver]:
    monkeypatch.setenv("AICC_CUDA_DRIVER", str(library))
    monkeypatch.delenv("AICC_CUDA_DEVICE", raising=False)
    made = Driver(library)
    made.reset()
    yield made
    assert made.state.left() == {}


@pytest.fixture(scope="session")
def gpu_model(tmp_path_factory: pytest.TempPathFactory) -> GpuModel:
    """`gpu_model("gpu_affine", "READ")` is the path of a library built from models/gpu_affine.c, built once."""
    folder = tmp_path_factory.mktemp("gpu")
    objects = []
    for source in runtime.runtime_sources("cuda"):
        objects.append(folder / f"{source.stem}.o")
        cc(*runtime.CFLAGS, *WARNINGS, "-Wpedantic", "-c", source, "-o", objects[-1])
    built: dict[tuple[str, ...], Path] = {}

    def build(name: str, *defines: str) -> Path:
        key = (name, *defines)
        if key not in built:
            out = folder / f"lib{name}{len(built)}.so"
            flags = [
                *runtime.CFLAGS,
                *WARNINGS,
                f"-I{runtime.include_dir()}",
                f"-I{HERE}",
                *(f"-D{d}" for d in defines),
            ]
            script = f"-Wl,--version-script={runtime.version_script()}"
            sources = [HERE / "models" / f"{name}.c", *objects]
            cc(*flags, "-shared", *sources, script, "-Wl,-z,defs", "-o", out, *runtime.LDFLAGS)
            built[key] = out
        return built[key]

    return build
