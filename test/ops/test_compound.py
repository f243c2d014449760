"""Sequences, optionals and control flow: what is left of them after the import."""

import numpy as np
import onnx
import onnx.parser
import pytest

from aicc import backend
from aicc.errors import AiccError
from test.ops.rig import check_model

X = np.arange(12, dtype=np.float32).reshape(4, 3)


def model(text: str) -> onnx.ModelProto:
    return onnx.parser.parse_model(f'<ir_version: 9, opset_import: ["": 19]> g {text}')


def test_split_and_concatenate():
    text = """(float[4, 3] x) => (float[n, 3] y, int64 k) {
        at = Constant<value = int64 {-1}>()
        s = SplitToSequence<axis = 0>(x)
        t = SequenceErase(s, at)
        k = SequenceLength(t)
        e = SequenceAt(s, at)
        u = SequenceInsert(t, e, at)
        y = ConcatFromSequence<axis = 0>(u)
    }"""
    check_model(model(text), {"x": X})


def test_scan_sums_backwards():
    text = """(float[3] s, float[4, 3] x) => (float[3] last, float[3, 4] all) {
        last, all = Scan<num_scan_inputs = 1, scan_input_directions = [1], scan_output_axes = [1], body = b (
            float[3] a, float[3] r) => (float[3] c, float[3] d) { c = Add(a, r)  d = Identity(c) }>(s, x)
    }"""
    sums = np.cumsum(X[::-1], 0)  # the reference knows one direction only
    check_model(model(text), {"s": np.zeros(3, np.float32), "x": X}, expected=[sums[-1], sums.T])


LOOP = """(float[1] x, bool go) => (float[n] last, float[m, 1] rows) {
    count = Constant<value = int64 {3}>()
    yes = Constant<value = bool {1}>()
    last, rows = Loop<body = b (int64 i, bool c, float[k] v) => (bool d, float[j] w, float[1] z) {
        d = Identity(c)
        w = Concat<axis = 0>(v, x)
        z = Mul(x, x)
    }>(count, yes, x)
}"""


def test_carried_values_may_grow():
    feeds = {"x": np.float32([3]), "go": np.array(True)}
    check_model(model(LOOP), feeds, expected=[np.full(4, 3, np.float32), np.full((3, 1), 9, np.float32)])


def test_a_condition_of_run_time_chooses_results_of_one_shape():
    text = """(bool c, float[4, 3] x) => (float[4, 3] y) {
        y = If<then_branch = a () => (float[4, 3] p) { p = Neg(x) },
               else_branch = b () => (float[4, 3] q) { q = Add(x, x) }>(c)
    }"""
    for c in (True, False):
        check_model(model(text), {"c": np.array(c), "x": X})


def test_a_loop_ends_when_run_time_says_so():
    text = """(int64 most, float x) => (float y) {
        limit = Constant<value = int64 {8}>()
        yes = Constant<value = bool {1}>()
        y = Loop<body = b (int64 i, bool c, float v) => (bool d, float w) {
            w = Add(v, x)
            d = Less(i, most)
        }>(limit, yes, x)
    }"""
    check_model(model(text), {"most": np.array(2), "x": np.array(1, np.float32)})


def test_ranks_that_change_in_a_loop_of_run_time_are_specialized_by_the_backend():
    text = """(int64 count, float[1] x) => (float y) {
        yes = Constant<value = bool {1}>()
        zero = Constant<value_ints = [0]>()
        y = Loop<body = b (int64 i, bool c, float v) => (bool d, float w) {
            d = Identity(c)
            w = Unsqueeze(v, zero)
        }>(count, yes, x)
    }"""
    import aicc

    with pytest.raises(AiccError, match="AICC-1005.*Loop.*rank.*constant"):
        aicc.compile(model(text))
    program = backend.prepare(model(text))
    for count in (2, 4):
        (y,) = program.run([np.array(count), np.float32([7])])
        np.testing.assert_array_equal(y, np.full((1,) * (count + 1), 7, np.float32))
