"""sin, cos, tan: x = q pi/2 + r with |r| <= pi/4, then polynomials in r by the quadrant q."""

from __future__ import annotations

from aicc.passes.loops.math.body import Body, Value
from aicc.passes.loops.math.reduction import Reduced, reduce_angle

# (sin r - r) / r^3 and (cos r - 1 + r^2 / 2) / r^4 over r^2.
SIN = {
    "f32": (-0.16666655242443085, 0.00833216030150652, -0.00019515219901222736),
    "f64": (
        -0.16666666666666666, 0.008333333333333323, -0.00019841269841254784, 2.7557319214057015e-06,
        -2.5052104879770134e-08, 1.605836289480851e-10, -7.578526670828118e-13,
    ),
}  # fmt: skip
COS = {
    "f32": (0.04166664555668831, -0.0013887315290048718, 2.443308403599076e-05),
    "f64": (
        0.041666666666666595, -0.001388888888887304, 2.480158728884204e-05, -2.7557314176403937e-07,
        2.087570043551881e-09, -1.1358514819191615e-11,
    ),
}  # fmt: skip


def sin(b: Body, x: Value) -> Value:
    """1.5 ulp for f32, 0.8 for f64, for all finite x."""
    return _sin(b, x, reduce_angle(b, x.abs()))


def cos(b: Body, x: Value) -> Value:
    """1.5 ulp for f32, 0.8 for f64, for all finite x."""
    return _cos(b, reduce_angle(b, x.abs()))


def sincos(b: Body, x: Value) -> tuple[Value, Value]:
    """Both, with one reduction."""
    angle = reduce_angle(b, x.abs())
    return _sin(b, x, angle), _cos(b, angle)


def tan(b: Body, x: Value) -> Value:
    """3.3 ulp for f32, 2 for f64, for all finite x."""
    angle = reduce_angle(b, x.abs())
    sine, cosine = _sine(b, angle), _cosine(b, angle)
    odd = _odd(angle)
    # tan(r + pi/2) = -1 / tan r
    quotient = odd.select(cosine, sine) / odd.select(sine, cosine)
    return _flip(quotient, _sign(x) ^ _top_bit(angle.quadrant))


def _sin(b: Body, x: Value, angle: Reduced) -> Value:
    magnitude = _odd(angle).select(_cosine(b, angle), _sine(b, angle))
    return _flip(magnitude, _sign(x) ^ _top_bit(angle.quadrant >> 1))


def _cos(b: Body, angle: Reduced) -> Value:
    magnitude = _odd(angle).select(_sine(b, angle), _cosine(b, angle))
    return _flip(magnitude, _top_bit((angle.quadrant + 1) >> 1))


def _odd(angle: Reduced) -> Value:
    return (angle.quadrant & 1).differs(0)


def _sine(b: Body, angle: Reduced) -> Value:
    r, rest = angle.r, angle.rest
    z = r * r
    cubic = (r * z) * b.polynomial(z, SIN[r.element])
    if rest is None:
        return r + cubic
    # sin(r + rest) = sin r + rest cos r
    return r + (cubic + b.fma(rest * -0.5, z, rest))


def _cosine(b: Body, angle: Reduced) -> Value:
    r, rest = angle.r, angle.rest
    z = r * r
    half = z * 0.5
    head = 1.0 - half
    tail = (z * z) * b.polynomial(z, COS[r.element])
    if rest is None:
        return b.fma(z, -0.5, 1.0) + tail if b.fuses else head + tail
    # 1 - half is rounded, and what is lost is known; cos(r + rest) = cos r - rest sin r
    return head + (((1.0 - head) - half) + (tail - r * rest))


def _top_bit(quadrant: Value) -> Value:
    """The lowest bit of an integer, at the place of the sign."""
    return quadrant << (31 if quadrant.element == "i32" else 63)


def _sign(x: Value) -> Value:
    """The sign bit of a float."""
    return x.bits() & (-(1 << (x.format.bits - 1)))


def _flip(x: Value, sign: Value) -> Value:
    return (x.bits() ^ sign).as_float()
