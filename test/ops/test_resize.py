"""Resize and Upsample."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from test.ops.ort import ort_case
from test.ops.rig import case, check, check_all

Rng = np.random.Generator
COORDINATES = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric"]


def _data(rng: Rng, *shape: int, dtype: Any = np.float32) -> Any:
    return (rng.standard_normal(shape) * 10).astype(dtype)


def _scales(*values: float) -> Any:
    return np.asarray(values, np.float32)


def _case(x: Any, scales: Any = None, sizes: Any = None, **attrs: Any) -> Any:
    inputs = [x, None, None if scales is None else _scales(*scales)]
    if sizes is not None:
        inputs.append(np.asarray(sizes, np.int64))
    return case("Resize", *inputs, **attrs)


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_coordinates(rng: Rng, mode: str) -> None:
    x = _data(rng, 1, 2, 4, 5)
    cases = []
    for coordinates in COORDINATES:
        attrs = {"mode": mode, "coordinate_transformation_mode": coordinates}
        cases += [_case(x, (1, 1, 2, 1.5), **attrs), _case(x, None, (1, 2, 7, 3), **attrs)]
    check_all(cases, modes=("dynamic", "constant"))


def test_nearest(rng: Rng) -> None:
    x, cases = _data(rng, 1, 2, 4, 6), []
    for rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
        for coordinates in ("half_pixel", "asymmetric"):
            attrs = {"nearest_mode": rounding, "coordinate_transformation_mode": coordinates}
            cases += [_case(x, (1, 1, 2, 3), **attrs), _case(x, (1, 1, 0.5, 1.25), **attrs)]
            cases.append(_case(x, None, (1, 2, 3, 9), **attrs))
    check_all(cases, modes=("dynamic", "constant"))


def test_cubic_coefficients(rng: Rng) -> None:
    x = _data(rng, 1, 1, 5, 6)
    cases = [_case(x, (1, 1, 0.8, 2), mode="cubic", cubic_coeff_a=-0.5, exclude_outside=e) for e in (0, 1)]
    check_all(cases)


def test_antialias(rng: Rng) -> None:
    x, small, cases = _data(rng, 1, 1, 9, 8), _data(rng, 1, 1, 9, 40), []
    for mode in ("linear", "cubic"):
        for exclude_outside in (0, 1):
            attrs = {"mode": mode, "antialias": 1, "exclude_outside": exclude_outside}
            cases += [_case(x, (1, 1, 0.6, 0.2), **attrs), _case(x, None, (1, 1, 4, 12), **attrs)]
            cases.append(_case(small, (1, 1, 1, 0.1), **attrs))
    check_all(cases, modes=("static", "constant"))


def test_axes_and_policies(rng: Rng) -> None:
    x = _data(rng, 1, 2, 4, 6)
    cases = [_case(x, (2, 1.5), mode="linear", axes=[3, 2])]
    for policy in ("not_larger", "not_smaller"):
        cases += [_case(x, None, (7, 8), mode="linear", axes=[2, 3], keep_aspect_ratio_policy=policy)]
    check_all(cases, opset=19)


def test_crop(rng: Rng) -> None:
    x, roi = _data(rng, 1, 1, 4, 5), _scales(0, 0, 0.4, -0.25, 1, 1, 0.8, 1.2)
    attrs = {"coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 7.5}
    sizes = np.array([1, 1, 3, 6])
    check_all([case("Resize", x, roi, None, sizes, mode=m, **attrs) for m in ("nearest", "linear")])


def test_one_and_three_dims(rng: Rng) -> None:
    check_all(
        [
            _case(_data(rng, 1, 2, 7), (1, 1, 2.5), mode="linear"),
            _case(_data(rng, 1, 1, 2, 3, 4), (1, 1, 2, 2, 2), mode="linear"),
        ]
    )


def test_dtypes(rng: Rng) -> None:
    cases = []
    for dtype in (np.float16, np.float64, np.uint8):
        x = np.abs(_data(rng, 1, 2, 3, 4)).astype(dtype)
        cases += [_case(x, (1, 1, 2, 2), mode=mode) for mode in ("nearest", "linear")]
    check_all(cases, modes=("dynamic", "constant"))


def test_old_opsets(rng: Rng) -> None:
    x = _data(rng, 1, 2, 3, 4)
    twice = x.repeat(2, 2).repeat(3, 3)
    scales, none = _scales(1, 1, 2, 3), np.zeros(0, np.float32)
    check("Upsample", x, opset=8, scales=[1.0, 1.0, 2.0, 3.0], expected=[twice], modes=("dynamic",))
    linear = ort_case("Upsample", x, scales, opset=9, mode="linear")
    check_all([case("Upsample", x, scales, expected=[twice]), linear], opset=9, modes=("constant",))
    shrunk = ort_case("Resize", x, _scales(1, 1, 0.6, 0.5), opset=10)
    check_all([case("Resize", x, scales, expected=[twice]), shrunk], opset=10, modes=("constant",))
    check("Resize", x, none, scales, opset=11, expected=[twice], modes=("constant",))
