"""Runs one test and says how it went."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from aicc import backend
from aicc.errors import AiccError
from aicc.tools.conformance.suite import Test, data_sets
from aicc.tools.conformance.ways import CONSTANT, STATIC, in_way

PASSED = "passed"
UNSUPPORTED = "unsupported"
"""Refused at import with a code and the node's name."""
WRONG = "wrong"
"""Other numbers, shapes or dtypes than expected."""
FAILED = "failed"
"""Any other error: a defect."""
CRASHED = "crashed"
HUNG = "hung"
STATES = (PASSED, UNSUPPORTED, WRONG, FAILED, CRASHED, HUNG)

_BFLOAT16_RTOL = 2.0**-6


@dataclass(frozen=True)
class Outcome:
    kind: str
    name: str
    state: str
    reason: str = ""
    seconds: float = 0.0
    way: str = STATIC

    @property
    def key(self) -> str:
        """What the list of known failures calls it."""
        return self.name if self.way == STATIC else f"{self.name} ({self.way})"


class Mismatch(Exception):
    """An output that is not what the test expects."""


def check(test: Test, way: str = STATIC) -> Outcome:
    """Compiles and runs `test` in one of `WAYS`; never raises."""
    start = time.perf_counter()
    state, reason = PASSED, ""
    try:
        run(test, way)
    except Mismatch as error:
        state, reason = WRONG, str(error)
    except AiccError as error:
        is_refusal = error.code.startswith("AICC-1") and error.code != "AICC-1001"
        state, reason = (UNSUPPORTED if is_refusal else FAILED), f"{error.code} {error.message}"
    except Exception as error:
        state, reason = FAILED, f"{type(error).__name__}: {error}"
    reason = " ".join(reason.split())[:300]
    return Outcome(test.kind, test.name, state, reason, round(time.perf_counter() - start, 3), way)


def run(test: Test, way: str = STATIC) -> None:
    """Raises what goes wrong."""
    model = onnx.load(test.model_path)
    rtol, atol = test.tolerances()
    program = None
    for inputs, expected in data_sets(test, model):
        chosen, given = in_way(model, inputs, way)
        if program is None or way == CONSTANT:
            # built in this process: starting others takes longer than these kernels
            program = backend.prepare(chosen, cache=False, jobs=0)
        compare(list(program.run(given)), expected, rtol, atol)


def compare(found: Sequence[Any], expected: Sequence[Any], rtol: float, atol: float, what: str = "") -> None:
    """As `onnx.backend.test.runner.Runner.assert_similar_outputs` does. Raises Mismatch."""
    if len(found) != len(expected):
        raise Mismatch(f"{what or 'results'}: {len(found)} values, expected {len(expected)}")
    for i, (have, want) in enumerate(zip(found, expected, strict=True)):
        name = f"{what}[{i}]" if what else f"output {i}"
        if isinstance(want, list):
            if not isinstance(have, (list, tuple)):
                raise Mismatch(f"{name}: {type(have).__name__}, expected a sequence")
            compare(have, want, rtol, atol, name)
        elif want is None or have is None:
            if have is not want:
                raise Mismatch(f"{name}: one of the two is empty")
        else:
            _compare_arrays(np.asarray(have), np.asarray(want), rtol, atol, name)


def _compare_arrays(have: Any, want: Any, rtol: float, atol: float, name: str) -> None:
    if have.shape != want.shape:
        raise Mismatch(f"{name}: shape {have.shape}, expected {want.shape}")
    if want.dtype == object or want.dtype.kind in "US":
        if not np.array_equal(have.astype(object), want.astype(object)):
            raise Mismatch(f"{name}: other strings")
        return
    if have.dtype != want.dtype:
        raise Mismatch(f"{name}: dtype {have.dtype}, expected {want.dtype}")
    if want.dtype.name == "bfloat16":
        rtol = max(rtol, _BFLOAT16_RTOL)
    if not want.dtype.isbuiltin:
        have, want = have.astype(np.float32), want.astype(np.float32)
    try:
        np.testing.assert_allclose(have, want, rtol=rtol, atol=atol)
    except AssertionError as error:
        lines = [s.strip() for s in str(error).splitlines() if s.strip()]
        raise Mismatch(f"{name}: {'; '.join(lines[1:4])}") from None
