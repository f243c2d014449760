"""Tables and matrices in blocks of few bits whose blocks, entries or order are not the usual ones: GatherBlockQuantized
against ONNX Runtime, MatMulNBits with `g_idx` against its definition."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from test.ops.contrib import by_ort, check, node_model

Array = np.ndarray[Any, Any]
AT = np.array([[0, 3], [8, -2]])


@pytest.mark.parametrize(("bits", "block"), [(2, 16), (4, 16), (8, 32)])
@pytest.mark.parametrize("zeros", [False, True])
def test_bytes(bits: int, block: int, zeros: bool, rng: np.random.Generator) -> None:
    data = rng.integers(0, 256, (9, 64 * bits // 8), np.uint8)
    scale = rng.uniform(0.5, 1.5, (9, 64 // block)).astype(np.float32)
    lines = rng.integers(0, 256, (9, -(-64 // block * bits // 8)), np.uint8)
    attrs = {"bits": bits, "block_size": block, "gather_axis": 0, "quantize_axis": 1}
    inputs = (data, AT, scale, lines if zeros else None)
    check("GatherBlockQuantized", *inputs, constant=(0, 2, 3), symbols={2: "n"}, **attrs)


def test_out_of_range_reads_zeros(rng: np.random.Generator) -> None:
    data = rng.integers(0, 256, (9, 16), np.uint8)
    scale = rng.uniform(0.5, 1.5, (9, 1)).astype(np.float32)
    at = np.array([-9, -10, 8, 9])
    got = check("GatherBlockQuantized", data, at, scale, constant=(0, 2), bits=4, block_size=32)
    assert got[0][[0, 2]].any(1).all() and not got[0][[1, 3]].any()


@pytest.mark.parametrize("dtype", [ml_dtypes.int4, ml_dtypes.uint4])
@pytest.mark.parametrize(
    ("shape", "along", "axis"),
    [((9, 32, 4), 1, 0), ((32, 12), 0, 1), ((3, 12, 40), 2, 1), ((40, 6), 0, 0)],
)
def test_axes(dtype: Any, shape: tuple[int, ...], along: int, axis: int, rng: np.random.Generator) -> None:
    low = -8 if dtype is ml_dtypes.int4 else 0
    blocks = [-(-n // 16) if d == along else n for d, n in enumerate(shape)]
    data, zero = (rng.integers(low, low + 16, s).astype(dtype) for s in (shape, blocks))
    scale = rng.uniform(0.5, 1.5, blocks).astype(np.float32)
    attrs = {"block_size": 16, "quantize_axis": along, "gather_axis": axis}
    check("GatherBlockQuantized", data, AT, scale, zero, constant=(0, 2, 3), **attrs)


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("even", [False, True])
@pytest.mark.parametrize("zeros", [False, True])
def test_order_of_groups(constant: bool, even: bool, zeros: bool, rng: np.random.Generator) -> None:
    """`g_idx` says each number's block. ONNX Runtime agrees as long as there are no zero points."""
    n, k, block = 24, 64, 16
    groups = rng.permutation(np.arange(k) // block) if even else rng.integers(0, k // block, k)
    stored = rng.integers(0, 256, (n, k // block, block // 2), np.uint8)
    scale = rng.uniform(0.5, 1.5, (n, k // block)).astype(np.float32)
    zero = rng.integers(0, 256, (n, 2), np.uint8)
    x = (rng.standard_normal((3, k)) / k**0.5).astype(np.float32)

    def numbers(packed: Array) -> Array:
        return np.stack([packed & 15, packed >> 4], -1).reshape(n, -1).astype(np.float64)

    middle = numbers(zero) if zeros else np.full((n, k // block), 8.0)
    weights = (numbers(stored.reshape(n, -1)) - middle[:, groups]) * scale[:, groups]
    want = (x @ weights.T).astype(np.float32)
    inputs = (x, stored, scale, zero if zeros else None, groups.astype(np.int32))
    attrs = {"K": k, "N": n, "bits": 4, "block_size": block}
    if not zeros:
        found = by_ort(*node_model("MatMulNBits", inputs, ["y"], attrs, "com.microsoft"))[0]
        np.testing.assert_allclose(found, want, atol=2e-5)
    fixed = (1, 2, 3, 4) if constant else ()
    check("MatMulNBits", *inputs, constant=fixed, expected=[want], tolerance=2e-5, **attrs)
