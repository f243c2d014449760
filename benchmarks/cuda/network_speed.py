"""Runs the networks of build/cuda on the GPU: numbers, times, and times of PyTorch where it is installed.

Needs Python, NumPy and a driver; `networks.py` makes the folder. All tensors lie on the device; a call is timed from
its start to the end of the device's work. Also measured: calls put on the stream one behind the other, so that their
time is the device's alone; what is left of a call is the overhead. Exit code 1 when numbers are wrong.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cuda import seeded
from benchmarks.cuda.check import worst_error
from benchmarks.cuda.package import loader, torch_with_gpu

WARM, ENQUEUED, SECONDS = 5, 30, 0.5


def opened(folder: Path, case: dict[str, Any]) -> tuple[Any, list[Any]]:
    """The model, its weights made first, and the outputs expected for one row."""
    library = folder / f"net_{case['name']}.so"
    weights = library.with_name(library.name + ".weights")
    with np.load(folder / f"net_{case['name']}.npz") as data:
        if not weights.exists():
            seeded.write_weights(case["weights"], data["raw"].tobytes(), weights)
        expected = [data[f"out{i}"] for i in range(len(data.files) - 1)]
    return loader().load(library), expected


def placed(executable: Any, array: Any) -> Any:
    """A copy on the device."""
    from aicc.runtime.device_arrays import device_array

    array, library = np.ascontiguousarray(array), executable._library
    made = device_array(library, array.shape, array.dtype)
    library.check(
        library.functions["copy"](library.first_context, made.address, array.ctypes.data, array.nbytes)
    )
    return made


class Prepared:
    """A call of the C function with inputs and outputs on the device."""

    def __init__(self, executable: Any, inputs: list[Any]) -> None:
        executable.outputs_on_device = True
        self.outputs = executable.run(inputs)
        for _ in range(3):  # captured, then replayed
            executable.run(inputs, self.outputs)
        self.library, self.runner, self.inputs = executable._library, executable._free[-1], inputs

    def __call__(self) -> None:
        self.library.check(self.runner._run())

    def enqueued(self) -> float:
        """Seconds of a call among many that do not wait for each other."""
        functions, context = self.library.functions, self.runner.context
        self.library.check(functions["set_stream"](context, functions["get_stream"](context), 0))
        start = time.perf_counter()
        for _ in range(ENQUEUED):
            self()
        self.library.check(functions["set_stream"](context, None, 1))  # waits
        return (time.perf_counter() - start) / ENQUEUED


def call_seconds(call: Callable[[], Any]) -> float:
    """The median of calls over half a second, ten at least."""
    for _ in range(WARM):
        call()
    times: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(times) < 10 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def measured(folder: Path, case: dict[str, Any], torch: Any, compiled: str) -> dict[str, Any]:
    """Seconds by what was measured, and the error of the numbers."""
    executable, expected = opened(folder, case)
    inputs = [seeded.make(spec) for spec in case["inputs"]]
    rows = case["inputs"][0]["repeat"]
    wanted = [np.concatenate([values] * rows) for values in expected]
    try:
        on_host = [worst_error(executable.run(inputs), wanted) for _ in range(3)]
        call = Prepared(executable, [placed(executable, array) for array in inputs])
        error = max(*on_host, worst_error([np.asarray(array) for array in call.outputs], wanted))
        found: dict[str, Any] = {"error": error, "tolerance": case["tolerance"]}
        found |= {"call": call_seconds(call), "enqueued": call.enqueued()}
        executable.outputs_on_device = False
        found["from_host"] = call_seconds(lambda: executable.run(inputs))
        with executable.profile() as profile:
            executable.run(inputs)
        kernels = sorted(profile.kernels, key=lambda kernel: -kernel.seconds)
        found["kernels"] = {kernel.name: kernel.seconds for kernel in kernels[:10]}
        call.outputs.clear()
        call.inputs.clear()
    finally:
        executable.close()
    if torch is not None and case["torch"]:
        found |= in_torch(torch, case, inputs, compiled)
    return found


def in_torch(torch: Any, case: dict[str, Any], inputs: list[Any], compiled: str) -> dict[str, Any]:
    """Seconds of the same network, eager and compiled; its weights are its own."""
    module, name = case["torch"].split(".")
    network = getattr(importlib.import_module(f"benchmarks.models.{module}"), name)()
    network = network.eval().cuda().to(getattr(torch, case["dtype"]))
    tensors = [torch.from_numpy(array).cuda() for array in inputs]
    if module == "convnets":
        network = network.to(memory_format=torch.channels_last)
        tensors = [tensor.to(memory_format=torch.channels_last) for tensor in tensors]

    def seconds(function: Any) -> float:
        def call() -> None:
            function(*tensors)
            torch.cuda.synchronize()

        with torch.no_grad():
            return call_seconds(call)

    found: dict[str, Any] = {"torch": seconds(network)}
    try:
        found["torch_compile"] = seconds(torch.compile(network, mode=compiled))
    except Exception as error:  # without a C compiler, say; eager counts all the same
        found["torch_compile_failed"] = f"{type(error).__name__}: {error}"[:300]
    return found


def line(name: str, found: dict[str, Any]) -> str:
    if "failed" in found:
        return f"{name:20}{found['failed']}"
    text = f"{name:20}{found['call'] * 1e6:10.0f} µs{(found['call'] - found['enqueued']) * 1e6:9.0f} µs"
    for peer in ("torch", "torch_compile"):
        text += f"{found[peer] * 1e6:10.0f} µs" if peer in found else f"{'–':>13}"
    return text + f"{found['error']:10.1e}{'' if found['error'] <= found['tolerance'] else '  WRONG'}"


def main() -> None:
    """Prints a line a network, and writes networks_measured.json, from which `report.py` makes a page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/cuda"))
    parser.add_argument("--only", default="", help="names that contain this")
    parser.add_argument(
        "--compiled", default="max-autotune", help="mode of torch.compile: reduce-overhead is made sooner"
    )
    args = parser.parse_args()
    torch = torch_with_gpu()
    print(f"{'network':20}{'call':>13}{'overhead':>12}{'torch':>13}{'compiled':>13}{'error':>10}")
    results: dict[str, Any] = {}
    for case in json.loads((args.folder / "networks.json").read_text()):
        if args.only not in case["name"]:
            continue
        try:
            found = measured(args.folder, case, torch, args.compiled)
        except Exception as error:  # the next network may tell more
            found = {"failed": f"{type(error).__name__}: {error}"}
        results[case["name"]] = found
        print(line(case["name"], found), flush=True)
        versions = (
            {"torch": torch.__version__, "device": torch.cuda.get_device_name()} if torch is not None else {}
        )
        (args.folder / "networks_measured.json").write_text(
            json.dumps(versions | {"results": results}, indent=1)
        )
    wrong = [
        n for n, found in results.items() if "failed" in found or not found["error"] <= found["tolerance"]
    ]
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
