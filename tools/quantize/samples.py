"""Calibration samples: read from .npz files or taken from an iterable, and checked against the model's inputs."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from aicc.errors import CompileError
from aicc.tools.inputs import InputSpec, specs_of_model

Array = np.ndarray[Any, Any]
Sample = dict[str, Array]


def samples_of(data: Any, model: onnx.ModelProto) -> Iterator[Sample]:
    """Samples from a .npz file, a folder of them, or an iterable of dicts: an array for each input, as it wants it.

    Arrays of other names are left out. Raises CompileError AICC-4004, which names the file or the sample.
    """
    specs = specs_of_model(model)
    for title, arrays in _titled(data):
        if missing := [spec.name for spec in specs if spec.name not in arrays]:
            raise CompileError(
                "AICC-4004", f"{title} has no array '{missing[0]}'.", hint=f"inputs: {_names(specs)}."
            )
        sample = {spec.name: np.asarray(arrays[spec.name]) for spec in specs}
        for spec in specs:
            _check(sample[spec.name], spec, title)
        yield sample


def _titled(data: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What people call a sample, and its arrays."""
    if isinstance(data, (str, os.PathLike)):
        path = Path(data)
        files = sorted(path.glob("*.npz")) if path.is_dir() else [path]
        if not files:
            raise CompileError("AICC-4004", f"there is no .npz file in {path}.")
        for file in files:
            yield str(file), _load(file)
        return
    if isinstance(data, Mapping) or not isinstance(data, Iterable):
        raise CompileError(
            "AICC-4004", f"calibration data is a {type(data).__name__}, expected dicts in a row."
        )
    for number, arrays in enumerate(data):
        title = f"calibration sample {number}"
        if not isinstance(arrays, Mapping):
            raise CompileError(
                "AICC-4004", f"{title} is a {type(arrays).__name__}, expected a dict of arrays."
            )
        yield title, arrays


def _load(file: Path) -> Sample:
    try:
        with file.open("rb") as stream:
            arrays = np.load(stream)
            if isinstance(arrays, np.ndarray):
                raise CompileError(
                    "AICC-4004",
                    f"{file} holds one array without a name, expected .npz.",
                    hint="numpy.savez(file, NAME=array) writes one, with the name of an input.",
                )
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise CompileError("AICC-4004", f"{file} cannot be read as .npz: {error}") from error


def _check(array: Array, spec: InputSpec, title: str) -> None:
    what = f"array '{spec.name}' of {title}"
    if spec.dtype != object and array.dtype != spec.dtype:
        raise CompileError(
            "AICC-4004",
            f"{what} is {array.dtype}, the model wants {spec.dtype}.",
            hint=f"array.astype('{spec.dtype}') converts it.",
        )
    wanted = [size if isinstance(size, int) else None for size in spec.shape]
    fits = len(wanted) == array.ndim and all(
        b is None or a == b for a, b in zip(array.shape, wanted, strict=True)
    )
    if not fits:
        shape = ", ".join("?" if size is None else str(size) for size in spec.shape)
        raise CompileError("AICC-4004", f"{what} has shape {list(array.shape)}, the model wants [{shape}].")
    if not array.size:
        raise CompileError("AICC-4004", f"{what} is empty: its shape is {list(array.shape)}.")


def _names(specs: Sequence[InputSpec]) -> str:
    return ", ".join(spec.name for spec in specs) or "none"
