"""Runs with tensors on the host: copies, graphs, errors, what is given back."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from aicc.errors import RuntimeError_
from aicc.loader import load

from .conftest import Driver, GpuModel

W = np.arange(8, dtype=np.float32)


def rows(n: int, first: float = 1.0) -> np.ndarray:
    return np.arange(first, first + 8 * n, dtype=np.float32).reshape(n, 8)


def test_a_model_runs(driver: Driver, gpu_model: GpuModel) -> None:
    exe = load(gpu_model("gpu_affine"))
    x = rows(3)
    y, count = exe(x)
    np.testing.assert_array_equal(y, 2 * x + W)
    assert count == 1
    assert driver.state.launches == 2
    exe.close()


def test_repeated_runs_are_replayed(driver: Driver, gpu_model: GpuModel) -> None:
    exe = load(gpu_model("gpu_affine"))
    for run in range(1, 6):
        x = rows(3, float(run))
        y, count = exe(x)
        np.testing.assert_array_equal(y, 2 * x + W)
        assert count == run
    state = driver.state
    assert (state.launches, state.captures, state.replays) == (4, 1, 4)  # one run at once, one captured
    exe.close()


def test_each_shape_has_its_graph(driver: Driver, gpu_model: GpuModel) -> None:
    exe = load(gpu_model("gpu_affine"))
    for _ in range(3):
        for n in (4, 2, 3):
            np.testing.assert_array_equal(exe(rows(n))[0], 2 * rows(n) + W)
    assert (driver.state.captures, driver.state.replays) == (3, 6)
    exe.close()


def test_many_shapes(driver: Driver, gpu_model: GpuModel) -> None:
    """More than there are graphs, growing, so that buffers and stand-ins are renewed under living graphs."""
    exe = load(gpu_model("gpu_affine"))
    for n in [*range(1, 40), *range(40, 0, -1), 1, 1, 1]:
        np.testing.assert_array_equal(exe(rows(n * n % 97))[0], 2 * rows(n * n % 97) + W)
    exe.close()


def test_no_rows(driver: Driver, gpu_model: GpuModel) -> None:
    exe = load(gpu_model("gpu_affine"))
    for run in range(1, 4):
        y, count = exe(np.empty((0, 8), np.float32))
        assert y.shape == (0, 8)
        assert count == run
    exe.close()


def test_graphs_can_be_turned_off(
    driver: Driver, gpu_model: GpuModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AICC_CUDA_GRAPHS", "0")
    exe = load(gpu_model("gpu_affine"))
    for _ in range(3):
        exe(rows(2))
    assert (driver.state.captures, driver.state.launches) == (0, 6)
    exe.close()


def test_a_device_that_cannot_capture(driver: Driver, gpu_model: GpuModel) -> None:
    driver.state.capture_error = 900
    exe = load(gpu_model("gpu_affine"))
    for _ in range(3):
        np.testing.assert_array_equal(exe(rows(2))[0], 2 * rows(2) + W)
    assert driver.state.launches == 6
    exe.close()


def test_what_main_reads_is_never_replayed(driver: Driver, gpu_model: GpuModel) -> None:
    exe = load(gpu_model("gpu_affine", "READ"))
    for first in (1.0, 2.0, 3.0, 4.0):
        x = rows(2, first)
        np.testing.assert_array_equal(exe(x)[0], 2 * first * x + W)
    assert (driver.state.captures, driver.state.replays) == (0, 0)
    exe.close()


def test_an_output_of_unknown_size(driver: Driver, gpu_model: GpuModel) -> None:
    exe = load(gpu_model("gpu_repeat"))
    for n in (3, 5, 0, 2, 2, 2):
        np.testing.assert_array_equal(exe(np.int64(n)), np.resize(np.float32([1, 2, 3, 4]), n))
    exe.close()


def test_large_tensors_go_in_pieces(driver: Driver, gpu_model: GpuModel) -> None:
    n = (11 << 20) // 32 + 5
    exe = load(gpu_model("gpu_affine"))
    random = np.random.default_rng(0)
    for _ in range(3):
        x = random.standard_normal((n, 8), np.float32)
        np.testing.assert_array_equal(exe(x)[0], 2 * x + W)
    assert driver.state.uploads >= 9
    exe.close()


def test_weights_are_uploaded_once(driver: Driver, gpu_model: GpuModel) -> None:
    exe = load(gpu_model("gpu_affine"))
    before = driver.state.uploads
    library = exe._library
    other = library.create_context()
    assert driver.state.uploads == before == 1
    assert (driver.state.modules, driver.state.contexts, driver.state.streams) == (1, 1, 2)
    library.functions["context_destroy"](other)
    library._contexts.remove(other)
    assert driver.state.streams == 1
    exe.close()


def test_threads_have_contexts_of_their_own(driver: Driver, gpu_model: GpuModel) -> None:
    exe = load(gpu_model("gpu_affine"))
    wrong: list[int] = []

    def work(number: int) -> None:
        for run in range(30):
            x = rows(1 + number, float(run))
            if not np.array_equal(exe(x)[0], 2 * x + W):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    exe.close()


def test_two_devices(driver: Driver, gpu_model: GpuModel, monkeypatch: pytest.MonkeyPatch) -> None:
    driver.state.devices = 2
    first = load(gpu_model("gpu_affine"))
    monkeypatch.setenv("AICC_CUDA_DEVICE", "1")
    second = load(gpu_model("gpu_affine"))
    third = load(gpu_model("gpu_affine"), device=0)
    assert [e.device for e in (first, second, third)] == [0, 1, 0]
    assert (driver.state.contexts, driver.state.uploads) == (2, 2)
    np.testing.assert_array_equal(second(rows(2))[0], 2 * rows(2) + W)
    for exe in (first, second, third):
        exe.close()


def test_profile(driver: Driver, gpu_model: GpuModel) -> None:
    exe = load(gpu_model("gpu_affine"))
    with exe.profile() as profile:
        for _ in range(3):
            exe(rows(2))
    assert profile.runs == 3
    times = {kernel.name: (kernel.calls, kernel.seconds) for kernel in profile.kernels}
    assert times["k0_affine"] == (3, pytest.approx(0.75e-3))
    assert driver.state.captures == 0
    exe(rows(2))
    exe.close()


def test_shared_memory_is_asked_for(driver: Driver, gpu_model: GpuModel) -> None:
    exe = load(gpu_model("gpu_affine", "SHARED=100000"))
    np.testing.assert_array_equal(exe(rows(2))[0], 2 * rows(2) + W)
    assert driver.state.most_shared == 100000
    exe.close()


@pytest.mark.parametrize(
    "defines",
    [
        ("CUBIN=90", "NO_PTX"),  # for this very device
        ("CUBIN=80",),  # for another one: the PTX is compiled
        ("CUBIN=90", "NO_CUBIN"),  # by a newer assembler than the driver knows
    ],
)
def test_machine_code(driver: Driver, gpu_model: GpuModel, defines: tuple[str, ...]) -> None:
    exe = load(gpu_model("gpu_affine", *defines))
    np.testing.assert_array_equal(exe(rows(2))[0], 2 * rows(2) + W)
    exe.close()


def test_machine_code_of_another_device_is_not_taken(driver: Driver, gpu_model: GpuModel) -> None:
    fails(gpu_model("gpu_affine", "CUBIN=80", "NO_PTX"), "AICC-5005", "does not run on Stand-in 0")


# ---- failures ------------------------------------------------------------------------------------------


def fails(path: Path, code: str, message: str) -> None:
    with pytest.raises(RuntimeError_, match=f"{code}.*{message}"):
        load(path)


def test_no_driver(gpu_model: GpuModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AICC_CUDA_DRIVER", "/nowhere/libcuda.so.1")
    fails(gpu_model("gpu_affine"), "AICC-5005", "no NVIDIA driver: /nowhere/libcuda.so.1")


def test_a_driver_without_what_is_needed(gpu_model: GpuModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AICC_CUDA_DRIVER", "libc.so.6")
    fails(gpu_model("gpu_affine"), "AICC-5005", "driver is too old: it has no cuInit")


def test_no_device(driver: Driver, gpu_model: GpuModel, monkeypatch: pytest.MonkeyPatch) -> None:
    driver.state.init_error = 100
    fails(gpu_model("gpu_affine"), "AICC-5005", "no NVIDIA GPU")
    driver.state.init_error = 0
    driver.state.devices = 0
    fails(gpu_model("gpu_affine"), "AICC-5005", "no NVIDIA GPU")
    driver.state.devices = 1
    monkeypatch.setenv("AICC_CUDA_DEVICE", "3")
    fails(gpu_model("gpu_affine"), "AICC-5005", "no device 3: the driver found 1")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (222, r"driver is too old: it is of CUDA 12\.4"),
        (209, r"does not run on Stand-in 0 of compute capability 9\.0: kernel '(affine|count)'"),
        (218, "does not run on Stand-in 0.*ptxas fatal: line 1"),
        (700, "ernel '(affine|count)' cannot be loaded: ptxas fatal: line 1"),
    ],
)
def test_code_the_device_refuses(driver: Driver, gpu_model: GpuModel, error: int, message: str) -> None:
    driver.state.load_error = error
    fails(gpu_model("gpu_affine"), "AICC-5005", message)
    driver.state.load_error = 0
    exe = load(gpu_model("gpu_affine"))  # and then it works
    exe.close()


@pytest.mark.parametrize(("memory", "what"), [(10, "the weights"), (100, "the arena")])
def test_no_memory_for_the_model(driver: Driver, gpu_model: GpuModel, memory: int, what: str) -> None:
    driver.state.memory = memory
    message = rf"ut of memory on device 0 \(Stand-in 0\): \d+ bytes for {what}, \d+ of {memory} are free"
    fails(gpu_model("gpu_affine"), "AICC-5003", message)


@pytest.mark.parametrize("memory", [300, 12000, 20000])
def test_no_memory_for_a_run(driver: Driver, gpu_model: GpuModel, memory: int) -> None:
    exe = load(gpu_model("gpu_affine"))
    driver.state.memory = memory
    with pytest.raises(RuntimeError_, match=r"AICC-5003.*ut of memory.* on device 0.*bytes"):
        exe(rows(300))
    driver.state.memory = 1 << 40
    for _ in range(3):
        np.testing.assert_array_equal(exe(rows(300))[0], 2 * rows(300) + W)
    exe.close()


def test_a_failing_model(driver: Driver, gpu_model: GpuModel) -> None:
    exe = load(gpu_model("gpu_affine", "FAIL"))
    for _ in range(3):
        with pytest.raises(RuntimeError_, match="AICC-5003.*ndex out of range"):
            exe(rows(2))
    exe.close()
