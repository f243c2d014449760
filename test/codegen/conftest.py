from __future__ import annotations

import pytest

from aicc.codegen.cache import ObjectCache
from test.codegen.hand_made import HandMade, hand_made


@pytest.fixture(scope="package")
def cache(tmp_path_factory: pytest.TempPathFactory) -> ObjectCache:
    return ObjectCache(tmp_path_factory.mktemp("cache"), 1 << 30)


@pytest.fixture(scope="package")
def model(cache: ObjectCache) -> HandMade:
    return hand_made(cache)
