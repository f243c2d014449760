"""Sequences whose length only a run knows, against ONNX Runtime."""

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
from aicc.runtime.values import PACKED, TENSOR

# A loop appends; what it made is read in every way.
APPENDED = """g (float[n] x, int64 t) => (float[k] y, int64 len, float[q] third) <bool T = {1}, int64 two = {2}> {
  e = SequenceEmpty()
  s = Loop(t, T, e) <body = b (int64 i, bool c, seq(float[m]) v) => (bool d, seq(float[m]) w) {
    d = Identity(c)  f = Cast<to = 1>(i)  z = Add(x, f)  w = SequenceInsert(v, z) }>
  y = ConcatFromSequence<axis = 0>(s)
  len = SequenceLength(s)
  third = SequenceAt(s, two)
}"""

# Parts of sizes that only the run knows; SequenceMap over them; one taken out; all rows by themselves.
PARTS = """g (float[n,4] x, int64[k] sizes, int64 pos) => (float[a,b] y, float[c,d] z, float[e,f,h] st) {
  s = SplitToSequence<axis = 0>(x, sizes)
  m = SequenceMap(s) <body = b (float[p,4] v) => (float[p,4] w) { w = Softmax<axis = 1>(v) }>
  r = SequenceErase(m, pos)
  y = ConcatFromSequence<axis = 0>(r)
  z = SequenceAt(s, pos)
  q = SplitToSequence<axis = 0, keepdims = 0>(x)
  st = ConcatFromSequence<axis = 1, new_axis = 1>(q)
}"""

# Out of a branch, and into a loop that reads it.
CHOSEN = """g (float[n] x, bool c, int64 t) => (float[k] y) <bool T = {1}> {
  a = SequenceConstruct(x, x)
  s = If(c) <then_branch = t () => (seq(float[m]) o) { e = Exp(x)  o = SequenceInsert(a, e) },
             else_branch = f () => (seq(float[m]) o) { o = Identity(a) }>
  len = SequenceLength(s)
  y = Loop(t, T, x) <body = b (int64 i, bool ci, float[p] v) => (bool d, float[q] w) {
    d = Identity(ci)  j = Mod(i, len)  it = SequenceAt(s, j)  w = Concat<axis = 0>(v, it) }>
}"""

# Insertions at any place leave the sequence that was there before as it is.
INSERTED = """g (float[n] x, int64 p) => (float[k] y, float[m] z) {
  a = SequenceConstruct(x, x)
  e = Exp(x)
  b = SequenceInsert(a, e, p)
  f = Neg(x)
  c = SequenceInsert(a, f, p)
  y = ConcatFromSequence<axis = 0>(b)
  z = ConcatFromSequence<axis = 0>(c)
}"""


