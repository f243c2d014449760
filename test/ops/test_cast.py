"""Cast between all dtypes that numbers are computed in; `test_narrow` has those of storage alone."""

from __future__ import annotations

import numpy as np
import onnx.parser
import pytest

from aicc.dialects.types import WIDE, DType
from aicc.driver import Options, compile_model
from aicc.target import Target
from test.ops.rig import case, check, check_all

COMPUTED = [d for d in DType if d in WIDE]


@pytest.mark.parametrize("source", COMPUTED, ids=lambda d: d.name)
def test_cast_to_every_dtype(source: DType, rng: np.random.Generator) -> None:
    whole = rng.integers(0, 2 if source is DType.BOOL else 100, 12)
    x = (whole + rng.random(12) * 0.9 if source.is_float else whole).astype(source.numpy)
    cases = [case("Cast", x, to=d.onnx, expected=[x.astype(d.numpy)]) for d in COMPUTED]
    check_all(cases, modes=("static",))


def test_floats_truncate_toward_zero() -> None:
    x = np.array([-1.9, -0.5, 0.5, 1.9, 2.5], np.float32)
    check_all([case("Cast", x, to=d.onnx) for d in (DType.I8, DType.I32, DType.I64)])


def test_floats_saturate_and_nan_is_zero() -> None:
    x = np.array([3e38, -3e38, np.inf, -np.inf, np.nan, 2147483648.0], np.float32)
    low, high = np.iinfo(np.int32).min, np.iinfo(np.int32).max
    cases = [
        case("Cast", x, to=6, expected=[np.array([high, low, high, low, 0, high], np.int32)]),
        case("Cast", x, to=2, expected=[np.array([255, 0, 255, 0, 0, 255], np.uint8)]),
        case("Cast", x, to=9, expected=[np.ones(6, bool)]),
    ]
    check_all(cases, modes=("static",))


def test_integers_wrap() -> None:
    x = np.array([300, -1, 70000, -(2**31)], np.int32)
    check_all(
        [
            case("Cast", x, to=d.onnx, expected=[x.astype(d.numpy)])
            for d in (DType.I8, DType.U8, DType.U16, DType.U64)
        ]
    )


def test_narrow_floats_round_to_even() -> None:
    x = np.array([1 + 2**-8, 1 + 3 * 2**-8, 65504, 1e6, 1e-8, -0.0], np.float32)
    cases = [
        case("Cast", x, to=d.onnx, rtol=0, expected=[x.astype(d.numpy)]) for d in (DType.F16, DType.BF16)
    ]
    check_all(cases, modes=("static",))


def test_bfloat_of_integers_needs_no_helper() -> None:
    """LLVM calls `__truncsfbf2` on CPUs before AVX512-BF16, which old compiler libraries lack."""
    graph = "g (int32[37] X) => (bfloat16[37] Y) { Y = Cast<to=16>(X) }"
    model = onnx.parser.parse_model(f'<ir_version: 9, opset_import: ["": 19]> {graph}')
    options = Options(Target.cpu_named("x86-64-v3"), emit="asm")
    assert "__trunc" not in compile_model(model.SerializeToString(), None, options).text


def test_cast_like(rng: np.random.Generator) -> None:
    check("CastLike", rng.standard_normal((3, 4)).astype(np.float32), np.zeros(1, np.int64))
