"""MatMul, Gemm and Einsum against the ONNX reference."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from test.ops.rig import case, check, check_all

Array = np.ndarray[Any, np.dtype[Any]]


def _normal(rng: np.random.Generator, *shape: int, dtype: Any = np.float32) -> Array:
    return rng.standard_normal(shape).astype(dtype)


SHAPES = [
    ((3, 4), (4, 5)),
    ((2, 3, 4), (4, 5)),
    ((2, 3, 4), (2, 4, 5)),
    ((2, 1, 3, 4), (5, 4, 6)),
    ((3, 4), (2, 4, 5)),
    ((4,), (4, 5)),
    ((3, 4), (4,)),
    ((4,), (4,)),
    ((2, 3, 4), (4,)),
    ((4,), (2, 4, 5)),
    ((1, 1), (1, 1)),
    ((3, 0), (0, 5)),
]


def test_matmul_of_all_ranks(rng: np.random.Generator) -> None:
    check_all([case("MatMul", _normal(rng, *a), _normal(rng, *b)) for a, b in SHAPES])


@pytest.mark.parametrize(
    "dtype",
    [np.float64, np.float16, ml_dtypes.bfloat16, np.int32, np.int64, np.uint32],
    ids=lambda d: np.dtype(d).name,
)
def test_matmul_dtypes(dtype: Any, rng: np.random.Generator) -> None:
    a, b = (rng.integers(0, 5, s).astype(dtype) for s in ((2, 7, 9), (9, 8)))
    check("MatMul", a, b, expected=[np.matmul(a.astype(np.float64), b.astype(np.float64)).astype(dtype)])


def test_halves_accumulate_in_f32() -> None:
    a = np.full((1, 4096), 1, np.float16)
    b = np.full((4096, 1), 1 + 2**-10, np.float16)
    check("MatMul", a, b, modes=("static",), expected=[np.array([[4100]], np.float16)], rtol=0)


@pytest.mark.parametrize("trans_b", [0, 1])
@pytest.mark.parametrize("trans_a", [0, 1])
def test_gemm(trans_a: int, trans_b: int, rng: np.random.Generator) -> None:
    a = _normal(rng, *((4, 3) if trans_a else (3, 4)))
    b = _normal(rng, *((5, 4) if trans_b else (4, 5)))
    flags = {"transA": trans_a, "transB": trans_b}
    biases = [_normal(rng, *s) for s in ((3, 5), (5,), (3, 1), (1, 5), (1,), ())]
    cases = [case("Gemm", a, b, c, alpha=0.5, beta=2.0, **flags) for c in biases]
    check_all([*cases, case("Gemm", a, b, **flags), case("Gemm", a, b, biases[0], beta=0.0, **flags)])


def test_gemm_of_integers(rng: np.random.Generator) -> None:
    a, b, c = (rng.integers(-5, 5, s).astype(np.int32) for s in ((3, 4), (4, 5), (5,)))
    check("Gemm", a, b, c, expected=[a @ b + c])


EQUATIONS = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    ("bhid,bhjd->bhij", (2, 3, 4, 5), (2, 3, 6, 5)),
    ("ij,kj->ki", (2, 3), (4, 3)),
    ("i,j->ij", (3,), (4,)),
    ("i,i->", (3,), (3,)),
    ("ij,ij->", (3, 4), (3, 4)),
    ("ij,k->ijk", (2, 3), (4,)),
    ("ijk,ijl->kl", (2, 3, 4), (2, 3, 5)),
    ("ii->i", (3, 3)),
    ("ii", (3, 3)),
    ("ij->ji", (3, 4)),
    ("ij->", (3, 4)),
    ("iij->j", (3, 3, 4)),
    ("...ij,...jk->...ik", (2, 3, 4), (2, 4, 5)),
    ("...ij,jk->...ik", (2, 6, 3, 4), (4, 5)),
    ("...ij->...i", (2, 3, 4)),
    ("b...,b...->...b", (2, 3, 4), (2, 3, 4)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)),
    ("ij,jk,lm->im", (2, 3), (3, 4), (5, 6)),
    ("a,b,c->abc", (2,), (3,), (4,)),
    (" i j , j -> i ", (2, 3), (3,)),
]


def test_einsum(rng: np.random.Generator) -> None:
    cases = [case("Einsum", *(_normal(rng, *s) for s in shapes), equation=e) for e, *shapes in EQUATIONS]
    check_all(cases, modes=("static", "dynamic"))


def test_einsum_dtypes(rng: np.random.Generator) -> None:
    a, b = rng.integers(-5, 5, (3, 4)), rng.integers(-5, 5, (4, 5))
    cases = [
        case("Einsum", a.astype(d), b.astype(d), equation="ij,jk->ki", expected=[(a @ b).T.astype(d)])
        for d in (np.float64, np.float16, np.int32)
    ]
    check_all(cases, modes=("static",))