def _array(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


CASES: dict[str, tuple[str, Sequence[Mapping[str, Any]]]] = {
    "appended": (APPENDED, [{"x": _array(n), "t": np.array(t)} for n, t in ((3, 3), (5, 40))]),
    "parts": (
        PARTS,
        [
            {"x": _array(6, 4), "sizes": np.array([1, 2, 3]), "pos": np.array(1)},
            {"x": _array(5, 4), "sizes": np.array([4, 1]), "pos": np.array(-1)},
        ],
    ),
    "chosen": (
        CHOSEN,
        [{"x": _array(3), "c": np.array(c), "t": np.array(t)} for c in (True, False) for t in (0, 1, 5)],
    ),
    "inserted": (INSERTED, [{"x": _array(3), "p": np.array(p)} for p in (0, 1, 2, -1)]),
}


def _model(text: str) -> onnx.ModelProto:
    return onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> {text}')


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("name", CASES)
def test_against_onnx_runtime(name: str, level: int, tmp_path: Path) -> None:
    text, feeds = CASES[name]
    model = _model(text)
    compile_model(model, tmp_path / "m.so", Options(opt_level=level, check_ir=True))
    run = load(tmp_path / "m.so")
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for feed in feeds:
        found = run(**feed)
        results = found if isinstance(found, tuple) else (found,)
        for got, want in zip(results, session.run(None, feed), strict=True):
            assert got.shape == want.shape
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_what_is_out_of_range_ends_the_run_and_names_the_node() -> None:
    run = aicc.compile(_model(CASES["appended"][0]))
    x = _array(3)
    with pytest.raises(AiccError, match="third.*position 2 is out of range for a sequence of 2"):
        run(x=x, t=np.array(2))
    with pytest.raises(AiccError, match="'y'.*empty sequence"):
        run(x=x, t=np.array(0))
    parts = aicc.compile(_model(CASES["parts"][0]))
    with pytest.raises(AiccError, match="'s'.*do not add up to 6"):
        parts(x=_array(6, 4), sizes=np.array([1, 2]), pos=np.array(0))
    run(x=x, t=np.array(3))


# Sequences as results: out of a loop, of parts of a symbolic size, in an optional, never anything in it.
RESULTS = """g (float[n,4] x, int64[k] sizes, int64 t) =>
    (seq(float[a,b]) s, seq(float[c,4]) parts, seq(float[4]) rows, float[n,4] y) <bool T = {1}> {
  e = SequenceEmpty()
  s = Loop(t, T, e) <body = b (int64 i, bool c, seq(float[m,p]) v) => (bool d, seq(float[m,p]) w) {
    d = Identity(c)  f = Cast<to = 1>(i)  z = Add(x, f)  w = SequenceInsert(v, z) }>
  parts = SplitToSequence<axis = 0>(x, sizes)
  rows = SplitToSequence<axis = 0, keepdims = 0>(x)
  y = Neg(x)
}"""


@pytest.mark.parametrize("level", [1, 2])
def test_as_results(level: int, tmp_path: Path) -> None:
    model = _model(RESULTS)
    compile_model(model, tmp_path / "m.so", Options(opt_level=level, check_ir=True))
    run, ours = load(tmp_path / "m.so"), aicc.InferenceSession(tmp_path / "m.so")
    theirs = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert [(v.kind, v.count) for v in run.values] == [(PACKED, 2)] * 3 + [(TENSOR, 1)]
    assert [o.type for o in ours.get_outputs()] == [o.type for o in theirs.get_outputs()]
    for rows, sizes, t in ((3, [1, 2], 4), (5, [5, 0], 0), (3, [3], 1), (1, [1], 17)):
        feed = {"x": _array(rows, 4), "sizes": np.array(sizes), "t": np.array(t)}
        want = theirs.run(None, feed)
        for found in (run(**feed), ours.run(None, feed)):
            _same(found, want)
    assert [len(s) for s in ours.run(["rows", "s"], feed)] == [1, 17]


def _same(found: Sequence[Any], want: Sequence[Any]) -> None:
    for got, wanted in zip(found, want, strict=True):
        pairs = [(got, wanted)] if isinstance(wanted, np.ndarray) else zip(got, wanted, strict=True)
        for a, b in pairs:
            assert a.shape == b.shape and a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


# Sequences as operands, read in every way and given back.
OPERANDS = """g (seq(float[n,3]) xs, seq(int64[k]) none, float[3] x, int64 p) =>
    (float[m,3] y, seq(float[n,3]) rest, int64 len, int64 empty, seq(float[n,3]) mapped, float[n,3] at) {
  y = ConcatFromSequence<axis = 0>(xs)
  rest = SequenceErase(xs, p)
  len = SequenceLength(xs)
  empty = SequenceLength(none)
  mapped = SequenceMap(xs, x) <body = b (float[n,3] v, float[3] u) => (float[n,3] w) { w = Add(v, u) }>
  at = SequenceAt(xs, p)
}"""


def test_as_operands() -> None:
    model = _model(OPERANDS)
    ours = aicc.InferenceSession(model.SerializeToString())
    theirs = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert [(i.name, i.type) for i in ours.get_inputs()] == [(i.name, i.type) for i in theirs.get_inputs()]
    for lengths, numbers in (((2, 1, 4), 0), ((1,), 2), ((3, 0), 5)):
        feed = {
            "xs": [_array(n, 3) for n in lengths],
            "none": [np.array([i]) for i in range(numbers)],
            "x": _array(3),
            "p": np.array(-1),
        }
        want = theirs.run(None, feed)
        _same(ours.run(None, feed), want)
        _same(ours.executable(**feed), want)


def test_operands_that_are_none_of_the_models() -> None:
    exe = aicc.compile(_model("g (seq(float[n,3]) xs) => (int64 y) { y = SequenceLength(xs) }"))
    assert exe([]) == 0 and exe(xs=[_array(2, 3)] * 3) == 3
    for value, message in (
        ([_array(2, 3), _array(2, 4)], r"'xs': dim 1 of tensor 1 is 4"),
        ([_array(3)], r"'xs\[0\]' has rank 1, the model wants 2"),
        ([_array(2, 3).astype(np.float64)], r"'xs\[0\]' is float64"),
        (_array(2, 3), "'xs' is a ndarray; the model wants a list"),
    ):
        with pytest.raises(AiccError, match=message) as caught:
            exe(value)
        assert caught.value.code == "AICC-5002"
    elements = np.zeros(6, np.float32)
    for sizes, message in (
        ([[3, 3]], "more than the 6 elements"),
        ([[1, 3]], "have 3 of the 6"),
        ([[-1, 3]], "is -1"),
        ([[2**62, 3], [0, 3]], "more than the 6"),
    ):
        with pytest.raises(AiccError, match=message) as caught:
            exe.run([np.array(sizes), elements])
        assert caught.value.code == "AICC-5002"
    with pytest.raises(AiccError, match="'xs' has no rank") as caught:
        aicc.compile(_unranked())
    assert caught.value.code == "AICC-1005" and "--shape xs=" in str(caught.value.hint)
    assert aicc.compile(_unranked(), shapes={"xs": (None, 3)})([_array(2, 3)]) == 1


def _unranked() -> onnx.ModelProto:
    """A sequence of tensors of any rank, as exporters write it."""
    model = _model("g (seq(float[n,3]) xs) => (int64 y) { y = SequenceLength(xs) }")
    model.graph.input[0].type.sequence_type.elem_type.tensor_type.ClearField("shape")
    return model


def test_strings() -> None:
    model = _model("g (seq(string[n]) xs, string[n] x) => (seq(string[n]) y) { y = SequenceInsert(xs, x) }")
    exe = aicc.compile(model)
    words = np.array(["é", ""], object)
    found = exe([np.array(["a", "bc"], object)], words)
    assert [a.tolist() for a in found] == [["a", "bc"], ["é", ""]]


def test_tensors_of_different_ranks_are_refused_by_name() -> None:
    text = """g (float[n] x, bool c) => (int64 y) {
      s = If(c) <then_branch = t () => (seq(float[m]) o) { o = SequenceConstruct(x) },
                 else_branch = f () => (seq(float[m]) o) {
                   z = Constant<value_ints = [0]>()  u = Unsqueeze(x, z)  o = SequenceConstruct(u) }>
      y = SequenceLength(s)
    }"""
    with pytest.raises(AiccError, match="AICC-1005.*If.*rank 1 and of 2"):
        aicc.compile(_model(text))
