"""What is asked of the workers and what they answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from aicc.codegen.kernel_build import Attempt, Built, kernel_name, kernel_symbol
from aicc.target import Target

Outcome = Literal["no match", "raised", "crashed", "timed out"]


@dataclass(frozen=True)
class KernelJob:
    """A kernel to build with the first of `schedules` that works; the last one is to match everything.

    A schedule is a name, or a name with a configuration as in `contraction{mr=8,nv=2}`. `node` says for messages
    which ONNX nodes the kernel computes; the object does not depend on it.
    """

    text: str
    schedules: tuple[str, ...]
    target: Target
    opt: int = 2
    node: str = ""

    @property
    def name(self) -> str:
        """The kernel's name in its text."""
        return kernel_name(self.text)

    @property
    def symbol(self) -> str:
        """The symbol of the kernel in its object."""
        return kernel_symbol(self.text)

    def attempt(self, number: int) -> Attempt:
        name, _, config = self.schedules[number].partition("{")
        return Attempt(self.text, name, self.symbol, self.target, self.opt, config.rstrip("}") or None)


@dataclass(frozen=True)
class Failure:
    """Why a schedule was passed over."""

    schedule: str
    outcome: Outcome
    message: str

    def __str__(self) -> str:
        return f"schedule '{self.schedule}' {self.outcome}: {self.message}".rstrip(": ")


@dataclass(frozen=True)
class KernelResult:
    """A built kernel; `failures` lists the schedules tried before, `cached` says that nothing was compiled."""

    name: str
    symbol: str
    built: Built
    failures: tuple[Failure, ...] = field(default=())
    cached: bool = False
