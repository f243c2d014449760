"""Where aicc is less than 1.2 times as fast as the fastest other runtime, and what holds it there.

The reasons are read off docs/kernels.md, which tells how near each kernel is to the machine's limit.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.report import Line, table

WANTED = 1.2

HEAD = """
## Less than {0} times as fast as the fastest

Which kernels take the time, and how near to the machine's limit each is: docs/kernels.md.

"""

REASONS = {
    "bert": "matrix products take nine tenths of the time and run at 93–94 % of the multiply-add peak: there is "
    "nothing left above 1.07 times today's speed but an algorithm of fewer multiplications",
    "vit": "as bert: matrix products at 93 % of the multiply-add peak",
    "gpt2-decode": "every weight is read once for one token: the time is that of reading 0.5 GB, at 93–98 % of what "
    "a loop that only reads gets; smaller weights (int8, int4) are what makes it faster",
    "llama-decode": "as gpt2-decode: the time is that of reading the weights",
    "light-bvlc-alexnet": "two thirds of the time is reading the weights of the fully connected layers, at the "
    "memory's speed",
    "light-zfnet512": "half of the time is reading the weights of the fully connected layers, at the memory's speed",
    "gpt2-prefill": "matrix products at 94 % of the multiply-add peak",
    "llama-block": "matrix products at 93 % of the multiply-add peak",
}
"""Beginning of a model's name → why."""


def section(lines: Sequence[Line]) -> str:
    """One row per model below `WANTED`; nothing when there is none."""
    short: dict[str, list[str]] = {}
    for line in lines:
        if line.fastest is not None and line.fastest[0] < WANTED:
            ratio, runtime = line.fastest
            short.setdefault(line.model, []).append(f"{ratio:.2f} of {runtime} ({line.threads})")
    if not short:
        return ""
    body = [
        (
            model,
            ", ".join(ratios),
            next((why for start, why in REASONS.items() if model.startswith(start)), ""),
        )
        for model, ratios in short.items()
    ]
    return HEAD.format(WANTED) + table(("model", "ratio (threads)", "why"), body) + "\n"
