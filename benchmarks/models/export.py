"""Writes the benchmark models as ONNX files into the cache: `python -m benchmarks.models.export [NAME…]`.

The cache is `$AICC_BENCH_CACHE`, else `build/models`. A file that exists is left alone. Needs torch and
onnxscript (`make bench` has them in an environment of their own); no weights are downloaded.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import nn
from torch.utils import _pytree as pytree

from benchmarks.models import classes, classifiers, convnets, generators, light, transformers
from benchmarks.models.realistic import calibrated, initialized

CACHE = Path(os.environ.get("AICC_BENCH_CACHE", "build/models"))


@dataclass(frozen=True)
class Recipe:
    """One ONNX file. `build` gives the module, `inputs` an example call; `dynamic` names the axes, per input."""

    build: Callable[[], nn.Module]
    inputs: Callable[[], tuple[Any, ...]]
    names: tuple[str, ...]
    outputs: tuple[str, ...]
    dynamic: dict[str, dict[int, str]] = field(default_factory=dict)
    dynamo: bool = True


def image(size: int, batch: int = 1) -> Callable[[], tuple[Any, ...]]:
    return lambda: (torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(0)),)


def ids(vocabulary: int, *shape: int) -> torch.Tensor:
    return torch.randint(0, vocabulary, shape, generator=torch.Generator().manual_seed(0))


def convnet(
    module: Callable[[], nn.Module], size: int, output: str, batch: int = 1, **options: Any
) -> Recipe:
    def build() -> nn.Module:
        return calibrated(module(), torch.zeros(2, 3, size, size), seed=1)

    return Recipe(build, image(size, batch), ("image",), (output,), **options)


def generator(module: Callable[[], nn.Module], names: tuple[str, ...], *shapes: tuple[int, ...]) -> Recipe:
    """A network of f32 inputs of these shapes, with weights that keep the size of activations."""

    def inputs() -> tuple[Any, ...]:
        rng = torch.Generator().manual_seed(0)
        return tuple(torch.randn(*shape, generator=rng) for shape in shapes)

    def build() -> nn.Module:
        return calibrated(module(), *(torch.zeros(shape) for shape in shapes), seed=7)

    return Recipe(build, inputs, names, ("result",))


def bert(seq: int, dynamic: bool, dynamo: bool, batch: int = 1) -> Recipe:
    names = ("input_ids", "attention_mask", "token_type_ids")
    axes = {name: {0: "batch", 1: "seq"} for name in names} if dynamic else {}
    return Recipe(
        lambda: initialized(transformers.Bert(), seed=2),
        lambda: (
            ids(30522, batch, seq),
            torch.ones(batch, seq, dtype=torch.int64),
            torch.zeros(batch, seq, dtype=torch.int64),
        ),
        names,
        ("last_hidden_state", "pooled"),
        axes,
        dynamo,
    )


def cache_of(layers: int, heads: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Keys and values of 64 tokens, heads of 64."""
    return [(torch.randn(1, heads, 64, 64), torch.randn(1, heads, 64, 64)) for _ in range(layers)]


def cache_names(kind: str, layers: int) -> tuple[str, ...]:
    return tuple(f"{kind}_{part}_{i}" for i in range(layers) for part in ("key", "value"))


def gpt2(decode: bool, layers: int = 12) -> Recipe:
    def inputs() -> tuple[Any, ...]:
        if not decode:
            return (ids(50257, 1, 64),)
        return ids(50257, 1, 1), torch.full((1, 1), 64), cache_of(layers, 12)

    past, present = cache_names("past", layers), cache_names("present", layers)
    names = ("input_ids", "position_ids", *past) if decode else ("input_ids",)
    dynamic = {name: {2: "past"} for name in past} if decode else {}
    build = lambda: initialized(transformers.Gpt2(decode, layers=layers), seed=3)  # noqa: E731
    return Recipe(build, inputs, names, ("logits", *present), dynamic, dynamo=False)


def llama(dynamic: bool = False) -> Recipe:
    def inputs() -> tuple[Any, ...]:
        return (ids(4096, 2 if dynamic else 1, 64),)

    axes = {"input_ids": {0: "batch", 1: "seq"}} if dynamic else {}
    return Recipe(
        lambda: initialized(transformers.Llama(), seed=5), inputs, ("input_ids",), ("logits",), axes
    )


def vit(dynamic: bool = False) -> Recipe:
    build = lambda: initialized(transformers.VitS16(), seed=4)  # noqa: E731
    inputs = image(224, 2 if dynamic else 1)  # the exporter takes a batch of 1 for a number
    return Recipe(build, inputs, ("image",), ("logits",), BATCH if dynamic else {})


def llama_decode(layers: int = 8) -> Recipe:
    def inputs() -> tuple[Any, ...]:
        return ids(32000, 1, 1), torch.full((1, 1), 64), cache_of(layers, 4)

    past, present = cache_names("past", layers), cache_names("present", layers)
    names, dynamic = ("input_ids", "position_ids", *past), {name: {2: "past"} for name in past}
    build = lambda: initialized(transformers.LlamaDecode(layers=layers), seed=8)  # noqa: E731
    return Recipe(build, inputs, names, ("logits", *present), dynamic, dynamo=False)


