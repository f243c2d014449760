"""OpenVINO's CPU plugin, for latency, in f32 (it would choose bf16 on processors that have it)."""

from __future__ import annotations

from collections.abc import Sequence

from ..runtime import Array, Job, Runtime


class Peer(Runtime):
    def load(self, job: Job) -> None:
        import openvino

        config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        if job.threads:
            config["INFERENCE_NUM_THREADS"] = str(job.threads)
        compiled = openvino.Core().compile_model(job.model, "CPU", config)
        self.version = openvino.__version__.split("-")[0]
        self.request, self.inputs = compiled.create_infer_request(), dict(job.inputs)

    def run(self) -> Sequence[Array]:
        return list(self.request.infer(self.inputs).values())
