"""A worker: a test and the way of its inputs per line of standard input, an outcome per line of its output, JSON."""

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
        kind, name, path, way = json.loads(line)
        answers.write(json.dumps(asdict(check(Test(kind, name, Path(path)), way))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
