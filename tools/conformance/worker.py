"""A worker: one test's name per line of standard input, one outcome as JSON per line of standard output."""

from __future__ import annotations

import json
import os
import sys
import warnings
from dataclasses import asdict
from pathlib import Path

from aicc.tools.conformance.check import check
from aicc.tools.conformance.suite import Test


def main() -> None:
    warnings.filterwarnings("ignore")
    # what else writes to standard output must not mix with the answers
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        kind, name, path = json.loads(line)
        answers.write(json.dumps(asdict(check(Test(kind, name, Path(path))))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
