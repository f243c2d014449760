"""`aicc.quantize`: an f32 ONNX model in, a quantized one out, and how far it is from the first."""

from __future__ import annotations

import difflib
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto

from aicc.errors import CompileError, ImportError_
from aicc.importer.functions import expand_functions
from aicc.tools.inputs import random_inputs
from aicc.tools.quantize.activations import quantize_dynamic, quantize_static
from aicc.tools.quantize.bodies import all_graphs
from aicc.tools.quantize.graph import PRODUCTS, TARGETS, WEIGHTS_ALONE, Layer, Rewriting, require_opset
from aicc.tools.quantize.measure import LayerError, layer_errors, observe
from aicc.tools.quantize.options import QuantizeOptions
from aicc.tools.quantize.samples import Sample, samples_of
from aicc.tools.quantize.weights import quantize_weights

_COMPARED = 2
"""Samples that layers are compared on."""
_LIMIT = (1 << 31) - (1 << 20)
"""Bytes of a model that protobuf takes in one file."""


@dataclass(frozen=True)
class QuantizeResult:
    """The model that was made, errors by layer (empty when not asked for), bytes of both models."""

    model: onnx.ModelProto
    errors: list[LayerError]
    bytes_before: int
    bytes_after: int


def quantize(
    model: Any,
    output: str | os.PathLike[str] | None = None,
    *,
    data: Iterable[Sample] | str | os.PathLike[str] | None = None,
    errors: bool = True,
    options: QuantizeOptions | None = None,
    **changes: Any,
) -> QuantizeResult:
    """Quantizes `model` (a path or a ModelProto) after training; written to `output` when that is given.

    `data` gives calibration samples, dicts of an array per input: an iterable, a .npz file, or a folder of them; mode
    static needs it. Options are those of `QuantizeOptions`, as `options` or as keywords. With `errors` both models run
    on two samples (random ones without data), and layers are compared.
    Raises CompileError AICC-4001 (output), AICC-4002 (options), AICC-4004 (the model or the data), ImportError_.
    """
    options = options or QuantizeOptions(**changes)
    # layers inside functions are layers, and converting to an opset loses functions
    source = expand_functions(_read(model))
    if output is not None:
        from aicc.driver import check_writable

        check_writable(Path(output))
    _check_patterns(options, source)
    changed = onnx.ModelProto()
    changed.CopyFrom(source)
    changed = require_opset(changed, _opset(options))
    rewriting = Rewriting(changed, bodies=options.mode != "static")
    kinds = _kinds(options)
    layers = rewriting.layers(options, kinds)
    if not layers:
        raise CompileError(
            "AICC-4004", f"nothing to quantize: {_why_nothing(source, kinds, options.mode == 'static')}"
        )
    titles = {layer.result: (layer.name, layer.node.op_type) for layer in layers if not layer.graph}
    if any(layer.graph for layer in layers):
        titles |= _results(source)
    samples = list(samples_of(data, source)) if data is not None else None
    _rewrite(rewriting, layers, options, source, samples)
    quantized = rewriting.finish()
    found: list[LayerError] = []
    if errors:
        compared = (
            list(islice(samples, _COMPARED))
            if samples
            else [random_inputs(source, seed=i) for i in range(_COMPARED)]
        )
        found = layer_errors(source, quantized, titles, compared)
    result = QuantizeResult(quantized, found, source.ByteSize(), quantized.ByteSize())
    if output is not None:
        write(quantized, Path(output))
    return result


def _kinds(options: QuantizeOptions) -> tuple[str, ...]:
    """The operators that are quantized."""
    if options.format == "nbits":
        return PRODUCTS
    return (*PRODUCTS, *WEIGHTS_ALONE) if options.mode == "dynamic" else TARGETS


def _results(model: onnx.ModelProto) -> dict[str, tuple[str, str]]:
    """The model's results of f32, which stand for layers in bodies: what these compute nobody sees from outside."""
    floats = {v.name for v in model.graph.output if v.type.tensor_type.elem_type == TensorProto.FLOAT}
    return {name: (name, node.op_type) for node in model.graph.node for name in node.output if name in floats}


