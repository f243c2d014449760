"""What the runtime's thread pool costs: `python -m benchmarks.pool [--threads N]`.

| what | good |
|---|---|
| an empty region, beside one on one thread | under a microsecond |
| a run of regions, beside one on one thread | N times as fast |
| CPU use in the second after a run | none |
| the run while another process keeps the last core busy | no slower than on one thread |
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from aicc import runtime

SOURCE = Path(__file__).with_suffix(".c")


def build(folder: Path) -> Path:
    """The program of pool.c with the runtime."""
    program = folder / "pool_cost"
    sources = [*map(str, runtime.runtime_sources()), str(SOURCE)]
    flags = ["-std=gnu11", "-O2", f"-I{runtime.include_dir()}"]
    subprocess.run(
        [os.environ.get("CC", "cc"), *flags, *sources, *runtime.LDFLAGS, "-o", str(program)], check=True
    )
    return program


def measured(program: Path, threads: int) -> dict[str, float]:
    """What the program prints."""
    done = subprocess.run([str(program), str(threads)], capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


@contextmanager
def busy(cpu: int) -> Iterator[None]:
    """Another process that keeps `cpu` busy."""
    loop = f"import os; os.sched_setaffinity(0, {{{cpu}}}); print(flush=True)\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", loop], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


def line(name: str, numbers: dict[str, float], alone: dict[str, float]) -> str:
    """A row of the table; the speed-up is that of `alone`'s run."""
    return (
        f"{name:<24} {numbers['empty_ns']:>8.0f} ns {numbers['run_us']:>9.0f} us {numbers['run_p90_us']:>9.0f} us"
        f" {alone['run_us'] / numbers['run_us']:>6.2f}x {100 * numbers['idle_share']:>7.2f} %"
    )


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--threads", default=0, help="Default: the number of cores.")
def main(threads: int) -> None:
    """Measure regions of one thread and of N, alone and beside a busy process."""
    cpus = sorted(os.sched_getaffinity(0))
    threads = threads or len(cpus)
    with tempfile.TemporaryDirectory(prefix="aicc-pool-") as folder:
        program = build(Path(folder))
        alone = measured(program, 1)
        print(f"{'threads':<24} {'empty':>11} {'run':>12} {'90 %':>12} {'speed':>7} {'idle':>9}")
        print(line("1", alone, alone))
        print(line(str(threads), measured(program, threads), alone))
        with busy(cpus[-1]):
            print(line("1, a core busy", measured(program, 1), alone))
            print(line(f"{threads}, a core busy", measured(program, threads), alone))


if __name__ == "__main__":
    main()
