"""Launches that may begin before the kernel before them has ended: which are, and which drivers know them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aicc.loader import load

from .conftest import Driver, GpuModel

X = np.arange(24, dtype=np.float32).reshape(3, 8)
RUNS = 4


def early(driver: Driver, path: Path) -> int:
    """How many launches of the runs were such; the numbers are those of a model without."""
    exe = load(path)
    for run in range(1, RUNS + 1):
        y, count = exe(X)
        np.testing.assert_array_equal(y, 2 * X + np.arange(8, dtype=np.float32))
        assert count == 2 * run
    assert (driver.state.captures, driver.state.replays) == (1, RUNS - 1)
    found = driver.state.early
    exe.close()
    return found


def test_kernels_after_kernels(driver: Driver, gpu_model: GpuModel) -> None:
    """Of three launches in a run two, not the one after a copy: in the run that is done at once, and in the graph."""
    assert early(driver, gpu_model("gpu_affine", "WAITS=1")) == 4
    assert driver.state.launches == 6


def test_kernels_that_do_not_wait(driver: Driver, gpu_model: GpuModel) -> None:
    exe = load(gpu_model("gpu_affine", "EARLY"))
    exe(X)
    assert (driver.state.launches, driver.state.early) == (2, 0)
    exe.close()


def test_profiles_time_one_kernel_after_the_other(driver: Driver, gpu_model: GpuModel) -> None:
    exe = load(gpu_model("gpu_affine", "WAITS=1", "PROFILED"))
    with exe.profile():
        exe(X)
    assert (driver.state.launches, driver.state.early) == (3, 0)
    exe.close()


def test_drivers_whose_graphs_know_none(driver: Driver, gpu_model: GpuModel) -> None:
    """Those of CUDA 12.2. A library of its own: each opens its driver once."""
    driver.state.driver_version = 12020
    assert early(driver, gpu_model("gpu_affine", "WAITS=1", "OLDER")) == 0


def test_drivers_without_such_launches(old_driver: Driver, gpu_model: GpuModel) -> None:
    assert early(old_driver, gpu_model("gpu_affine", "WAITS=1", "OLD")) == 0
