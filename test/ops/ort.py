"""ONNX Runtime as the oracle, where the ONNX reference implementation is known to be wrong or slow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime

from test.ops import rig

Array = np.ndarray[Any, Any]
OPSET = 21
"""The newest one that ONNX Runtime takes without a warning."""


def ort(op: str, *inputs: Array | None, opset: int = OPSET, outputs: int = 1, **attrs: Any) -> list[Array]:
    """The outputs of one node by ONNX Runtime."""
    model, feeds = rig.one_node(op, inputs, attrs, outputs, opset)
    for output in model.graph.output:
        output.ClearField("type")  # inferred
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return [np.asarray(y) for y in session.run(None, feeds)]


def ort_case(
    op: str,
    *inputs: Array | None,
    opset: int = OPSET,
    outputs: int = 1,
    constant: Sequence[int] = (),
    **attrs: Any,
) -> rig.Case:
    """A `rig.case` whose expected results are ONNX Runtime's."""
    expected = ort(op, *inputs, opset=opset, outputs=outputs, **attrs)
    return rig.case(op, *inputs, outputs=outputs, constant=constant, expected=expected, **attrs)


def check_ort(
    op: str, *inputs: Array | None, opset: int = OPSET, modes: Any = rig.MODES, **settings: Any
) -> None:
    """`rig.check` against ONNX Runtime."""
    rig.check_all([ort_case(op, *inputs, opset=opset, **settings)], opset=opset, modes=modes)
