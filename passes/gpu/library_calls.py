"""Products of matrices that a vendor's library computes: the op for them in the host's part of a kernel.

    %done = func.call @aicc_library_product(%left, %right, %out, %bias, %workspace, %rows, %columns, …)
            {aicc.product = {library = "cublaslt", element = f16, result = f16, bias, activation = "relu"}}
            : (memref<?xf16>, memref<?xf16>, memref<?xf16>, memref<?xf16>, memref<?xi8>, index, index, …) -> i1

computes `out[rows, columns] = left[rows, sums] * right[sums, columns]` of each of a batch, plus a bias (one number a
column), then the activation. Element i, j of an operand is at `offset + i * step + j`; of a left or right one that is
`turned` at `offset + j * step + i`. False: the library has no algorithm for it, and nothing was done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aicc.bindings import ir
from aicc.errors import CompileError

CALL, ATTRIBUTE = "aicc_library_product", "aicc.product"
ACTIVATIONS = ("none", "relu", "gelu_tanh")
LIBRARIES = ("cublaslt",)

NUMBERS = (
    "workspace_bytes", "rows", "columns", "sums", "batches", "left_step", "right_step", "out_step",
    "left_batch", "right_batch", "out_batch", "left_offset", "right_offset", "out_offset", "bias_offset",
)  # fmt: skip
"""The index operands, in order: sizes, and distances in elements. As in compiler/runtime/cublaslt/cublaslt.h."""

_RESULTS = {"f32": ("f32",), "f16": ("f16", "f32"), "bf16": ("bf16", "f32"), "i8": ("i32",)}
"""What may be computed of operands of a type."""

_FLAGS = ("bias", "left_turned", "right_turned", "tf32")


@dataclass(frozen=True)
class Product:
    """What the attribute says. `element` is the type of both operands, `result` that of the output and the bias;
    `tf32`: operands of f32 may be rounded for tensor cores."""

    element: str
    result: str
    bias: bool = False
    activation: str = "none"
    left_turned: bool = False
    right_turned: bool = False
    tf32: bool = False
    library: str = "cublaslt"

    def __str__(self) -> str:
        """The attribute's text."""
        fields = [f'library = "{self.library}"', f"element = {self.element}", f"result = {self.result}"]
        fields += [flag for flag in _FLAGS if getattr(self, flag)]
        fields += [f'activation = "{self.activation}"'] if self.activation != "none" else []
        return f"{{{', '.join(fields)}}}"

    @property
    def memrefs(self) -> list[str]:
        """Element types of the memref operands: left, right, out, bias if there is one, workspace."""
        return [self.element, self.element, self.result, *([self.result] if self.bias else []), "i8"]


def is_product(op: Any) -> bool:
    """Whether an op is such a call."""
    return op.name == "func.call" and ir.FlatSymbolRefAttr(op.attributes["callee"]).value == CALL


def read_product(op: Any) -> Product:
    """The product of a call. Raises CompileError AICC-2001 when it is not well formed."""
    if ATTRIBUTE not in op.attributes or not isinstance(op.attributes[ATTRIBUTE], ir.DictAttr):
        raise _invalid(f"it has no dictionary '{ATTRIBUTE}'")
    fields = {entry.name: entry.attr for entry in ir.DictAttr(op.attributes[ATTRIBUTE])}
    known = {"library", "element", "result", "activation", *_FLAGS}
    if not {"library", "element", "result"} <= fields.keys() <= known:
        raise _invalid(
            f"'{ATTRIBUTE}' has library, element and result, and may have {', '.join(sorted(known))}"
        )
    library, activation = (_text(fields.get(name)) for name in ("library", "activation"))
    found = Product(
        str(fields["element"]),
        str(fields["result"]),
        activation=activation or "none",
        library=library,
        **{flag: flag in fields for flag in _FLAGS},
    )
    _check(found, op)
    return found


def _text(attribute: Any) -> str:
    return str(ir.StringAttr(attribute).value) if isinstance(attribute, ir.StringAttr) else ""


def _check(product: Product, op: Any) -> None:
    if product.library not in LIBRARIES:
        raise _invalid(f"there is no library '{product.library}', only {', '.join(LIBRARIES)}")
    if product.activation not in ACTIVATIONS:
        raise _invalid(f"there is no activation '{product.activation}', only {', '.join(ACTIVATIONS)}")
    if product.result not in _RESULTS.get(product.element, ()):
        raise _invalid(
            f"products of {product.element} with results of {product.result} are none of the library's"
        )
    if product.element == "i8" and (product.bias or product.activation != "none"):
        raise _invalid("products of bytes have no bias and no activation")
    if product.tf32 and product.element != "f32":
        raise _invalid(f"products of {product.element} have no tf32")
    types = [str(value.type) for value in op.operands]
    wanted = [*(f"memref<?x{element}>" for element in product.memrefs), *["index"] * len(NUMBERS)]
    if types != wanted:
        raise _invalid(f"its operands are to be {', '.join(wanted)}; they are {', '.join(types)}")
    if [str(value.type) for value in op.results] != ["i1"]:
        raise _invalid("its result is to be i1")


def _invalid(reason: str) -> CompileError:
    return CompileError("AICC-2001", f"a call of @{CALL} is not valid: {reason}.", stage="schedule")
