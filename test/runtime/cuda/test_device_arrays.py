"""Arrays on the device: in place, out in place, handed on by DLPack; pointers that change."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

from aicc.errors import RuntimeError_
from aicc.executable import Executable
from aicc.loader import load
from aicc.runtime.device_arrays import DeviceArray, device_array

from .conftest import Driver, GpuModel

W = np.arange(8, dtype=np.float32)


class Foreign:
    """An array of another library, which knows DLPack and nothing else."""

    def __init__(self, array: DeviceArray, device: tuple[int, int] | None = None) -> None:
        self.array = array
        self.device = device or array.__dlpack_device__()
        self.streams: list[Any] = []

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device

    def __dlpack__(self, *, stream: Any = None) -> object:
        self.streams.append(stream)
        return self.array.__dlpack__(stream=stream)


def uploaded(exe: Executable, values: np.ndarray) -> DeviceArray:
    library = exe._library
    array = device_array(library, values.shape, values.dtype)
    library.check(
        library.functions["copy"](library.first_context, array.address, values.ctypes.data, values.nbytes)
    )
    return array


@pytest.fixture
def exe(driver: Driver, gpu_model: GpuModel) -> Any:
    made = load(gpu_model("gpu_affine"))
    yield made
    made.close()


def rows(n: int, first: float = 1.0) -> np.ndarray:
    return np.arange(first, first + 8 * n, dtype=np.float32).reshape(n, 8)


def test_in_place(driver: Driver, exe: Executable) -> None:
    x, y, count = uploaded(exe, rows(3)), uploaded(exe, rows(3)), uploaded(exe, np.zeros((), np.int64))
    before = (driver.state.uploads, driver.state.downloads, driver.state.moves)
    for _ in range(3):
        given = exe(x, out=[y, count])
        assert given[0] is y
    moves = driver.state.moves - before[2]
    assert (driver.state.uploads, driver.state.downloads) == before[:2]
    assert moves == 2  # the model's own copy, in the run that was done at once and in the one captured
    assert (driver.state.captures, driver.state.replays) == (1, 2)
    np.testing.assert_array_equal(y.numpy(), 2 * rows(3) + W)
    assert count.numpy() == 3
    del x, y, count, given


def test_outputs_stay_on_the_device(driver: Driver, exe: Executable) -> None:
    exe.outputs_on_device = True
    first, count = exe(rows(2))
    assert isinstance(first, DeviceArray)
    assert (first.shape, first.dtype, first.device) == ((2, 8), np.float32, 0)
    second, _ = exe(first)
    np.testing.assert_array_equal(np.asarray(second), 2 * (2 * rows(2) + W) + W)
    np.testing.assert_array_equal(first.numpy(), 2 * rows(2) + W)
    assert int(np.asarray(count)) == 1
    exe.outputs_on_device = False
    assert isinstance(exe(first)[0], np.ndarray)
    del first, second, count, _


def test_an_output_of_unknown_size_stays_on_the_device(driver: Driver, gpu_model: GpuModel) -> None:
    exe = load(gpu_model("gpu_repeat"))
    exe.outputs_on_device = True
    kept = [exe(np.int64(n)) for n in (3, 2, 0)]
    for n, array in zip((3, 2, 0), kept, strict=True):
        np.testing.assert_array_equal(array.numpy(), np.float32([1, 2, 3, 4])[:n])
    kept.clear()
    del array
    exe.close()


def test_arrays_of_others(driver: Driver, exe: Executable) -> None:
    x = Foreign(uploaded(exe, rows(3)))
    np.testing.assert_array_equal(exe(x)[0], 2 * rows(3) + W)
    stream = exe._library.functions["get_stream"](exe._library.first_context)
    assert x.streams == [stream]
    y = Foreign(uploaded(exe, rows(3, 50.0)))
    result = exe(x, out=[y, None])
    assert result[0] is y
    np.testing.assert_array_equal(y.array.numpy(), 2 * rows(3) + W)
    del x, y, result


def test_capsules_keep_the_memory(driver: Driver, exe: Executable) -> None:
    array = uploaded(exe, rows(3))
    held = driver.state.blocks
    capsule = array.__dlpack__()
    del array
    gc.collect()
    assert driver.state.blocks == held
    del capsule
    gc.collect()
    assert driver.state.blocks == held - 1


def test_memory_that_is_not_aligned(driver: Driver, exe: Executable) -> None:
    """Code for 16-byte accesses must not see it."""
    whole = uploaded(exe, np.zeros(25, np.float32))
    library = exe._library
    shifted = DeviceArray(whole.address + 4, (3, 8), np.dtype(np.float32), library, whole)
    values = rows(3)
    library.check(
        library.functions["copy"](library.first_context, shifted.address, values.ctypes.data, values.nbytes)
    )
    for _ in range(3):
        np.testing.assert_array_equal(exe(shifted)[0], 2 * values + W)
        exe(values, out=[shifted, None])
        np.testing.assert_array_equal(shifted.numpy(), 2 * values + W)
        values = 2 * values + W
    del whole, shifted


def test_pointers_that_always_change(driver: Driver, exe: Executable) -> None:
    """After a while there is one graph, over copies of the tensors."""
    kept = []
    for run in range(60):
        x = uploaded(exe, rows(2, float(run)))
        kept.append(x)
        np.testing.assert_array_equal(exe(x)[0], 2 * rows(2, float(run)) + W)
    before = driver.state.replays
    x = uploaded(exe, rows(2, 7.0))
    np.testing.assert_array_equal(exe(x)[0], 2 * rows(2, 7.0) + W)
    assert driver.state.replays == before + 1
    kept.clear()
    del x


def test_what_cannot_be_used(driver: Driver, exe: Executable) -> None:
    x = uploaded(exe, rows(2))
    with pytest.raises(RuntimeError_, match="AICC-5002.*on device 1, the model on device 0"):
        exe(Foreign(x, (2, 1)))
    with pytest.raises(RuntimeError_, match="AICC-5002.*'x' is int64, the model wants float32"):
        exe(uploaded(exe, np.zeros((2, 8), np.int64)))
    with pytest.raises(RuntimeError_, match="AICC-5002.*has shape"):
        exe(x, out=[uploaded(exe, rows(3)), None])
    with pytest.raises(RuntimeError_, match="AICC-5002"):
        exe(Foreign(x, (10, 0)))  # ROCm
    del x


def test_results_that_outlive_the_model(driver: Driver, gpu_model: GpuModel) -> None:
    """Their memory goes with the model, and they say so."""
    exe = load(gpu_model("gpu_affine"))
    exe.outputs_on_device = True
    y, _ = exe(rows(2))
    exe.close()
    assert driver.state.blocks == 0
    with pytest.raises(RuntimeError_, match="AICC-5003.*closed"):
        y.numpy()
    del y, _
