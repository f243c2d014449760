"""Masked stores of one lane, made plain stores: LLVM 22 writes too many bytes for some of them.

On AVX-512, `trunc <16 x i32> %x to <16 x i8>` that is stored under a mask known to hold one lane becomes a store of
that lane of `%x`: four bytes instead of one, over what follows. (A truncating masked store is made first, and then a
scalar store, whose type is that of the value before it was truncated.)

    call void @llvm.masked.store.v16i8.p0(<16 x i8> %t, ptr align 1 %p, <16 x i1> <i1 true, i1 false, ...>)
    -->
    %one.0 = extractelement <16 x i8> %t, i64 0
    %one.0.at = getelementptr i8, ptr %p, i64 0
    store i8 %one.0, ptr %one.0.at, align 1
"""

from __future__ import annotations

import re

_STORE = re.compile(
    r"(?:tail )?call void @llvm\.masked\.store\.v\d+(?P<element>i\d+)\.p0\(<(?P<lanes>\d+) x i\d+> (?P<value>%[^,]+), "
    r"ptr (?:[^%,]* )?(?P<pointer>%[^,]+), <\d+ x i1> <(?P<mask>i1 [^>]*)>\)[^\n]*"
)


def split_one_lane_stores(text: str) -> str:
    """Rewrites LLVM assembly, as it is after optimization; text without such stores returns unchanged."""
    count = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal count
        lanes = [lane == "i1 true" for lane in match["mask"].split(", ")]
        if sum(lanes) != 1:
            return match[0]
        lane, element, name = lanes.index(True), match["element"], f"%one.{count}"
        count += 1
        return (
            f"{name} = extractelement <{match['lanes']} x {element}> {match['value']}, i64 {lane}\n"
            f"  {name}.at = getelementptr {element}, ptr {match['pointer']}, i64 {lane}\n"
            f"  store {element} {name}, ptr {name}.at, align 1"
        )

    return _STORE.sub(replace, text)
