"""Inputs that belong to classes: an example of each class, and inputs near it. Needs NumPy alone.

A random image is noise of several scales (a coarse grid of normal numbers drawn smoothly over the picture, with
finer ones upon it), a random text is tokens. Inputs of a class are its example with a part exchanged for another
random one. All follow from the numbers of the class and of the variant.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
CLASSES = 128
"""Classes with an example; a network may have more."""
_GRIDS = (4, 8, 16, 32)
_CHANGED = 0.2
"""Share of an input that is another's: of an image in length, of a text in tokens."""
VOCABULARY = 30522


def image(label: int, variant: int = 0, size: int = 224) -> Array:
    """f32[1, 3, size, size] of deviation one; variant 0 is the class's example."""
    own = _field(label, 0, size)
    if variant:
        own = np.sqrt(1 - _CHANGED**2) * own + _CHANGED * _field(label, variant, size)
    return own.astype(np.float32)[None]


def tokens(label: int, variant: int = 0, length: int = 128) -> Array:
    """i64[1, length]; variant 0 is the class's example."""
    own = np.random.default_rng([2, label]).integers(0, VOCABULARY, length)
    if variant:
        rng = np.random.default_rng([3, label, variant])
        own = np.where(rng.random(length) < _CHANGED, rng.integers(0, VOCABULARY, length), own)
    return own[None]


def _field(label: int, variant: int, size: int) -> Array:
    rng = np.random.default_rng([1, label, variant])
    total: Array = np.zeros((3, size, size))
    for grid in _GRIDS:
        spread = _linear(grid, size)
        total += spread @ rng.standard_normal((3, grid, grid)) @ spread.T * (_GRIDS[0] / grid) ** 0.5
    return total / total.std()


def _linear(grid: int, size: int) -> Array:
    """`[size, grid]`: linear interpolation of `grid` numbers in the middles of their cells."""
    where = np.clip((np.arange(size) + 0.5) * grid / size - 0.5, 0, grid - 1)
    out: Array = np.maximum(0.0, 1 - np.abs(where[:, None] - np.arange(grid)))
    return out
