"""The backend "aicc" of `torch.compile`: a captured graph → an `Executable`, called with tensors.

    torch.compile(module.eval(), backend="aicc", options={"precision": "bf16"})

Module state is compiled in: a module whose weights change has to be compiled again (`torch.compiler.reset()`), other
than buffers that the graph writes itself, such as a cache, which stay the module's. Sizes that torch takes for dynamic
are symbols of the compiled model. For inference: under `torch.no_grad()` or `torch.inference_mode()`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch._guards import tracing
from torch.export import Dim
from torch.export.graph_signature import OutputKind
from torch.fx import GraphModule

from aicc.errors import CompileError
from aicc.pytorch.constants import Captured, with_constants
from aicc.pytorch.decompositions import DECOMPOSITIONS
from aicc.pytorch.export import compile_program, exporting
from aicc.pytorch.parts import compile_parts
from aicc.pytorch.results import Results, split_results
from aicc.pytorch.tensors import as_argument, as_tensor

_MUTATIONS = (OutputKind.BUFFER_MUTATION, OutputKind.USER_INPUT_MUTATION)


def backend(
    gm: GraphModule,
    examples: Sequence[Any],
    *,
    options: Mapping[str, Any] | None = None,
    mode: str | None = None,
) -> Callable[..., tuple[Any, ...]]:
    """Compiles what torch.compile captured; `options` are those of `aicc.compile`.

    Operators without an ONNX form run in torch, between compiled parts, and a warning names them; the option `whole`
    makes an error of that. Raises CompileError AICC-6001: the graph needs gradients, is not on the CPU or cannot be
    exported, or `mode` is given.
    """
    if mode not in (None, "default"):
        raise CompileError("AICC-6001", f"mode={mode!r} is torch's own.", hint="options={'opt_level': 3}")
    _check(examples)
    options = dict(options or {})
    return _compiled(gm, examples, options, options.pop("whole", False))


def _compiled(
    gm: GraphModule, examples: Sequence[Any], options: Mapping[str, Any], whole: bool
) -> Callable[..., tuple[Any, ...]]:
    """A graph as one compiled model, or, unless `whole`, in parts."""
    module, results = split_results(gm)
    captured = with_constants(module, examples)
    with exporting(), tracing(None):
        program = _exported(captured)
        changed = tuple(sorted(captured.positions[name] for name in _written(program)))
        if changed:
            captured = with_constants(module, examples, changed)
            program = _exported(captured)
    with tracing(None):
        try:
            exe = compile_program(program, options)
        except CompileError as error:
            if whole or error.code != "AICC-6001":
                raise
            parts = compile_parts(program, lambda part, given: _compiled(part, given, options, True), error)
            order = tuple(i.position for i in captured.inputs)
            return _Call(lambda arguments, _: parts(*arguments), order, changed, frozenset(), results)
    order = tuple(captured.positions[info.name] for info in exe.inputs)
    aliases = [captured.positions.get(info.alias or "") for info in exe.outputs]
    in_place = {n for n, position in enumerate(changed) if position == aliases[n]}

    def run(arguments: Sequence[Any], memory: Mapping[int, Any]) -> Sequence[Any]:
        out = [as_argument(memory[n]) if n in memory else None for n in range(len(aliases))] if memory else ()
        return exe.run([as_argument(x) for x in arguments], out)

    return _Call(run, order, changed, frozenset(in_place), results)


def _check(examples: Sequence[Any]) -> None:
    tensors = [e for e in examples if isinstance(e, torch.Tensor)]
    if torch.is_grad_enabled() and any(t.requires_grad for t in tensors):
        raise CompileError(
            "AICC-6001",
            "gradients are wanted of this graph, which aicc compiles for inference alone.",
            hint="call the module under torch.no_grad() or torch.inference_mode().",
        )
    devices = sorted({str(t.device) for t in tensors} - {"cpu"})
    if devices:
        raise CompileError(
            "AICC-6001",
            f"tensors of this graph are on {', '.join(devices)}; the backend runs on the CPU.",
            hint="aicc.pytorch.compile(module, args, target='cuda') makes a model for a GPU.",
        )


def _exported(captured: Captured) -> Any:
    """The graph as an ExportedProgram that names what it writes to."""
    examples = tuple(_example(i.example) for i in captured.inputs)
    shapes = tuple(_dynamic(i.value) for i in captured.inputs)
    program = torch.export.export(captured.module, examples, dynamic_shapes=shapes or None)
    return program.run_decompositions(DECOMPOSITIONS)


def _example(value: Any) -> Any:
    """A tensor or a number; that of a dynamic size is looked up: `int` would make torch take it for a constant."""
    return value.node.hint if isinstance(value, torch.SymInt) else value


def _dynamic(value: Any) -> Any:
    """Which sizes of an input may differ from call to call, as torch.export takes it."""
    if isinstance(value, torch.Tensor):
        return {d: Dim.DYNAMIC for d, size in enumerate(value.shape) if _differs(size)}
    return Dim.DYNAMIC if _differs(value) else None


def _differs(size: Any) -> bool:
    """Whether a size is a symbol: the graph itself may have found that it is a number, such as the rows of a weight."""
    return isinstance(size, torch.SymInt) and size.node.maybe_as_int() is None


def _written(program: Any) -> set[str]:
    """Names of inputs and constants that the graph writes to."""
    specs = program.graph_signature.output_specs
    return {spec.target for spec in specs if spec.kind in _MUTATIONS}


@dataclass(frozen=True, eq=False)
class _Call:
    """A compiled graph: called with all arguments of the captured one, its weights among them."""

    run: Callable[[Sequence[Any], Mapping[int, Any]], Sequence[Any]]
    """Takes the arguments at `positions`, and the memory of outputs that are not to be new, by their number."""
    positions: tuple[int, ...]
    changed: tuple[int, ...]
    """Arguments that the graph writes to, in the order of the first outputs."""
    in_place: frozenset[int]
    """Which of these outputs the model can write where the argument lies."""
    results: Results

    def __call__(self, *arguments: Any) -> tuple[Any, ...]:
        changed = {n: arguments[position] for n, position in enumerate(self.changed)}
        memory = {n: x for n, x in changed.items() if n in self.in_place and self._is_apart(arguments, x)}
        found = self.run([arguments[position] for position in self.positions], memory)
        with torch.no_grad():
            for n, argument in changed.items():
                if n not in memory:
                    argument.copy_(as_tensor(found[n]))
        return self.results.of_call(arguments, found[len(changed) :])

    def _is_apart(self, arguments: Sequence[Any], tensor: torch.Tensor) -> bool:
        """Whether an argument is compact and no other argument of the model has its memory."""
        if not tensor.is_contiguous() or tensor.is_conj() or tensor.is_neg():
            return False
        given = [arguments[position] for position in self.positions]
        storages = [x.untyped_storage().data_ptr() for x in given if isinstance(x, torch.Tensor)]
        return storages.count(tensor.untyped_storage().data_ptr()) == 1
