"""The command line of `make conformance`."""

from __future__ import annotations

import json
import os
import re
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click

from aicc.tools import console
from aicc.tools.conformance.check import PASSED, Outcome
from aicc.tools.conformance.expected import judge, read_expected, write_expected
from aicc.tools.conformance.pool import run_tests
from aicc.tools.conformance.report import markdown
from aicc.tools.conformance.suite import find_tests
from aicc.tools.conformance.ways import STATIC, WAYS


@click.command()
@click.argument("patterns", nargs=-1)
@click.option(
    "--jobs", type=int, default=os.cpu_count() or 1, help="Worker processes (default: one per core)."
)
@click.option("--timeout", type=float, default=60.0, show_default=True, help="Seconds for one test.")
@click.option(
    "--inputs",
    "ways",
    default=STATIC,
    show_default=True,
    help=f"How inputs reach the models: {', '.join(WAYS)}; several after commas.",
)
@click.option("--data", type=click.Path(path_type=Path, exists=True), help="Take the tests from this folder.")
@click.option(
    "--expected",
    type=click.Path(path_type=Path),
    default=Path("test/conformance/expected_failures.txt"),
    show_default=True,
    help="The list of known failures.",
)
@click.option("--write", is_flag=True, help="Renew the list of known failures.")
@click.option("--page", type=click.Path(path_type=Path), help="Write the table to this Markdown file.")
@click.option(
    "--json", "json_path", type=click.Path(path_type=Path), help="Write every outcome to this file."
)
@click.option("-v", "--verbose", is_flag=True, help="Print each failure as it happens.")
@console.reporting
def main(
    patterns: tuple[str, ...],
    jobs: int,
    timeout: float,
    ways: str,
    data: Path | None,
    expected: Path,
    write: bool,
    page: Path | None,
    json_path: Path | None,
    verbose: bool,
) -> int:
    """Run the official ONNX backend tests whose names match one of PATTERNS (all without).

    Exit status 1 if a test fails that is not in the list of known failures, or one passes that is.
    """
    tests = [t for t in find_tests(data) if not patterns or any(re.search(p, t.name) for p in patterns)]
    known = read_expected(expected) if expected.exists() else {}
    start = time.perf_counter()

    def show(outcome: Outcome) -> None:
        if verbose and outcome.state != PASSED:
            print(f"{outcome.state:11} {outcome.key}: {outcome.reason}", flush=True)

    todo = [(t, way) for way in ways.split(",") for t in tests if way == STATIC or t.kind != "light"]
    outcomes = run_tests(todo, jobs, timeout, show)
    counts = Counter(o.state for o in outcomes)
    text = ", ".join(f"{count} {state}" for state, count in counts.most_common())
    print(f"{len(outcomes)} tests in {time.perf_counter() - start:.0f} s: {text}")
    if json_path is not None:
        console.write_text(json_path, json.dumps([asdict(o) for o in outcomes], indent=1))
    if write and not patterns:
        write_expected(expected, outcomes, known)
        known = read_expected(expected)
    if page is not None:
        console.write_text(page, markdown(outcomes, {t.name: t.operator for t in tests}, known))
    verdict = judge(outcomes, known)
    for o in verdict.regressions:
        print(f"{o.state}, but not expected to: {o.key}: {o.reason}")
    for o in verdict.fixed:
        print(f"passed, but expected to fail: {o.key} ({known[o.key]})")
    return 0 if verdict.good else 1


if __name__ == "__main__":
    console.start(main)
