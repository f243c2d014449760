"""Single operators against ONNX Runtime; writes docs/ops.md.

    python -m benchmarks.ops                     every case, one and two threads; docs/ops.md
    python -m benchmarks.ops softmax topk        cases whose name holds one of these, to the terminal
    python -m benchmarks.ops --compile-only      makes the libraries, for a run on a quiet machine later

Each runtime has a process of its own for all cases; the two take turns, so that what else the machine does
hits both. A ratio is the median of ONNX Runtime's times over that of aicc's.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from aicc.driver import Options, compile_model
from benchmarks import machine
from benchmarks.op_cases import CASES, OpCase

PAGE = Path("docs/ops.md")
FOLDER = Path("build/bench-ops")
ROUNDS, SECONDS = 3, 0.015
# After a run the workers of both runtimes spin for a while, and would take the other one's cores.
PAUSE = 0.015
RUNTIMES = ("aicc", "onnxruntime")


class Worker:
    """A process that loads and times libraries of one runtime."""

    def __init__(self, runtime: str, threads: int) -> None:
        command = [sys.executable, "-m", "benchmarks.ops", "--worker", runtime, str(threads)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, *request: Any) -> Any:
        """One request, one answer."""
        assert self._process.stdin is not None and self._process.stdout is not None
        pickle.dump(request, self._process.stdin)
        self._process.stdin.flush()
        return pickle.load(self._process.stdout)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def serve(runtime: str, threads: int) -> None:
    """The worker's loop: ("load", model, library, feeds) -> outputs, ("run", seconds) -> times."""
    run: Any = None
    while True:
        try:
            what, *rest = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        if what == "load":
            run, answer = _load(runtime, threads, *rest)
        else:
            answer = _timed(run, rest[0])
        pickle.dump(answer, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def _load(runtime: str, threads: int, model: str, library: str, feeds: dict[str, Any]) -> Any:
    if runtime == "aicc":
        from aicc.loader import load

        executable = load(library)
        executable.num_threads = threads
        result = executable(**feeds)
        return (lambda: executable(**feeds)), list(result) if isinstance(result, tuple) else [result]
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return (lambda: session.run(None, feeds)), session.run(None, feeds)


def _timed(run: Any, seconds: float) -> list[float]:
    times: list[float] = []
    run()
    end = time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return times


def compiled(case: OpCase) -> tuple[Path, Path]:
    """The model and its library, made when either is missing or older than the compiler's sources."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    stem = case.name.replace(" ", "_").replace("/", "_")
    model, library = FOLDER / f"{stem}.onnx", FOLDER / f"{stem}.so"
    model.write_bytes(case.model().SerializeToString())
    compile_model(model, library, Options())
    return model, library


def measured(cases: list[OpCase], threads: int) -> dict[str, tuple[float, float, bool]]:
    """Seconds of aicc and of ONNX Runtime, and whether they agree, by name."""
    workers = [Worker(runtime, threads) for runtime in RUNTIMES]
    found = {}
    for case in cases:
        stem = case.name.replace(" ", "_").replace("/", "_")
        paths = [str(FOLDER / f"{stem}.{end}") for end in ("onnx", "so")]
        results = [w.ask("load", *paths, case.feeds()) for w in workers]
        times: list[list[float]] = [[], []]
        for _ in range(ROUNDS):
            for own, worker in zip(times, workers, strict=True):
                time.sleep(PAUSE)
                own += worker.ask("run", SECONDS)
        medians = [float(np.median(own)) for own in times]
        found[case.name] = (medians[0], medians[1], agree(*results))
        ratio = medians[1] / medians[0]
        print(
            f"{threads} {ratio:6.2f} {medians[0] * 1e6:9.1f} {medians[1] * 1e6:9.1f} us  {case.name}",
            flush=True,
        )
    for worker in workers:
        worker.close()
    return found


def agree(left: list[Any], right: list[Any]) -> bool:
    """Whether outputs are the same up to rounding."""
    return all(
        np.allclose(
            np.asarray(a, np.float64), np.asarray(b, np.float64), rtol=1e-3, atol=1e-4, equal_nan=True
        )
        for a, b in zip(left, right, strict=True)
    )


def page(results: dict[int, dict[str, tuple[float, float, bool]]]) -> str:
    """docs/ops.md."""
    lines = [
        "# Single operators",
        "",
        "Generated by `python -m benchmarks.ops`; do not edit. Microseconds of a call from",
    ]
    lines += [
        "Python, its fixed cost included; *ratio* is ONNX Runtime's time over aicc's, above 1 aicc is faster.",
        "",
    ]
    lines += ["| machine |  |", "|---|---|", *(f"| {k} | {v} |" for k, v in machine.describe().items()), ""]
    threads = sorted(results)
    head = ["operator", *(f"{what}, {n} t" for n in threads for what in ("aicc", "ort", "ratio"))]
    lines += [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for name in results[threads[0]]:
        cells = [name]
        for n in threads:
            own, other, good = results[n][name]
            cells += [
                f"{own * 1e6:.0f}",
                f"{other * 1e6:.0f}",
                f"**{other / own:.2f}**" if good else "differs",
            ]
        lines.append(f"| {' | '.join(cells)} |")
    means = ["*geometric mean*"]
    for n in threads:
        ratios = [other / own for own, other, _ in results[n].values()]
        means += ["", "", f"**{float(np.exp(np.mean(np.log(ratios)))):.2f}**"]
    return "\n".join([*lines, f"| {' | '.join(means)} |", ""])


@click.command(context_settings={"help_option_names": ["-h", "--help"]}, help=__doc__)
@click.argument("names", nargs=-1)
@click.option("--worker", nargs=2, type=str, hidden=True)
@click.option("--compile-only", is_flag=True)
@click.option("--run-only", is_flag=True, help="The libraries have been made.")
@click.option("-t", "--threads", multiple=True, type=int, default=(1, 2))
def main(
    names: tuple[str, ...],
    worker: tuple[str, str] | None,
    compile_only: bool,
    run_only: bool,
    threads: tuple[int, ...],
) -> None:
    if worker:
        serve(worker[0], int(worker[1]))
        return
    cases = [c for c in CASES if not names or any(n.lower() in c.name.lower() for n in names)]
    if not run_only:
        for case in cases:
            try:
                compiled(case)
            except Exception as error:
                print(f"{case.name}: {error}", file=sys.stderr)
    if compile_only:
        return
    results = {n: measured(cases, n) for n in threads}
    if not names:
        PAGE.write_text(page(results))


if __name__ == "__main__":
    main()
