"""The generated pages of docs/ say what the code says: `make docs` renews them."""

from __future__ import annotations

from pathlib import Path

import pytest

from aicc.tools.docs import PAGES

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", PAGES)
def test_page_is_current(page: str) -> None:
    assert (DOCS / page).read_text() == PAGES[page](), f"docs/{page} is out of date: run make docs"
