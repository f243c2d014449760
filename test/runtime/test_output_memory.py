"""Memory of outputs, used again."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from aicc.runtime.output_memory import SMALLEST, OutputMemory

F32 = np.dtype(np.float32)


def test_memory_is_used_again_once_all_views_are_gone() -> None:
    memory = OutputMemory()
    first = memory.empty((64, 1024), F32)
    where, part = first.ctypes.data, first[3:5]
    del first
    assert memory.kept_bytes == 0
    part[...] = 7
    assert memory.empty((64, 1024), F32).ctypes.data != where
    assert (part == 7).all()
    del part
    memory = OutputMemory()
    where = memory.empty((64, 1024), F32).ctypes.data
    assert memory.empty((64, 1024), F32).ctypes.data == where


def test_growing_arrays_fit_for_a_while() -> None:
    memory = OutputMemory()
    places = {memory.empty((12, 65 + step, 64), F32).ctypes.data for step in range(8)}
    assert len(places) == 1


def test_far_too_much_memory_is_not_kept() -> None:
    memory = OutputMemory()
    memory.empty((1 << 24,), F32)
    array = memory.empty((SMALLEST,), F32)
    del array
    assert memory.kept_bytes < 1 << 20


@pytest.mark.parametrize("dtype", [np.float64, np.int8, np.bool_, ml_dtypes.bfloat16, np.complex128])
def test_arrays_are_as_any_other(dtype: type) -> None:
    memory = OutputMemory()
    array = memory.empty((3, SMALLEST), np.dtype(dtype))
    assert array.shape == (3, SMALLEST) and array.dtype == np.dtype(dtype) and array.flags.carray
    array[...] = 1
    assert (array == 1).all()
    assert memory.empty((0, 5), F32).shape == (0, 5)
