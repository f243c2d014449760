"""The conformance tool's own parts: comparisons, the list of known failures, workers that die or hang."""

import sys
from dataclasses import replace

import numpy as np
import onnx
import onnx.helper
import pytest

from aicc import backend
from aicc.errors import AiccError, CompileError
from aicc.tools.conformance import check, pool
from aicc.tools.conformance.check import Mismatch, Outcome, compare
from aicc.tools.conformance.expected import judge, read_expected, write_expected
from aicc.tools.conformance.report import markdown
from aicc.tools.conformance.suite import Test
from aicc.tools.conformance.ways import in_way


def outcome(name: str, state: str = check.PASSED) -> Outcome:
    return Outcome("node", name, state, "why")


def test_results_within_the_tolerance_pass():
    compare([np.float32([1, 2])], [np.float32([1.0005, 2])], 1e-3, 1e-7)


@pytest.mark.parametrize(
    ("have", "want", "what"),
    [
        (np.zeros(2, np.float32), np.zeros(3, np.float32), "shape"),
        (np.zeros(2, np.float64), np.zeros(2, np.float32), "dtype"),
        (np.float32([1, 3]), np.float32([1, 2]), "output 0"),
        ([np.zeros(2)], [np.zeros(2), np.zeros(2)], "2 values|1 values"),
        (None, np.zeros(2), "empty"),
    ],
)
def test_other_results_do_not(have, want, what):
    with pytest.raises(Mismatch, match=what):
        compare([have], [want], 1e-3, 1e-7)


def test_an_unexpected_pass_is_as_bad_as_an_unexpected_failure():
    known = {"test_a": "no a", "test_b": "no b"}
    verdict = judge([outcome("test_a"), outcome("test_b", check.WRONG), outcome("test_c", check.HUNG)], known)
    assert [o.name for o in verdict.fixed] == ["test_a"]
    assert [o.name for o in verdict.regressions] == ["test_c"]
    assert not verdict.good


def test_the_list_of_known_failures_round_trips_with_its_reasons(tmp_path):
    path = tmp_path / "list.txt"
    write_expected(
        path, [outcome("test_a", check.WRONG), outcome("test_b"), outcome("test_c", check.HUNG)], {}
    )
    write_expected(
        path, [outcome("test_a", check.WRONG), outcome("test_c")], read_expected(path) | {"test_a": "x"}
    )
    assert read_expected(path) == {"test_a": "x"}


