"""Runs a command line tool within the test's process, as a shell would see it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any
from unittest import mock

import click

from aicc.tools import console


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


def run(command: click.Command, *arguments: Any) -> Outcome:
    """Exit code, standard output and standard error of `command` with these arguments."""
    out, err = StringIO(), StringIO()
    texts: Sequence[str] = [str(a) for a in arguments]
    with mock.patch.object(sys, "stdout", out), mock.patch.object(sys, "stderr", err):
        try:
            console.start(command, texts)
        except SystemExit as leaving:
            code = int(leaving.code or 0)
    return Outcome(code, out.getvalue(), err.getvalue())
