"""What a wheel must hold is where setup.py finds it."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TREES = ("compiler", "dialects", "passes", "tools")


@pytest.mark.parametrize("tree", TREES)
def test_every_folder_with_sources_is_a_package(tree: str) -> None:
    sources = [p for suffix in ("*.py", "*.c", "*.h", "*.map") for p in (ROOT / tree).rglob(suffix)]
    folders = {p.parent for p in sources if "__pycache__" not in p.parts}
    assert folders and not [str(f) for f in folders if not (f / "__init__.py").exists()]


@pytest.mark.parametrize("tree", TREES)
def test_no_data_a_wheel_would_miss(tree: str) -> None:
    packaged = {".py", ".c", ".h", ".map", ".typed"}
    files = [p for p in (ROOT / tree).rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert not [str(p) for p in files if p.suffix not in packaged]