def test_a_line_without_a_reason_is_refused(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("test_a\n")
    with pytest.raises(CompileError, match="gives no reason"):
        read_expected(path)


def test_the_page_counts_by_operator():
    outcomes = [outcome("test_a"), outcome("test_b", check.WRONG)]
    page = markdown(outcomes, {"test_a": "Add", "test_b": "Add"}, {"test_b": "known"})
    assert "**1 of 2 pass (50.0 %).**" in page
    assert "| Add | 1 | 2 | 1 wrong |" in page
    assert "| test_b | wrong | known |" in page


def test_other_ways_are_counted_by_themselves():
    dynamic = replace(outcome("test_a", check.WRONG), way="dynamic")
    page = markdown([outcome("test_a"), dynamic], {"test_a": "Add"}, {"test_a (dynamic)": "known"})
    assert "**1 of 1 pass (100.0 %).**" in page
    assert "| dynamic | 0 | 0 | 1 | 0 | 0 | 0 | 1 | 0.0 % |" in page
    assert "| test_a (dynamic) | wrong | known |" in page
    assert judge([dynamic], {"test_a (dynamic)": "known"}).good
    assert judge([replace(dynamic, state=check.UNSUPPORTED)], {}).good
    assert judge([dynamic], {"test_a": "fails in its own way"}).good
    assert not judge([dynamic], {"test_a (constant)": "known"}).good
    assert judge([replace(dynamic, state=check.PASSED)], {"test_a": "fails in its own way"}).good
    assert not judge([replace(dynamic, state=check.PASSED)], {"test_a (dynamic)": "known"}).good


def test_a_line_of_what_did_not_run_stays(tmp_path):
    path = tmp_path / "list.txt"
    write_expected(path, [outcome("test_a", check.WRONG)], {"test_b (constant)": "y"})
    assert read_expected(path) == {"test_a": "wrong: why", "test_b (constant)": "y"}


@pytest.mark.parametrize("way", ["dynamic", "constant"])
def test_inputs_in_another_way(way):
    info = onnx.helper.make_tensor_value_info
    inputs = [info("x", onnx.TensorProto.FLOAT, [2, 3]), info("shape", onnx.TensorProto.INT64, [1])]
    node = onnx.helper.make_node("Reshape", ["x", "shape"], ["y"])
    model = onnx.helper.make_model(
        onnx.helper.make_graph([node], "g", inputs, [info("y", onnx.TensorProto.FLOAT, [6])])
    )
    x, shape = np.zeros((2, 3), np.float32), np.array([6])
    changed, given = in_way(model, [x, shape], way)
    dims = [[d.dim_param or d.dim_value for d in i.type.tensor_type.shape.dim] for i in changed.graph.input]
    assert dims == ([["x_0", "x_1"], [1]] if way == "dynamic" else [[2, 3]])
    assert [t.name for t in changed.graph.initializer] == ([] if way == "dynamic" else ["shape"])
    assert [id(a) for a in given] == [id(a) for a in ([x, shape] if way == "dynamic" else [x])]
    assert not changed.graph.output[0].type.tensor_type.HasField("shape")
    assert len(model.graph.input) == 2 and model.graph.output[0].type.tensor_type.HasField("shape")
    only = in_way(backend.one_node_model(onnx.helper.make_node("Relu", ["x"], ["y"]), [x], 21), [x], way)
    assert len(only[1]) == (1 if way == "dynamic" else 0)


@pytest.mark.parametrize(
    ("body", "state", "limit"),
    [("sys.exit(3)", check.CRASHED, 60.0), ("time.sleep(60)", check.HUNG, 0.5)],
)
def test_a_worker_that_dies_or_hangs_costs_one_test(tmp_path, monkeypatch, body, state, limit):
    script = tmp_path / "worker.sh"
    script.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "import sys, time; sys.stdin.readline(); {body}"\n'
    )
    script.chmod(0o755)
    monkeypatch.setattr(pool.sys, "executable", str(script))
    tests = [(Test("node", f"test_{i}", tmp_path), way) for i, way in enumerate(["static", "dynamic"])]
    found = pool.run_tests(tests, 1, limit)
    assert [o.state for o in found] == [state, state]
    assert [o.key for o in found] == ["test_0", "test_1 (dynamic)"]


def test_run_node():
    node = onnx.helper.make_node("Add", ["a", "b"], ["y"])
    (y,) = backend.run_node(node, [np.float32([1, 2]), np.float32([3, 4])])
    np.testing.assert_array_equal(y, np.float32([4, 6]))
    assert backend.supports_device("CPU") and not backend.supports_device("CUDA")


def test_a_sequence_goes_in_and_out():
    kind = onnx.helper.make_tensor_sequence_value_info("xs", onnx.TensorProto.FLOAT, None)
    out = onnx.helper.make_tensor_sequence_value_info("ys", onnx.TensorProto.FLOAT, None)
    at = onnx.helper.make_tensor_value_info("at", onnx.TensorProto.INT64, [])
    node = onnx.helper.make_node("SequenceErase", ["xs", "at"], ["ys"])
    model = onnx.helper.make_model(
        onnx.helper.make_graph([node], "g", [kind, at], [out]),
        opset_imports=[onnx.helper.make_opsetid("", 17)],
    )
    program = backend.prepare(model)
    xs = [np.float32([1]), np.float32([2, 3]), np.float32([4])]
    (ys,) = program.run([xs, np.int64(1)])
    assert [y.tolist() for y in ys] == [[1], [4]]
    (ys,) = program.run([xs[:2], np.int64(0)])
    assert [y.tolist() for y in ys] == [[2, 3]]


def test_what_is_not_supported_says_so_by_node():
    x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [2])
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [2])
    node = onnx.helper.make_node("NoSuchOperator", ["x"], ["y"], name="culprit")
    with pytest.raises(AiccError, match="AICC-1003.*culprit"):
        backend.prepare(onnx.helper.make_model(onnx.helper.make_graph([node], "g", [x], [y])))
