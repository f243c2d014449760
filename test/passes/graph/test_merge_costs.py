"""Which products of one input the target merges."""

from __future__ import annotations

import pytest

from aicc.bindings import ir
from aicc.dialects import context
from aicc.passes.base import PassContext
from aicc.passes.graph import MergeMatmuls
from aicc.passes.graph.facts import kind, module_ops
from aicc.target import Target

H200 = Target.cuda("sm_90a")


def products(
    rows: int, columns: list[int], gated: bool = False, kept: bool = False, target: Target = H200
) -> list[int]:
    """Columns of the products that are left of those of `x: rows x 512`.

    `gated`: the first two go on as `relu(y0) * y1`; `kept`: somebody else reads the first weight.
    """
    lines, row = [], f"tensor<{rows}xf16>"

    def add(text: str) -> None:
        lines.append(text)

    def result(value: str, n: int) -> None:
        """A result of the function: sums along rows."""
        t = f"tensor<{rows}x{n}xf16>"
        add(
            f'%s{len(sums)} = "aicc.reduce_sum"({value}) {{axes = array<i64: 1>, keepdims = false}} : ({t}) -> {row}'
        )
        sums.append(f"%s{len(sums)}")

    sums: list[str] = []
    for i, n in enumerate(columns):
        w, y = f"tensor<512x{n}xf16>", f"tensor<{rows}x{n}xf16>"
        add(
            f'%w{i} = "aicc.weight"() {{sym = "w{i}", shape = array<i64: 512, {n}>, dtype = f16}} : () -> {w}'
        )
        add(
            f'%y{i} = "aicc.matmul"(%x, %w{i}) {{trans_a = false, trans_b = false}} '
            f": (tensor<{rows}x512xf16>, {w}) -> {y}"
        )
        if not gated or i > 1:
            result(f"%y{i}", n)
    if gated:
        t = f"tensor<{rows}x{columns[0]}xf16>"
        add(f'%g = "aicc.relu"(%y0) : ({t}) -> {t}')
        add(f'%u = "aicc.mul"(%g, %y1) : ({t}, {t}) -> {t}')
        result("%u", columns[0])
    returned, types = [*sums], [row] * len(sums)
    if kept:
        returned, types = [*returned, "%w0"], [*types, f"tensor<512x{columns[0]}xf16>"]
    add(f"return {', '.join(returned)} : {', '.join(types)}")
    body = "\n".join(lines)
    text = f"func.func @main(%x: tensor<{rows}x512xf16>) -> ({', '.join(types)}) {{\n{body}\n}}"
    with context(), ir.Location.unknown():
        module = ir.Module.parse(text)
        MergeMatmuls().run(module, PassContext(target))
        found = [op for op in module_ops(module) if kind(op) == "matmul"]
        return [int(ir.RankedTensorType(op.results[0].type).shape[-1]) for op in found]


@pytest.mark.parametrize("rows", [1, 128, 4096])
def test_saved_launches(rows: int) -> None:
    assert products(rows, [512, 64, 64]) == [640]


def test_not_on_cpus() -> None:
    assert products(1, [512, 64], target=Target.cpu_named("x86-64-v3")) == [512, 64]


@pytest.mark.parametrize(("rows", "left"), [(1, [4096]), (16384, [2048, 2048])])
def test_lost_ends(rows: int, left: list[int]) -> None:
    """What ended the products' own kernels is a launch, which moves all results once more."""
    assert products(rows, [2048, 2048], gated=True) == left


def test_ends_that_stay() -> None:
    """Products without an end are merged without the others, where ends are dear."""
    assert sorted(products(16384, [2048, 2048, 64, 64], gated=True)) == [128, 2048, 2048]


def test_weights_of_others() -> None:
    assert sorted(products(8, [32, 64, 64], kept=True)) == [32, 128]
