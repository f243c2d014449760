"""Tensor maps: described to the driver, passed by value, kept by graphs; drivers that have none."""

from __future__ import annotations

import numpy as np
import pytest

from aicc.errors import RuntimeError_
from aicc.loader import load

from .conftest import Driver, GpuModel


def halves(n: int, first: int = 0) -> np.ndarray:
    return np.arange(first, first + 64 * n, dtype=np.float16).reshape(n, 64)


def test_maps_are_passed_by_value(driver: Driver, gpu_model: GpuModel) -> None:
    """Work waits in its queue: the map has to outlive the call of `main`, and the stack it was made on."""
    exe = load(gpu_model("gpu_tensor_map"))
    for run in range(5):
        for n in (7, 3):
            y, blocks = exe(halves(n, run))
            np.testing.assert_array_equal(y, halves(n, run))
            assert blocks == 132
    assert driver.state.captures == 2 and driver.state.replays == 8
    exe.close()


def test_empty_tensors(driver: Driver, gpu_model: GpuModel) -> None:
    exe = load(gpu_model("gpu_tensor_map"))
    assert exe(halves(0))[0].shape == (0, 64)
    assert driver.state.launches == 0
    exe.close()


def test_boxes_with_positions_apart(driver: Driver, gpu_model: GpuModel) -> None:
    """The driver is told what a box covers, not how many positions it has."""
    exe = load(gpu_model("gpu_tensor_map", "APART=2"))
    np.testing.assert_array_equal(exe(halves(5))[0], halves(5))
    exe.close()


@pytest.mark.parametrize("wrong", ["STEP=72", "APART=9", "STEP=64"])
def test_what_the_driver_refuses(wrong: str, driver: Driver, gpu_model: GpuModel) -> None:
    exe = load(gpu_model("gpu_tensor_map", wrong))
    with pytest.raises(RuntimeError_, match="A tensor cannot be described to the device .compiled for sm_90"):
        exe(halves(2))
    exe.close()


def test_drivers_without_tensor_maps(old_driver: Driver, gpu_model: GpuModel) -> None:
    """Other models run; one that needs them says what is missing."""
    exe = load(gpu_model("gpu_affine", "OLD"))  # libraries of their own: one opens its driver once
    exe(np.ones((1, 8), np.float32))
    exe.close()
    exe = load(gpu_model("gpu_tensor_map", "OLD"))
    with pytest.raises(RuntimeError_, match=r"too old: it has no cuTensorMapEncodeTiled \(CUDA 12.0"):
        exe(halves(2))
    exe.close()
