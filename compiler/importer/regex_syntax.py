"""RE2's syntax of regular expressions (https://github.com/google/re2/wiki/Syntax), parsed to a tree.

What RE2 refuses is refused: backreferences, assertions that look around. Greed and groups do not matter to whether a
whole string matches, and are dropped. Scripts (`\\p{Greek}`) and `\\C` are not supported.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

Ranges: TypeAlias = "tuple[tuple[int, int], ...]"
"""Code points from the first to the second of each pair, ascending."""

LAST = 0x10FFFF
MOST_REPETITIONS = 1000


class SyntaxProblem(Exception):
    """An expression that is none, or that is not supported; the text says why."""


@dataclass(frozen=True)
class Chars:
    """One character out of `ranges`."""

    ranges: Ranges


@dataclass(frozen=True)
class Assertion:
    """`begin`, `end` (of the text), `line_begin`, `line_end`, `word` (a word's edge) or `no_word`."""

    kind: str


@dataclass(frozen=True)
class Sequence_:
    parts: tuple[Tree, ...]


@dataclass(frozen=True)
class Choice:
    options: tuple[Tree, ...]


@dataclass(frozen=True)
class Repeat:
    """`part` from `least` to `most` times, None: any number."""

    part: Tree
    least: int
    most: int | None


Tree: TypeAlias = "Chars | Assertion | Sequence_ | Choice | Repeat"


def ranges_of(pairs: Sequence[tuple[int, int]]) -> Ranges:
    """Sorted, and merged where they touch."""
    out: list[tuple[int, int]] = []
    for low, high in sorted(pairs):
        if out and low <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], high))
        else:
            out.append((low, high))
    return tuple(out)


def negated(ranges: Ranges) -> Ranges:
    edges = [-1, *(x for pair in ranges for x in pair), LAST + 1]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return tuple((a + 1, z - 1) for a, z in pairs if a + 1 <= z - 1)


def _letters(text: str) -> Ranges:
    return ranges_of([(ord(text[i]), ord(text[i + 1])) for i in range(0, len(text), 2)])


_PERL = {"d": _letters("09"), "s": _letters("\t\n\f\r  "), "w": _letters("09AZ__az")}
_POSIX = {
    "alnum": "09AZaz",
    "alpha": "AZaz",
    "ascii": "\0\x7f",
    "blank": "\t\t  ",
    "cntrl": "\0\x1f\x7f\x7f",
    "digit": "09",
    "graph": "!~",
    "lower": "az",
    "print": " ~",
    "punct": "!/:@[`{~",
    "space": "\t\r  ",
    "upper": "AZ",
    "word": "09AZ__az",
    "xdigit": "09AFaf",
}
_ESCAPES = {"a": 7, "f": 12, "t": 9, "n": 10, "r": 13, "v": 11}
_ASSERTIONS = {"A": "begin", "z": "end", "b": "word", "B": "no_word"}


@functools.cache
def _category(name: str) -> Ranges:
    found = [c for c in range(LAST + 1) if unicodedata.category(chr(c)).startswith(name)]
    return ranges_of([(c, c) for c in found])


@functools.cache
def _variants() -> dict[int, tuple[int, ...]]:
    """Code points that differ in case only, for each that has any."""
    groups: dict[str, set[int]] = {}
    for c in range(LAST + 1):
        folded = chr(c).casefold()
        if len(folded) == 1 and (folded != chr(c) or chr(c).upper() != chr(c)):
            groups.setdefault(folded, set()).update({c, ord(folded)})
    return {c: tuple(group) for group in groups.values() for c in group if len(group) > 1}


def _any_case(ranges: Ranges) -> Ranges:
    more = [
        (other, other)
        for c, group in _variants().items()
        if any(low <= c <= high for low, high in ranges)
        for other in group
    ]
    return ranges_of([*ranges, *more])


