"""LLVM assembly of the MLIR bindings (LLVM 24) made readable for the code generator (LLVM 22).

The two dialects of LLVM assembly differ in one point only: how floating-point literals are written.

| LLVM 24 | LLVM 22 |
|---|---|
| `float f0x3F57CF05` (the bits of the type) | `float 0x3FEAF9E0A0000000` (the bits of the same value as a double) |
| `float 1.1` (shortest decimal, rounded to the type) | `float 0x3FF19999A0000000` (a decimal must be exact) |
| `half f0x3C00`, `bfloat f0x3F80` | `half 0xH3C00`, `bfloat 0xR3F80` |
| `-inf`, `+inf`, `+qnan`, `+nan(0x1)`, `+snan(0x1)` | hexadecimal as above |

Every literal follows a space, and its type is the nearest floating-point type name before it on the
line, nearly always the word just before. So one pattern that starts with a space finds the candidates
(a scan at the speed of the regular expression engine), and each distinct pair of type and literal is
converted once.
"""

from __future__ import annotations

import re
import struct

_LITERAL = re.compile(
    r" ([+-]?)(?:f0x([0-9A-Fa-f]+)|(\d+\.\d*(?:[eE][+-]?\d+)?)"
    r"|(inf|(?:[qs]?nan)(?:\((0x[0-9A-Fa-f]+)\))?))(?=[ ,)>\]}\n]|$)"
)
_TYPE = re.compile(r"(?<![\w.%@\"-])(half|bfloat|float|double)(?![\w.\"(-])")

# Exponent bits, mantissa bits and the prefix of the hexadecimal form of LLVM 22.
_FORMATS = {"half": (5, 10, "0xH"), "bfloat": (8, 7, "0xR"), "float": (8, 23, "0x"), "double": (11, 52, "0x")}


def downgrade(text: str) -> str:
    """LLVM 24 assembly `--> ` LLVM 22 assembly; text without floating-point literals returns unchanged.

        %1 = fmul float %0, f0x3F57CF05 --> %1 = fmul float %0, 0x3FEAF9E0A0000000

    Bit exact for half, bfloat, float and double, payloads of NaNs included.
    """
    known: dict[tuple[str, str], str] = {}

    def replace(match: re.Match[str]) -> str:
        start = match.start()
        kind = _type_before(text, start)
        if kind is None:
            return match[0]
        key = (kind, match[0])
        if key not in known:
            known[key] = " " + _hexadecimal(kind, _bits(kind, match))
        return known[key]

    return _LITERAL.sub(replace, text)


def _type_before(text: str, end: int) -> str | None:
    """The floating-point type that governs a literal at `end`, or None when it is no literal (a string)."""
    for name in ("float", "double", "half"):
        if text.endswith(name, 0, end) and text[end - len(name) - 1] in " (<[{":
            return name
    begin = text.rfind("\n", 0, end) + 1
    line = text[begin:end]
    if 'c"' in line:
        return None
    last = None
    for match in _TYPE.finditer(line):
        last = match[1]
    return last


def _bits(kind: str, match: re.Match[str]) -> int:
    """The bits of a literal of type `kind`, rounded to nearest even."""
    exponent, mantissa, _ = _FORMATS[kind]
    sign, digits, decimal, special, payload = match.groups()
    if digits is not None:
        bits = int(digits, 16)
    elif decimal is not None:
        bits = _rounded(kind, float(decimal))
    else:
        bits = ((1 << exponent) - 1) << mantissa
        if "nan" in special:
            bits |= int(payload, 16) if payload else 0
            if not special.startswith("snan"):
                bits |= 1 << (mantissa - 1)
    return bits ^ (int(sign == "-") << (exponent + mantissa))


def _rounded(kind: str, value: float) -> int:
    """The bits of `value` >= 0 in the format `kind`."""
    code = {"half": ("<e", "<H"), "float": ("<f", "<I"), "double": ("<d", "<Q")}.get(kind)
    if code is not None:
        return int(struct.unpack(code[1], struct.pack(code[0], value))[0])
    # bfloat: the printed decimal is exact or the shortest that rounds back, so going through float is safe.
    wide = int(struct.unpack("<I", struct.pack("<f", value))[0])
    return (wide + 0x7FFF + ((wide >> 16) & 1)) >> 16


def _hexadecimal(kind: str, bits: int) -> str:
    """The literal of LLVM 22: floats are written as the double of the same value."""
    _, mantissa, prefix = _FORMATS[kind]
    if kind != "float":
        return f"{prefix}{bits:0{16 if kind == 'double' else 4}X}"
    if (bits >> mantissa) & 0xFF == 0xFF:
        # Infinities and NaNs by hand: a conversion in hardware would quiet signalling NaNs.
        wide = (bits >> 31) << 63 | 0x7FF << 52 | (bits & 0x7FFFFF) << 29
    else:
        value = struct.unpack("<f", struct.pack("<I", bits))[0]
        wide = int(struct.unpack("<Q", struct.pack("<d", value))[0])
    return f"{prefix}{wide:016X}"
