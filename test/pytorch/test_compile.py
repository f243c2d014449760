"""`aicc.pytorch.compile`: modules straight to a library, with and without named sizes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aicc
from aicc.errors import CompileError

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")
from torch import nn  # noqa: E402

from aicc import pytorch  # noqa: E402


@pytest.fixture(autouse=True)
def _inference() -> Iterator[None]:
    torch.manual_seed(7)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch warns of itself
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


class Nested(nn.Module):
    """Takes and returns nested tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 4)

    def forward(self, pair: Any, *, bias: Any) -> Any:
        return {"sum": self.linear(pair[0]) + bias, "rest": [pair[1] * 2]}


def test_a_library_of_a_module(tmp_path: Path) -> None:
    module = Nested().eval()
    a, b, bias = torch.randn(3, 8), torch.randn(2), torch.randn(4)
    path = pytorch.compile(module, ((a, b),), {"bias": bias}).save(tmp_path / "model.so")
    found = aicc.load(path)(a, b, bias)
    expected = module((a, b), bias=bias)
    np.testing.assert_allclose(found[0], expected["sum"], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(found[1], expected["rest"][0])


def test_named_sizes() -> None:
    module = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 4)).eval()
    batch = torch.export.Dim("batch", max=64)
    exe = pytorch.compile(module, (torch.randn(2, 8),), dynamic_shapes=({0: batch},), opt_level=1)
    for rows in (1, 2, 7):
        x = torch.randn(rows, 8)
        np.testing.assert_allclose(exe(x), module(x), rtol=1e-5, atol=1e-5)


def test_layers_of_an_encoder() -> None:
    module = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True).eval()
    x = torch.randn(2, 5, 32)
    np.testing.assert_allclose(pytorch.compile(module, (x,))(x), module(x), rtol=1e-5, atol=1e-5)


class Branching(nn.Module):
    """Branches on what a tensor holds, which no export captures."""

    def forward(self, x: Any) -> Any:
        return x if x.sum() > 0 else -x


def test_a_module_that_torch_cannot_export() -> None:
    with pytest.raises(CompileError, match="AICC-6001"):
        pytorch.compile(Branching(), (torch.ones(3),))
