"""The protocol and what the analyses stand on: configs as text, layouts, the registry, index arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicc.bindings import ir
from aicc.errors import CompileError
from aicc.passes.schedules import registry
from aicc.passes.schedules.cpu.contraction.plan import split_evenly, unroll
from aicc.passes.schedules.cpu.emit import Emitter, Offset
from aicc.passes.schedules.cpu.indexing import Expr, floordiv, from_affine, remainder
from aicc.passes.schedules.cpu.sizes import Size, product, row_major
from aicc.passes.schedules.schedule import Config, PackLayout
from aicc.target import Target


@dataclass(frozen=True)
class Example(Config):
    mr: int = 6
    split: tuple[int, ...] = ()
    pack: bool = False
    kind: str = "plain"


@given(
    st.builds(
        Example,
        st.integers(-5, 99),
        st.lists(st.integers(0, 9), max_size=3).map(tuple),
        st.booleans(),
        st.sampled_from(["plain", "wide"]),
    )
)
def test_configs_travel_as_text(config: Example) -> None:
    assert Example.parse(str(config)) == config


def test_config_text_is_short() -> None:
    assert str(Example()) == ""
    assert str(Example(mr=8, split=(6, 5))) == "mr=8,split=6x5"


@pytest.mark.parametrize("text", ["nv=2", "mr=x", "mr"])
def test_malformed_configs_are_errors(text: str) -> None:
    with pytest.raises(CompileError, match="AICC-2003"):
        Example.parse(text)


def test_packed_shapes() -> None:
    assert PackLayout((1, 0), (1,), (16,)).packed_shape((7, 50)) == (4, 7, 16)
    assert PackLayout((), (0,), (8,)).packed_shape((16, 3)) == (2, 3, 8)


def test_registry() -> None:
    assert registry.get("contraction").name == "contraction"
    with pytest.raises(CompileError, match="AICC-2003"):
        registry.get("magic")
    schedules = registry.for_target(Target.cpu_named("x86-64-v3"))
    assert schedules[-1].name == "affine"
    assert len({schedule.name for schedule in schedules}) == len(schedules)


def test_sizes_are_polynomials() -> None:
    n, m = Size.of("n"), Size.of("m")
    assert (n * 3) * m == m * (n * 3)
    assert n + n * -1 == Size() and (n + n * -1).static == 0
    assert product([Size.of(4), Size.of(5)]).static == 20 and n.static is None
    assert row_major([n, m, Size.of(8)]) == (m * 8, Size.of(8), Size.of(1))


@given(
    st.lists(st.tuples(st.integers(1, 6), st.integers(-7, 7)), min_size=1, max_size=3),
    st.integers(0, 20),
    st.integers(1, 6),
    st.data(),
)
def test_division_of_index_expressions(
    dims: list[tuple[int, int]], const: int, divisor: int, data: st.DataObject
) -> None:
    """What is simplified has the value of what was written, wherever the value is not negative."""
    extents = [Size.of(extent) for extent, _ in dims]
    expr = Expr(const)
    for d, (_, factor) in enumerate(dims):
        expr = expr + Expr.dim(d, factor)
    point = [data.draw(st.integers(0, extent - 1)) for extent, _ in dims]

    def value(e: Expr) -> int:
        total = e.const + sum(point[d] * f for d, f in e.dims)
        for quotient, factor in e.quotients:
            inner = value(quotient.value)
            total += factor * (inner % quotient.divisor if quotient.remainder else inner // quotient.divisor)
        return total

    assert value(floordiv(expr, divisor, extents)) == value(expr) // divisor
    assert value(remainder(expr, divisor, extents)) == value(expr) % divisor


def test_panel_and_column_come_apart() -> None:
    """(16 j + i) floordiv 16 is j when i < 16: a packed operand is read at a linear address."""
    extents = [Size.of(5), Size.of(16)]
    index = Expr.dim(0, 16) + Expr.dim(1)
    assert floordiv(index, 16, extents) == Expr.dim(0)
    assert remainder(index, 16, extents) == Expr.dim(1)


def test_affine_maps() -> None:
    with ir.Context():
        text = ir.AffineMapAttr(ir.Attribute.parse("affine_map<(i, j) -> (i * 2 + j * 3 + 1, i floordiv 4)>"))
        first, second = text.value.results
    extents = [Size.of(8), Size.of(9)]
    assert from_affine(first, extents) == Expr(1, ((0, 2), (1, 3)))
    assert from_affine(second, extents).used() == {0} and from_affine(second, extents).quotients


@given(st.integers(1, 500), st.integers(1, 20))
def test_even_splits_cover(extent: int, limit: int) -> None:
    at, sizes = 0, []
    for start, count, size in split_evenly(extent, limit).pieces:
        assert start == at and count > 0
        at += count * size
        sizes.append(size)
    assert at == extent and max(sizes) <= limit and max(sizes) - min(sizes) <= 1


@given(st.integers(1, 300), st.integers(1, 8))
def test_unroll_divides_when_it_can(extent: int, wanted: int) -> None:
    steps = unroll(extent, wanted)
    assert 1 <= steps <= max(extent, 1) and steps <= 2 * wanted


def test_index_arithmetic_folds_and_is_shared() -> None:
    e = Emitter()
    assert e.add(3, 4) == 7 and e.mul(0, "%x") == 0 and e.mul("%x", 1) == "%x"
    assert e.add("%x", 3, 4) == Offset("%x", 7)
    assert e.sub(e.add("%x", 5), 5) == "%x"
    product_ = e.mul("%x", 6)
    assert e.mul("%x", 6) == product_ and len(e.lines) == 1
    with e.loop(0, "%n"):
        assert e.mul("%x", 6) == product_
        inside = e.mul("%x", 7)
    assert e.mul("%x", 7) != inside
    with e.loop(4, 5) as once:
        assert once.index == 4
