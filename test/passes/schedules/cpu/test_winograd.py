"""Convolutions by Winograd's algorithm, against float64 NumPy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aicc.bindings import ir
from aicc.errors import CompileError
from aicc.knobs import knobs
from aicc.passes.schedules import jit
from aicc.passes.schedules.cpu.winograd import SCHEDULE
from aicc.passes.schedules.cpu.winograd.math import INPUT_MATRIX, MOST_CHANNELS, OUTPUT_MATRIX, WEIGHT_MATRIX
from aicc.passes.schedules.cpu.winograd.plan import Plan, Problem, WinogradConfig, complete, plans
from aicc.passes.schedules.schedule import NoMatch
from aicc.target import Target
from aicc.weight_transforms import winograd_weights
from test.passes.schedules.kernel_text import CONTRACTION_BODY, KernelText

HAS_V4 = Target.host().vector_bits == 512
TARGETS = ["x86-64-v3", "x86-64-v4"]
# max|found - exact| / max|exact|: what its `math` promises.
BOUND = {2: 2e-6, 4: 2e-5}


@dataclass(frozen=True)
class Case:
    """A convolution `images x height x width x channels -> filters`; `halo` widens the input's lines; `any_images`:
    their number is known at run time."""

    images: int
    height: int
    width: int
    channels: int
    filters: int
    epilogue: str = "bias"
    halo: int = 0
    any_images: bool = False

    @property
    def problem(self) -> Problem:
        return Problem(
            1 if self.any_images else self.images, self.height, self.width, self.channels, self.filters
        )


def conv_text(case: Case, plan: Plan | None, stride: int = 1, dilation: int = 1, kernel: int = 3) -> str:
    """The kernel (contract 4), with weights as `plan` wants them, or as they are."""
    b: int | str = "n" if case.any_images else case.images
    h, w, c, f = case.height, case.width, case.channels, case.filters
    high, wide = (
        (h - 1) * stride + (kernel - 1) * dilation + 1,
        (w - 1) * stride + (kernel - 1) * dilation + 1,
    )
    text = KernelText("winograd")
    line = (wide + case.halo) * c
    x = text.input((b, high, wide, c), strides=None if case.any_images else (high * line, line, c, 1))
    if plan is None:
        weights = text.input((kernel, kernel, c, f))
    else:
        given = text.input((plan.size**2, plan.panels, c, plan.panel))
        how = f"winograd_weights m={plan.config.m} perm=0x1x2x3 panel={plan.panel}"
        kind = f"tensor<3x3x{c}x{f}xf32>"
        cast = f"builtin.unrealized_conversion_cast {given} : {text.type(given)} to {kind}"
        weights = text.op(f'{cast} {{aicc.transform = "{how}"}}', (3, 3, c, f))
    extra = {"bias": [((f,), "f")], "residual": [((f,), "f"), ((b, h, w, f), "b,h,w,f")]}
    args = [(text.input(shape), where) for shape, where in extra.get(case.epilogue, [])]
    acc = text.fill(text.constant("0.0", "f32"), (b, h, w, f))
    y = f"b,h*{stride}+i*{dilation},w*{stride}+j*{dilation},c"
    body = CONTRACTION_BODY.format(e="f32")
    ins = [(x, y), (weights, "i,j,c,f")]
    out = text.generic("b,h,w,f,i,j,c", "pppprrr", ins, ("", "b,h,w,f"), body, init=acc)
    lines, value = [], "%x0"
    for number, _ in enumerate(args):
        lines.append(f"%s{number} = arith.addf {value}, %x{number + 1} : f32")
        value = f"%s{number}"
    if case.epilogue == "gelu":
        lines += [f"%t = math.tanh {value} : f32", f"%g = arith.mulf %t, {value} : f32"]
        value = "%g"
    elif case.epilogue:
        zero = text.constant("0.0", "f32")
        lines.append(f"%m = arith.maximumf {value}, {zero} : f32")
        value = "%m"
    if case.epilogue:
        lines.append(f"linalg.yield {value} : f32")
        stage = [(out, "b,h,w,f"), *args]
        out = text.generic("b,h,w,f", "pppp", stage, ("", "b,h,w,f"), "\n".join(lines), shape=(b, h, w, f))
    text.output(out)
    return str(text)


def floats(shape: tuple[int, ...], seed: int, scale: float = 1.0) -> Any:
    result = jit.aligned(shape)
    result[...] = np.random.default_rng(seed).standard_normal(shape) * scale
    return result


def reference(case: Case, x: Any, w: Any, extra: list[Any]) -> Any:
    """In float64."""
    h, width = case.height, case.width
    x, w = x.astype(np.float64), w.astype(np.float64)
    out = sum(x[:, i : i + h, j : j + width] @ w[i, j] for i in range(3) for j in range(3))
    for value in extra:
        out = out + value
    if case.epilogue == "gelu":
        return np.tanh(out) * out
    return np.maximum(out, 0) if case.epilogue else out


def error(case: Case, target: str, config: WinogradConfig, positive: bool = False) -> float:
    """Runs it, the later tiles first; what surrounds the output stays as it is."""
    if target == "x86-64-v4" and not HAS_V4:
        pytest.skip("needs AVX-512")
    machine = Target.cpu_named(target)
    plan = complete(config, case.problem, machine)
    b, h, width, c, f = case.images, case.height, case.width, case.channels, case.filters
    memory = floats((b, h + 2, width + 2 + case.halo, c), 1)
    if positive:
        memory[...] = np.maximum(memory, 0)
    memory[:, :, width + 2 :] = np.nan
    x = memory[:, :, : width + 2]
    w = floats((3, 3, c, f), 2, (2 / (9 * c)) ** 0.5)
    extra = [floats((f,), 3)] if case.epilogue in ("bias", "residual") else []
    if case.epilogue == "residual":
        extra.append(floats((b, h, width, f), 4))
    changed = winograd_weights(w, plan.config.m, (0, 1, 2, 3), plan.panel)
    given = jit.aligned(changed.shape)
    given[...] = changed
    guard = jit.aligned((b * h * width * f + 128,))
    guard.view(np.uint8)[...] = 0xAB
    kernel = jit.compile_kernel(conv_text(case, plan), SCHEDULE, machine, config)
    args = [memory, given, *extra, guard[64:], *([b] if case.any_images else [])]
    tiles = kernel.count(args)
    assert tiles == -(-b * plan.high * plan.wide // plan.config.tiles) * plan.config.groups
    kernel(*args, lo=tiles // 2, hi=tiles)
    kernel(*args, lo=0, hi=tiles // 2)
    assert (guard[:64].view(np.uint8) == 0xAB).all() and (guard[-64:].view(np.uint8) == 0xAB).all()
    exact = reference(case, x, w, extra)
    found = guard[64:-64].reshape(exact.shape)
    return float(np.abs(found - exact).max() / np.abs(exact).max())


@pytest.mark.parametrize("m", [2, 4])
def test_matrices_make_a_convolution(m: int) -> None:
    d, g = np.random.default_rng(0).standard_normal(m + 2), np.array([0.5, -2.0, 3.0])
    found = OUTPUT_MATRIX[m] @ ((WEIGHT_MATRIX[m] @ g) * (INPUT_MATRIX[m] @ d))
    np.testing.assert_allclose(found, np.correlate(d, g, "valid"), rtol=1e-12)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("m", [2, 4])
@pytest.mark.parametrize(
    "case",
    [
        Case(1, 8, 8, 32, 32, ""),
        Case(1, 7, 7, 64, 64, "bias", 1),
        Case(2, 9, 5, 3, 5, "residual", 3),
        Case(1, 13, 6, 20, 70, "gelu"),
        Case(1, 4, 4, 16, 40, "gelu"),
        Case(3, 6, 11, 17, 33, "bias"),
        Case(1, 8, 8, 32, 32, "bias", any_images=True),
        Case(3, 9, 6, 20, 40, "residual", any_images=True),
    ],
    ids=str,
)
def test_against_numpy(case: Case, m: int, target: str) -> None:
    assert error(case, target, WinogradConfig(m)) <= BOUND[m]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("m", [2, 4])
def test_accuracy_of_the_longest_sums(m: int, positive: bool, target: str) -> None:
    case = Case(1, 8, 8, MOST_CHANNELS[m], 64, "")
    assert error(case, target, WinogradConfig(m), positive) <= BOUND[m]


def test_longer_sums_are_left_to_others() -> None:
    target = Target.cpu_named("x86-64-v3")
    assert [p.config.m for p in plans(Problem(1, 8, 8, MOST_CHANNELS[4] + 1, 64), target)] == [2]
    assert not plans(Problem(1, 8, 8, MOST_CHANNELS[2] + 1, 64), target)


@settings(max_examples=12)
@given(
    st.integers(1, 2),
    st.integers(4, 12),
    st.integers(4, 12),
    st.integers(1, 40),
    st.integers(1, 70),
    st.sampled_from([2, 4]),
    st.integers(0, 5),
    st.integers(0, 3),
    st.integers(1, 3),
)
def test_any_sizes(
    images: int, h: int, w: int, c: int, f: int, m: int, tiles: int, groups: int, nv: int
) -> None:
    case = Case(images, h, w, c, f, "residual")
    config = WinogradConfig(m, tiles, nv, min(groups, -(-f // (nv * 8))))
    assert error(case, "x86-64-v3", config) <= BOUND[m]


def matches(text: str, target: str = "x86-64-v3") -> bool:
    with ir.Context(), ir.Location.unknown():
        module = ir.Module.parse(text)
        return SCHEDULE.matches(module.body.operations[0], Target.cpu_named(target))


def test_what_it_takes() -> None:
    case = Case(1, 8, 8, 16, 16)
    assert matches(conv_text(case, None))
    assert not matches(conv_text(case, None, stride=2))
    assert not matches(conv_text(case, None, dilation=2))
    assert not matches(conv_text(case, None, kernel=5))
    assert not matches(conv_text(case, None).replace("f32", "f64").replace("0.0 : f64", "0.0 : f64"))
    assert not matches(conv_text(replace(case, height=1), None))


def test_the_knob() -> None:
    text = conv_text(Case(1, 8, 8, 16, 16), None)
    with knobs.scope(winograd="off"):
        assert not matches(text)
    for m in (2, 4):
        with knobs.scope(winograd=str(m)), ir.Context(), ir.Location.unknown():
            module = ir.Module.parse(text)
            configs = SCHEDULE.configs(module.body.operations[0], Target.cpu_named("x86-64-v3"))
            assert {config.m for config in configs if isinstance(config, WinogradConfig)} == {m}


def test_transformed_weights_are_for_it_alone() -> None:
    case = Case(1, 8, 8, 16, 16)
    target = Target.cpu_named("x86-64-v3")
    text = conv_text(case, complete(WinogradConfig(4), case.problem, target))
    assert not matches(text)
    from aicc.passes.schedules import registry

    with ir.Context() as context, ir.Location.unknown():
        context.emit_error_diagnostics = False
        for schedule in registry.for_target(target):
            module = ir.Module.parse(text)
            if schedule.name == "winograd":
                continue
            with pytest.raises((NoMatch, CompileError)):
                config = schedule.config_type()
                schedule.lower(module, module.body.operations[0], target, config)


def test_weights_of_another_configuration() -> None:
    case, target = Case(1, 8, 8, 16, 16), Target.cpu_named("x86-64-v3")
    text = conv_text(case, complete(WinogradConfig(2), case.problem, target))
    with pytest.raises(NoMatch):
        jit.compile_kernel(text, SCHEDULE, target, WinogradConfig(4))


def test_plans_cover_their_problem() -> None:
    target = Target.cpu_named("x86-64-v3")
    for size, channels in ((56, 64), (28, 128), (14, 256), (7, 512), (13, 5)):
        for plan in plans(Problem(1, size, size, channels, channels), target):
            assert plan.blocks * plan.config.tiles >= plan.total > (plan.blocks - 1) * plan.config.tiles
            assert plan.config.groups * plan.group >= plan.panels
            assert plan.seconds(target) > 0
