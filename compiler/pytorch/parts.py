"""Graphs of which ONNX has but a part: what it has is compiled, part by part; the rest runs in torch.

before: f(x) = linear(svd(relu(x @ w))[1])        an operator without ONNX: svd, or one of the user's own
after:  part_0(x) = relu(x @ w);  svd;  part_1(s) = linear(s)

Which operators torch's exporter translates is asked of the exporter itself, after its own decompositions.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind
from torch.fx import GraphModule, Node
from torch.fx.passes.infra.partitioner import CapabilityBasedPartitioner
from torch.fx.passes.operator_support import OperatorSupportBase

from aicc.errors import CompileError
from aicc.pytorch.constants import mark_state
from aicc.pytorch.export import exporting

_VIEWS = ("view", "permute", "transpose", "unsqueeze", "squeeze", "expand", "slice", "t", "alias", "detach")
_NO_WORK = tuple(
    f"torch.ops.aten.{name}.{way}" for name in _VIEWS for way in ("default", "int", "dim", "Tensor")
)
"""A part of these alone is not worth a call."""
_RETURNED = (OutputKind.USER_OUTPUT, OutputKind.LOSS_OUTPUT)
_CHECK = "aten::_assert"

Compile = Callable[[GraphModule, Sequence[Any]], Callable[..., tuple[Any, ...]]]
Values = Mapping[str, Any]


class Parts:
    """A graph as torch runs it, compiled parts among its operators: called with the inputs of `program`, `values` are
    what is not an input. Returns what the program returns, without what it writes to."""

    def __init__(self, module: GraphModule, program: ExportedProgram, values: Values) -> None:
        self._module = module
        signature = program.graph_signature
        names = [spec.arg.name for spec in signature.input_specs]
        self._values = [values.get(name) for name in names]
        self._given = [n for n, spec in enumerate(signature.input_specs) if spec.kind is InputKind.USER_INPUT]
        self._returned = [n for n, spec in enumerate(signature.output_specs) if spec.kind in _RETURNED]

    def __call__(self, *inputs: Any) -> tuple[Any, ...]:
        arguments = list(self._values)
        for position, value in zip(self._given, inputs, strict=True):
            arguments[position] = value
        with torch.no_grad():
            results = self._module(*arguments)
        return tuple(results[n] for n in self._returned)


def compile_parts(program: ExportedProgram, compile_graph: Compile, error: CompileError) -> Parts:
    """Compiles by `compile_graph` what can be, and warns of what cannot: `error` is what was said of the whole. Raises
    it when there is nothing to compile."""
    try:
        with exporting():
            from torch.onnx._internal.exporter import _fx_passes, _registration

            registry = _registration.ONNXRegistry.from_torchlib()
            program = _fx_passes.decompose_with_registry(program, registry)
    except CompileError as missing:
        # not a public interface of torch: without it a graph is compiled whole or not at all
        raise error from missing
    values = _constants(program)
    module = program.graph_module
    for node in module.graph.nodes:
        node.meta["example_value"] = node.meta.get("val")
        if node.name in values:
            mark_state(node)
    supported = _Supported(registry)
    left = sorted({str(n.target) for n in module.graph.nodes if supported.is_left(n)})
    partitioner = CapabilityBasedPartitioner(
        module, supported, allows_single_node_partition=True, non_compute_ops=_NO_WORK
    )
    partitions = partitioner.propose_partitions()
    partitioner.remove_bookend_non_compute_ops(partitions)
    fused = partitioner.fuse_partitions([p for p in partitions if p.nodes], prefix="part_")
    compiled, reasons = 0, []
    for name, part in list(fused.named_children()):
        if not name.startswith("part_"):
            continue
        try:
            setattr(fused, name, _part(part, fused, name, values, compile_graph))
            compiled += 1
        except CompileError as failed:
            reasons.append(str(failed).splitlines()[0])
    if not compiled:
        raise error
    if left:
        reasons.append(f"no ONNX form: {', '.join(left)}")
    warnings.warn(
        f"aicc compiled {compiled} parts of a graph, the rest runs in torch ({'; '.join(reasons)}). "
        "options={'whole': True} makes an error of that.",
        stacklevel=1,
    )
    return Parts(fused, program, values)


class _Supported(OperatorSupportBase):
    """Operators that torch's exporter translates, and what belongs to them."""

    def __init__(self, registry: Any) -> None:
        from torch.onnx._internal.exporter import _dispatching

        self._registry = registry
        self._dispatch = _dispatching.dispatch

    def has(self, node: Node) -> bool:
        """Whether an operator is translated: one with sizes that a run decides, such as nonzero's, is not taken, for
        what follows would have to be compiled without an example."""
        if node.target is operator.getitem:
            source = node.args[0]
            return isinstance(source, Node) and source.op == "call_function" and self.has(source)
        if not all(_has_hint(n) for n in (node, *node.all_input_nodes)):
            return False
        return self._dispatch(node, self._registry)[0] is not None

    def is_left(self, node: Node) -> bool:
        """Whether an operator that computes something stays with torch."""
        computes = isinstance(node.target, torch._ops.OpOverload) and not node.target.name().startswith(
            _CHECK
        )
        return node.op == "call_function" and computes and not self.has(node)

    def is_node_supported(self, submodules: Any, node: Node) -> bool:
        """As torch's partitioner asks."""
        return node.op == "call_function" and self.has(node)


class _Part(torch.nn.Module):
    """A compiled part, as a module of the graph."""

    def __init__(self, call: Callable[..., tuple[Any, ...]], single: bool) -> None:
        super().__init__()
        self._call = call
        self._single = single

    def forward(self, *arguments: Any) -> Any:
        """One result, or a tuple, as the graph expects it."""
        results = self._call(*arguments)
        return results[0] if self._single else results


def _part(part: Any, whole: GraphModule, name: str, values: Values, compile_graph: Compile) -> _Part:
    """One part, compiled. Raises CompileError."""
    (call,) = [node for node in whole.graph.nodes if node.op == "call_module" and node.target == name]
    inputs = [node for node in part.graph.nodes if node.op == "placeholder"]
    examples = [
        values[source.name] if source.name in values else _example(source.meta.get("val"))
        for source in call.args
    ]
    for node, source in zip(inputs, call.args, strict=True):
        node.meta.update(source.meta)
    output = next(node for node in part.graph.nodes if node.op == "output")
    (returned,) = output.args
    single = isinstance(returned, Node)
    if single:
        output.args = ((returned,),)
        part.recompile()
    return _Part(compile_graph(part, examples), single)


def _constants(program: ExportedProgram) -> dict[str, Any]:
    """Tensors of the program that are not given by a call, by the name of their node."""
    found: dict[str, Any] = {}
    for spec in program.graph_signature.input_specs:
        if spec.kind is not InputKind.USER_INPUT and spec.target is not None:
            source = program.state_dict if spec.target in program.state_dict else program.constants
            found[spec.arg.name] = source[spec.target]
    return found


def _example(value: Any) -> Any:
    """A value such as a run may have; of sizes that differ, those of the graph's own example."""
    if not isinstance(value, torch.Tensor):
        return value
    sizes = [size.node.hint if isinstance(size, torch.SymInt) else size for size in value.shape]
    return torch.zeros(sizes, dtype=value.dtype)


def _has_hint(node: Node) -> bool:
    value = node.meta.get("val")
    found = value.shape if isinstance(value, torch.Tensor) else (value,)
    return all(size.node.has_hint() for size in found if isinstance(size, torch.SymInt))
