"""The models that are measured, and their ONNX files."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from aicc.tools.bench.environments import clean_environment, python_of
from aicc.tools.bench.peers import PEERS

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("AICC_BENCH_CACHE", "build/models"))

EXPORTED = (
    "resnet50",
    "resnet50-b8",
    "mobilenetv2",
    "vit-s16",
    "yolov8n",
    "bert-base-16",
    "bert-base-128",
    "bert-base-128-b8",
    "bert-base-384",
    "bert-base-dynamic",
    "gpt2-prefill",
    "gpt2-decode",
    "llama-block",
    "llama-decode",
    "lstm",
)
"""Written in PyTorch by `benchmarks.models`."""

LIGHT = (
    "light-bvlc-alexnet",
    "light-densenet121",
    "light-inception-v1",
    "light-inception-v2",
    "light-resnet50",
    "light-shufflenet",
    "light-squeezenet",
    "light-vgg19",
    "light-zfnet512",
)
"""Graphs that come with the package onnx."""

MODELS = (*EXPORTED, *LIGHT)

DIMS = {
    "bert-base-dynamic": {"batch": 1, "seq": 128},
    "gpt2-decode": {"past": 64},
    "llama-decode": {"past": 64},
}
"""Sizes of symbolic dimensions; they stay symbolic for the compilers."""


def exported(name: str) -> Path:
    """The ONNX file, made when the cache lacks it by a process in the environment that has PyTorch."""
    path = CACHE / f"{name}.onnx"
    if not path.exists():
        python = python_of(PEERS["torchinductor"])
        environment = {**clean_environment(), "AICC_BENCH_CACHE": str(CACHE.resolve())}
        command = [str(python), "-m", "benchmarks.models.export", name]
        subprocess.run(command, check=True, cwd=ROOT, env=environment)
    return path


def module_of(name: str) -> str:
    """Where the PyTorch module of a model is made, as the worker's Job has it; empty for a graph without one."""
    return "" if name in LIGHT else f"benchmarks.models.export:module:{name}"
