"""What does not fit is refused: with a code, the tensor's name, what it is and what it should be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aicc.errors import RuntimeError_
from aicc.executable import Executable
from aicc.loader import load

from .conftest import Fake


def i64(*shape: int) -> np.ndarray[Any, Any]:
    return np.ones(shape, np.int64)


WRONG: list[tuple[Callable[[Executable], Any], str]] = [
    (lambda m: m(i64(2, 5), i64(2, 7)), "Input 'mask': dim 1 ('seq') is 7, but 'seq' is 5 in input 'ids'."),
    (
        lambda m: m(i64(2, 5), i64(3, 5)),
        "Input 'mask': dim 0 ('batch') is 3, but 'batch' is 2 in input 'ids'.",
    ),
    (
        lambda m: m(i64(1, 600), i64(1, 600)),
        "Input 'ids': dim 1 ('seq') is 600, the model was compiled for 1 to 512.",
    ),
    (
        lambda m: m(i64(1, 0), i64(1, 0)),
        "Input 'ids': dim 1 ('seq') is 0, the model was compiled for 1 to 512.",
    ),
    (lambda m: m(i64(5), i64(5)), "Input 'ids' has rank 1, the model wants 2."),
    (lambda m: m(i64(1, 5), i64(1, 5, 1)), "Input 'mask' has rank 3, the model wants 2."),
    (lambda m: m(i64(1, 5).astype(np.float32), i64(1, 5)), "Input 'ids' is float32, the model wants int64."),
    (lambda m: m(i64(1, 5), i64(1, 5).astype(">i8")), "Input 'mask' is >i8, the model wants int64."),
    (lambda m: m(i64(1, 5)), "Input 'mask' is missing."),
    (lambda m: m(), "Input 'ids' is missing."),
    (lambda m: m(i64(1, 5), i64(1, 5), i64(1)), "3 inputs given, the model has 2."),
    (lambda m: m(i64(1, 5), ids=i64(1, 5)), "Input 'ids' is given twice."),
    (lambda m: m(ids=i64(1, 5), masks=i64(1, 5)), "The model has no input 'masks'."),
    (lambda m: m({"ids": i64(1, 5)}, mask="words"), "Input 'mask' cannot be made from str"),
    (lambda m: m([[1, 2], [3]], i64(1, 5)), "Input 'ids' cannot be made from list"),
    (lambda m: m(i64(1, 5), i64(1, 5), out=[i64(1)]), "out has 1 entries, the model has 2 outputs."),
    (
        lambda m: m(i64(1, 5), i64(1, 5), out=[i64(2), None]),
        "Output 'total' has shape (2,); for these inputs it must be (1,).",
    ),
    (
        lambda m: m(i64(1, 5), i64(1, 5), out=[np.zeros(1), None]),
        "Output 'total' is float64, the model gives int64.",
    ),
    (lambda m: m(i64(2, 5), i64(2, 5), out=[i64(4)[::2], None]), "Output 'total' must be compact"),
    (lambda m: m(i64(1, 5), i64(1, 5), out=[[1], None]), "Output 'total' must be an array, not list."),
]


@pytest.mark.parametrize(("call", "message"), WRONG, ids=[message[:40] for _, message in WRONG])
def test_refused_and_usable_afterwards(fake: Fake, call: Callable[[Executable], Any], message: str) -> None:
    exe = load(fake("pair"))
    assert exe(i64(2, 5), i64(2, 5))[1] == 10
    with pytest.raises(RuntimeError_) as caught:
        call(exe)
    assert caught.value.code == "AICC-5002"
    assert caught.value.message.startswith(message), caught.value.message
    total, count = exe(i64(2, 5), i64(2, 5))
    np.testing.assert_array_equal(total, [5, 5])
    assert count == 10


def test_static_dims_are_checked(fake: Fake) -> None:
    exe = load(fake("affine", "BATCH=4"))
    with pytest.raises(RuntimeError_, match=r"Input 'x': dim 0 is 5, the model wants 4\."):
        exe(np.zeros((5, 8), np.float32))
    x = np.ones((4, 8), np.float32)
    np.testing.assert_array_equal(exe(x), 2 * x + np.arange(8))


def test_data_dependent_output_cannot_be_given(fake: Fake) -> None:
    exe = load(fake("nonzero"))
    with pytest.raises(RuntimeError_, match="Output 'indices' has shape .* depends on data"):
        exe(np.ones(3, np.float32), out=[i64(3), None])


@pytest.mark.parametrize(
    ("way", "message"),
    [
        (1, "Gather 'g': index 7 is out of range."),
        (2, "First."),
        (3, "The model failed with status 9."),
        (4, "Out of memory: a buffer of 1152921504606846976 bytes."),
        (5, "Out of memory: a kernel needs 36028797018963968 bytes per thread."),
        (6, "Out of memory for output 'y'."),
    ],
)
def test_a_model_that_fails(fake: Fake, way: int, message: str) -> None:
    exe = load(fake("fail"), num_threads=2)
    with pytest.raises(RuntimeError_) as caught:
        exe(np.array([way], np.float32))
    assert (caught.value.code, caught.value.message) == ("AICC-5003", message)
    assert exe(np.array([0.5], np.float32)) == 0.5


def test_failed_runs_leak_nothing(fake: Fake) -> None:
    exe = load(fake("fail"))
    for _ in range(3):
        exe(np.array([0], np.float32))
    held = exe.memory_bytes
    for _ in range(50):
        with pytest.raises(RuntimeError_):
            exe(np.array([1], np.float32))
    assert exe.memory_bytes == held
