"""The host program on buffers: calls write where their results belong, views cost nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.bindings import ir
from aicc.passes.base import Pass, PassContext, programs

# Imported for the rules that they register.
from aicc.passes.buffers import calls, control_flow, returned, tensor_ops  # noqa: F401
from aicc.passes.buffers.empties import separate_empties
from aicc.passes.buffers.host import Host
from aicc.passes.buffers.scalars import hoist_scalars
from aicc.passes.kernels.ir_tools import main_of, nested_ops
from aicc.passes.weight_ops import LOAD, loaded_symbol
from aicc.signature import read_bounds, write_bounds


@dataclass(frozen=True)
class BufferizeHost(Pass):
    """Rewrites `main` to memrefs and kernels to destination-passing form.

    before --> after
      %y = call @k0(%x, %w)                        --> %o = memref.alloc
                                                       call @k0_…_launch(%ctx, %x, %w, %o)
      %p = tensor.insert_slice %y into %e[…]       --> (the call's %o is a view of %e's buffer)
    """

    pass_name: ClassVar[str] = "bufferize-host"
    device: bool = False
    """Whether the buffers lie where the host cannot copy their elements."""

    whole: ClassVar[bool] = True

    def run(self, module: Any, ctx: PassContext) -> None:
        """All programs read one blob of weights."""
        found = programs(module)
        symbols = list(dict.fromkeys(s for program in found for s in _used_weights(main_of(program))))
        offsets, total = ctx.weights.layout(symbols)
        ctx.stats["weights"] = symbols
        ctx.stats["weight_bytes"] = total
        for program in found:
            self._bufferize(program, symbols, offsets, total)

    def _bufferize(self, module: Any, symbols: list[str], offsets: dict[str, int], total: int) -> None:
        main = main_of(module)
        separate_empties(main)
        hoist_scalars(main)
        host = Host(module, main, offsets, total, self.device)
        host.run()
        attributes = host.entry.func.attributes
        attributes["aicc.weights"] = ir.ArrayAttr.get([ir.StringAttr.get(s) for s in symbols])
        for new, old in (("aicc.inputs", "arg_attrs"), ("aicc.results", "res_attrs")):
            attributes[new] = main.attributes[old] if old in main.attributes else ir.ArrayAttr.get([])
        write_bounds(host.entry.func, read_bounds(main))
        main.operation.erase()
        for op in [o.operation for o in module.body.operations]:
            if op.name == "ml_program.global":
                op.erase()


def _used_weights(main: Any) -> list[str]:
    """Symbols of the weights that `main` reads, in order; erases loads that nothing uses (any more).

    A weight that was packed for its only kernel must not go into the blob twice.
    """
    symbols: dict[str, None] = {}
    for op in [o for o in nested_ops(main.operation) if o.name == LOAD]:
        if next(iter(op.results[0].uses), None) is None:
            op.erase()
        else:
            symbols[loaded_symbol(op)] = None
    return list(symbols)
