"""What every test may use: a small model on disk, a private object cache, seeded random numbers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

# No test asserts how long something takes.
settings.register_profile("aicc", deadline=None)
settings.load_profile("aicc")


LONG = ("test_tutorial.py", "test_sample.py")
"""Files whose tests take longest: begun first, so that no process is alone with one at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in LONG)


@pytest.fixture
def rng() -> np.random.Generator:
    """The same random numbers in every run."""
    return np.random.default_rng(20240607)


@pytest.fixture(scope="session", autouse=True)
def _quiet_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Objects compiled by tests are cached for the run and not among the user's own; knobs are unset."""
    saved = dict(os.environ)
    for name in [n for n in os.environ if n.startswith("AICC_")]:
        if name != "AICC_TEST_CACHE":
            del os.environ[name]
    shared = saved.get("AICC_TEST_CACHE")
    # All xdist workers share one folder: the same kernel is compiled once.
    cache = Path(shared) if shared else tmp_path_factory.getbasetemp().parent / "aicc-cache"
    os.environ["AICC_CACHE_DIR"] = str(cache)
    yield
    os.environ.clear()
    os.environ.update(saved)


@pytest.fixture(scope="session")
def vendor_libraries(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of the stand-ins for a vendor's library, which are built with the first use."""
    from test.runtime.cuda.vendor import build

    return cache(lambda name: build(name, tmp_path_factory.mktemp(name)))


@pytest.fixture
def cublaslt(vendor_libraries: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The stand-in for cuBLASLt, which models call within the test. At its end nothing of it may be in use."""
    yield from _stand_in("cublaslt", vendor_libraries, monkeypatch)


@pytest.fixture
def cudnn(vendor_libraries: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The same for cuDNN."""
    yield from _stand_in("cudnn", vendor_libraries, monkeypatch)


def _stand_in(name: str, libraries: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    from test.runtime.cuda.vendor import StandIn

    made = StandIn(name, libraries(name))
    monkeypatch.setenv(f"AICC_{name.upper()}", str(made.path))
    made.reset()
    yield made
    assert made.left() == {}
