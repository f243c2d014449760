"""erf and erfc."""

from __future__ import annotations

from aicc.passes.loops.math.body import Body, Value
from aicc.passes.loops.math.exponential import exp

# erf x = x TOP / BOTTOM for |x| <= 3.93, over x^2: beyond, erf is 1 in f32.
ERF_TOP = (
    1.1283791065216064, 0.1907673478126526, 0.05278811231255531, 0.0037789097987115383, 0.00028479358297772706,
    2.0420975488377735e-06,
)  # fmt: skip
ERF_BOTTOM = (
    1.0, 0.5023958683013916, 0.11425071209669113, 0.014996028505265713, 0.0011650450760498643, 3.800462945946492e-05,
)  # fmt: skip
# erf x / x for |x| <= 1, over x^2.
ERF_NEAR = (
    1.1283791670955126, -0.3761263890318375, 0.11283791670954857, -0.026866170645072778, 0.005223977624779692,
    -0.0008548326978672331, 0.00012055331034268498, -1.4925593441771786e-05, 1.6460971743516867e-06,
    -1.6350013549976587e-07, 1.4657799459373728e-08, -1.136534836143549e-09, 5.944713373994415e-11,
)  # fmt: skip
# (1 + 2x) e^(x^2) erfc x over (x - 4) / (x + 4) (Shepherd, Laframboise, Math. Comp. 36, 1981).
ERFCX = {
    "f32": (
        1.2329951524734497, -0.1396210491657257, 0.015379918739199638, 0.06809390336275101, -0.10104691982269287,
        0.0937732681632042, -0.06624063849449158, 0.0369868129491806, -0.0166320838034153, 0.005233438685536385,
    ),
    "f64": (
        1.2329951186255526, -0.1396211168405625, 0.015379652102618914, 0.06809705425469212, -0.10103906603624699,
        0.09373283499837803, -0.06633036581376113, 0.03716751553679448, -0.016197734036519654, 0.005031969987354966,
        -0.000757773459845994, -0.00019925677246293084, 0.00015062253785944567, -2.4398799572705032e-05,
        -1.122483164021003e-05, 5.708283929027281e-06, 2.9969487951223594e-07, -8.221378714867936e-07,
        6.692237052465026e-08, 1.0540918932254838e-07, -1.2192561579377184e-08, -1.0404511902267783e-08,
    ),
}  # fmt: skip
# Beyond, erfc is 0.
LAST = {"f32": 10.1, "f64": 27.3}


def erf(b: Body, x: Value) -> Value:
    """3.9 ulp for f32, 2.1 for f64."""
    if x.element == "f32":
        return _near_f32(b, b.clamp(x, -3.93, 3.93))
    a = x.abs()
    far = 1.0 - _complement(b, b.at_most(a, 6.0))
    return (a < 1.0).select(a * b.polynomial(a * a, ERF_NEAR), far).sign_of(x)


def _near_f32(b: Body, x: Value) -> Value:
    z = x * x
    return b.clamp((x * b.polynomial(z, ERF_TOP)) / b.polynomial(z, ERF_BOTTOM), -1.0, 1.0)


def erfc(b: Body, x: Value) -> Value:
    """1 - erf x, accurate where that is small: 4 ulp while it is a normal number."""
    a = x.abs()
    far = _complement(b, b.at_most(a, LAST[x.element]))
    far = (x < 0.0).select(2.0 - far, far)
    near = 1.0 - (_near_f32(b, x) if x.element == "f32" else x * b.polynomial(x * x, ERF_NEAR))
    return (a < 0.5).select(near, far)


def _complement(b: Body, a: Value) -> Value:
    """erfc of a >= 0.45."""
    square, rest = b.two_product(a, a)
    bell = exp(b, -square)
    t = (a - 4.0) / (a + 4.0)
    ratio = b.polynomial(t, ERFCX[a.element]) / (a * 2.0 + 1.0)
    return b.fma(-rest, bell, bell) * ratio
