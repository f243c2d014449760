"""ONNX Runtime on its CPU provider, every graph optimization on (its default)."""

from __future__ import annotations

from collections.abc import Sequence

from ..runtime import Array, Job, Runtime


class Peer(Runtime):
    def load(self, job: Job) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = job.threads
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(job.model, options, providers=["CPUExecutionProvider"])
        self.version = onnxruntime.__version__
        self.inputs = dict(job.inputs)

    def run(self) -> Sequence[Array]:
        outputs: Sequence[Array] = self.session.run(None, self.inputs)
        return outputs
