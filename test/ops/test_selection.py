"""Results whose sizes only run time knows."""

import numpy as np
import pytest

from test.ops.rig import case, check, check_all

MODES = ("static", "dynamic")


def test_nonzero():
    x = np.float32([[1, 0, 3], [0, 0, -1]])
    check_all([case("NonZero", x), case("NonZero", x > 2), case("NonZero", np.zeros((2, 3), np.int8))])


def test_compress():
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    check_all(
        [
            case("Compress", x, np.array([False, True, True]), axis=0),
            case("Compress", x, np.array([True, False, True, True]), axis=-1),
            case("Compress", x, np.array([False, True, False, True])),
        ],
        modes=MODES,
    )


@pytest.mark.parametrize("order", [0, 1])
def test_unique(order: int):
    flat = np.float32([2, 1, 1, 3, 4, 3])
    rows = np.float32([[1, 0, 0], [2, 3, 4], [1, 0, 0]])
    expected = np.unique(rows, axis=0, return_index=True, return_inverse=True, return_counts=True)
    check("Unique", flat, sorted=order, outputs=4, modes=MODES)
    as_int = [expected[0], *(np.asarray(e).reshape(-1) for e in expected[1:])]
    check("Unique", rows, axis=0, sorted=order, outputs=4, expected=as_int, modes=MODES)


@pytest.mark.parametrize("center", [0, 1])
def test_non_max_suppression(center: int):
    boxes = np.float32(
        [[[0, 0, 1, 1], [0, 0.1, 1, 1.1], [0, 10, 1, 11], [0, 10.1, 1, 11.1], [1, 101, 0, 100]]]
    )
    if center:
        places = [[0.5, 0.5], [0.5, 0.6], [0.5, 10.5], [0.5, 10.6], [0.5, 99]]
        boxes = np.float32([[[*p, 1, 1] for p in places]])
    scores = np.float32([[[0.9, 0.75, 0.6, 0.95, 0.3], [0.1, 0.2, 0.3, 0.4, 0.5]]])
    limits = [np.array([3]), np.float32([0.5]), np.float32([0.25])]
    # of the overlapping pairs the better one stays; class 1 has fewer above the threshold
    want = np.array([[0, 0, 3], [0, 0, 0], [0, 0, 4], [0, 1, 4], [0, 1, 3]])
    check(
        "NonMaxSuppression",
        boxes,
        scores,
        *limits,
        center_point_box=center,
        expected=[want],
        modes=("static",),
    )
