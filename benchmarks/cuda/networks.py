"""Compiles whole networks into build/cuda, without their weights: `python -m benchmarks.cuda.networks [--only NAME]`.

Weights are random numbers of known seeds, as large as the network's own; `network_speed.py` makes them again where the
GPU is, so that build/cuda stays small.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

from aicc.driver import Options, compile_model
from aicc.target import Target
from benchmarks.cuda import seeded
from benchmarks.cuda.cases import FOLDER
from benchmarks.cuda.planting import planted, recipe_of
from benchmarks.zoo import exported


@dataclass(frozen=True)
class Network:
    """A benchmark model: `sizes` of symbolic dims, the spec of each input by name (std 1 unless said)."""

    source: str
    sizes: Mapping[str, int] = field(default_factory=dict)
    half: bool = True
    inputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    torch: str = ""
    """"module.Class" of benchmarks.models to compare with."""


_TEXT = {
    "input_ids": {"kind": "integers", "below": 30522},
    "attention_mask": {"kind": "ones"},
    "token_type_ids": {"kind": "zeros"},
}
_RESNET, _BERT = "convnets.ResNet50", "transformers.Bert"
NETWORKS: dict[str, Network] = {
    "resnet50-b1": Network("resnet50-dynamic", {"batch": 1}, torch=_RESNET),
    "resnet50-b64": Network("resnet50-dynamic", {"batch": 64}, torch=_RESNET),
    "resnet50-f32": Network("resnet50-dynamic", {"batch": 1}, half=False),
    "bert-base-b1": Network("bert-base-dynamic", {"batch": 1, "seq": 128}, inputs=_TEXT, torch=_BERT),
    "bert-base-b32": Network("bert-base-dynamic", {"batch": 32, "seq": 128}, inputs=_TEXT, torch=_BERT),
    "mobilenetv2": Network("mobilenetv2", torch="convnets.MobileNetV2"),
    "vit-s16": Network("vit-s16", torch="transformers.VitS16"),
}


def build(name: str, network: Network, folder: Path, target: Target) -> dict[str, Any]:
    """Writes net_NAME.so, the bytes of its weights that have no seed, and the outputs of one row of the batch in f32;
    returns what network_speed.py has to know. Raises AiccError."""
    made = planted(exported(network.source), network.half)
    library = folder / f"net_{name}.so"
    options = Options(target=target, dims=network.sizes, weights="external")
    compile_model(made.model.SerializeToString(), library, options)
    blob = library.with_name(library.name + ".weights")
    written = blob.read_bytes()
    recipe, raw = recipe_of(written, made.specs)
    seeded.write_weights(recipe, raw, blob)
    assert blob.read_bytes() == written, name
    blob.unlink()
    inputs, row = [], {}
    for number, info in enumerate(made.model.graph.input):
        shape = [network.sizes.get(d.dim_param, d.dim_value) for d in info.type.tensor_type.shape.dim]
        dtype = onnx.helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type).name
        spec = {"kind": "normal", "seed": number, "shape": [1, *shape[1:]], "dtype": dtype}
        spec |= network.inputs.get(info.name, {})
        values = seeded.make(spec)
        row[info.name] = values.astype(np.float32) if values.dtype == np.float16 else values
        inputs.append(spec | {"repeat": shape[0]})
    arrays = {f"out{i}": values for i, values in enumerate(reference(in_float(made.model), row))}
    np.savez_compressed(folder / f"net_{name}.npz", raw=np.frombuffer(raw, np.uint8), **arrays)
    return {
        "name": name,
        "inputs": inputs,
        "weights": recipe,
        "torch": network.torch,
        "dtype": "float16" if network.half else "float32",
        "tolerance": 2e-2 if network.half else 1e-4,
    }


def reference(model: onnx.ModelProto, inputs: Mapping[str, Any]) -> list[Any]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return list(session.run(None, dict(inputs)))


def in_float(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with the numbers its f16 weights have, computed in f32."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    half, single = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT
    for info in (*copy.graph.input, *copy.graph.output):
        if info.type.tensor_type.elem_type == half:
            info.type.tensor_type.elem_type = single
    tensors = [
        *copy.graph.initializer,
        *(a.t for node in copy.graph.node for a in node.attribute if a.HasField("t")),
    ]
    for tensor in tensors:
        if tensor.data_type == half:
            values = onnx.numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    for node in copy.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == half:
                attribute.i = single
    return copy


def main() -> None:
    """Writes build/cuda/net_* and networks.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mcpu", default="sm_90a", help="architecture")
    parser.add_argument("--only", default="", help="names that contain this")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    index = []
    for name, network in NETWORKS.items():
        if args.only in name:
            print(name, flush=True)
            index.append(build(name, network, args.folder, Target.cuda(args.mcpu)))
    (args.folder / "networks.json").write_text(json.dumps(index, indent=1) + "\n")


if __name__ == "__main__":
    main()
