"""NumPy broadcasting of symbolic shapes."""

from __future__ import annotations

from collections.abc import Sequence

from aicc.dialects.op import TypeRuleError
from aicc.dialects.symbolic import DimLike, Shape


def broadcast_dim(a: DimLike, b: DimLike) -> DimLike:
    """The size two sizes broadcast to. Raises TypeRuleError.

    Equal sizes unify and a static 1 broadcasts. Where it cannot be known that two sizes are equal, the
    static one is taken, else the first: that they agree is for run time to check.
    """
    if a == b or b == 1:
        return a
    if a == 1:
        return b
    if isinstance(a, int) and isinstance(b, int):
        raise TypeRuleError(f"operands do not broadcast: sizes {a} and {b} differ and neither is 1")
    return b if isinstance(b, int) else a


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
