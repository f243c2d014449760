"""Runs ONNX operators through the compiler and compares it with the ONNX reference.

    check("Softmax", x, axis=1)                     # static, dynamic dims, and constant inputs
    check("Clip", x, low, None, constant=(1,), modes=("static",))
    check_all([case("Add", a, b), case("Mul", a, b)])   # many in one compile

Two back ends: the compiler itself (`RIG_OPT_LEVEL=1`, `RIG_TARGET=simt`), and MLIR's own passes and JIT on the
linalg stage (`RIG_BACK_END=upstream`), which tells whether a wrong number comes from a lowering to linalg or from
the stages after it.
"""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
from onnx.reference import ReferenceEvaluator

from aicc.dialects.types import DType
from test.ops.upstream import run_upstream

Array = np.ndarray[Any, Any]
MODES = ("static", "dynamic", "constant")
TOLERANCE = {"float64": 1e-9, "float32": 2e-5, "float16": 2e-3, "bfloat16": 1.6e-2}

RANK_OPERANDS = {
    "ConstantOfShape": (0,),
    "Expand": (1,),
    "Pad": (1, 3),
    "Reshape": (1,),
    "Resize": (1, 2, 3),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "Tile": (1,),
    "Upsample": (1,),
}
"""Inputs whose size says a rank, or a number of outputs: static also in mode "dynamic"."""


@dataclass(frozen=True)
class Case:
    """One node: its inputs (None: absent), attributes and outputs ("": not wanted).

    `constant` inputs are initializers in all modes; `expected` replaces the ONNX reference.
    """

    op: str
    inputs: Sequence[Array | None]
    attrs: dict[str, Any] = field(default_factory=dict)
    outputs: int | Sequence[str] = 1
    domain: str = ""
    constant: Sequence[int] = ()
    expected: Sequence[Array] | None = None
    rtol: float | None = None
    atol: float | None = None

    def output_names(self, prefix: str) -> list[str]:
        if isinstance(self.outputs, int):
            return [f"{prefix}y{i}" for i in range(self.outputs)]
        return [f"{prefix}{o}" if o else "" for o in self.outputs]


def case(op: str, *inputs: Array | None, **settings: Any) -> Case:
    """A `Case`; what is none of its fields is an attribute of the node."""
    own = {k: settings.pop(k) for k in list(settings) if k in Case.__dataclass_fields__}
    return Case(op, inputs, settings, **own)


def check(
    op: str, *inputs: Array | None, opset: int = 23, modes: Sequence[str] = MODES, **settings: Any
) -> None:
    """Asserts that `op` gives what the ONNX reference (or `expected`) does, in every mode."""
    check_all([case(op, *inputs, **settings)], opset=opset, modes=modes)


def check_all(cases: Sequence[Case], *, opset: int = 23, modes: Sequence[str] = MODES) -> None:
    """`check` for many nodes at once: they become one model per mode, compiled once.

    Modes: "static"; "dynamic", where every dim but 1 has a name (equal sizes of a case have one name);
    "constant", where all inputs of a case but the first are initializers.
    """
    for mode in modes:
        model, feeds = _model(cases, opset, mode)
        got = iter(execute(model, feeds))
        reference: Any = None
        for i, c in enumerate(cases):
            names = [o for o in c.output_names(f"c{i}_") if o]
            expected = c.expected
            if expected is None:
                if reference is None:
                    reference = _reference(model, feeds, cases)
                expected = [reference[o] for o in names]
            attrs = ", ".join(f"{k}={v}" for k, v in c.attrs.items())
            what = f"{c.op}({attrs}) {[None if x is None else (str(x.dtype), x.shape) for x in c.inputs]} ({mode})"
            for o, want in zip(names, expected, strict=True):
                assert_close(next(got), np.asarray(want), f"{what}, output {o}", c.rtol, c.atol)


def _model(cases: Sequence[Case], opset: int, mode: str) -> tuple[onnx.ModelProto, dict[str, Array]]:
    graph = onnx.GraphProto(name="test")
    feeds: dict[str, Array] = {}
    for i, c in enumerate(cases):
        names = ["" if x is None else f"c{i}_x{k}" for k, x in enumerate(c.inputs)]
        outputs = c.output_names(f"c{i}_")
        node = onnx.helper.make_node(c.op, names, outputs, name=f"{c.op}_{i}", domain=c.domain, **c.attrs)
        graph.node.append(node)
        for k, x in enumerate(c.inputs):
            if x is None:
                continue
            if k in c.constant or (mode == "constant" and k > 0):
                graph.initializer.append(onnx.numpy_helper.from_array(x, names[k]))
                continue
            dynamic = mode == "dynamic" and k not in RANK_OPERANDS.get(c.op, ())
            shape = [f"c{i}_n{d}" if dynamic and d != 1 else d for d in x.shape]
            code = DType.from_numpy(x.dtype).onnx
            graph.input.append(onnx.helper.make_tensor_value_info(names[k], code, shape))
            feeds[names[k]] = x
        graph.output.extend(onnx.helper.make_tensor_value_info(o, 0, None) for o in outputs if o)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])
    for domain in sorted({c.domain for c in cases if c.domain}):
        model.opset_import.append(onnx.helper.make_opsetid(domain, 1))
    return model, feeds


def one_node(
    op: str, inputs: Sequence[Array | None], attrs: dict[str, Any], outputs: int, opset: int
) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """A static model of one node, and its feeds."""
    return _model([Case(op, inputs, attrs, outputs)], opset, "static")


def _reference(model: onnx.ModelProto, feeds: dict[str, Array], cases: Sequence[Case]) -> dict[str, Array]:
    """Outputs of the cases without `expected`, by name."""
    wanted = onnx.ModelProto()
    wanted.CopyFrom(model)
    skipped = {f"{c.op}_{i}" for i, c in enumerate(cases) if c.expected is not None}
    kept = [n for n in model.graph.node if n.name not in skipped]
    del wanted.graph.node[:]
    wanted.graph.node.extend(kept)
    names = [o for n in kept for o in n.output if o]
    del wanted.graph.output[:]
    wanted.graph.output.extend(onnx.helper.make_tensor_value_info(o, 0, None) for o in names)
    with np.errstate(all="ignore"):
        return dict(zip(names, ReferenceEvaluator(wanted).run(None, feeds), strict=True))


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
    if os.environ.get("RIG_BACK_END") == "upstream" or not hasattr(
        importlib.import_module("aicc"), "compile"
    ):
        return run_upstream
    return _run_compiled


def _run_compiled(model: onnx.ModelProto, feeds: dict[str, Array]) -> list[Array]:
    aicc = importlib.import_module("aicc")
    target = os.environ.get("RIG_TARGET", "cpu")
    out = aicc.compile(model, target, opt_level=int(os.environ.get("RIG_OPT_LEVEL", "1")))(**feeds)
    return [np.asarray(y) for y in (out if isinstance(out, (list, tuple)) else [out])]
