"""Sections of pages of docs/ that a benchmark writes, between marks of its own."""

from __future__ import annotations


def renewed(page: str, section: str) -> str:
    """The page with `section`, which starts and ends with its marks, in the place of what is between them there, or at
    the end of a page without them."""
    begin, end = section.splitlines()[0], section.splitlines()[-1]
    if begin not in page:
        return f"{page.rstrip()}\n\n{section}\n"
    before, rest = page.split(begin, 1)
    return before + section + rest.split(end, 1)[1]
