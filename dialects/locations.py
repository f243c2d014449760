"""What locations say: the names of the nodes that an op came from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aicc.bindings import ir


def node_names(location: Any) -> Iterator[str]:
    """The names in a location, in order; those a pass made up (none) are passed over."""
    if isinstance(location, ir.NameLoc):
        yield location.name_str
    elif isinstance(location, ir.FusedLoc):
        for part in location.locations:
            yield from node_names(part)
