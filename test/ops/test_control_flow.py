"""Branches and loops that a run decides about, against ONNX Runtime: on every level, target and number of threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import aicc
from aicc.driver import Options, compile_model
from aicc.errors import AiccError
from aicc.loader import load
from aicc.target import Target

Feeds = Mapping[str, Any]

# Branches of different cost, and of results of different size.
BRANCH = """g (float[n,4] x, bool c) => (float[k,4] y) {
  y = If(c) <then_branch = t () => (float[a,4] o) { e = Exp(x)  s = ReduceSum<keepdims = 1>(e)  o = Div(e, s) },
             else_branch = f () => (float[b,4] o) { o = Concat<axis = 0>(x, x) }>
}"""

# A carried value that grows, one that does not, rows, and values from around.
GROWING = """g (float[n,4] x, int64 t, bool c) => (float[k,4] y, float[r,q,4] s, int64[1] z)
    <int64[1] zero = {0}, int64[1] one = {1}, float[1] half = {0.5}> {
  y, z, s = Loop(t, c, x, zero) <body = b (int64 i, bool ci, float[a,4] v, int64[1] w)
                                     => (bool co, float[b,4] vo, int64[1] wo, float[e,4] row) {
    co = Identity(ci)
    vo = Concat<axis = 0>(v, x)
    wo = Add(w, one)
    row = Mul(x, half)
  }>
}"""

# Ends when the values say so; no bound.
WHILE = """g (float[n] x, float lim) => (float[n] y, int64 count)
    <int64 zero = {0}, int64 one = {1}, float half = {0.5}> {
  s0 = ReduceSum<keepdims = 0>(x)
  c0 = Greater(s0, lim)
  y, count = Loop(, c0, x, zero) <body = b (int64 i, bool ci, float[n] v, int64 w)
                                      => (bool co, float[n] vo, int64 wo) {
    vo = Mul(v, half)
    s = ReduceSum<keepdims = 0>(vo)
    co = Greater(s, lim)
    wo = Add(w, one)
  }>
}"""

# A loop in a branch in a loop, each of which reads what lies around all of them; a weight in the innermost.
NESTED = """g (float[n] x, int64 t) => (float[n] y, float[k,n] rows)
    <float half = {0.5}, bool T = {1}, int64 two = {2}, int64 z = {0}> {
  y, rows = Loop(t, T, x) <body = b (int64 i, bool ci, float[n] v) => (bool co, float[n] vo, float[n] row) {
    co = Identity(ci)
    m = Mod(i, two)
    odd = Equal(m, z)
    vo = If(odd) <then_branch = tb () => (float[n] o) {
        o = Loop(i, T, v) <body = b2 (int64 j, bool cj, float[n] u) => (bool ck, float[n] uo)
            <float[1] third = {0.333}> { ck = Identity(cj)  p = Mul(u, third)  uo = Add(p, x) }>
      }, else_branch = fb () => (float[n] o) { q = Softmax<axis = 0>(v)  o = Sub(q, x) }>
    row = Exp(vo)
  }>
}"""

# Scans along other axes and backwards, over a length that only the run knows.
SCAN = """g (float[b,4] init, float[b,n,4] x) => (float[b,4] y, float[b,n,4] rows) {
  y, rows = Scan<num_scan_inputs = 1, scan_input_axes = [1], scan_output_axes = [1], scan_input_directions = [1],
                 scan_output_directions = [1], body = b (float[b,4] v, float[b,4] e) => (float[b,4] vo, float[b,4] r) {
    vo = Add(v, e)
    r = Tanh(vo)
  }>(init, x)
}"""

# Rows whose number, and sizes, depend on data.
FOUND = """g (float[n] x, int64 t) => (int64[k] places, float[r,1] sums) <bool T = {1}, float one = {1}> {
  last, sums = Loop(t, T, x) <body = b (int64 i, bool c, float[n] v) => (bool d, float[n] w, float[1] s) {
    d = Identity(c)  w = Sub(v, one)  p = Relu(w)  s = ReduceMax<keepdims = 1>(p)
  }>
  found = NonZero(sums)
  some = ReduceSum<keepdims = 0>(sums)
  big = Greater(some, one)
  places = If(big) <then_branch = t () => (int64[k] o) {
                      m = Relu(x)  z = NonZero(m)  f = Flatten<axis = 0>(z)  o = Squeeze(f) },
                    else_branch = e () => (int64[k] o) { o = Shape(x) }>
}"""


def _array(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def _int(value: int) -> Any:
    return np.array(value, np.int64)


CASES: dict[str, tuple[str, Sequence[Feeds]]] = {
    "branch": (
        BRANCH,
        [{"x": _array(n, 4), "c": np.array(c)} for n, c in ((3, True), (3, False), (1, False))],
    ),
    "growing": (
        GROWING,
        [
            {"x": _array(n, 4), "t": _int(t), "c": np.array(c)}
            for n, t, c in ((3, 4, True), (2, 0, True), (2, 3, False), (5, 40, True))
        ],
    ),
    "while": (
        WHILE,
        [
            {"x": np.abs(_array(n)) * 100, "lim": np.array(limit, np.float32)}
            for n, limit in ((3, 1.0), (10, 1e-3), (4, 1e9))
        ],
    ),
    "nested": (NESTED, [{"x": _array(n), "t": _int(t)} for n, t in ((3, 1), (10, 7), (4, 0), (1, 30))]),
    "scan": (SCAN, [{"init": _array(b, 4), "x": _array(b, n, 4)} for b, n in ((1, 1), (2, 7), (3, 300))]),
    "found": (FOUND, [{"x": _array(n) * 4, "t": _int(t)} for n, t in ((6, 3), (9, 1))]),
}


def _model(text: str) -> onnx.ModelProto:
    return onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> {text}')


def _compare(folder: Path, text: str, feeds: Sequence[Feeds], options: Options, threads: int = 1) -> None:
    model = _model(text)
    compile_model(model, folder / "m.so", options)
    run = load(folder / "m.so")
    run.num_threads = threads
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for feed in feeds:
        found = run(**feed)
        for got, want in zip(
            found if isinstance(found, tuple) else (found,), session.run(None, feed), strict=True
        ):
            assert got.shape == want.shape
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_a_run_decides(name: str, tmp_path: Path) -> None:
    text, feeds = CASES[name]
    _compare(tmp_path, text, feeds, Options(check_ir=True), threads=2)


@pytest.mark.parametrize("name", CASES)
def test_at_the_lowest_level(name: str, tmp_path: Path) -> None:
    text, feeds = CASES[name]
    _compare(tmp_path, text, feeds, Options(opt_level=1, check_ir=True))


@pytest.mark.parametrize("name", ["branch", "growing", "while", "nested"])
def test_kernels_of_gpus(name: str, tmp_path: Path) -> None:
    text, feeds = CASES[name]
    _compare(tmp_path, text, feeds[:2], Options(target=Target.named("simt"), check_ir=True))


def test_resumes_from_every_dump(tmp_path: Path) -> None:
    text, feeds = CASES["nested"]
    dumps = tmp_path / "ir"
    compile_model(_model(text), tmp_path / "m.so", Options(dump=dumps))
    want = load(tmp_path / "m.so")(**feeds[1])
    for file, stage in (("01-import", "graph"), ("03-linalg", "kernels"), ("05-buffers", "schedule")):
        compile_model(dumps / f"{file}.mlir", tmp_path / "again.so", Options(start_from=stage))
        for got, first in zip(load(tmp_path / "again.so")(**feeds[1]), want, strict=True):
            np.testing.assert_array_equal(got, first)


def test_rounds_reuse_memory(tmp_path: Path) -> None:
    """A long loop takes no more than a short one."""
    text, _ = CASES["while"]
    compile_model(_model(text), tmp_path / "m.so", Options())
    bytes_ = []
    for limit in (20.0, 1e-30):
        run = load(tmp_path / "m.so")
        run(x=np.full(1000, 0.1, np.float32), lim=np.array(limit, np.float32))
        bytes_.append(run.memory_bytes)
    assert bytes_[0] == bytes_[1]


def test_inputs_stay_as_they_are(tmp_path: Path) -> None:
    text, feeds = CASES["growing"]
    x = feeds[0]["x"].copy()
    run = aicc.compile(_model(text))
    run(x=x, t=_int(3), c=np.array(True))
    np.testing.assert_array_equal(x, feeds[0]["x"])


def test_ranks_that_a_condition_decides_are_refused_by_name() -> None:
    text = """g (bool c, float[2,3] x) => (float y) {
      y = If(c) <then_branch = a () => (float[2,3] o) { o = Exp(x) },
                 else_branch = b () => (float[2] o) { o = ReduceSum<keepdims = 0, axes = [1]>(x) }>
    }"""
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 11]> {text}')
    with pytest.raises(AiccError, match="AICC-1005.*If.*condition must be a constant.*rank 2 or 1"):
        aicc.compile(model)


def test_rows_of_different_sizes_end_the_run() -> None:
    text = """g (float[n] x, int64 t) => (float[k] y, float[r,m] rows) <bool T = {1}> {
      y, rows = Loop(t, T, x) <body = b (int64 i, bool c, float[a] v) => (bool d, float[b] w, float[b] row) {
        d = Identity(c)  w = Concat<axis = 0>(v, x)  row = Exp(w)
      }>
    }"""
    run = aicc.compile(_model(text))
    run(x=_array(3), t=_int(1))
    with pytest.raises(AiccError, match="other sizes in round 1"):
        run(x=_array(3), t=_int(2))
    run(x=_array(3), t=_int(1))


def test_an_error_in_a_loop_ends_the_run_and_not_the_process() -> None:
    text = """g (float[n] x, float[m] y, int64 t) => (float[k] z) <bool T = {1}> {
      z = Loop(t, T, x) <body = b (int64 i, bool c, float[a] v) => (bool d, float[e] w) {
        d = Identity(c)  w = Add(v, y)
      }>
    }"""
    run = aicc.compile(_model(text))
    for _ in range(2):
        with pytest.raises(AiccError, match="equal"):
            run(x=_array(3), y=_array(4), t=_int(2))
        np.testing.assert_allclose(run(x=_array(3), y=_array(3), t=_int(2)), 3 * _array(3), rtol=1e-6)


def test_an_optional_through_the_rounds_of_a_run() -> None:
    text = """g (float[n] x, int64 t) => (float[n] y, bool has) <bool T = {1}> {
      o = Optional(x)
      r = Loop(t, T, o) <body = b (int64 i, bool c, optional(float[n]) v) => (bool d, optional(float[n]) w) {
        d = Identity(c)  e = OptionalGetElement(v)  f = Add(e, e)  w = Optional(f) }>
      y = OptionalGetElement(r)  has = OptionalHasElement(r) }"""
    exe = aicc.compile(onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 18]> {text}'))
    x = np.arange(3, dtype=np.float32)
    for rounds in (0, 1, 5):
        y, has = exe(x, np.array(rounds))
        np.testing.assert_array_equal(y, x * 2**rounds)
        assert has


@pytest.mark.parametrize(
    ("first", "after", "message"),
    [
        ("Optional<type = float[n]>()", "Optional(x)", "carried value 0 is an empty optional"),
        ("Optional(x)", "Optional<type = float[n]>()", "empty after a round"),
        ("Identity(x)", "Unsqueeze(x, axis)", "carried value 0 has rank 1, after a round it has 2"),
    ],
)
def test_what_no_run_carries(first: str, after: str, message: str) -> None:
    kind = "float" if "Identity" in first else "optional"
    held = "float[n]" if kind == "float" else "optional(float[n])"
    text = f"""g (float[n] x, int64 t) => (int64 y) <bool T = {{1}}, int64[1] axis = {{0}}> {{
      o = {first}
      [n1] r = Loop(t, T, o) <body = b (int64 i, bool c, {held} v) => (bool d, {held} w) {{
        d = Identity(c)  w = {after} }}>
      y = Identity(t) }}"""
    with pytest.raises(AiccError, match=message) as caught:
        aicc.compile(onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 18]> {text}'))
    assert caught.value.code == "AICC-1005" and "n1" in str(caught.value.node)
