"""Resize and Upsample."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from test.ops.ort import check_ort
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
    check_all(cases)


@pytest.mark.parametrize("rounding", ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
@pytest.mark.parametrize("coordinates", ["half_pixel", "asymmetric"])
def test_nearest(rng: Rng, rounding: str, coordinates: str) -> None:
    x = _data(rng, 1, 2, 4, 6)
    attrs = {"mode": "nearest", "nearest_mode": rounding, "coordinate_transformation_mode": coordinates}
    check_all(
        [
            _case(x, (1, 1, 2, 3), **attrs),
            _case(x, (1, 1, 0.5, 1.25), **attrs),
            _case(x, None, (1, 2, 3, 9), **attrs),
        ]
    )


def test_cubic_coefficients(rng: Rng) -> None:
    x = _data(rng, 1, 1, 5, 6)
    cases = [_case(x, (1, 1, 0.8, 2), mode="cubic", cubic_coeff_a=-0.5, exclude_outside=e) for e in (0, 1)]
    check_all(cases)


@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("exclude_outside", [0, 1])
def test_antialias(rng: Rng, mode: str, exclude_outside: int) -> None:
    x = _data(rng, 1, 1, 9, 8)
    attrs = {"mode": mode, "antialias": 1, "exclude_outside": exclude_outside}
    check_all(
        [_case(x, (1, 1, 0.6, 0.2), **attrs), _case(x, None, (1, 1, 4, 12), **attrs)],
        modes=("static", "constant"),
    )
    small = _data(rng, 1, 1, 9, 40)
    check_all([_case(small, (1, 1, 1, 0.1), **attrs)], modes=("static", "constant"))


def test_axes_and_policies(rng: Rng) -> None:
    x = _data(rng, 1, 2, 4, 6)
    cases = [_case(x, (2, 1.5), mode="linear", axes=[3, 2])]
    for policy in ("not_larger", "not_smaller"):
        cases += [_case(x, None, (7, 8), mode="linear", axes=[2, 3], keep_aspect_ratio_policy=policy)]
    check_all(cases, opset=19)


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_crop(rng: Rng, mode: str) -> None:
    x = _data(rng, 1, 1, 4, 5)
    roi = _scales(0, 0, 0.4, -0.25, 1, 1, 0.8, 1.2)
    check(
        "Resize",
        x,
        roi,
        None,
        np.array([1, 1, 3, 6]),
        mode=mode,
        coordinate_transformation_mode="tf_crop_and_resize",
        extrapolation_value=7.5,
    )


def test_one_and_three_dims(rng: Rng) -> None:
    check_all(
        [
            _case(_data(rng, 1, 2, 7), (1, 1, 2.5), mode="linear"),
            _case(_data(rng, 1, 1, 2, 3, 4), (1, 1, 2, 2, 2), mode="linear"),
        ]
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.uint8])
def test_dtypes(rng: Rng, dtype: Any) -> None:
    x = np.abs(_data(rng, 1, 2, 3, 4)).astype(dtype)
    check_all([_case(x, (1, 1, 2, 2), mode="nearest"), _case(x, (1, 1, 2, 2), mode="linear")])


def test_old_opsets(rng: Rng) -> None:
    x = _data(rng, 1, 2, 3, 4)
    twice = x.repeat(2, 2).repeat(3, 3)
    check("Upsample", x, _scales(1, 1, 2, 3), opset=9, expected=[twice])
    check("Upsample", x, opset=8, scales=[1.0, 1.0, 2.0, 3.0], expected=[twice])
    check("Resize", x, _scales(1, 1, 2, 3), opset=10, expected=[twice])
    check_ort("Upsample", x, _scales(1, 1, 2, 3), opset=9, mode="linear")
    check_ort("Resize", x, _scales(1, 1, 0.6, 0.5), opset=10)
    check(
        "Resize", x, np.zeros(0, np.float32), _scales(1, 1, 2, 3), opset=11, expected=[twice], constant=(1,)
    )
