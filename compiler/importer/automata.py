"""Regular expressions as automata: one step per byte, no way back, so that time is linear in the string.

A tree becomes a nondeterministic automaton over the bytes of UTF-8 (Thompson 1968), which is made deterministic over
classes of bytes that behave alike (see Cox, "Regular Expression Matching in the Wild", 2010).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from aicc.importer.regex_syntax import (
    Assertion,
    Chars,
    Choice,
    Parser,
    Repeat,
    Sequence_,
    SyntaxProblem,
    Tree,
)

MOST_STATES = 4096
_MOST_NODES = 100_000
_WORD = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
_NEWLINE = 10
State = tuple[frozenset[int], str]
"""Nodes, and what the byte before was."""


@functools.lru_cache(64)
def automaton(pattern: str) -> np.ndarray[Any, Any]:
    """A table, i32, that the runtime matches strings with (compiler/runtime/string_ops.c). Raises SyntaxProblem."""
    nodes = _Nodes()
    start = nodes.build(Parser(pattern).tree(), nodes.accept)
    return _Table(nodes, start).array()


class _Nodes:
    """The nondeterministic automaton: `(low, high, next)` reads a byte, `(kind, next)` asserts, `[next, …]` forks."""

    def __init__(self) -> None:
        self.all: list[Any] = ["accept"]
        self.accept = 0

    def add(self, node: Any) -> int:
        if len(self.all) > _MOST_NODES:
            raise SyntaxProblem("it is too large")
        self.all.append(node)
        return len(self.all) - 1

    def build(self, tree: Tree, then: int) -> int:
        """The node that `tree` starts with when `then` comes after it."""
        if isinstance(tree, Chars):
            return self.add([self._bytes(s, then) for low, high in tree.ranges for s in _utf8(low, high)])
        if isinstance(tree, Assertion):
            return self.add((tree.kind, then))
        if isinstance(tree, Sequence_):
            for part in reversed(tree.parts):
                then = self.build(part, then)
            return then
        if isinstance(tree, Choice):
            return self.add([self.build(option, then) for option in tree.options])
        return self._repeat(tree, then)

    def _repeat(self, tree: Repeat, then: int) -> int:
        if tree.most is None:
            loop = self.add([then])
            self.all[loop].append(self.build(tree.part, loop))
            then = loop
        else:
            end = then
            for _ in range(tree.most - tree.least):
                then = self.add([end, self.build(tree.part, then)])
        for _ in range(tree.least):
            then = self.build(tree.part, then)
        return then

    def _bytes(self, ranges: list[tuple[int, int]], then: int) -> int:
        for low, high in reversed(ranges):
            then = self.add((low, high, then))
        return then


def _utf8(low: int, high: int) -> Iterator[list[tuple[int, int]]]:
    """The code points low … high as sequences of ranges of bytes."""
    for limit in (0x7F, 0x7FF, 0xFFFF):
        if low <= limit < high:
            yield from _utf8(low, limit)
            yield from _utf8(limit + 1, high)
            return
    if high <= 0x7F:
        yield [(low, high)]
        return
    for i in (1, 2, 3):  # cut so that all but the leading bytes that are equal run from the first to the last
        mask = (1 << 6 * i) - 1
        if low & ~mask != high & ~mask:
            if low & mask:
                yield from _utf8(low, low | mask)
                yield from _utf8((low | mask) + 1, high)
                return
            if high & mask != mask:
                yield from _utf8(low, (high & ~mask) - 1)
                yield from _utf8(high & ~mask, high)
                return
    yield list(zip(_encoded(low), _encoded(high), strict=True))


def _encoded(code: int) -> bytes:
    return chr(code).encode("utf-8", "surrogatepass")


class _Table:
    """The deterministic automaton."""

    def __init__(self, nodes: _Nodes, start: int) -> None:
        self.nodes = nodes.all
        self.start = start
        self.kinds = {node[0] for node in self.nodes if isinstance(node, tuple) and len(node) == 2}
        edges = {0} | {
            edge for n in self.nodes if isinstance(n, tuple) and len(n) == 3 for edge in (n[0], n[1] + 1)
        }
        if self.kinds & {"word", "no_word"}:
            edges |= {edge for byte in _WORD for edge in (byte, byte + 1)}
        if self.kinds & {"line_begin", "line_end"}:
            edges |= {_NEWLINE, _NEWLINE + 1}
        self.firsts = sorted(e for e in edges if e < 256)
        """The first byte of each class."""

    def array(self) -> np.ndarray[Any, Any]:
        """Raises SyntaxProblem when there are too many states."""
        kinds = ("begin", "word", "line", "other")
        begins: list[State] = [(frozenset([self.start]), kind if self.kinds else "") for kind in kinds]
        numbers: dict[State, int] = {(frozenset(), ""): 0}
        for begin in begins:
            numbers.setdefault(begin, len(numbers))
        rows: list[list[int]] = []
        for state in (states := list(numbers)):
            nodes, before = state
            row = [int("accept" in self._closed(nodes, before, "end"))]
            for first in self.firsts:
                after = self._kind(first)
                closed = self._closed(nodes, before, after)
                reached = frozenset(n[2] for n in closed if isinstance(n, tuple) and n[0] <= first <= n[1])
                following: State = (reached, after) if reached else (reached, "")
                if following not in numbers:
                    if len(numbers) >= MOST_STATES:
                        raise SyntaxProblem(f"it has more than {MOST_STATES} states")
                    numbers[following] = len(numbers)
                    states.append(following)
                row.append(2 * numbers[following] + ("accept" in closed))
            rows.append(row)
        classes = np.searchsorted(self.firsts, np.arange(256), side="right") - 1
        head = np.asarray([len(self.firsts), *map(numbers.__getitem__, begins)], np.int32)
        return np.concatenate([head, classes.astype(np.int32), np.asarray(rows, np.int32).reshape(-1)])

    def _closed(self, nodes: frozenset[int], before: str, after: str) -> list[Any]:
        return [self.nodes[i] for i in self._closure(nodes, before, after)]

    def _kind(self, byte: int) -> str:
        if not self.kinds:
            return ""
        return "word" if byte in _WORD else "line" if byte == _NEWLINE else "other"

    def _closure(self, start: frozenset[int], before: str, after: str) -> set[int]:
        """The nodes reached without reading, between a byte of kind `before` and one of kind `after`."""
        seen, stack = set(start), list(start)
        while stack:
            node = self.nodes[stack.pop()]
            if isinstance(node, list):
                following = node
            elif isinstance(node, tuple) and len(node) == 2 and _holds(node[0], before, after):
                following = [node[1]]
            else:
                continue
            stack += [n for n in following if n not in seen]
            seen.update(following)
        return {i for i in seen if not isinstance(self.nodes[i], list) and len(self.nodes[i]) != 2}


def _holds(kind: str, before: str, after: str) -> bool:
    if kind in ("word", "no_word"):
        return ((before == "word") != (after == "word")) == (kind == "word")
    if kind in ("begin", "line_begin"):
        return before == "begin" or (kind == "line_begin" and before == "line")
    return after == "end" or (kind == "line_end" and after == "line")
