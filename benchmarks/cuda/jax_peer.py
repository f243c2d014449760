"""The speed cases in JAX, compiled by XLA."""

from __future__ import annotations

import importlib
import os
import statistics
import time
from collections.abc import Callable
from typing import Any


def _layer_norm(jax: Any, x: Any, scale: Any, bias: Any) -> Any:
    jnp = jax.numpy
    centered = x - jnp.mean(x, -1, keepdims=True)
    return centered / jnp.sqrt(jnp.mean(centered * centered, -1, keepdims=True) + 1e-5) * scale + bias


PEERS: dict[str, Callable[..., Any]] = {
    "matmul": lambda jax, x, w: jax.numpy.matmul(x, w),
    "add": lambda jax, x, z: x + z,
    "transpose": lambda jax, x: jax.numpy.transpose(x).copy(),
    "softmax": lambda jax, x: jax.nn.softmax(x, -1),
    "layer_norm": _layer_norm,
}
"""What a case is, by how its name begins."""


def installed() -> Any | None:
    """JAX, if it is installed and has a GPU; told to leave memory to others."""
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    try:
        jax = importlib.import_module("jax")
        return jax if jax.default_backend() == "gpu" else None
    except Exception as error:  # a wheel for another driver, say
        if not isinstance(error, ImportError):
            print(f"JAX is left out: {type(error).__name__}: {error}"[:200])
        return None


def seconds(jax: Any, name: str, inputs: list[Any], rounds: int, calls: int) -> float:
    """Of a call among `calls` in a row, to the end of the device's work: the median of rounds."""
    peer = next(function for start, function in PEERS.items() if name.startswith(start))
    arrays = [jax.device_put(array) for array in inputs]
    call = jax.jit(lambda *values: peer(jax, *values))
    call(*arrays).block_until_ready()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        results = [call(*arrays) for _ in range(calls)]
        results[-1].block_until_ready()
        times.append((time.perf_counter() - started) / calls)
    return statistics.median(times)
