"""NumPy broadcasting of symbolic shapes."""

from __future__ import annotations

from collections.abc import Sequence

from aicc.dialects.op import TypeRuleError
from aicc.dialects.symbolic import DimLike, Shape, dim_broadcast


def broadcast_dim(a: DimLike, b: DimLike) -> DimLike:
    """The size two sizes broadcast to. Raises TypeRuleError.

    Of two of which only a run knows whether one is 1, it is a `broadcast` of both: that they fit is for the run
    to check.
    """
    if isinstance(a, int) and isinstance(b, int) and a != b and 1 not in (a, b):
        raise TypeRuleError(f"operands do not broadcast: sizes {a} and {b} differ and neither is 1")
    out: DimLike = dim_broadcast(a, b)
    return out


def same_dim(a: DimLike, b: DimLike) -> DimLike:
    """The size of what two operands share, or have one of. Raises TypeRuleError.

    Of two the static one is taken, else the first: that they are equal is for the run to check.
    """
    if isinstance(a, int) and isinstance(b, int):
        return broadcast_dim(a, b)
    return b if a == 1 or (isinstance(b, int) and b != 1) else a


def broadcast(*shapes: Sequence[DimLike]) -> Shape:
    """The shape that shapes broadcast to, aligned at the last dimension. Raises TypeRuleError."""
    rank = max(len(s) for s in shapes)
    out: list[DimLike] = [1] * rank
    for s in shapes:
        for i, d in enumerate(s, start=rank - len(s)):
            out[i] = broadcast_dim(out[i], d)
    return tuple(out)


def check_broadcasts_to(shape: Sequence[DimLike], target: Sequence[DimLike], what: str) -> None:
    """Raises TypeRuleError unless `shape` broadcasts to exactly `target` (unidirectional broadcasting)."""
    fits = len(shape) <= len(target) and all(
        d in (1, t) or not (isinstance(d, int) and isinstance(t, int))
        for d, t in zip(reversed(shape), reversed(target), strict=False)
    )
    if not fits:
        raise TypeRuleError(f"{what} of shape {_text(shape)} does not broadcast to {_text(target)}")


def _text(shape: Sequence[DimLike]) -> str:
    return f"[{', '.join(str(d) for d in shape)}]"
