"""The transforms of Winograd's convolution F(m x m, 3 x 3), for m = 2 and m = 4.

One dimension of `m` results from `m + 2` inputs `d` and 3 weights `g` is `A^T [(G g) * (B^T d)]`; in two
dimensions each transform is applied to the columns and then to the rows, and `(m + 2)^2` multiplications
take the place of `9 m^2`: 2.25 times fewer for m = 2, 4 times for m = 4.

The points are 0, 1, -1 and infinity for m = 2; 0, 1, -1, 2, -2 and infinity for m = 4 (A. Lavin and S. Gray,
Fast Algorithms for Convolutional Neural Networks, 2015). The matrices here are those of the weights, and of
the other two for tests; the emitted code is `B^T d` and `A^T m` with common parts computed once.

Errors, as max|found - exact| / max|exact| on normal inputs, positive or not, and normal weights, the worst of
eight seeds: m = 2 is at 1.7e-6 for 1024 channels, like the direct sum; m = 4 at 6.4e-6 for 64 and 1.6e-5 for 256
channels, but 2.3e-5 for 512. They grow with the length of the sums, so `MOST_CHANNELS` keeps m = 2 below 2e-6
and m = 4 below 2e-5: beyond it the schedule does not match. An infinity or NaN in the input spoils the whole
tile it falls into, not just the results that it is a term of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aicc.passes.schedules.cpu.emit import Emitter, vector
from aicc.weight_transforms import WINOGRAD_G

Matrix = np.ndarray[Any, Any]

# B^T and A^T, what `input_transform` and `output_transform` compute.
INPUT_MATRIX: dict[int, Matrix] = {
    2: np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]], np.float64),
    4: np.array(
        [
            [4, 0, -5, 0, 1, 0],
            [0, -4, -4, 1, 1, 0],
            [0, 4, -4, -1, 1, 0],
            [0, -2, -1, 2, 1, 0],
            [0, 2, -1, -2, 1, 0],
            [0, 4, 0, -5, 0, 1],
        ],
        np.float64,
    ),
}
OUTPUT_MATRIX: dict[int, Matrix] = {
    2: np.array([[1, 1, 1, 0], [0, 1, -1, -1]], np.float64),
    4: np.array(
        [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]], np.float64
    ),
}
WEIGHT_MATRIX: dict[int, Matrix] = {m: np.array(rows, np.float64) for m, rows in WINOGRAD_G.items()}

# Channels up to which errors stay below 2e-6 (m = 2) and 2e-5 (m = 4).
MOST_CHANNELS = {2: 1024, 4: 256}

# Vector operations of one transform in one dimension, for cost models.
INPUT_OPS = {2: 4, 4: 12}
OUTPUT_OPS = {2: 4, 4: 10}


class Transforms:
    """Emits the transforms of vectors of `lanes` f32."""

    def __init__(self, e: Emitter, m: int, lanes: int) -> None:
        self._e = e
        self._m = m
        self._lanes = lanes

    def input(self, d: Sequence[str]) -> list[str]:
        """`B^T d`: m + 2 values from m + 2 values."""
        if self._m == 2:
            return [
                self._sub(d[0], d[2]),
                self._add(d[1], d[2]),
                self._sub(d[2], d[1]),
                self._sub(d[1], d[3]),
            ]
        even, odd = self._fma(d[2], -4.0, d[4]), self._fma(d[1], -4.0, d[3])
        far, near = self._sub(d[4], d[2]), self._sub(d[3], d[1])
        return [
            self._fma(d[0], 4.0, self._fma(d[2], -5.0, d[4])),
            self._add(even, odd),
            self._sub(even, odd),
            self._fma(near, 2.0, far),
            self._fma(near, -2.0, far),
            self._fma(d[1], 4.0, self._fma(d[3], -5.0, d[5])),
        ]

    def output(self, x: Sequence[str]) -> list[str]:
        """`A^T x`: m values from m + 2 values."""
        if self._m == 2:
            return [
                self._add(self._add(x[0], x[1]), x[2]),
                self._sub(self._sub(x[1], x[2]), x[3]),
            ]
        sum1, difference1 = self._add(x[1], x[2]), self._sub(x[1], x[2])
        sum2, difference2 = self._add(x[3], x[4]), self._sub(x[3], x[4])
        return [
            self._add(x[0], self._add(sum1, sum2)),
            self._fma(difference2, 2.0, difference1),
            self._fma(sum2, 4.0, sum1),
            self._add(self._fma(difference2, 8.0, difference1), x[5]),
        ]

    def _add(self, left: str, right: str) -> str:
        return self._e.op(f"arith.addf {left}, {right} : {vector('f32', self._lanes)}")

    def _sub(self, left: str, right: str) -> str:
        return self._e.op(f"arith.subf {left}, {right} : {vector('f32', self._lanes)}")

    def _fma(self, left: str, factor: float, addend: str) -> str:
        constant = self._e.splat(str(factor), "f32", self._lanes)
        return self._e.fma(left, constant, addend, "f32", self._lanes)
