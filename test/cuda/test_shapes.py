"""Property tests: any sizes, so that every bound and tail is met."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from test.cuda.cases import compiled, model_of, random_inputs, tolerance, worst_error

SIZE = st.integers(1, 70)
FEW = settings(max_examples=5, suppress_health_check=list(HealthCheck), derandomize=True)


def check(text: str, only: str) -> None:
    model = model_of(text)
    inputs = random_inputs(model)
    assert worst_error(compiled(model, only), text, inputs) <= tolerance(text), text


@FEW
@given(m=SIZE, n=SIZE, k=SIZE, kind=st.sampled_from(["float", "float16"]), turned=st.booleans())
def test_products(m: int, n: int, k: int, kind: str, turned: bool) -> None:
    w = f"{n},{k}" if turned else f"{k},{n}"
    check(
        f"({kind}[{m},{k}] X, {kind}[{w}] W, {kind}[{n}] B) => ({kind}[{m},{n}] Y)"
        f" {{ Y = Gemm<transB={int(turned)}>(X,W,B) }}",
        "contraction",
    )


@FEW
@given(a=st.integers(1, 9), b=SIZE, c=SIZE, axis=st.integers(0, 2))
def test_rows(a: int, b: int, c: int, axis: int) -> None:
    check(f"(float[{a},{b},{c}] X) => (float[{a},{b},{c}] Y) {{ Y = Softmax<axis={axis}>(X) }}", "rows")


@FEW
@given(a=st.integers(1, 5), b=SIZE, c=SIZE)
def test_transposes(a: int, b: int, c: int) -> None:
    check(
        f"(float[{a},{b},{c}] X, float[{b}] B) => (float[{a},{c},{b}] Y)"
        " { T = Transpose<perm=[0,2,1]>(X) Y = Add(T,B) }",
        "pointwise",
    )


@FEW
@given(
    size=st.integers(3, 12),
    channels=st.integers(1, 20),
    filters=st.integers(1, 40),
    stride=st.integers(1, 2),
    kind=st.sampled_from(["float", "float16"]),
)
def test_convolutions(size: int, channels: int, filters: int, stride: int, kind: str) -> None:
    out = (size - 1) // stride + 1
    check(
        f"({kind}[2,{channels},{size},{size}] X, {kind}[{filters},{channels},3,3] W)"
        f" => ({kind}[2,{filters},{out},{out}] Y)"
        f" {{ Y = Conv<pads=[1,1,1,1],strides=[{stride},{stride}]>(X,W) }}",
        "contraction",
    )
