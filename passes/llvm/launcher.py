"""The part of a kernel object that the host program calls, in the llvm dialect.

    llvm.func internal @k(ptr…, i64…, i64 lo, i64 hi, ptr scratch)           the kernel
    llvm.func hidden @k_range(ptr args, i64 lo, i64 hi, ptr scratch)         loads the arguments, calls @k
    llvm.func hidden @k_launch(ptr ctx, ptr…, i64…)                          stores the arguments, calls the runtime

The launcher lies in the kernel's object, so that only this object knows how many tiles there are: another
schedule for a kernel is a relink, and never touches the host program.
"""

from __future__ import annotations

from dataclasses import dataclass

PTR, I64 = "!llvm.ptr", "i64"


def launch_name(kernel: str) -> str:
    """Symbol the host program calls for `kernel`."""
    return f"{kernel}_launch"


def range_name(kernel: str) -> str:
    """Symbol of the function over a range of tiles, which `model_info.c` names for profiling."""
    return f"{kernel}_range"


@dataclass(frozen=True)
class KernelInterface:
    """What the launcher of `name` needs to know.

    `buffers` and `indices` count the arguments; `tiles`, `grain` and `scratch` (bytes per thread) are
    numbers, or names of companion functions from the indices to a number. With `steps`, `tiles` are those of
    one step, and the scratch is shared.
    """

    name: str
    buffers: int
    indices: int
    tiles: int | str
    grain: int
    scratch: int | str
    steps: int | str | None = None


def launcher_text(kernel: KernelInterface) -> str:
    """The module of `@k_range` and `@k_launch`; what they call is declared in it."""
    name, slots = kernel.name, kernel.buffers + kernel.indices
    types = [PTR] * kernel.buffers + [I64] * kernel.indices
    declared = ", ".join([*types, I64, I64, PTR])
    numbers: dict[str, int | str] = {"tiles": kernel.tiles, "grain": kernel.grain}
    if kernel.steps is not None:
        numbers["steps"] = kernel.steps
    numbers["scratch"] = kernel.scratch
    runtime = "aicc_parallel_for" if kernel.steps is None else "aicc_parallel_steps"
    lines = [
        f"llvm.func @{name}({declared})",
        f"llvm.func @{runtime}({PTR}, {PTR}, {PTR}, {', '.join([I64] * len(numbers))})",
    ]
    for companion in sorted({c for c in numbers.values() if isinstance(c, str)}):
        lines.append(f"llvm.func @{companion}({', '.join([I64] * kernel.indices)}) -> i64")

    lines.append(
        f"llvm.func hidden @{range_name(name)}(%args: {PTR}, %lo: i64, %hi: i64, %scratch: {PTR}) {{"
    )
    for i, kind in enumerate(types):
        lines.append(f"  %s{i} = llvm.getelementptr inbounds %args[{i}] : ({PTR}) -> {PTR}, i64")
        lines.append(f"  %a{i} = llvm.load %s{i} : {PTR} -> {kind}")
    values = ", ".join([*(f"%a{i}" for i in range(slots)), "%lo", "%hi", "%scratch"])
    lines += [f"  llvm.call @{name}({values}) : ({declared}) -> ()", "  llvm.return", "}"]

    arguments = ", ".join(f"%a{i}: {kind}" for i, kind in enumerate(types))
    lines.append(f"llvm.func hidden @{launch_name(name)}(%ctx: {PTR}, {arguments}) {{")
    lines.append("  %one = llvm.mlir.constant(1 : i64) : i64")
    lines.append(f"  %args = llvm.alloca %one x !llvm.array<{slots} x i64> : (i64) -> {PTR}")
    for i, kind in enumerate(types):
        lines.append(f"  %s{i} = llvm.getelementptr inbounds %args[{i}] : ({PTR}) -> {PTR}, i64")
        lines.append(f"  llvm.store %a{i}, %s{i} : {kind}, {PTR}")
    sizes = [f"%a{i}" for i in range(kernel.buffers, slots)]
    for result, value in numbers.items():
        lines += _number(result, value, sizes)
    lines += [
        f"  %range = llvm.mlir.addressof @{range_name(name)} : {PTR}",
        f"  llvm.call @{runtime}(%ctx, %range, %args, {', '.join(f'%{n}' for n in numbers)})"
        f" : ({PTR}, {PTR}, {PTR}, {', '.join([I64] * len(numbers))}) -> ()",
        "  llvm.return",
        "}",
    ]
    return "\n".join(lines)


def _number(result: str, value: int | str, sizes: list[str]) -> list[str]:
    if isinstance(value, int):
        return [f"  %{result} = llvm.mlir.constant({value} : i64) : i64"]
    types = ", ".join([I64] * len(sizes))
    return [f"  %{result} = llvm.call @{value}({', '.join(sizes)}) : ({types}) -> i64"]
