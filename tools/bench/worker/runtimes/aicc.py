"""aicc itself: `model` is the shared library that aicc made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..runtime import Array, Job, Runtime


class Peer(Runtime):
    def load(self, job: Job) -> None:
        from aicc.loader import load

        self.executable = load(job.model, num_threads=job.threads)
        self.version = self.executable.producer
        self.inputs = [job.inputs.get(info.name) for info in self.executable.inputs]

    def run(self) -> Sequence[Array]:
        return self.executable.run(self.inputs)

    def profile(self, runs: int) -> dict[str, Any]:
        with self.executable.profile() as profile:
            for _ in range(runs):
                self.run()
        kernels = [(k.name, k.calls, k.seconds, k.tiles) for k in profile]
        return {"runs": profile.runs, "seconds": profile.seconds, "kernels": kernels}
