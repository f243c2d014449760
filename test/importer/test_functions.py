"""Operators that ONNX defines as functions of others: their bodies are written for the call at hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx.onnx_pb import TensorProto
from onnx.reference import ReferenceEvaluator

import aicc
from aicc.errors import ImportError_
from aicc.importer import registry

FLOAT = TensorProto.FLOAT


def model(
    nodes: list[Any], inputs: dict[str, list[Any]], outputs: list[str], **kwargs: Any
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "functions",
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs],
    )
    imports = [helper.make_opsetid("", kwargs.pop("opset", onnx.defs.onnx_opset_version()))]
    imports += [helper.make_opsetid(domain, 1) for domain in {n.domain for n in nodes} - {""}]
    return helper.make_model(graph, opset_imports=imports, **kwargs)


@pytest.mark.parametrize("present", [(), ("past",), ("decay", "beta"), ("past", "decay", "beta")])
def test_optional_inputs_of_a_function(present: tuple[str, ...]) -> None:
    """Linear attention with some of its inputs; two calls, whose inner names must not meet."""
    rules = {
        (False, False): "linear",
        (True, False): "gated",
        (False, True): "delta",
        (True, True): "gated_delta",
    }
    rule = rules["decay" in present, "beta" in present]
    heads, size, steps = 2, 3, 5
    inputs = {name: ["b", steps, heads * size] for name in ("q", "k", "v")}
    extra = {
        "past": ["b", heads, size, size],
        "decay": ["b", steps, heads * size],
        "beta": ["b", steps, heads],
    }
    inputs |= {name: extra[name] for name in present}
    names = ["q", "k", "v", *(name if name in present else "" for name in extra)]
    attributes = {"q_num_heads": heads, "kv_num_heads": heads, "update_rule": rule}
    second = ["y", *names[1:]]
    m = model(
        [
            helper.make_node("LinearAttention", names, ["y", "s"], **attributes),
            helper.make_node("LinearAttention", second, ["z", ""], **attributes),
        ],
        inputs,
        ["y", "s", "z"],
    )
    rng = np.random.default_rng(0)
    feed = {
        name: (rng.random([2 if d == "b" else d for d in shape]) * (-0.5 if name == "decay" else 0.5)).astype(
            "f4"
        )
        for name, shape in inputs.items()
    }
    exe = aicc.compile(m, dims={"b": 2}, jobs=0, cache=False)
    for found, want in zip(exe(feed), ReferenceEvaluator(m).run(None, feed), strict=True):
        np.testing.assert_allclose(found, want, rtol=2e-5, atol=2e-6)


def test_attributes_of_a_model_function_reach_its_subgraphs() -> None:
    """An attribute that refers to the function's, inside a branch, within a function that calls another."""
    branch = helper.make_graph(
        [helper.make_node("LeakyRelu", ["x"], ["r"])],
        "then",
        [],
        [helper.make_tensor_value_info("r", FLOAT, None)],
    )
    branch.node[0].attribute.append(
        onnx.AttributeProto(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT)
    )
    other = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["r"])], "else", [], [helper.make_tensor_value_info("r", FLOAT, None)]
    )
    imports = [helper.make_opsetid("", 18)]
    inner = helper.make_function(
        "local",
        "Inner",
        ["x"],
        ["y"],
        [
            helper.make_node(
                "Constant", [], ["c"], value=helper.make_tensor("c", TensorProto.BOOL, [], [True])
            ),
            helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=other),
        ],
        imports,
        ["slope"],
    )
    m = model(
        [
            helper.make_node("Inner", ["x"], ["a"], domain="local", slope=0.25),
            helper.make_node("Inner", ["a"], ["y"], domain="local", slope=0.5),
        ],
        {"x": [4]},
        ["y"],
        opset=18,
        functions=[inner],
    )
    x = np.asarray([-8, -1, 0, 3], np.float32)
    found = aicc.compile(m, jobs=0, cache=False)(x)
    np.testing.assert_array_equal(found, [-1, -0.125, 0, 3])


def test_a_function_that_does_not_cover_the_call_is_refused_by_name() -> None:
    node = helper.make_node("LinearAttention", ["q"], ["y"], name="here", q_num_heads=1, kv_num_heads=1)
    with pytest.raises(ImportError_, match="here"):
        aicc.compile(model([node], {"q": [1, 2, 3]}, ["y"]), jobs=0, cache=False)


def test_a_definition_for_static_sizes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of channels is a number in its body, which is asked for where the operator has no rule."""
    monkeypatch.delitem(registry.rules(), ("", "CausalConvWithState"))
    node = helper.make_node("CausalConvWithState", ["x", "w"], ["y", "state"], name="here")
    shapes = {"x": ["b", "c", "n"], "w": ["c", 1, 3]}
    with pytest.raises(ImportError_, match="only for sizes that are known here") as caught:
        aicc.compile(model([node], shapes, ["y", "state"], ir_version=13))
    assert caught.value.code == "AICC-1005" and "here" in str(caught.value.node)
