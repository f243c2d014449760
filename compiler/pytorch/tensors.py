"""Tensors of torch and arrays of a compiled model: the same memory, whichever asks."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

_RAW = {1: np.uint8, 2: np.int16}


def as_argument(value: Any) -> Any:
    """What a compiled model reads: a tensor gives its memory, a number is one of 64 bits."""
    if isinstance(value, torch.Tensor):
        # neither requires_grad nor a pending conjugation or negation has a form in DLPack
        return value.detach().resolve_conj().resolve_neg()
    return np.asarray(value)


def as_tensor(array: Any) -> torch.Tensor:
    """A tensor on the memory of an array; of bfloat16 and float8, too, which NumPy knows by ml_dtypes alone. A tensor
    as it is."""
    if isinstance(array, torch.Tensor):
        return array
    if array.dtype.kind != "V" and array.dtype.isbuiltin:
        return torch.from_numpy(array)
    kind: torch.dtype = getattr(torch, array.dtype.name)
    return torch.from_numpy(array.view(_RAW[array.dtype.itemsize])).view(kind)
