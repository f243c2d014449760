"""No kernel reads past its arguments: they end where readable memory does."""

from __future__ import annotations

import subprocess
import sys

import pytest

from test.cuda.cases import CASES

MATRICES = [name for name in CASES if any(kind in name for kind in ("matmul", "gemm"))]


@pytest.mark.parametrize(
    ("only", "names"),
    [("", [n for n in CASES if n not in MATRICES and "convolution" not in n]), ("contraction", MATRICES)],
    ids=["chosen", "contraction"],
)
def test_reads_end_with_the_arguments(only: str, names: list[str]) -> None:
    """One process for all; what it printed last was right."""
    command = [sys.executable, "-m", "test.cuda.guarded", only, *names]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout.split()[-1:], done.stderr[-2000:])
    assert done.stdout.split() == names
