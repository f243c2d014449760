"""Weights as algorithms want them that no view or pack can express: ops of the weight store.

They are computed in float64 and rounded once, when the blob is written.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

# G of F(m, 3): the weights' transform in one dimension; m + 2 rows of 3.
WINOGRAD_G: dict[int, tuple[tuple[float, float, float], ...]] = {
    2: ((1, 0, 0), (1 / 2, 1 / 2, 1 / 2), (1 / 2, -1 / 2, 1 / 2), (0, 0, 1)),
    4: (
        (1 / 4, 0, 0),
        (-1 / 6, -1 / 6, -1 / 6),
        (-1 / 6, 1 / 6, -1 / 6),
        (1 / 24, 1 / 12, 1 / 6),
        (1 / 24, -1 / 12, 1 / 6),
        (0, 0, 1),
    ),
}


def winograd_weights(array: Array, m: int, perm: tuple[int, ...], panel: int) -> Array:
    """`G w G^T` of 3x3 filters, in panels of output channels: what F(m x m, 3 x 3) multiplies by.

    `array.transpose(perm)` is `[3, 3, C, F]`; the result is `[(m + 2)^2, ceil(F / panel), C, panel]` of the same
    type, the last panel filled up with zeros.
    """
    filters = array.transpose(perm).astype(np.float64)
    g = np.array(WINOGRAD_G[m], np.float64)
    columns = np.tensordot(g, filters, axes=(1, 0))
    both = np.tensordot(g, columns, axes=(1, 1)).swapaxes(0, 1).astype(array.dtype)
    depth, count = both.shape[2:]
    both = np.pad(both.reshape(-1, depth, count), ((0, 0), (0, 0), (0, -count % panel)))
    panels = both.reshape(both.shape[0], depth, -1, panel)
    return np.ascontiguousarray(panels.transpose(0, 2, 1, 3))
