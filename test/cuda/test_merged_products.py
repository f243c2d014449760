"""Queries, keys and values of one product: attention reads them where they lie."""

from __future__ import annotations

import numpy as np
import pytest

from test.cuda.cases import compiled, expected, make_constant, model_of, random_inputs, tolerance

# Four heads of queries, of keys and values as many or half as many.
ATTENTION = (
    "(float16[2,72,64] X, float16[64,256] A, float16[256] D, float16[64,{columns}] B, float16[64,{columns}] C,"
    " float16[{columns}] E) => (float16[2,72,256] Y)"
    " {{ G = MatMul(X,A) H = Add(G,D) I = Constant<value_ints=[2,72,4,64]>() J = Reshape(H,I)"
    " Q = Transpose<perm=[0,2,1,3]>(J) K0 = MatMul(X,B) V0 = MatMul(X,C) V1 = Add(V0,E)"
    " S = Constant<value_ints=[2,72,{heads},64]>() K1 = Reshape(K0,S) V2 = Reshape(V1,S)"
    " K2 = Transpose<perm=[0,2,1,3]>(K1) V3 = Transpose<perm=[0,2,1,3]>(V2)"
    " F = Constant<value_ints=[2,{heads},1,72,64]>() M = Constant<value_ints=[2,{heads},{each},72,64]>()"
    " N = Constant<value_ints=[2,4,72,64]>() K3 = Reshape(K2,F) K4 = Expand(K3,M) K5 = Reshape(K4,N)"
    " V4 = Reshape(V3,F) V5 = Expand(V4,M) V6 = Reshape(V5,N) T = Transpose<perm=[0,1,3,2]>(K5) P = MatMul(Q,T)"
    " U = Softmax<axis=-1>(P) W = MatMul(U,V6) Z = Transpose<perm=[0,2,1,3]>(W)"
    " R = Constant<value_ints=[2,72,256]>() Y = Reshape(Z,R) }}"
)


@pytest.mark.parametrize(("heads", "arch"), [(4, "sm_90a"), (4, "sm_80"), (2, "sm_90a")])
def test_attention(heads: int, arch: str) -> None:
    """One product, one attention and nothing between them, in copies of boxes or of 16 bytes."""
    text = ATTENTION.format(columns=64 * heads, heads=heads, each=4 // heads)
    model = model_of(text)
    inputs = random_inputs(model)
    small = {name: (0.1 * value).astype(value.dtype) for name, value in inputs.items() if name != "X"}
    make_constant(model, small)
    executable = compiled(model, arch=arch)
    kinds = [kernel.name.partition("_")[0] for kernel in executable.kernels]
    assert kinds == ["matmul", "attention"]
    (wanted,) = expected(text, {**inputs, **small})
    found = executable(inputs["X"]).astype(np.float64)
    assert np.abs(found - wanted).max() <= tolerance(text) * np.abs(wanted).max()
