"""Maps as inputs: dicts in Python, keys and values in C."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

import aicc
from aicc.errors import AiccError
from aicc.runtime.values import MAP

INT, FLOAT, DOUBLE, STRING = TensorProto.INT64, TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.STRING


def model(op: str, key: int, value: int, **attributes: Any) -> onnx.ModelProto:
    of = helper.make_map_type_proto(key, helper.make_tensor_type_proto(value, None))
    node = helper.make_node(op, ["m"], ["y"], "n1", domain="ai.onnx.ml", **attributes)
    outputs = [onnx.ValueInfoProto(name="y")]
    graph = helper.make_graph([node], "g", [helper.make_value_info("m", of)], outputs)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


WORDS: dict[str, Any] = {"string_vocabulary": ["c", "b", "é", "a"]}
NUMBERS: dict[str, Any] = {"int64_vocabulary": [7, -1, 3]}
LISTS: list[tuple[Any, Any]] = [
    (model("DictVectorizer", STRING, FLOAT, **WORDS), [{"a": 1.5, "é": 2.5}, {}, {"q": 1.0, "c": -0.5}]),
    (model("DictVectorizer", INT, FLOAT, **NUMBERS), [{3: 1.5, 9: 2.5}, {7: 1.0, -1: 2.0, 3: 3.0}, {}]),
    (model("CastMap", INT, FLOAT), [{3: 1.7, 1: -2.5}, {9: 1.0, -5: 2.0, 0: 3.0}, {4: 4.0}]),
    (model("CastMap", INT, FLOAT, cast_to="TO_INT64"), [{3: 1.7, 1: -2.5}]),
    (
        model("CastMap", INT, FLOAT, map_form="SPARSE", max_map=6),
        [{3: 1.7, 1: -2.5}, {0: 1.0, 5: 2.0, 6: 3.0}, {}],
    ),
]


@pytest.mark.parametrize("case", range(len(LISTS)))
def test_against_onnx_runtime(case: int) -> None:
    made, values = LISTS[case]
    ours, theirs = (
        aicc.InferenceSession(made.SerializeToString()),
        onnxruntime.InferenceSession(made.SerializeToString()),
    )
    assert [(i.name, i.type) for i in ours.get_inputs()] == [(i.name, i.type) for i in theirs.get_inputs()]
    for value in values:
        (found,) = ours.run(None, {"m": value})
        np.testing.assert_array_equal(ours.executable(m=value), found)
        if not value:  # onnxruntime takes no empty dict
            np.testing.assert_array_equal(found, np.zeros_like(found))
            continue
        (want,) = theirs.run(None, {"m": value})
        assert found.dtype == want.dtype and found.shape == want.shape
        np.testing.assert_array_equal(found, want)


@pytest.mark.parametrize(
    ("key", "value", "vocabulary", "given"),
    [(STRING, INT, WORDS, {"a": 2, "c": -(2**40)}), (INT, DOUBLE, NUMBERS, {3: 0.1, -1: 7.5})],
)
def test_against_the_reference(key: int, value: int, vocabulary: Any, given: Any) -> None:
    made = model("DictVectorizer", key, value, **vocabulary)
    (want,) = ReferenceEvaluator(made).run(None, {"m": given})
    found = aicc.compile(made)(m=given)
    np.testing.assert_array_equal(found[0], want)
    assert found.shape == (1, len(want)) and found.dtype == helper.tensor_dtype_to_np_dtype(value)


def test_strings() -> None:
    exe = aicc.compile(model("DictVectorizer", INT, STRING, **NUMBERS))
    assert exe(m={3: "x", 7: "é"}).tolist() == [["é", "", "x"]]
    exe = aicc.compile(model("CastMap", INT, STRING, cast_to="TO_FLOAT"))
    assert exe(m={9: "1.5", 2: "-3e2"}).tolist() == [[-300.0, 1.5]]
    exe = aicc.compile(model("CastMap", INT, STRING, cast_to="TO_STRING", map_form="SPARSE", max_map=3))
    assert exe(m={2: "c", 0: "a"}).tolist() == [["a", "", "c"]]


def test_what_the_library_says() -> None:
    exe = aicc.compile(model("CastMap", INT, FLOAT))
    ((value),) = exe.input_values
    assert (value.kind, value.type, value.first, value.count) == (MAP, "map(int64,tensor(float))", 0, 2)
    assert [str(i) for i in exe.inputs] == ["m.keys: int64[m.length]", "m.values: float32[m.length]"]
    (found,) = exe.run([np.array([1, 5]), np.array([2.0, 3.0], np.float32)])
    np.testing.assert_array_equal(found, [[2, 3]])
    with pytest.raises(AiccError, match="'m.length'") as caught:
        exe.run([np.array([1, 5]), np.array([2.0], np.float32)])
    assert caught.value.code == "AICC-5002"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1.0], "'m' is a list; the model wants a dict"),
        ({"a": 1.0}, "has the key 'a'; the model wants integers"),
        ({1: "b"}, "has the value 'b'"),
        ({2**70: 1.0}, "'m' is no map of numbers"),
    ],
)
def test_other_values(value: Any, message: str) -> None:
    with pytest.raises(AiccError, match=message) as caught:
        aicc.compile(model("CastMap", INT, FLOAT))(m=value)
    assert caught.value.code == "AICC-5002"


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (model("DictVectorizer", STRING, FLOAT, **NUMBERS), "the vocabulary does not fit"),
        (model("DictVectorizer", STRING, FLOAT), "one of string_vocabulary"),
        (model("CastMap", STRING, FLOAT), "expected were 64-bit integers"),
        (model("CastMap", INT, FLOAT, cast_to="TO_STRING"), "numbers are not made strings"),
        (model("CastMap", INT, FLOAT, map_form="SPARSE", max_map=-1), "'max_map' is -1"),
        (model("CastMap", INT, FLOAT, cast_to="TO_NOTHING"), "TO_NOTHING"),
    ],
)
def test_what_is_refused(made: Any, message: str) -> None:
    with pytest.raises(AiccError, match=message) as caught:
        aicc.compile(made)
    assert caught.value.code in ("AICC-1004", "AICC-1006") and "n1" in str(caught.value.node)
