"""Whole models compiled for other CPUs, run there (AArch64: under qemu) and compared with ONNX Runtime.

What the code looks like is the business of test/codegen/targets.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

import aicc
from aicc import runtime
from aicc.driver import Options, compile_model
from aicc.target import Target
from aicc.tools.agreement import compare
from aicc.tools.inputs import random_inputs
from test.models import FAMILIES
from test.ops.quantized import Graph, numbers

Array = NDArray[Any]

ARM = Target.cpu_named("neoverse-n1", "aarch64-unknown-linux-gnu")
CC = "aarch64-linux-gnu-gcc"
LIBRARIES = Path("/usr/aarch64-linux-gnu")
QEMU = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")

cross = pytest.mark.skipif(
    not (QEMU and shutil.which(CC) and LIBRARIES.is_dir()),
    reason="needs qemu-user and gcc-aarch64-linux-gnu",
)


def agree(model: Any, inputs: Mapping[str, Array], outputs: list[Array]) -> None:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    names = [output.name for output in session.get_outputs()]
    expected = dict(zip(names, session.run(None, dict(inputs)), strict=True))
    for check in compare(dict(zip(names, outputs, strict=True)), expected):
        assert check.error <= 2e-5, check


def run_on_arm(library: Path, folder: Path, inputs: Mapping[str, Array], like: list[Any]) -> list[Array]:
    """The outputs of a library for AArch64; `like` says their dtypes and shapes."""
    program, out = folder / "run_files", folder / "out"
    out.mkdir()
    source = Path(__file__).with_name("run_files.c")
    flags = ["-std=c11", "-Wall", "-Werror", f"-I{runtime.include_dir()}", f"-Wl,-rpath,{folder}"]
    subprocess.run([CC, *flags, source, library, "-o", program], check=True)
    files = [folder / f"in{i}" for i in range(len(inputs))]
    for file, array in zip(files, inputs.values(), strict=True):
        file.write_bytes(np.ascontiguousarray(array).tobytes())
    command = [str(QEMU), "-L", str(LIBRARIES), str(program), str(out), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return [
        np.frombuffer((out / str(i)).read_bytes(), info.dtype).reshape(info.shape)
        for i, info in enumerate(like)
    ]


@cross
@pytest.mark.parametrize("name", ["resnet", "mobilenet", "encoder", "lstm"])
def test_aarch64(name: str, tmp_path: Path) -> None:
    model = FAMILIES[name]()
    inputs = random_inputs(model)
    library = tmp_path / "libmodel.so"
    compile_model(model, library, Options(target=ARM, linker=CC))
    infos = aicc.compile(model, opt_level=1).outputs
    agree(model, inputs, run_on_arm(library, tmp_path, inputs, list(infos)))


@pytest.mark.parametrize("name", ["resnet", "mobilenet", "encoder", "lstm"])
@pytest.mark.parametrize("cpu", ["x86-64-v2", "x86-64-v3"])
def test_x86_64(name: str, cpu: str) -> None:
    target, host = Target.cpu_named(cpu), Target.host()
    if not (host.triple.startswith("x86_64") and target.features <= host.features):
        pytest.skip(f"this machine cannot run {cpu}")
    model = FAMILIES[name]()
    inputs = random_inputs(model)
    results = aicc.compile(model, target=target)(dict(inputs))
    agree(model, inputs, list(results) if isinstance(results, tuple) else [results])


@cross
@pytest.mark.parametrize("cpu", ["neoverse-n1", "neoverse-v1"])
def test_products_of_bytes_on_aarch64(cpu: str, tmp_path: Path) -> None:
    """The dot products of both generations: what one subtracts from its operands is put back."""
    rng = np.random.default_rng(5)
    graph = Graph()
    for shape in ((7, 66, 33), (20, 64, 48)):
        a, b = numbers(rng, shape[:2], np.uint8, "ends"), numbers(rng, shape[1:], np.int8)
        product = graph.node("MatMulInteger", graph.input(a), graph.constant(b, np.int8))
        graph.output(product, (a.astype(np.int64) @ b.astype(np.int64)).astype(np.int32))
    library = tmp_path / "libmodel.so"
    target = Target.cpu_named(cpu, "aarch64-unknown-linux-gnu")
    compile_model(graph.model(), library, Options(target=target, linker=CC))
    like = list(graph.expected.values())
    for got, want in zip(run_on_arm(library, tmp_path, graph.inputs, like), like, strict=True):
        np.testing.assert_array_equal(got, want)