def _check_patterns(options: QuantizeOptions, model: onnx.ModelProto) -> None:
    """Raises CompileError AICC-4002 for a pattern that no node fits: it was meant to keep one as it is."""
    nodes = [node for graph in all_graphs(model.graph) for node in graph.node]
    for pattern in options.exclude:
        if not any(options.fits(pattern, node) for node in nodes):
            known = [text for node in nodes for text in (node.name, node.op_type) if text]
            near = difflib.get_close_matches(pattern, list(dict.fromkeys(known)), 3)
            raise CompileError(
                "AICC-4002",
                f"no node has a name or an operator like '{pattern}', which is to be excluded.",
                hint=f"close are: {', '.join(near)}." if near else "patterns are those of shells: '*head*'.",
            )


def _why_nothing(model: onnx.ModelProto, wanted: Sequence[str], static: bool) -> str:
    """What a model without layers to quantize has instead."""
    kinds, *inner = [{node.op_type for node in graph.node} for graph in all_graphs(model.graph)]
    half = any(t.data_type in (TensorProto.FLOAT16, TensorProto.BFLOAT16) for t in model.graph.initializer)
    if "DequantizeLinear" in kinds or any(kind.startswith("QLinear") for kind in kinds):
        return "the model is quantized already. Quantize the f32 model it was made from."
    if half and kinds & set(wanted):
        return "the weights are f16 or bf16. Quantize the f32 model it was made from."
    if static and any(found & set(wanted) for found in inner):
        return "layers of branches and loops have no ranges. Modes weights and dynamic quantize them."
    *most, last = wanted
    return (
        f"no {', '.join(most)} or {last} has constant f32 weights, or all are excluded. Weights of MatMul and "
        "Gemm are the second operand, of two dims; alpha and beta of Gemm are 1."
    )


def _opset(options: QuantizeOptions) -> int:
    """The opset that what is written needs."""
    if options.mode != "weights":
        return 13
    if options.format == "nbits":
        return 11
    return 21 if options.bits == 4 or options.block else 13


def _rewrite(
    rewriting: Rewriting,
    layers: list[Layer],
    options: QuantizeOptions,
    source: onnx.ModelProto,
    samples: list[Sample] | None,
) -> None:
    if options.mode == "weights":
        quantize_weights(rewriting, layers, options)
    elif options.mode == "dynamic":
        quantize_dynamic(rewriting, layers, options)
    else:
        names = list(dict.fromkeys(layer.node.input[0] for layer in layers if not layer.weights_alone))
        seen = observe(rewriting.model, names, samples or []) if names else {}
        ranges = {name: seen[name].range(options.calibration, options.percentile) for name in names}
        quantize_static(rewriting, layers, ranges, options)


def _read(model: Any) -> onnx.ModelProto:
    """Raises ImportError_ AICC-1001 or AICC-1002."""
    if isinstance(model, onnx.ModelProto):
        return model
    path = Path(model)
    try:
        return onnx.load(str(path))
    except FileNotFoundError as error:
        code = "AICC-1001" if not path.exists() else "AICC-1002"
        raise ImportError_(code, f"{path} cannot be read: {error}") from error
    except onnx.checker.ValidationError as error:
        raise ImportError_("AICC-1002", f"external data of {path} cannot be read: {error}") from error
    except Exception as error:  # protobuf's DecodeError has no public base
        raise ImportError_("AICC-1001", f"{path} is no ONNX model: {error}") from error


def write(model: onnx.ModelProto, path: Path) -> None:
    """Writes the whole model or nothing; more than 2 GiB go to `<path>.data` too. Raises CompileError AICC-4001."""
    try:
        with tempfile.TemporaryDirectory(dir=path.resolve().parent, prefix=".aicc-") as folder:
            draft = Path(folder) / path.name
            if model.ByteSize() < _LIMIT:
                draft.write_bytes(model.SerializeToString())
            else:
                onnx.save(model, str(draft), save_as_external_data=True, location=f"{path.name}.data")
                os.replace(Path(folder) / f"{path.name}.data", path.with_name(f"{path.name}.data"))
            shutil.copymode(path, draft) if path.exists() else None
            os.replace(draft, path)
    except OSError as error:
        raise CompileError("AICC-4001", f"{path} cannot be written: {error}.") from error
