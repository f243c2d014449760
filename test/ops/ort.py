"""ONNX Runtime as the oracle, where the ONNX reference implementation is known to be wrong or slow."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime

from test.ops import rig

Array = np.ndarray[Any, Any]


def ort(op: str, *inputs: Array | None, opset: int = 21, outputs: int = 1, **attrs: Any) -> list[Array]:
    """The outputs of one node by ONNX Runtime."""
    model, feeds = rig.one_node(op, inputs, attrs, outputs, opset)
    for output in model.graph.output:
        output.ClearField("type")  # inferred
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return [np.asarray(y) for y in session.run(None, feeds)]


def check_ort(
    op: str,
    *inputs: Array | None,
    opset: int = 21,
    outputs: int = 1,
    constant: Any = (),
    modes: Any = rig.MODES,
    rtol: float | None = None,
    atol: float | None = None,
    **attrs: Any,
) -> None:
    """`rig.check` against ONNX Runtime."""
    rig.check(
        op,
        *inputs,
        opset=opset,
        outputs=outputs,
        constant=constant,
        modes=modes,
        rtol=rtol,
        atol=atol,
        expected=ort(op, *inputs, opset=opset, outputs=outputs, **attrs),
        **attrs,
    )
