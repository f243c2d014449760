"""Calls of vendors' libraries in the host's part of a kernel: what all kinds of them have in common.

    %done = func.call @aicc_library_<kind>(memrefs…, numbers…) {aicc.<kind> = {library = …, …}} : (…) -> i1

computes what the attribute says from buffers (`memref<?x…>`) and `index` numbers, and puts that on the stream of the
context. False: the library has no way to, and nothing was done. `library_products.py` and `library_convolutions.py`
have the kinds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from aicc.bindings import ir
from aicc.errors import CompileError

T = TypeVar("T")


class LibraryCall(ABC):
    """What the attribute of a call says. Subclasses are frozen dataclasses."""

    function: ClassVar[str]
    """That the call names."""
    attribute: ClassVar[str]
    runtime: ClassVar[str]
    """The function of the runtime that it becomes: `int32_t f(ctx, range, const int64_t *table)`."""
    workspace: ClassVar[bool]
    """Whether the last memref is `workspace_bytes` for the library to use; else the runtime takes what it needs, up to
    so many, from the context's pool."""
    library: str

    @abstractmethod
    def __str__(self) -> str:
        """The attribute's text."""

    @property
    @abstractmethod
    def memrefs(self) -> list[str]:
        """Element types of the memref operands."""

    @property
    @abstractmethod
    def numbers(self) -> tuple[str, ...]:
        """Names of the index operands, in order; `workspace_bytes` is one."""

    @abstractmethod
    def table(self, numbers: Mapping[str, T], addresses: Sequence[T]) -> list[T | int]:
        """What the runtime reads, in its order: numbers that are known, and values of operands."""

    @classmethod
    @abstractmethod
    def parse(cls, fields: Mapping[str, Any]) -> LibraryCall:
        """From the entries of the attribute. Raises CompileError AICC-2001."""

    @property
    def signature(self) -> str:
        """The type of the function."""
        return f"({', '.join(self._operands)}) -> i1"

    @property
    def _operands(self) -> list[str]:
        return [*(f"memref<?x{element}>" for element in self.memrefs), *["index"] * len(self.numbers)]

    @classmethod
    def read(cls, op: Any) -> LibraryCall:
        """Of a call. Raises CompileError AICC-2001 when it is not well formed."""
        if cls.attribute not in op.attributes or not isinstance(op.attributes[cls.attribute], ir.DictAttr):
            raise cls.invalid(f"it has no dictionary '{cls.attribute}'")
        call = cls.parse({entry.name: entry.attr for entry in ir.DictAttr(op.attributes[cls.attribute])})
        types, wanted = [str(value.type) for value in op.operands], call._operands
        if types != wanted:
            raise cls.invalid(f"its operands are to be {', '.join(wanted)}; they are {', '.join(types)}")
        if [str(value.type) for value in op.results] != ["i1"]:
            raise cls.invalid("its result is to be i1")
        return call

    @classmethod
    def invalid(cls, reason: str) -> CompileError:
        """The error about a call that is not well formed."""
        return CompileError(
            "AICC-2001", f"a call of @{cls.function} is not valid: {reason}.", stage="schedule"
        )


def text_of(attribute: Any) -> str:
    """Of a string attribute; anything else is empty."""
    return str(ir.StringAttr(attribute).value) if isinstance(attribute, ir.StringAttr) else ""
