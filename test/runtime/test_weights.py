"""External weights: found beside the library, checked, shared, mapped."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from aicc.errors import RuntimeError_
from aicc.loader import load

from .conftest import Fake

W = np.arange(8, dtype=np.float32) * 10
ID = b"#id:1234"  # models/affine.c
X = np.ones((2, 8), np.float32)


@pytest.fixture
def model(fake: Fake, tmp_path: Path) -> Path:
    """A model in its own folder, with the weights under the name it was compiled with."""
    (tmp_path / "affine.weights").write_bytes(W.tobytes() + ID)
    return Path(shutil.copy(fake("affine", 'EXTERNAL="affine.weights"'), tmp_path / "model.so"))


def test_found_beside_the_library(model: Path) -> None:
    exe = load(model)
    np.testing.assert_array_equal(exe(X), 2 * X + W)


def test_found_from_another_folder(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the working folder nor a link to the library matter."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "link.so").symlink_to(model)
    monkeypatch.chdir(other)
    np.testing.assert_array_equal(load("link.so")(X), 2 * X + W)


def test_saved_with_the_library(model: Path, tmp_path: Path) -> None:
    exe = load(model)
    for path in list(tmp_path.iterdir()):
        path.unlink()
    np.testing.assert_array_equal(exe(X), 2 * X + W)  # mapped: the file may go
    target = tmp_path / "moved.so"
    exe.save(target)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["moved.so", "moved.so.weights"]
    np.testing.assert_array_equal(load(target)(X), 2 * X + W)


def test_replaced_model_reads_its_own_weights(model: Path, fake: Fake, tmp_path: Path) -> None:
    first = load(model)
    new = Path(shutil.copy(fake("affine", 'EXTERNAL="affine.weights"', "SCALE=3"), tmp_path / "new.so"))
    new.replace(model)
    np.testing.assert_array_equal(load(model)(X), 3 * X + W)
    np.testing.assert_array_equal(first(X), 2 * X + W)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "affine.weights' cannot be opened: No such file"),
        (b"", "have 0 bytes, the model wants 40"),
        (W.tobytes(), "have 32 bytes, the model wants 40"),
        (W.tobytes() + b"#id:9999", "belong to another model or version of it"),
    ],
)
def test_missing_or_wrong(model: Path, content: bytes | None, message: str) -> None:
    weights = model.parent / "affine.weights"
    weights.unlink()
    if content is not None:
        weights.write_bytes(content)
    with pytest.raises(RuntimeError_, match=f"AICC-5004.*{message}"):
        load(model)
    weights.write_bytes(W.tobytes() + ID)
    np.testing.assert_array_equal(load(model)(X), 2 * X + W)
