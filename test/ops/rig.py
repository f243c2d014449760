"""Runs one ONNX operator through the compiler and compares it with the ONNX reference.

    check("Softmax", x, axis=1)                     # static, dynamic dims, and constant inputs
    check("Add", a, b, modes=("static",))
    check("Clip", x, low, None, outputs=1, constant=(1,))

Two back ends: the compiler itself (`RIG_OPT_LEVEL=1`), and MLIR's own passes and JIT on the linalg stage
(`RIG_BACK_END=upstream`), which tells whether a wrong number comes from a lowering to linalg or from the
stages after it.
"""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
from aicc.dialects.types import DType
from onnx.reference import ReferenceEvaluator

from test.ops.upstream import run_upstream

Array = np.ndarray[Any, Any]
MODES = ("static", "dynamic", "constant")
TOLERANCE = {"float64": 1e-9, "float32": 2e-5, "float16": 2e-3, "bfloat16": 1.6e-2}


def op_model(
    op: str,
    inputs: Sequence[Array | None],
    attrs: dict[str, Any],
    *,
    outputs: int | Sequence[str] = 1,
    opset: int = 23,
    domain: str = "",
    dynamic: bool = False,
    constant: Sequence[int] = (),
) -> onnx.ModelProto:
    """A model of one node. `dynamic`: every dim has a name; inputs `constant` are initializers."""
    names = ["" if x is None else f"x{i}" for i, x in enumerate(inputs)]
    out_names = [f"y{i}" for i in range(outputs)] if isinstance(outputs, int) else list(outputs)
    node = onnx.helper.make_node(op, names, out_names, name="node", domain=domain, **attrs)
    graph = onnx.GraphProto(name="test", node=[node])
    for i, x in enumerate(inputs):
        if x is None:
            continue
        if i in constant:
            graph.initializer.append(onnx.numpy_helper.from_array(x, names[i]))
        else:
            shape = [f"n{d}" if dynamic and d != 1 else d for d in x.shape]
            code = DType.from_numpy(x.dtype).onnx
            graph.input.append(onnx.helper.make_tensor_value_info(names[i], code, shape))
    graph.output.extend(onnx.helper.make_tensor_value_info(o, 0, None) for o in out_names if o)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])
    if domain:
        model.opset_import.append(onnx.helper.make_opsetid(domain, 1))
    return model


def check(
    op: str,
    *inputs: Array | None,
    outputs: int | Sequence[str] = 1,
    opset: int = 23,
    domain: str = "",
    modes: Sequence[str] = MODES,
    constant: Sequence[int] = (),
    expected: Sequence[Array] | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    **attrs: Any,
) -> None:
    """Asserts that `op` gives what the ONNX reference (or `expected`) does, in every mode.

    `constant` inputs are constant in all modes; mode "constant" makes all but the first one so.
    """
    for mode in modes:
        const = set(constant) | (set(range(1, len(inputs))) if mode == "constant" else set())
        if mode == "constant" and len(const) == len(set(constant)) and len(modes) > 1:
            continue
        model = op_model(
            op,
            inputs,
            attrs,
            outputs=outputs,
            opset=opset,
            domain=domain,
            dynamic=mode == "dynamic",
            constant=sorted(const),
        )
        feeds = {f"x{i}": x for i, x in enumerate(inputs) if x is not None and i not in const}
        check_model(model, feeds, expected=expected, rtol=rtol, atol=atol, what=f"{op} ({mode})")


def check_model(
    model: onnx.ModelProto,
    feeds: dict[str, Array],
    *,
    expected: Sequence[Array] | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    what: str = "model",
) -> None:
    """Asserts that a model gives what the ONNX reference (or `expected`) does."""
    if expected is None:
        with np.errstate(all="ignore"):
            expected = ReferenceEvaluator(model).run(None, feeds)
    got = execute(model, feeds)
    assert len(got) == len(expected), f"{what}: {len(got)} outputs, expected {len(expected)}"
    for i, (have, want) in enumerate(zip(got, expected, strict=True)):
        assert_close(have, np.asarray(want), f"{what}, output {i}", rtol, atol)


def assert_close(
    have: Array, want: Array, what: str, rtol: float | None = None, atol: float | None = None
) -> None:
    """Same dtype and shape; floats within the tolerance of their dtype, everything else equal."""
    assert have.dtype == want.dtype, f"{what}: dtype {have.dtype}, expected {want.dtype}"
    assert have.shape == want.shape, f"{what}: shape {have.shape}, expected {want.shape}"
    tolerance = TOLERANCE.get(str(want.dtype))
    if tolerance is None:
        np.testing.assert_array_equal(have, want, err_msg=what)
        return
    rtol = tolerance if rtol is None else rtol
    atol = rtol if atol is None else atol
    np.testing.assert_allclose(have.astype(np.float64), want.astype(np.float64), rtol, atol, err_msg=what)


def execute(model: onnx.ModelProto, feeds: dict[str, Array]) -> list[Array]:
    """The model's outputs by the back end in use."""
    return _back_end()(model, feeds)


@functools.cache
def _back_end() -> Callable[[onnx.ModelProto, dict[str, Array]], list[Array]]:
    if os.environ.get("RIG_BACK_END") == "upstream" or not hasattr(importlib.import_module("aicc"), "compile"):
        return run_upstream
    return _run_compiled


def _run_compiled(model: onnx.ModelProto, feeds: dict[str, Array]) -> list[Array]:
    aicc = importlib.import_module("aicc")
    out = aicc.compile(model, opt_level=int(os.environ.get("RIG_OPT_LEVEL", "1")))(**feeds)
    return [np.asarray(y) for y in (out if isinstance(out, (list, tuple)) else [out])]
