"""Nodes of com.microsoft and ai.onnx.ml against ONNX Runtime, with static shapes and with symbols for some sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime

from test.ops import rig

Array = np.ndarray[Any, Any]


def node_model(
    op: str,
    inputs: Sequence[Array | None],
    outputs: Sequence[str],
    attrs: Mapping[str, Any],
    domain: str,
    *,
    symbols: Mapping[int, str] | None = None,
    constant: Sequence[int] = (),
    version: int = 1,
) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """A model of one node; `symbols` names the sizes that are dynamic, `constant` inputs are initializers."""
    graph = onnx.GraphProto(name="test")
    names = ["" if x is None else f"x{k}" for k, x in enumerate(inputs)]
    graph.node.append(onnx.helper.make_node(op, names, outputs, name=op, domain=domain, **attrs))
    feeds: dict[str, Array] = {}
    for k, x in enumerate(inputs):
        if x is None:
            continue
        if k in constant:
            graph.initializer.append(onnx.numpy_helper.from_array(x, names[k]))
            continue
        shape = [(symbols or {}).get(d, d) for d in x.shape]
        code = onnx.helper.np_dtype_to_tensor_dtype(x.dtype)
        graph.input.append(onnx.helper.make_tensor_value_info(names[k], code, shape))
        feeds[names[k]] = x
    graph.output.extend(onnx.ValueInfoProto(name=o) for o in outputs if o)
    opsets = [onnx.helper.make_opsetid("", 21)]
    if domain:
        opsets.append(onnx.helper.make_opsetid(domain, version))
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10), feeds


def by_ort(model: onnx.ModelProto, feeds: Mapping[str, Array]) -> list[Any]:
    """ONNX Runtime's results, on the CPU and without its own optimizer."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return list(session.run(None, dict(feeds)))


def check(
    op: str,
    *inputs: Array | None,
    outputs: int | Sequence[str] = 1,
    domain: str = "com.microsoft",
    symbols: Mapping[int, str] | None = None,
    constant: Sequence[int] = (),
    version: int = 1,
    expected: Sequence[Array] | None = None,
    tolerance: float | None = None,
    **attrs: Any,
) -> list[Array]:
    """Asserts that a node gives ONNX Runtime's results (or `expected`); with `symbols`, dynamic as well.

    `tolerance` is the largest error, for results that are rounded to steps. Returns the results.
    """
    names = [f"y{i}" for i in range(outputs)] if isinstance(outputs, int) else list(outputs)
    got: list[Array] = []
    for dynamic in (None, symbols) if symbols else (None,):
        model, feeds = node_model(
            op, inputs, names, attrs, domain, symbols=dynamic, constant=constant, version=version
        )
        if expected is None:
            expected = by_ort(model, feeds)
        for output in model.graph.output:
            output.CopyFrom(onnx.helper.make_tensor_value_info(output.name, 0, None))
        got = rig.execute(model, feeds)
        assert len(got) == len(expected)
        for i, (have, want) in enumerate(zip(got, expected, strict=True)):
            what = f"{op}, output {i}, {'dynamic' if dynamic else 'static'}"
            if tolerance is None:
                rig.assert_close(have, np.asarray(want), what)
            else:
                assert have.dtype == want.dtype and have.shape == want.shape, what
                np.testing.assert_allclose(
                    have.astype(np.float64), want.astype(np.float64), rtol=0, atol=tolerance, err_msg=what
                )
    return got
