"""The list of tests that are known to fail, each with its reason.

# a comment
test_name: why it fails
test_name (dynamic): why it fails in another way than that of the test (see `ways`), in which it passes
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aicc.errors import CompileError
from aicc.tools.conformance.check import PASSED, UNSUPPORTED, Outcome
from aicc.tools.conformance.ways import STATIC


def read_expected(path: Path) -> dict[str, str]:
    """Reasons by test. Raises CompileError AICC-4002 for a line without one."""
    out: dict[str, str] = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, colon, reason = text.partition(":")
        if not colon or not reason.strip():
            raise CompileError("AICC-4002", f"{path}, line {number}: '{text}' gives no reason.")
        out[name.strip()] = reason.strip()
    return out


@dataclass(frozen=True)
class Verdict:
    """Outcomes against the list; only what ran counts."""

    regressions: list[Outcome]
    """Failed, and not in the list."""
    fixed: list[Outcome]
    """Passed, and still in the list."""

    @property
    def good(self) -> bool:
        return not self.regressions and not self.fixed


def is_known(outcome: Outcome, expected: Mapping[str, str]) -> bool:
    """Whether a failure is in the list; one in the test's own way excuses the others.

    In other ways a refusal is none: some operators need sizes that are numbers, and say so.
    """
    refused = outcome.way != STATIC and outcome.state == UNSUPPORTED
    return refused or outcome.key in expected or outcome.name in expected


def judge(outcomes: Sequence[Outcome], expected: dict[str, str]) -> Verdict:
    return Verdict(
        [o for o in outcomes if o.state != PASSED and not is_known(o, expected)],
        [o for o in outcomes if o.state == PASSED and o.key in expected],
    )


def write_expected(path: Path, outcomes: Sequence[Outcome], old: dict[str, str]) -> None:
    """The list of what failed; a reason that somebody wrote stays, and so does a line of what did not run."""
    head = [
        "# Official tests that aicc fails, with the reason. `make conformance` fails when another one does,",
        "# and when one of these passes. `python -m aicc.tools.conformance --write` renews the list.",
        "",
    ]
    failed = [o for o in outcomes if o.state != PASSED and (o.way == STATIC or o.state != UNSUPPORTED)]
    ran = {o.key for o in outcomes}
    kept = {key: reason for key, reason in old.items() if key not in ran}
    by_itself = {o.name for o in failed if o.way == STATIC} | set(kept)
    listed = [o for o in failed if o.way == STATIC or o.name not in by_itself]
    lines = [f"{o.key}: {old.get(o.key) or f'{o.state}: {o.reason}'}" for o in listed]
    lines += [f"{key}: {reason}" for key, reason in kept.items()]
    path.write_text("\n".join([*head, *lines, ""]))
