"""Modules and graphs of torch → ONNX, by torch's own exporter → an `Executable`."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram

from aicc.driver import compile as compile_onnx
from aicc.errors import CompileError
from aicc.executable import Executable
from aicc.pytorch.decompositions import DECOMPOSITIONS

_CHATTY = "torch.onnx._internal.exporter._registration"


def compile(
    module: torch.nn.Module,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    dynamic_shapes: Any = None,
    **options: Any,
) -> Executable:
    """Compiles a module for inference; `args` and `kwargs` are examples of its inputs.

    Inputs and outputs of the result are the module's tensors in order, nested ones flattened. `dynamic_shapes` is that
    of `torch.export.export`: sizes named there may differ from run to run. `options` are those of `aicc.compile`:
    target, precision, opt_level, …. What the module writes to its own buffers is not kept.
    Raises CompileError AICC-6001 (torch cannot export it), and whatever `aicc.compile` raises.
    """
    with exporting():
        program = torch.export.export(module, tuple(args), dict(kwargs or {}), dynamic_shapes=dynamic_shapes)
        program = program.run_decompositions(DECOMPOSITIONS)
    return compile_program(program, options)


def compile_program(program: ExportedProgram, options: Mapping[str, Any]) -> Executable:
    """An exported program as a compiled model, by way of a file: it may be larger than an ONNX file's 2 GB."""
    with tempfile.TemporaryDirectory(prefix="aicc-torch-") as folder:
        path = Path(folder) / "model.onnx"
        with exporting():
            converted = torch.onnx.export(program, dynamo=True, verbose=False, optimize=False)
            assert converted is not None
            converted.save(path, external_data=True)
        return compile_onnx(path, **options)


@contextmanager
def exporting() -> Iterator[None]:
    """What torch's exporter raises, which may be any exception, as CompileError AICC-6001; its warnings of packages
    that are not there are not shown."""
    logger = logging.getLogger(_CHATTY)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    except ImportError as error:
        raise CompileError(
            "AICC-6001", f"torch's ONNX exporter lacks a package: {error}.", hint="pip install aicc[torch]"
        ) from error
    except Exception as error:
        raise CompileError(
            "AICC-6001",
            f"torch cannot export this graph to ONNX: {_first_line(error)}",
            hint="torch.export.export(module, args) and torch.onnx.export(…, dynamo=True) show the whole message.",
        ) from error
    finally:
        logger.setLevel(level)


def _first_line(error: BaseException) -> str:
    """What went wrong first: exporters wrap errors in others."""
    while error.__cause__ is not None:
        error = error.__cause__
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
