"""A sample of the official tests: `make conformance` runs them all."""

import functools
from pathlib import Path

import pytest

from aicc.errors import CompileError
from aicc.tools.conformance import check
from aicc.tools.conformance.expected import is_known, read_expected
from aicc.tools.conformance.suite import KINDS, Test, find_tests
from aicc.tools.conformance.ways import CONSTANT, DYNAMIC, STATIC, WAYS

LIST = Path(__file__).with_name("expected_failures.txt")
STEP = 20
"""Every so many tests of each kind; the light models take too long here."""
WAY_STEP = 80
"""The same for tests whose inputs come in another way."""


@functools.cache
def sample(step: int = STEP, way: str = STATIC) -> tuple[Test, ...]:
    try:
        tests = find_tests()
    except CompileError as error:
        pytest.skip(str(error))
    known = read_expected(LIST)
    kinds = [[t for t in tests if t.kind == kind] for kind in KINDS if kind != "light"]
    chosen = [t for of_kind in kinds for t in of_kind[::step]]
    return tuple(t for t in chosen if not is_known(check.Outcome(t.kind, t.name, "", way=way), known))


@pytest.mark.parametrize("part", range(4))
def test_official(part: int):
    outcomes = [check.check(t) for t in sample()[part::4]]
    assert len(outcomes) > 20
    assert [f"{o.name}: {o.state}, {o.reason}" for o in outcomes if o.state != check.PASSED] == []


@pytest.mark.parametrize("way", [DYNAMIC, CONSTANT])
def test_official_in_another_way(way: str):
    outcomes = [check.check(t, way) for t in sample(WAY_STEP, way)]
    assert len(outcomes) > 20
    refused = [o.key for o in outcomes if o.state == check.UNSUPPORTED]
    assert refused == []
    failed = [o for o in outcomes if o.state not in (check.PASSED, check.UNSUPPORTED)]
    assert [f"{o.key}: {o.state}, {o.reason}" for o in failed] == []


def test_the_list_names_tests_that_exist():
    sample()  # skips where the data is not to be had
    keys = {check.Outcome(t.kind, t.name, "", way=way).key for t in find_tests() for way in WAYS}
    assert sorted(set(read_expected(LIST)) - keys) == []
