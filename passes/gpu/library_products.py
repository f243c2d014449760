"""Products of matrices that a vendor's library computes.

    %done = func.call @aicc_library_product(%left, %right, %out, %bias, %workspace, %rows, %columns, …)
            {aicc.product = {library = "cublaslt", element = f16, result = f16, bias, activation = "relu"}}
            : (memref<?xf16>, memref<?xf16>, memref<?xf16>, memref<?xf16>, memref<?xi8>, index, index, …) -> i1

computes `out[rows, columns] = left[rows, sums] * right[sums, columns]` of each of a batch, plus a bias (one number a
column), then the activation. Element i, j of an operand is at `offset + i * step + j`; of a left or right one that is
`turned` at `offset + j * step + i`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.passes.gpu.library_calls import LibraryCall, T, text_of

ACTIVATIONS = ("none", "relu", "gelu_tanh")
LIBRARIES = ("cublaslt",)

NUMBERS = (
    "workspace_bytes", "rows", "columns", "sums", "batches", "left_step", "right_step", "out_step",
    "left_batch", "right_batch", "out_batch", "left_offset", "right_offset", "out_offset", "bias_offset",
)  # fmt: skip
"""The index operands, in order: sizes, and distances in elements. As in compiler/runtime/cublaslt/cublaslt.h."""

_RESULTS = {"f32": ("f32",), "f16": ("f16", "f32"), "bf16": ("bf16", "f32"), "i8": ("i32",)}
"""What may be computed of operands of a type."""

_ELEMENTS = ("f32", "f16", "bf16", "i8", "i32")
"""enum aicc_cublaslt_element of compiler/runtime/cublaslt/cublaslt.h."""

_FLAGS = ("bias", "left_turned", "right_turned", "tf32")


@dataclass(frozen=True)
class Product(LibraryCall):
    """`element` is the type of both operands, `result` that of the output and the bias; `tf32`: operands of f32 may be
    rounded for tensor cores."""

    function: ClassVar[str] = "aicc_library_product"
    attribute: ClassVar[str] = "aicc.product"
    runtime: ClassVar[str] = "aicc_cublaslt_matmul"
    workspace: ClassVar[bool] = True

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
        """Left, right, out, bias if there is one, workspace."""
        return [self.element, self.element, self.result, *([self.result] if self.bias else []), "i8"]

    @property
    def numbers(self) -> tuple[str, ...]:
        """`NUMBERS`."""
        return NUMBERS

    def table(self, numbers: Mapping[str, T], addresses: Sequence[T]) -> list[T | int]:
        """In the order of enum aicc_cublaslt_number."""
        said: list[T | int] = [_ELEMENTS.index(element) for element in (self.element, self.result)]
        said += [int(flag) for flag in (self.tf32, self.left_turned, self.right_turned, self.bias)]
        places: list[T | int] = list(addresses)
        if not self.bias:
            places.insert(-1, 0)
        return [*said, ACTIVATIONS.index(self.activation), *(numbers[name] for name in NUMBERS), *places]

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> Product:
        """See the base class."""
        known = {"library", "element", "result", "activation", *_FLAGS}
        if not {"library", "element", "result"} <= fields.keys() <= known:
            raise cls.invalid(
                f"'{cls.attribute}' has library, element and result, and may have {', '.join(sorted(known))}"
            )
        library, activation = (text_of(fields.get(name)) for name in ("library", "activation"))
        found = Product(
            str(fields["element"]),
            str(fields["result"]),
            activation=activation or "none",
            library=library,
            **{flag: flag in fields for flag in _FLAGS},
        )
        found._check()
        return found

    def _check(self) -> None:
        if self.library not in LIBRARIES:
            raise self.invalid(f"there is no library '{self.library}', only {', '.join(LIBRARIES)}")
        if self.activation not in ACTIVATIONS:
            raise self.invalid(f"there is no activation '{self.activation}', only {', '.join(ACTIVATIONS)}")
        if self.result not in _RESULTS.get(self.element, ()):
            raise self.invalid(
                f"products of {self.element} with results of {self.result} are none of the library's"
            )
        if self.element == "i8" and (self.bias or self.activation != "none"):
            raise self.invalid("products of bytes have no bias and no activation")
        if self.tf32 and self.element != "f32":
            raise self.invalid(f"products of {self.element} have no tf32")
