"""Strings: numbers in the program, and calls of the runtime where it is about what they say."""

from __future__ import annotations

from typing import Any

from aicc.bindings import arith, tensor
from aicc.dialects.strings import CASES
from aicc.dialects.symbolic import fresh_dim, product
from aicc.dialects.types import DType, TensorType
from aicc.passes.linalg.builder import Builder, Lowered, lowering
from aicc.passes.linalg.runtime_calls import call_runtime
from aicc.passes.linalg.shape import name_symbol
from aicc.passes.linalg.views import extract_slice


@lowering("string_of", "string_number")
def same(b: Builder, n: Lowered) -> Any:
    """A string is its number."""
    return n.operands[0]


@lowering("string_concat")
def concat(b: Builder, n: Lowered) -> Any:
    out = n.results[0].plain()
    rows = [
        _row(b, v if t.shape == out.shape else b.pointwise(out, [(v, t)], lambda x: x), out)
        for v, t in ((v, n.typed(i).plain()) for i, v in enumerate(n.operands))
    ]
    return _call(b, "aicc_string_concat", rows, out)


@lowering("string_match")
def match(b: Builder, n: Lowered) -> Any:
    row = _row(b, n.operands[0], n.typed(0).plain())
    return _call(b, "aicc_string_match", [row, n.operands[1]], n.results[0].plain())


@lowering("string_parse")
def parse(b: Builder, n: Lowered) -> Any:
    row = _row(b, n.operands[0], n.typed(0).plain())
    return _call(b, f"aicc_string_parse_{n.attrs['to'].mlir}", [row], n.results[0].plain())


@lowering("string_format")
def format_(b: Builder, n: Lowered) -> Any:
    row = _row(b, n.operands[0], n.typed(0).plain())
    return _call(b, f"aicc_string_format_{n.typed(0).dtype.mlir}", [row], n.results[0].plain())


def _row(b: Builder, value: Any, t: TensorType) -> Any:
    """The elements in one row."""
    return b.reshape(value, t, [product(t.shape)])[0]


def _call(b: Builder, name: str, rows: list[Any], out: TensorType) -> Any:
    """A function whose result is as long as its operands, back in the shape of the result."""
    flat = TensorType((product(out.shape),), out.dtype)
    return b.reshape(call_runtime(b, name, rows, [flat])[0], flat, out.shape)[0]


@lowering("string_split")
def split(b: Builder, n: Lowered) -> Any:
    """Counted first: how many columns there are is known then."""
    x, pieces = n.typed(0).plain(), n.results[0].plain()
    row, size = _row(b, n.operands[0], x), product(x.shape)
    numbers = [b.index(n.attrs["delimiter"]), b.index(n.attrs["splits"])]
    each, one = TensorType((size,), DType.I64), TensorType((1,), DType.I64)
    counts, most = call_runtime(b, "aicc_string_pieces", [row], [each, one], numbers)
    name_symbol(b, pieces.shape[-1], b.to_index(tensor.ExtractOp(most, [b.index(0)]).result))
    flat = TensorType((product(pieces.shape),), DType.STRING)
    found = call_runtime(b, "aicc_string_split", [row], [flat], [b.size(size), *numbers])[0]
    return b.reshape(found, flat, pieces.shape)[0], b.reshape(counts, each, x.shape)[0]


@lowering("string_tokens")
def tokens(b: Builder, n: Lowered) -> Any:
    """Counted first, like the pieces of a split."""
    x, out = n.typed(0).plain(), n.results[0].plain()
    rows, size = [_row(b, n.operands[0], x), n.operands[1]], product(x.shape)
    numbers = [b.index(n.attrs[name]) for name in ("splitting", "least", "mark")]
    one = TensorType((1,), DType.I64)
    most = call_runtime(b, "aicc_string_token_count", rows, [one], [b.size(size), *numbers])[0]
    name_symbol(b, out.shape[-1], b.to_index(tensor.ExtractOp(most, [b.index(0)]).result))
    flat = TensorType((product(out.shape),), DType.STRING)
    numbers = [b.size(size), *numbers, b.index(n.attrs["pad"])]
    return b.reshape(call_runtime(b, "aicc_string_tokens", rows, [flat], numbers)[0], flat, out.shape)[0]


@lowering("string_normalize")
def normalize(b: Builder, n: Lowered) -> Any:
    out = n.results[0].plain()
    x, stopwords, cases = (n.typed(i).plain() for i in range(3))
    size = arith.MaxSIOp(b.size(x.shape[0]), b.index(1)).result
    flat, _ = b.reshape(n.operands[2], cases, [product(cases.shape)])
    numbers = [b.size(x.shape[0]), b.size(stopwords.shape[0]), b.size(cases.shape[0])]
    numbers += [b.index(CASES.index(n.attrs["change"])), b.index(n.attrs["sensitive"])]
    one = TensorType((1,), DType.I64)
    found, count = call_runtime(
        b, "aicc_string_normalize", [*n.operands[:2], flat], [(size, DType.STRING), one], numbers
    )
    name_symbol(b, out.shape[0], b.to_index(tensor.ExtractOp(count, [b.index(0)]).result))
    room = TensorType((fresh_dim(),), DType.STRING)
    return extract_slice(b, found, room, [0], out.shape)[0]
