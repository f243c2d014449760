"""No op goes without IR tests: one that it round-trips, one that invalid IR of it is refused."""

import re
from pathlib import Path

import pytest

from aicc.dialects import OPS

HERE = Path(__file__).parent
ROUND_TRIPS = [p for p in HERE.glob("*.mlir") if "invalid" not in p.stem]
INVALID = [p for p in HERE.glob("*.mlir") if "invalid" in p.stem]
OWN = [op for op in OPS.values() if op.mlir_name.startswith("aicc.") and op.name != "none"]


def ops_in(files: list[Path]) -> set[str]:
    return {name for path in files for name in re.findall(r'"aicc\.(\w+)"', path.read_text())}


@pytest.mark.parametrize("files", [ROUND_TRIPS, INVALID], ids=["round-trip", "invalid"])
def test_every_op_has_ir_tests(files):
    assert sorted({op.name for op in OWN} - ops_in(files)) == []
