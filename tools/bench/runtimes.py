"""The runtimes that can be measured, behind one interface: load a model, run it on fixed inputs."""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from numpy.typing import NDArray

Array = NDArray[Any]


class Runtime(ABC):
    """`module` is what must be installed; `compiled` whether it takes aicc's `.so` instead of the ONNX file."""

    module: ClassVar[str]
    compiled: ClassVar[bool] = False
    version: str = ""

    @abstractmethod
    def load(self, model: str, threads: int, inputs: Mapping[str, Array]) -> None:
        """Makes `run` ready; `threads` is how many threads a run may use, 0 for the runtime's default."""

    @abstractmethod
    def run(self) -> Sequence[Array]:
        """Runs on the inputs given to `load` as its users would call it: fresh output arrays each time."""

    def profile(self, runs: int) -> str:
        return "this runtime does not tell its kernels' times"


class Aicc(Runtime):
    module, compiled = "aicc", True

    def load(self, model: str, threads: int, inputs: Mapping[str, Array]) -> None:
        from aicc.loader import load

        self.executable = load(model, num_threads=threads)
        self.version = self.executable.producer
        self.inputs = [inputs[info.name] for info in self.executable.inputs]

    def run(self) -> Sequence[Array]:
        return self.executable.run(self.inputs)

    def profile(self, runs: int) -> str:
        with self.executable.profile() as profile:
            for _ in range(runs):
                self.run()
        return str(profile)


class OnnxRuntime(Runtime):
    module = "onnxruntime"

    def load(self, model: str, threads: int, inputs: Mapping[str, Array]) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.version = onnxruntime.__version__
        self.inputs = dict(inputs)

    def run(self) -> Sequence[Array]:
        outputs: Sequence[Array] = self.session.run(None, self.inputs)
        return outputs


class OpenVino(Runtime):
    module = "openvino"

    def load(self, model: str, threads: int, inputs: Mapping[str, Array]) -> None:
        import openvino

        config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        if threads:
            config["INFERENCE_NUM_THREADS"] = str(threads)
        compiled = openvino.Core().compile_model(model, "CPU", config)
        self.version = openvino.__version__
        self.request, self.inputs = compiled.create_infer_request(), dict(inputs)

    def run(self) -> Sequence[Array]:
        return list(self.request.infer(self.inputs).values())


RUNTIMES: dict[str, type[Runtime]] = {"aicc": Aicc, "onnxruntime": OnnxRuntime, "openvino": OpenVino}


def installed(name: str) -> bool:
    return importlib.util.find_spec(RUNTIMES[name].module) is not None


def make_runtime(name: str) -> Runtime:
    return RUNTIMES[name]()
