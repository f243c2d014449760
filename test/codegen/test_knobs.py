"""Knobs read the environment, can be set and scoped, and say what is wrong with a value."""

from __future__ import annotations

from pathlib import Path

import pytest

from aicc.errors import CompileError
from aicc.knobs import Knobs, all_knobs, knobs, markdown_table


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    for knob in all_knobs():
        monkeypatch.delenv(knob.variable, raising=False)
    knobs.reset()


def test_the_environment_is_read_at_each_access(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AICC_JOBS", "3")
    monkeypatch.setenv("AICC_CACHE_DIR", "/somewhere")
    assert knobs.jobs == 3
    assert knobs.cache_dir == Path("/somewhere")
    monkeypatch.setenv("AICC_JOBS", "5")
    assert knobs.jobs == 5


@pytest.mark.parametrize(
    ("text", "size"), [("100", 100), ("4K", 4096), ("2m", 2 << 20), ("1GiB", 1 << 30), ("3GB", 3 << 30)]
)
def test_sizes(monkeypatch: pytest.MonkeyPatch, text: str, size: int) -> None:
    monkeypatch.setenv("AICC_CACHE_SIZE", text)
    assert knobs.cache_size == size


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("AICC_JOBS", "two"),
        ("AICC_JOBS", "-1"),
        ("AICC_DEBUG", "maybe"),
        ("AICC_KERNEL_TIMEOUT", "0"),
        ("AICC_CACHE_SIZE", "1X"),
    ],
)
def test_a_malformed_value_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str
) -> None:
    monkeypatch.setenv(variable, text)
    name = next(knob.name for knob in all_knobs() if knob.variable == variable)
    with pytest.raises(CompileError, match=variable) as caught:
        getattr(knobs, name)
    assert caught.value.code == "AICC-4002"
    assert caught.value.hint


def test_an_empty_variable_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AICC_DEBUG", "")
    assert knobs.debug is False


def test_scope_restores_also_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AICC_JOBS", "3")
    with pytest.raises(ZeroDivisionError), knobs.scope(jobs=1, debug=True):
        assert (knobs.jobs, knobs.debug) == (1, True)
        with knobs.scope(jobs=0):
            assert knobs.jobs == 0
        assert knobs.jobs == 1
        _ = 1 / 0
    assert (knobs.jobs, knobs.debug) == (3, False)


def test_assignment_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AICC_LINKER", "clang")
    knobs.linker = "zig cc"
    assert knobs.linker == "zig cc"
    knobs.reset()
    assert knobs.linker == "clang"


def test_scope_refuses_unknown_names() -> None:
    with pytest.raises(AttributeError, match="there are"), knobs.scope(job=1):
        pass


def test_every_knob_is_documented() -> None:
    table = markdown_table()
    for knob in all_knobs():
        assert f"`{knob.variable}`" in table
        assert knob.doc.endswith(".")
        assert isinstance(vars(Knobs)[knob.name], type(knob))