def lstm() -> Recipe:
    def inputs() -> tuple[Any, ...]:
        return (torch.randn(1, 100, 80),)

    build = lambda: initialized(transformers.Lstm(), seed=6, std=0.06)  # noqa: E731
    return Recipe(build, inputs, ("features",), ("log_probabilities",), dynamo=False)


def recognizing(name: str) -> Recipe:
    """The same architecture with a last layer whose answers have a margin: see `classes`."""
    plain = RECIPES[name]
    if name == "bert-base-128":
        return replace(plain, build=lambda: classes.bert(seed=2), outputs=("logits",))
    build = {"resnet50": convnets.ResNet50, "mobilenetv2": convnets.MobileNetV2}[name]
    return replace(plain, build=lambda: classes.convnet(build, seed=1))


BATCH = {"image": {0: "batch"}}
RECIPES: dict[str, Recipe] = {
    "resnet50": convnet(convnets.ResNet50, 224, "logits"),
    "mobilenetv2": convnet(convnets.MobileNetV2, 224, "logits"),
    "bert-base-128": bert(128, dynamic=False, dynamo=True),
    "vit-s16": vit(),
    "vit-s16-dynamic": vit(dynamic=True),
    "yolov8n": convnet(convnets.YoloV8n, 640, "predictions"),
    "gpt2-prefill": gpt2(decode=False),
    "gpt2-decode": gpt2(decode=True),
    "llama-block": llama(),
    "llama-block-dynamic": llama(dynamic=True),
    "llama-decode": llama_decode(),
    "lstm": lstm(),
    "bert-base-dynamic": bert(128, dynamic=True, dynamo=False),
    "resnet50-dynamic": convnet(convnets.ResNet50, 224, "logits", dynamic=BATCH, dynamo=False),
    "resnet50-b8": convnet(convnets.ResNet50, 224, "logits", batch=8),
    "bert-base-128-b8": bert(128, dynamic=False, dynamo=True, batch=8),
    "bert-base-16": bert(16, dynamic=False, dynamo=False),
    "bert-base-384": bert(384, dynamic=False, dynamo=False),
}


@dataclass(frozen=True)
class Module:
    """A model as PyTorch has it, for runtimes that start from there: the weights are those of the ONNX file."""

    module: nn.Module
    example: tuple[Any, ...]

    def arguments(self, tensors: list[torch.Tensor]) -> tuple[Any, ...]:
        """Arguments of a call, from the inputs of the ONNX file in order."""
        _, structure = pytree.tree_flatten(self.example)
        arguments: tuple[Any, ...] = pytree.tree_unflatten(tensors, structure)
        return arguments


def module(name: str) -> Module:
    """Model `name` of `RECIPES`."""
    recipe = RECIPES[name]
    example = recipe.inputs()
    return Module(recipe.build(), example)


RECIPES |= {
    "efficientnet-b0": convnet(classifiers.EfficientNetB0, 224, "logits"),
    "convnext-t": convnet(classifiers.ConvNextT, 224, "logits"),
    "resnext50": convnet(classifiers.ResNext50, 224, "logits"),
    "regnety-800mf": convnet(classifiers.RegNetY, 224, "logits"),
    "shufflenetv2": convnet(classifiers.ShuffleNetV2, 224, "logits"),
    "deeplab": convnet(generators.DeepLab, 264, "classes"),
    "unet": convnet(generators.UNet, 256, "classes"),
    "dcgan": generator(generators.Generator, ("noise",), (1, 100, 1, 1)),
    "diffusion-unet": generator(generators.DiffusionUNet, ("latents", "time"), (1, 4, 32, 32), (1, 512)),
    "wavenet": generator(generators.WaveNet, ("sound",), (1, 1, 8000)),
}
RECIPES |= {f"{name}-classes": recognizing(name) for name in ("resnet50", "mobilenetv2", "bert-base-128")}
LIGHT = {f"light-{name.replace('_', '-')}": name for name in light.names()}
"""Networks that come with the package onnx, by the name they have here."""


def export(name: str, cache: Path = CACHE) -> Path:
    """The path of model `name`, exported first when the cache lacks it."""
    path = cache / f"{name}.onnx"
    if path.exists():
        return path
    cache.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".partial")
    if name in LIGHT:
        onnx.save(light.standalone(LIGHT[name]), unfinished)
        unfinished.rename(path)
        return path
    recipe = RECIPES[name]
    options: dict[str, Any] = {"input_names": list(recipe.names), "output_names": list(recipe.outputs)}
    inputs = recipe.inputs()
    if recipe.dynamo:
        shapes = tuple(
            {axis: torch.export.Dim(symbol) for axis, symbol in recipe.dynamic.get(n, {}).items()}
            for n in recipe.names
        )
        options |= {"dynamic_shapes": shapes if recipe.dynamic else None, "external_data": False}
    else:
        options |= {"dynamic_axes": recipe.dynamic, "opset_version": 17}
    torch.onnx.export(recipe.build(), inputs, str(unfinished), dynamo=recipe.dynamo, **options)
    unfinished.rename(path)
    return path


def main() -> None:
    unknown = [name for name in sys.argv[1:] if name not in RECIPES and name not in LIGHT]
    if unknown:
        sys.exit(f"unknown model {unknown[0]}; known: {', '.join([*RECIPES, *LIGHT])}")
    for name in sys.argv[1:] or [*RECIPES, *LIGHT]:
        path = export(name)
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB", flush=True)


if __name__ == "__main__":
    main()
