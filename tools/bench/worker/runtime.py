"""One interface for every runtime: compile a model once, load it, run it on fixed inputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Job:
    """What a runtime is asked to run.

    `model` is the ONNX file (for aicc the shared library), `folder` where `compile` keeps what `load` needs,
    `threads` how many threads a run may use (0: the runtime's default), `inputs` the arrays of every run by
    name, `symbolic` the axes of each input whose size the model leaves open. `module` is where a PyTorch
    module of the same computation comes from, as `package.module:function:argument`, importable from `root`;
    empty when there is only the ONNX file.
    """

    model: str
    folder: str
    threads: int
    inputs: Mapping[str, Array]
    symbolic: Mapping[str, Sequence[int]] = field(default_factory=dict)
    module: str = ""
    root: str = ""


class Runtime(ABC):
    """A class of this kind, called `Peer`, is what a module of `runtimes` defines."""

    version: str = ""

    def compile(self, job: Job) -> None:  # noqa: B027 - most runtimes have nothing to do
        """Fills `job.folder`. Called in another process than `load`; runtimes that compile while they load
        leave it out."""

    @abstractmethod
    def load(self, job: Job) -> None:
        """Makes `run` ready."""

    @abstractmethod
    def run(self) -> Sequence[Array]:
        """Runs on the inputs given to `load` as its users would call it: fresh output arrays each time."""

    def rethread(self, threads: int) -> None:
        """Later runs use this many threads; asked only of runtimes whose peer says that they can."""
        raise RuntimeError("this runtime keeps its number of threads")

    def profile(self, runs: int) -> dict[str, Any]:
        """Where the time of `runs` runs goes, for runtimes that can tell."""
        return {}
