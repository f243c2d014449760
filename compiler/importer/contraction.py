"""MatMul, Gemm and Einsum."""

from __future__ import annotations

from typing import Any

from aicc.dialects import OPS
from aicc.dialects.contraction import Einsum, MatMul
from aicc.dialects.elementwise import Add, Mul
from aicc.dialects.shape import Reshape
from aicc.dialects.types import TensorType
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op


@onnx_op("MatMul")
def matmul(n: Node) -> Any:
    return n.build(MatMul, n.required(0), n.required(1))


@onnx_op("Gemm")
def gemm(n: Node) -> Any:
    """`alpha * A' B' + beta * C`; a scaled constant folds into the weight store."""
    y = n.build(
        MatMul,
        n.required(0),
        n.required(1),
        trans_a=bool(n.attr("transA", 0)),
        trans_b=bool(n.attr("transB", 0)),
    )
    y = _scaled(n, y, n.attr("alpha", 1.0))
    c, beta = n.input(2), n.attr("beta", 1.0)
    if c is None or beta == 0:
        return y
    _check_addend(n, n.info(y), n.info(c))
    total = n.build(Add, y, _scaled(n, c, beta))
    if n.info(total).shape == n.info(y).shape:
        return total
    # the sizes of C are 1 or those of the product, which the run checks: the sum has them, too
    return n.build(Reshape, total, n.build(OPS["shape"], y, start=0, end=2))


def _check_addend(n: Node, product: TensorType, c: TensorType) -> None:
    """Raises ImportError_ AICC-1005 when C does not broadcast to the product."""
    pairs = zip(reversed(c.shape), reversed(product.shape), strict=False)
    fits = c.rank <= 2 and all(
        s in (1, d) or not (isinstance(s, int) and isinstance(d, int)) for s, d in pairs
    )
    if not fits:
        raise n.error("AICC-1005", f"C is {c}, which does not broadcast to the product, {product}.")


def _scaled(n: Node, value: Any, factor: float) -> Any:
    if factor == 1:
        return value
    return n.build(Mul, value, n.const(factor, n.info(value).dtype))


@onnx_op("Einsum")
def einsum(n: Node) -> Any:
    """Contracts operands pairwise from the left; labels nobody needs any more are summed at once."""
    terms, out = _explicit(n)
    values = [n.required(i) for i in range(len(terms))]
    value, term = values[0], terms[0]
    value, term = _reduced(n, value, term, set("".join(terms[1:]) + out))
    for i in range(1, len(terms)):
        needed = set("".join(terms[i + 1 :]) + out)
        other, other_term = _reduced(n, values[i], terms[i], needed | set(term))
        if i == len(terms) - 1:
            result = out
        else:
            result = "".join(dict.fromkeys(c for c in term + other_term if c in needed))
        value = n.build(Einsum, value, other, equation=f"{term},{other_term}->{result}")
        term = result
    return value if term == out else n.build(Einsum, value, equation=f"{term}->{out}")


def _reduced(n: Node, value: Any, term: str, needed: set[str]) -> tuple[Any, str]:
    """Diagonals taken, and labels outside `needed` summed."""
    kept = "".join(dict.fromkeys(c for c in term if c in needed))
    return (value, term) if kept == term else (n.build(Einsum, value, equation=f"{term}->{kept}"), kept)


def _explicit(n: Node) -> tuple[list[str], str]:
    """The terms and the output with ellipses as labels; an implicit output spelled out."""
    equation = n.required_attr("equation").replace(" ", "")
    left, arrow, out = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(n.inputs):
        raise n.error("AICC-1006", f"attribute 'equation' has {len(terms)} terms for {len(n.inputs)} inputs.")
    ranks = [n.info(n.required(i)).rank for i in range(len(terms))]
    extra = [
        max(0, r - len(t.replace("...", ""))) if "..." in t else 0 for r, t in zip(ranks, terms, strict=True)
    ]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    free = [c for c in letters if c not in equation]
    if max(extra, default=0) > len(free):
        raise n.error("AICC-1006", f"attribute 'equation' uses too many labels: '{equation}'.")
    ellipsis = "".join(free[: max(extra, default=0)])
    if not arrow:
        named = left.replace("...", "").replace(",", "")
        out = ("..." if "..." in left else "") + "".join(sorted(c for c in set(named) if named.count(c) == 1))
    spelled = [t.replace("...", ellipsis[len(ellipsis) - e :]) for t, e in zip(terms, extra, strict=True)]
    return spelled, out.replace("...", ellipsis)
