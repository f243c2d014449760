"""aicc-opt: runs passes on MLIR text, for tests and for looking at one pass at a time.

    aicc-opt model.mlir --pass-pipeline='aicc-fold,mlir(canonicalize,cse),tile{size=32}'
    aicc-opt model.mlir --aicc-fold --canonicalize --tile=size=32      the same, flag by flag
    aicc-opt model.mlir --graph                                        a whole stage

Names of aicc's own passes come first; any other name is taken as a pass of MLIR itself.
The target is a fixed one (x86-64-v3) unless `--mcpu` says otherwise, so that tests do not depend on the
machine.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from aicc.bindings import ir
from aicc.errors import AiccError, CompileError
from aicc.passes.base import PassContext, run_pass
from aicc.target import Target
from aicc.tools import console
from aicc.tools.diagnostics import Collector, Diagnostic, expectations, mismatches
from aicc.tools.pipelines import Step, list_passes, parse_pipeline, step

SEPARATOR = re.compile(r"^\s*// -----\s*$")


@dataclass(frozen=True)
class Options:
    """What `aicc-opt` does with each chunk of its input."""

    target: Target
    name: str = "-"
    verify_diagnostics: bool = False
    allow_unregistered: bool = False
    generic: bool = False
    locations: bool = False
    elide: int | None = None
    print_after_all: bool = False


@dataclass(frozen=True)
class Chunk:
    """A piece of the input, and the number of lines before it."""

    text: str
    offset: int


def split(text: str) -> list[Chunk]:
    """The input cut at the lines `// -----`."""
    chunks: list[Chunk] = []
    lines: list[str] = []
    start = 0
    for number, line in enumerate(text.split("\n")):
        if SEPARATOR.match(line):
            chunks.append(Chunk("\n".join(lines), start))
            lines, start = [], number + 1
        else:
            lines.append(line)
    return [*chunks, Chunk("\n".join(lines), start)]


def run_chunk(chunk: Chunk, steps: list[Step], options: Options) -> tuple[bool, str]:
    """Parses, runs and prints one chunk in a context of its own: (success, output)."""
    from aicc.dialects import context

    ctx = context()
    ctx.allow_unregistered_dialects = options.allow_unregistered
    with ctx, ir.Location.unknown():
        collector = Collector(ctx) if options.verify_diagnostics else None
        error: str | None = None
        output = ""
        try:
            # Leading newlines keep the line numbers of the file.
            module = ir.Module.parse("\n" * chunk.offset + chunk.text)
            run_steps(module, steps, options)
            output = module.operation.get_asm(
                large_elements_limit=options.elide,
                enable_debug_info=options.locations,
                print_generic_op_form=options.generic,
            )
        except (ir.MLIRError, AiccError) as failure:
            error = str(failure)
        if collector is None:
            if error is not None:
                print(re.sub(r'"-":', f"{options.name}:", error), file=sys.stderr)
            return error is None, output
    seen = collector.diagnostics
    if error is not None and not any(d.kind == "error" for d in seen):
        seen = [*seen, Diagnostic("error", None, error)]
    problems = mismatches(expectations(chunk.text, chunk.offset + 1), seen)
    for line, text in problems:
        print(f"{options.name}:{line or 'unknown'}: error: {text}", file=sys.stderr)
    return not problems, output


def run_steps(module: Any, steps: list[Step], options: Options) -> None:
    """Runs the passes in order and verifies after each. Raises CompileError or MLIRError."""
    ctx = PassContext(target=options.target)
    for one in steps:
        try:
            run_pass(one, module, ctx)
        except ValueError as error:  # MLIR's own complaint about a pipeline text
            raise CompileError("AICC-2003", f"'{one}' is no pass: {error}") from None
        if not module.operation.verify():
            raise CompileError("AICC-2001", f"the IR is invalid after '{one}'.")
        if options.print_after_all:
            print(f"// -----// IR after {one} //----- //\n{module}", file=sys.stderr)


def double_dashes(arguments: list[str]) -> list[str]:
    """`-canonicalize` as `--canonicalize`: MLIR's tools take both."""
    return [f"-{a}" if re.match(r"-[A-Za-z][\w-]+", a) else a for a in arguments]


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[FILE] [--PASS|--STAGE]...")
@click.option("--pass-pipeline", "-p", default="", help="Passes, comma separated: name{option=value ...}.")
@click.option(
    "-o", "output", type=click.Path(path_type=Path), help="Write here instead of to standard output."
)
@click.option(
    "--split-input-file", is_flag=True, help="Treat the pieces between lines '// -----' separately."
)
@click.option(
    "--verify-diagnostics", is_flag=True, help="Compare diagnostics with the expected-... comments."
)
@click.option("--allow-unregistered-dialect", is_flag=True, help="Accept ops of unknown dialects.")
@click.option("--mlir-print-op-generic", "generic", is_flag=True, help="Print ops in generic form.")
@click.option("--mlir-print-debuginfo", "locations", is_flag=True, help="Print locations.")
@click.option(
    "--mlir-elide-elementsattrs-if-larger", "elide", type=int, help="Elide constants beyond this size."
)
@click.option(
    "--mlir-print-ir-after-all", "print_after_all", is_flag=True, help="Print the IR after every pass."
)
@click.option("--target", "kind", default="cpu", show_default=True, help="Kind of target the passes see.")
@click.option("--mcpu", default="x86-64-v3", show_default=True, help="CPU the passes see.")
@click.option(
    "--mtriple", default="x86_64-unknown-linux-gnu", show_default=True, help="Triple the passes see."
)
@click.option("--list-passes", "listing", is_flag=True, help="List aicc's own passes and their options.")
@console.reporting
def main(
    arguments: tuple[str, ...],
    pass_pipeline: str,
    output: Path | None,
    split_input_file: bool,
    verify_diagnostics: bool,
    kind: str,
    allow_unregistered_dialect: bool,
    mcpu: str,
    mtriple: str,
    listing: bool,
    **printing: Any,
) -> int:
    """Run passes on MLIR text (standard input, or FILE) and print the result."""
    if listing:
        print(list_passes())
        return 0
    files = [a for a in arguments if not a.startswith("--")]
    if len(files) > 1:
        raise click.UsageError(f"more than one input: {', '.join(files)}")
    target = Target.cpu_named(mcpu, mtriple) if kind == "cpu" else Target.named(kind, mcpu, mtriple)
    steps = parse_pipeline(pass_pipeline, target)
    for flag in (a[2:] for a in arguments if a.startswith("--")):
        name, _, text = flag.partition("=")
        steps += step(name, text, target=target)
    name = files[0] if files and files[0] != "-" else "<stdin>"
    text = console.read_text(Path(name)) if name != "<stdin>" else sys.stdin.read()
    options = Options(
        target=target,
        name=name,
        verify_diagnostics=verify_diagnostics,
        allow_unregistered=allow_unregistered_dialect,
        **printing,
    )
    results = [run_chunk(c, steps, options) for c in (split(text) if split_input_file else [Chunk(text, 0)])]
    if not verify_diagnostics:
        printed = "// -----\n".join(out for ok, out in results if ok)
        if output is None:
            sys.stdout.write(printed)
        else:
            console.write_text(output, printed)
    return 0 if all(ok for ok, _ in results) else 1


def run() -> None:
    """The entry point of the command."""
    console.start(main, double_dashes(sys.argv[1:]))


if __name__ == "__main__":
    run()
