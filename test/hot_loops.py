"""Reads assembly (`aicc --emit asm`) and prints the hottest loop of each kernel: for FileCheck.

The hottest is the innermost loop with the most vector arithmetic; loops that multiply and add above all go
before those that do not. It prints `kernel NAME`, the loop's instructions without comments, and

    spills: how many vector registers go to the stack or come from there within the loop
    calls: what the kernel calls besides the runtime
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

_PART = re.compile(r"# ---- (?:kernel (?P<kernel>\S+)|.*)")
_LABEL = re.compile(r"(?P<label>[.\w$]+):")
_BRANCH = re.compile(r"(?:j\w+|b|b\.\w+|cbn?z|tbn?z)\s+(?:.*,\s*)?(?P<label>\.LBB\w+)")
_CALL = re.compile(r"(?:call\w*|bl)\s+(?P<name>[.\w$@]+)")
_VECTOR = re.compile(
    r"\bv?(?:f?madd|fml[as]|f?mul|f?add|f?sub|f?div|f?max|f?min|and|or|xor|cmp|shuf|perm|unpck|trn|zip)\w*"
)
_REGISTER = re.compile(r"%[xyz]mm\d+|\b[vq]\d+\b")
_STACK = re.compile(r"\(%rsp[,)]|\[sp\b")
_MULTIPLY_ADD = re.compile(r"vfn?m(?:add|sub)|fml[as]")


@dataclass
class Kernel:
    """`lines` are instructions and labels of all of its functions."""

    name: str
    lines: list[str] = field(default_factory=list)

    @property
    def calls(self) -> list[str]:
        """What it calls, without the runtime and its own functions."""
        names = [m["name"].split("@")[0] for m in map(_CALL.match, self.lines) if m]
        return sorted({n for n in names if not n.startswith(("k_", "aicc_", "."))})

    def loops(self) -> Iterator[list[str]]:
        """Instructions of each innermost loop."""
        places = {m["label"]: n for n, line in enumerate(self.lines) if (m := _LABEL.fullmatch(line))}
        branches = [
            (places.get(m["label"], n + 1), n)
            for n, line in enumerate(self.lines)
            if (m := _BRANCH.match(line))
        ]
        backward = [(first, last) for first, last in branches if first <= last]
        for first, last in backward:
            if not any((a, b) != (first, last) and first <= a and b <= last for a, b in backward):
                yield [line for line in self.lines[first : last + 1] if not _LABEL.fullmatch(line)]


def kernels(assembly: str) -> Iterator[Kernel]:
    """The parts of the output of `--emit asm`."""
    current: Kernel | None = None
    for raw in assembly.splitlines():
        part = _PART.match(raw)
        if part:
            if current is not None:
                yield current
            current = Kernel(part["kernel"]) if part["kernel"] else None
            continue
        line = re.split(r"\s#\s|\s//\s|\s#+\s*$", raw)[0].strip().replace("\t", " ")
        if (
            current is None
            or not line
            or line.startswith(("#", "//"))
            or (line[0] == "." and not line.startswith(".LBB"))
        ):
            continue
        current.lines.append(line)
    if current is not None:
        yield current


def work(loop: list[str]) -> int:
    """Vector instructions that compute."""
    return sum(bool(_VECTOR.match(line) and _REGISTER.search(line)) for line in loop)


def heat(loop: list[str]) -> tuple[bool, int]:
    """By which loops are compared."""
    multiply_adds = sum(bool(_MULTIPLY_ADD.match(line)) for line in loop)
    return multiply_adds > 0.4 * len(loop), work(loop)


def spills(loop: list[str]) -> int:
    """Vector registers stored to the stack or loaded from there."""
    return sum(bool(_STACK.search(line) and _REGISTER.search(line)) for line in loop)


def main() -> None:
    for kernel in kernels(sys.stdin.read()):
        loop = max(kernel.loops(), key=heat, default=[])
        print(f"kernel {kernel.name}")
        for line in loop:
            print(f"  {line}")
        print(f"  spills: {spills(loop)}")
        print(f"  calls: {' '.join(kernel.calls) or 'none'}\n")


if __name__ == "__main__":
    main()
