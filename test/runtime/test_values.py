"""Results that are no tensors in ONNX, as onnxruntime gives them, and what C programs learn of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

import aicc
from aicc.errors import AiccError, RuntimeError_
from aicc.runtime.values import EMPTY, MAPS, SEQUENCE, TENSOR

from .conftest import WARNINGS, cc
from .test_c_programs import INCLUDE, run

FLOAT = TensorProto.FLOAT
ROWS = np.random.default_rng(3).standard_normal((3, 4)).astype(np.float32)
TENSOR_TYPE = helper.make_tensor_type_proto(FLOAT, None)


def model(nodes: list[Any], outputs: list[Any], shape: list[Any] | None = None) -> bytes:
    inputs = [helper.make_tensor_value_info("x", FLOAT, shape or ["n", 4])]
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 3)]
    graph = helper.make_graph(nodes, "g", inputs, outputs)
    return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()


def classifier(keys: list[Any]) -> bytes:
    """A linear classifier whose scores end in a ZipMap, as converters from scikit-learn write them."""
    is_text = isinstance(keys[0], str)
    labels = "classlabels_strings" if is_text else "classlabels_ints"
    code = TensorProto.STRING if is_text else TensorProto.INT64
    linear = helper.make_node(
        "LinearClassifier",
        ["x"],
        ["label", "scores"],
        domain="ai.onnx.ml",
        coefficients=np.linspace(-1, 1, 12).tolist(),
        intercepts=[0.1, 0.2, 0.3],
        post_transform="SOFTMAX",
        **{labels: keys},
    )
    labels = "classlabels_strings" if is_text else "classlabels_int64s"
    zipped = helper.make_node("ZipMap", ["scores"], ["all"], domain="ai.onnx.ml", **{labels: keys})
    maps = helper.make_sequence_type_proto(helper.make_map_type_proto(code, TENSOR_TYPE))
    outputs = [helper.make_tensor_value_info("label", code, ["n"]), helper.make_value_info("all", maps)]
    return model([linear, zipped], outputs)


@pytest.mark.parametrize("keys", [["cat", "owé", "dog"], [7, -3, 9]], ids=str)
def test_maps(keys: list[Any]) -> None:
    data = classifier(keys)
    session, other = aicc.InferenceSession(data), onnxruntime.InferenceSession(data)
    (label, maps), (their_label, their_maps) = (s.run(None, {"x": ROWS}) for s in (session, other))
    assert label.tolist() == their_label.tolist()
    assert [list(m) for m in maps] == [keys] * 3
    assert {type(v) for m in maps for v in m.values()} == {float}
    for ours, theirs in zip(maps, their_maps, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-6)
    assert [(o.name, o.type, o.shape) for o in session.get_outputs()] == [
        (o.name, o.type, o.shape) for o in other.get_outputs()
    ]
    assert session.run(["all"], {"x": ROWS[:0]}) == [[]]
    assert session.executable(ROWS)[1] == maps
    (table,) = (a for a in session.executable.run([ROWS]) if a.ndim == 2)
    assert table.tolist() == [list(m.values()) for m in maps]


def test_one_row_without_a_batch() -> None:
    """A vector is one map."""
    zipped = helper.make_node("ZipMap", ["x"], ["y"], domain="ai.onnx.ml", classlabels_int64s=[5, 6, 7])
    maps = helper.make_sequence_type_proto(helper.make_map_type_proto(TensorProto.INT64, TENSOR_TYPE))
    exe = aicc.compile(model([zipped], [helper.make_value_info("y", maps)], ["c"]))
    assert exe(np.arange(3, dtype=np.float32)) == [{5: 0.0, 6: 1.0, 7: 2.0}]


def test_columns_and_keys_that_do_not_fit() -> None:
    zipped = helper.make_node(
        "ZipMap", ["x"], ["y"], "zip", domain="ai.onnx.ml", classlabels_int64s=[5, 6, 7]
    )
    maps = helper.make_sequence_type_proto(helper.make_map_type_proto(TensorProto.INT64, TENSOR_TYPE))
    outputs = [helper.make_value_info("y", maps)]
    with pytest.raises(AiccError, match="a column per class, of which there are 3") as caught:
        aicc.compile(model([zipped], outputs))
    assert "zip" in str(caught.value)
    with pytest.raises(RuntimeError_, match="4 columns for the 3 keys"):
        aicc.compile(model([zipped], outputs, ["n", "c"]))(ROWS)


def test_sequences_and_optionals() -> None:
    sequence = helper.make_sequence_type_proto(TENSOR_TYPE)
    data = model(
        [
            helper.make_node("SplitToSequence", ["x"], ["rows"], axis=0),
            helper.make_node("SequenceEmpty", [], ["none"]),
            helper.make_node("Optional", [], ["nothing"], type=TENSOR_TYPE),
            helper.make_node("Optional", ["x"], ["something"]),
            helper.make_node("Relu", ["x"], ["y"]),
        ],
        [
            helper.make_value_info("rows", sequence),
            helper.make_value_info("none", sequence),
            helper.make_value_info("nothing", helper.make_optional_type_proto(TENSOR_TYPE)),
            helper.make_value_info("something", helper.make_optional_type_proto(TENSOR_TYPE)),
            helper.make_tensor_value_info("y", FLOAT, [3, 4]),
        ],
        [3, 4],
    )
    session = aicc.InferenceSession(data)
    assert [v.kind for v in session.executable.values] == [SEQUENCE, SEQUENCE, EMPTY, TENSOR, TENSOR]
    rows, none, nothing, something, y = session.run(None, {"x": ROWS})
    assert [r.tolist() for r in rows] == ROWS[:, None].tolist()
    assert none == [] and nothing is None
    np.testing.assert_array_equal(something, ROWS)
    np.testing.assert_array_equal(y, np.maximum(ROWS, 0))
    assert [o.type for o in session.get_outputs()][:3] == [
        "seq(tensor(float))",
        "seq(tensor(float))",
        "optional(tensor(float))",
    ]
    assert [i.name for i in session.executable.outputs] == ["rows[0]", "rows[1]", "rows[2]", "something", "y"]


def test_kept_in_the_library(tmp_path: Path) -> None:
    path = tmp_path / "model.so"
    aicc.compile(classifier(["a", "b", "c"])).save(path)
    label, maps = aicc.load(path).values
    assert (label.kind, label.type) == (TENSOR, "tensor(string)")
    assert (maps.kind, maps.type, maps.keys) == (MAPS, "seq(map(string,tensor(float)))", ("a", "b", "c"))


def test_in_c(tmp_path: Path) -> None:
    aicc.compile(classifier(["a", "bc", "d"])).save(tmp_path / "model.so")
    source = tmp_path / "main.c"
    source.write_text(r"""
        #include <stdio.h>
        #include "aicc.h"
        int main(void) {
          for (int32_t i = 0; i < aicc_value_count(); i++) {
            const aicc_value *v = aicc_value_info(i);
            printf("%s %d %s %d+%d %d", v->name, v->kind, v->type, v->first, v->count, v->int_keys == 0);
            for (int64_t k = 0; k < v->n_keys; k++)
              printf(" %.*s", (int)v->string_keys[k].size, v->string_keys[k].data);
            puts("");
          }
          return aicc_value_info(-1) || aicc_value_info(2) || aicc_get_api()->value_count() != 2;
        }""")
    program = tmp_path / "main"
    cc("-std=gnu11", *WARNINGS, INCLUDE, source, tmp_path / "model.so", "-o", program)
    done = run(program)
    assert done.returncode == 0
    lines = ["label 0 tensor(string) 0+1 1", "all 3 seq(map(string,tensor(float))) 1+1 1 a bc d"]
    assert done.stdout.splitlines() == lines


def test_a_sequence_of_the_run_in_c(tmp_path: Path) -> None:
    """Taken and given as sizes and elements; the library finds memory for a result of any length."""
    text = """<ir_version: 8, opset_import: ["": 17]> g (seq(float[n,2]) xs, float[m,2] x) => (seq(float[n,2]) ys) {
      ys = SequenceInsert(xs, x) }"""
    aicc.compile(onnx.parser.parse_model(text)).save(tmp_path / "model.so")
    source = tmp_path / "main.c"
    source.write_text(r"""
        #include <stdio.h>
        #include "aicc.h"
        int main(void) {
          const aicc_value *in = aicc_input_value_info(0), *out = aicc_value_info(0);
          printf("%s %d %s %d+%d\n", in->name, in->kind, in->type, in->first, in->count);
          printf("%s %d %s %d+%d\n", out->name, out->kind, out->type, out->first, out->count);
          int64_t sizes[] = {1, 2, 2, 2}, sizes_shape[] = {2, 2}, six[] = {6}, x_shape[] = {1, 2};
          float elements[] = {1, 2, 3, 4, 5, 6}, x[] = {7, 8};
          DLTensor inputs[] = {aicc_tensor(sizes, aicc_int64, 2, sizes_shape),
                               aicc_tensor(elements, aicc_float32, 1, six), aicc_tensor(x, aicc_float32, 2, x_shape)};
          DLTensor outputs[2] = {{0}};
          aicc_context *ctx;
          if (aicc_context_create(&ctx) != AICC_OK) return 1;
          for (int round = 0; round < 2; round++) {
            outputs[0].data = outputs[1].data = NULL;
            if (aicc_run(ctx, inputs, 3, outputs, 2) != AICC_OK) return puts(aicc_last_error()), 1;
            for (int64_t i = 0; i < outputs[0].shape[0] * 2; i++) printf("%d ", (int)((int64_t *)outputs[0].data)[i]);
            for (int64_t i = 0; i < outputs[1].shape[0]; i++) printf("%g ", ((float *)outputs[1].data)[i]);
            puts("");
          }
          aicc_context_destroy(ctx);
          return aicc_input_value_count() != 2 || aicc_get_api()->input_value_count() != 2;
        }""")
    program = tmp_path / "main"
    cc("-std=gnu11", *WARNINGS, INCLUDE, source, tmp_path / "model.so", "-o", program)
    done = run(program)
    assert done.returncode == 0
    result = "1 2 2 2 1 2 1 2 3 4 5 6 7 8 "
    lines = ["xs 4 seq(tensor(float)) 0+2", "ys 4 seq(tensor(float)) 0+2", result, result]
    assert done.stdout.splitlines() == lines
