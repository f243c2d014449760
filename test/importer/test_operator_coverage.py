"""Which operators of the ONNX standard the importer does not take: each with its reason, and no other."""

from __future__ import annotations

import onnx
import onnx.defs
import pytest

from aicc.errors import AiccError
from aicc.importer.registry import normalize_domain, rules
from test.ops.rig import execute

WITHOUT_RULE = {
    ("ai.onnx.preview.training", "Gradient"): "differentiates a part of the graph: training",
}


def unknown() -> set[tuple[str, str]]:
    """Operators of any version that have neither a rule nor a definition as a function."""
    known = set(rules())
    out = set()
    for schema in onnx.defs.get_all_schemas_with_history():
        key = (normalize_domain(schema.domain), schema.name)
        function = getattr(schema, "has_function", False) or getattr(
            schema, "has_context_dependent_function", False
        )
        if key not in known and not function:
            out.add(key)
    return out


def test_every_operator_is_taken_or_has_a_reason() -> None:
    assert unknown() == set(WITHOUT_RULE)


@pytest.mark.parametrize("op", ["CastMap", "DictVectorizer"])
def test_what_reads_maps_takes_no_tensors(op: str) -> None:
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [2, 3])
    node = onnx.helper.make_node(op, ["x"], ["y"], name="here", domain="ai.onnx.ml")
    graph = onnx.helper.make_graph([node], "g", [value], [onnx.ValueInfoProto(name="y")])
    opsets = [onnx.helper.make_opsetid("", 21), onnx.helper.make_opsetid("ai.onnx.ml", 1)]
    with pytest.raises(AiccError, match="must be a map") as caught:
        execute(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10), {})
    assert caught.value.code == "AICC-1004" and "here" in str(caught.value.node)
