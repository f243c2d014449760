"""Operands read over a bigger shape, by NumPy's rules, where only a run knows which of their sizes are 1.

A static 1 is read at 0 by the generic's map. A size `n` that may be 1 where the result has `m` cannot be: kernels read
it like any other, and the host program gives them what they read. In the usual case, all sizes equal, that is the
operand itself, and the kernel below has nothing to do.

    %y = "aicc.add"(%x, %z) : [n, 4], [m, 4] -> [broadcast(n, m), 4]
    -->
    func.call @aicc_require_broadcast(%n, %o) {aicc.message = …}          n is 1 or o
    %same = arith.cmpi eq, %n, %o
    %copy = linalg.generic … {tensor.extract %x[%i * (n != 1), %j]} : [same ? 0 : o, 4]
    %over = func.call @aicc_either_f32(%x, %copy, %elements, %same)       one of both, which is not copied
    … likewise %z, and the addition of [o, 4] and [o, 4]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aicc.bindings import arith, ir, tensor
from aicc.dialects.symbolic import DimLike, fresh_dim, may_be_one, product
from aicc.dialects.types import TensorType
from aicc.passes.linalg.builder import Builder
from aicc.passes.linalg.requirements import require_equal, require_one_or_equal
from aicc.passes.linalg.runtime_calls import call_runtime
from aicc.passes.linalg.views import move, stored

EITHER = "aicc_either"
"""Prefix of a function of two tensors of one dim, `(first, second, size, condition)`; the result is one of them."""

_WHAT = "these sizes broadcast only when they are equal or one is 1"


def read_over(
    b: Builder, value: Any, t: TensorType, shape: Sequence[DimLike], broadcasts: Sequence[bool] | None = None
) -> tuple[Any, TensorType]:
    """`value` of type `t` as it is read over the last dims of `shape`, and its type: sizes are 1 or those of `shape`.

    The run fails where they do not broadcast, and where dims for which `broadcasts` is false differ (None: all are
    true).
    """
    over = tuple(shape)[len(shape) - t.rank :]
    unlike = [i for i, (d, o) in enumerate(zip(t.shape, over, strict=True)) if d != 1 and d != o]
    stretched = [i for i in unlike if (broadcasts is None or broadcasts[i]) and may_be_one(t.shape[i])]
    for i in unlike:
        if i in stretched:
            require_one_or_equal(b, t.shape[i], over[i], _WHAT)
        else:
            require_equal(b, t.shape[i], over[i], "these sizes have to be equal")
    if not stretched or not all(b.is_known(d) for d in (*t.shape, *over)):
        return value, t
    key = (value, tuple(over[i] if i in stretched else None for i in range(t.rank)))
    if key not in b.stretched:
        b.stretched[key] = _either(b, value, t, over, stretched)
    return b.stretched[key]


def _either(
    b: Builder, value: Any, t: TensorType, over: Sequence[DimLike], stretched: Sequence[int]
) -> tuple[Any, TensorType]:
    """`value`, or a copy of it with the dims `stretched` as in `over`, if one of them is not."""
    out = TensorType(tuple(over[i] if i in stretched else d for i, d in enumerate(t.shape)), t.dtype)
    one, zero = b.index(1), b.index(0)
    same: Any = None
    for i in stretched:
        equal = arith.CmpIOp(arith.CmpIPredicate.eq, b.size(t.shape[i]), b.size(over[i])).result
        same = equal if same is None else arith.AndIOp(same, equal).result
    steps = {
        i: arith.SelectOp(
            arith.CmpIOp(arith.CmpIPredicate.eq, b.size(t.shape[i]), one).result, zero, one
        ).result
        for i in stretched
    }
    rows = fresh_dim("copied")
    ((mono, _),) = rows.terms.items()
    first = stretched[0]
    b.symbols[mono[0].args[0]] = arith.SelectOp(same, zero, b.size(over[first])).result
    copied = TensorType(tuple(rows if i == first else d for i, d in enumerate(out.shape)), t.dtype)

    def element(*at: Any) -> Any:
        where = [arith.MulIOp(a, steps[i]).result if i in steps else a for i, a in enumerate(at)]
        return tensor.ExtractOp(value, where).result

    copy = move(b, copied, element)
    flat, _ = b.reshape(value, stored(t), (product(t.shape),))
    flat_copy, _ = b.reshape(copy, stored(copied), (product(copied.shape),))
    name = f"{EITHER}_{ir.RankedTensorType(value.type).element_type}"
    size = b.size(product(out.shape))
    (result,) = call_runtime(b, name, [flat, flat_copy], [(size, stored(t).dtype)], [same])
    whole = TensorType((product(out.shape),), stored(t).dtype)
    return b.reshape(result, whole, out.shape)[0], out
