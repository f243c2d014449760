"""`-verify-diagnostics`: compares the diagnostics of a run with the `expected-…` comments of a test.

"aicc.relu"(%x) : (f32) -> f32          // expected-error {{expects a tensor}}
// expected-error@+1 {{about the line below}}
// expected-error@unknown {{has no location}}
// expected-error-re@above {{a (Python )?regular expression}}
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aicc.bindings import ir

_EXPECTED = re.compile(
    r"expected-(?P<kind>error|warning|remark|note)(?P<regex>-re)?\s*"
    r"(?:@(?P<where>[+-]\d+|above|below|unknown))?\s*\{\{(?P<text>.*?)\}\}"
)


@dataclass(frozen=True)
class Diagnostic:
    """`kind` is error, warning, remark or note; `line` counts from 1, None when the location has no line."""

    kind: str
    line: int | None
    message: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"


@dataclass(frozen=True)
class Expected:
    kind: str
    line: int | None
    text: str
    regex: bool

    def fits(self, diagnostic: Diagnostic) -> bool:
        if (self.kind, self.line) != (diagnostic.kind, diagnostic.line):
            return False
        if self.regex:
            return re.search(self.text, diagnostic.message) is not None
        return self.text in diagnostic.message


class Collector:
    """Takes the diagnostics of a context in place of MLIR's own printing."""

    def __init__(self, context: Any) -> None:
        self.diagnostics: list[Diagnostic] = []
        context.emit_error_diagnostics = True
        self._handler = context.attach_diagnostic_handler(self._take)

    def _take(self, diagnostic: Any) -> bool:
        kind = str(diagnostic.severity).rsplit(".", 1)[-1].lower()
        self.diagnostics.append(Diagnostic(kind, line_of(diagnostic.location), diagnostic.message))
        for note in diagnostic.notes:
            self.diagnostics.append(Diagnostic("note", line_of(note.location), note.message))
        return True


def line_of(location: Any) -> int | None:
    """The line of a location, looking through names, call sites and fusions."""
    pending = [location]
    while pending:
        loc = pending.pop(0)
        if isinstance(loc, ir.FileLineColLoc):
            return int(loc.start_line)
        if isinstance(loc, ir.NameLoc):
            pending.append(loc.child_loc)
        elif isinstance(loc, ir.CallSiteLoc):
            pending.append(loc.callee)
        elif isinstance(loc, ir.FusedLoc):
            pending.extend(loc.locations)
    return None


def expectations(text: str, first_line: int = 1) -> list[Expected]:
    """The `expected-…` comments of `text`, whose first line has number `first_line`."""
    found = []
    for number, line in enumerate(text.split("\n"), first_line):
        for match in _EXPECTED.finditer(line):
            found.append(
                Expected(match["kind"], _line(match["where"], number), match["text"], bool(match["regex"]))
            )
    return found


def mismatches(expected: Iterable[Expected], seen: Iterable[Diagnostic]) -> list[tuple[int | None, str]]:
    """What does not fit, as (line, text). Notes may stay unmentioned where the test expects none."""
    remaining, problems = list(expected), []
    notes_matter = any(e.kind == "note" for e in remaining)
    for diagnostic in seen:
        match = next((e for e in remaining if e.fits(diagnostic)), None)
        if match is not None:
            remaining.remove(match)
        elif diagnostic.kind != "note" or notes_matter:
            problems.append((diagnostic.line, f"unexpected {diagnostic}"))
    problems += [(e.line, f'expected {e.kind} "{e.text}" was not produced') for e in remaining]
    return problems


def _line(where: str | None, number: int) -> int | None:
    if where is None:
        return number
    if where == "unknown":
        return None
    return number + {"above": -1, "below": 1}.get(where, 0) + (int(where) if where[0] in "+-" else 0)