@dataclass(frozen=True)
class _Flags:
    any_case: bool = False
    lines: bool = False
    dot_all: bool = False


class Parser:
    """`Parser(text).tree()`; raises SyntaxProblem."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.flags = _Flags()

    def tree(self) -> Tree:
        found = self._choice()
        if self.at < len(self.text):
            raise SyntaxProblem("unexpected )")
        return found

    # --- characters -------------------------------------------------------------------------
    def _peek(self, ahead: str) -> bool:
        return self.text.startswith(ahead, self.at)

    def _take(self, ahead: str) -> bool:
        found = self._peek(ahead)
        self.at += len(ahead) if found else 0
        return found

    def _next(self) -> str:
        if self.at >= len(self.text):
            raise SyntaxProblem("it ends too early")
        self.at += 1
        return self.text[self.at - 1]

    def _until(self, end: str) -> str:
        found = self.text.find(end, self.at)
        if found < 0:
            raise SyntaxProblem(f"missing {end}")
        start, self.at = self.at, found + len(end)
        return self.text[start:found]

    # --- structure --------------------------------------------------------------------------
    def _choice(self) -> Tree:
        flags = self.flags
        options = [self._sequence()]
        while self._take("|"):
            options.append(self._sequence())
        self.flags = flags
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def _sequence(self) -> Tree:
        parts: list[Tree] = []
        while self.at < len(self.text) and not self._peek("|") and not self._peek(")"):
            if self._take("\\Q"):
                literal = self.text[self.at :].partition("\\E")[0]
                self.at = min(len(self.text), self.at + len(literal) + 2)
                parts += [self._chars(((ord(c), ord(c)),)) for c in literal]
            else:
                part = self._atom()
                parts += [] if part is None else [part]
                continue
            parts[-1:] = [self._repeated(p) for p in parts[-1:]]
        return Sequence_(tuple(parts))

    def _atom(self) -> Tree | None:
        c = self._next()
        if c in "*+?":
            raise SyntaxProblem(f"{c} repeats nothing")
        if c == "(":
            inner = self._group()
            return None if inner is None else self._repeated(inner)
        return self._repeated(self._single(c))

    def _single(self, c: str) -> Tree:
        if c == ".":
            return Chars(((0, LAST),) if self.flags.dot_all else negated(((10, 10),)))
        if c == "^":
            return Assertion("line_begin" if self.flags.lines else "begin")
        if c == "$":
            return Assertion("line_end" if self.flags.lines else "end")
        if c == "[":
            return self._chars(self._set())
        if c != "\\":
            return self._chars(((ord(c), ord(c)),))
        kind = self.text[self.at : self.at + 1]
        if kind in _ASSERTIONS:
            self.at += 1
            return Assertion(_ASSERTIONS[kind])
        return self._chars(self._escape())

    def _chars(self, ranges: Ranges) -> Tree:
        return Chars(_any_case(ranges) if self.flags.any_case else ranges)

    def _group(self) -> Tree | None:
        """What is in parentheses; None for flags alone."""
        flags = self.flags
        if self._take("?"):
            if self._take("P<") or self._take("<"):
                if self.text[self.at : self.at + 1] in ("=", "!"):
                    raise SyntaxProblem("assertions that look around are not supported")
                self._until(">")
            elif not self._take(":") and not self._set_flags():
                return None
        inner = self._choice()
        if not self._take(")"):
            raise SyntaxProblem("missing )")
        self.flags = flags
        return inner

    def _set_flags(self) -> bool:
        """Reads `i-s)` or `i-s:`; whether a group follows."""
        names, on = {"i": "any_case", "m": "lines", "s": "dot_all"}, True
        while True:
            c = self._next()
            if c in ":)":
                return c == ":"
            if c == "-":
                on = False
            elif c in names:
                self.flags = replace(self.flags, **{names[c]: on})
            elif c != "U":
                raise SyntaxProblem(f"(?{c} is not supported")

    def _repeated(self, part: Tree) -> Tree:
        start = self.at
        if self.at >= len(self.text):
            return part
        bounds = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(self.text[self.at])
        if bounds is not None:
            self.at += 1
        elif self._peek("{"):
            bounds = self._counts()
            if bounds is None:
                self.at = start
                return part
        else:
            return part
        self._take("?")
        if self.at < len(self.text) and (self.text[self.at] in "*+?"):
            raise SyntaxProblem(f"{self.text[start : self.at + 1]} repeats a repetition")
        return Repeat(part, *bounds)

    def _counts(self) -> tuple[int, int | None] | None:
        """`{n}`, `{n,}`, `{n,m}`; None where the brace is a character like any other."""
        end = self.text.find("}", self.at)
        low, comma, high = self.text[self.at + 1 : end].partition(",")
        if end < 0 or not low.isdecimal() or (high and not high.isdecimal()):
            return None
        self.at = end + 1
        least, most = int(low), int(high) if high else None if comma else int(low)
        if max(least, most or 0) > MOST_REPETITIONS or (most is not None and most < least):
            raise SyntaxProblem(f"{{{low}{comma}{high}}} is no number of repetitions")
        return least, most

    # --- sets -------------------------------------------------------------------------------
    def _set(self) -> Ranges:
        invert = self._take("^")
        pairs: list[tuple[int, int]] = []
        first = True
        while first or not self._peek("]"):
            first = False
            if self._take("[:"):
                name = self._until(":]")
                plain = _POSIX.get(name.removeprefix("^"))
                if plain is None:
                    raise SyntaxProblem(f"[:{name}:] is no class")
                found = _letters(plain)
                pairs += negated(found) if name.startswith("^") else found
                continue
            c = self._next()
            ranges = self._escape() if c == "\\" else ((ord(c), ord(c)),)
            single = len(ranges) == 1 and ranges[0][0] == ranges[0][1]
            if single and self._peek("-") and not self._peek("-]"):
                self.at += 1
                c = self._next()
                upper = self._escape() if c == "\\" else ((ord(c), ord(c)),)
                if len(upper) != 1 or upper[0][0] != upper[0][1] or upper[0][0] < ranges[0][0]:
                    raise SyntaxProblem("a range of characters ends before it starts")
                ranges = ((ranges[0][0], upper[0][0]),)
            pairs += ranges
        self.at += 1
        found = ranges_of(pairs)
        if self.flags.any_case:
            found = _any_case(found)
        return negated(found) if invert else found

    def _escape(self) -> Ranges:
        """What stands after a backslash, as characters."""
        c = self._next()
        if c.lower() in _PERL:
            found = _PERL[c.lower()]
            return negated(found) if c.isupper() else found
        if c in "pP":
            return self._property(c == "P")
        code = self._code(c)
        return ((code, code),)

    def _code(self, c: str) -> int:
        if c in _ESCAPES:
            return _ESCAPES[c]
        try:
            if c == "x":
                return int(self._until("}") if self._take("{") else self._next() + self._next(), 16)
            if c == "0" or (c.isdecimal() and self.text[self.at : self.at + 1].isdecimal()):
                digits = c
                while len(digits) < 3 and self.text[self.at : self.at + 1] in tuple("01234567"):
                    digits += self._next()
                return int(digits, 8)
        except ValueError as error:
            raise SyntaxProblem(f"\\{c} is followed by no number") from error
        if c.isalnum():
            raise SyntaxProblem(f"\\{c} is not supported")
        return ord(c)

    def _property(self, invert: bool) -> Ranges:
        name = self._until("}") if self._take("{") else self._next()
        invert ^= name.startswith("^")
        name = name.removeprefix("^")
        found: Ranges = ((0, LAST),) if name == "Any" else _category(name)
        if not found:
            raise SyntaxProblem(f"\\p{{{name}}} is not supported")
        return negated(found) if invert else found
