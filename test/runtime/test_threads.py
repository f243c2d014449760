"""The thread pool: each tile once whatever the system does, sleep when idle, forks, several contexts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aicc import runtime
from benchmarks import pool

from .conftest import HERE, Fake, cc


def stress(folder: Path, *flags: str) -> Path:
    program = folder / "pool_stress"
    sources = [*runtime.runtime_sources(), HERE / "pool_stress.c"]
    cc("-std=gnu11", "-g", *flags, f"-I{runtime.include_dir()}", *sources, *runtime.LDFLAGS, "-o", program)
    return program


def check(program: Path, *arguments: int) -> None:
    command = [str(program), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stress(tmp_path_factory.mktemp("stress"), "-O2")


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_each_tile_is_computed_once(program: Path, threads: int) -> None:
    check(program, 20000, threads, 1)


@pytest.mark.parametrize(("threads", "contexts"), [(2, 4), (8, 3)])
def test_contexts_on_several_threads(program: Path, threads: int, contexts: int) -> None:
    check(program, 5000, threads, contexts)


def test_more_threads_than_a_machine_word_has_bits(program: Path) -> None:
    check(program, 500, 150, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="threads cannot be moved")
def test_a_worker_leaves_a_cpu(tmp_path: Path) -> None:
    program = tmp_path / "leave_cpu"
    sources = [*runtime.runtime_sources(), HERE / "leave_cpu.c"]
    cc("-std=gnu11", f"-I{runtime.include_dir()}", *sources, *runtime.LDFLAGS, "-o", program)
    status = subprocess.run([program], check=False, timeout=60).returncode
    if status == 77:
        pytest.skip("one CPU")
    assert status == 0


def test_what_the_pool_costs_is_measured(tmp_path: Path) -> None:
    numbers = pool.measured(pool.build(tmp_path), 2)
    assert numbers["empty_ns"] > 0 and numbers["run_us"] <= numbers["run_p90_us"]
    assert numbers["idle_share"] < 0.1


def test_without_futex(tmp_path: Path) -> None:
    """The portable wait, used where there is no futex."""
    check(stress(tmp_path, "-O2", "-DAICC_NO_FUTEX"), 5000, 6, 2)


@pytest.mark.parametrize("portable", [False, True])
def test_no_data_race(tmp_path: Path, portable: bool) -> None:
    probe = subprocess.run(
        ["cc", "-fsanitize=thread", "-x", "c", "-", "-o", tmp_path / "probe"],
        input="int main(void){return 0;}",
        capture_output=True,
        text=True,
        check=False,
    )
    if probe.returncode or subprocess.run([tmp_path / "probe"], check=False).returncode:
        pytest.skip("no thread sanitizer here")
    program = stress(tmp_path, "-O1", "-fsanitize=thread", *(["-DAICC_NO_FUTEX"] if portable else []))
    check(program, 4000, 4, 2)


def test_memory_errors(tmp_path: Path) -> None:
    probe = subprocess.run(
        ["cc", "-fsanitize=address,undefined", "-x", "c", "-", "-o", tmp_path / "probe"],
        input="int main(void){return 0;}",
        capture_output=True,
        text=True,
        check=False,
    )
    if probe.returncode or subprocess.run([tmp_path / "probe"], check=False).returncode:
        pytest.skip("no address sanitizer here")
    check(stress(tmp_path, "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover"), 3000, 4, 2)


def in_subprocess(code: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_idle_pool_uses_no_core(fake: Fake) -> None:
    used = in_subprocess(
        """
import sys, time
import numpy as np
from aicc.loader import load
exe = load(sys.argv[1], num_threads=4)
x = np.zeros((4096, 8), np.float32)
for _ in range(50):
    exe(x)
start = time.process_time()
time.sleep(1.0)
print(time.process_time() - start)
""",
        fake("affine"),
    )
    assert float(used) < 0.1


def test_threads_follow_the_setting(fake: Fake) -> None:
    out = in_subprocess(
        """
import os, sys
import numpy as np
os.environ["AICC_NUM_THREADS"] = "3"
from aicc.loader import load
def threads(): return len(os.listdir("/proc/self/task"))
before = threads()
exe = load(sys.argv[1])
x = np.zeros((4096, 8), np.float32)
print(exe.num_threads, threads() - before)      # threads start with the first work for them
exe(x[:4]); print(threads() - before)           # too small
exe(x); print(threads() - before)
exe.num_threads = 5
exe(x); print(exe.num_threads, threads() - before)
exe.num_threads = 1
exe(x); print(exe.num_threads, threads() - before)
exe.num_threads = 0; print(exe.num_threads)
exe(x); del exe; print(threads() - before)
""",
        fake("affine"),
    )
    assert out.split() == ["3", "0", "0", "2", "5", "4", "1", "0", "3", "0"]


def test_a_fork_starts_its_own_threads(fake: Fake) -> None:
    in_subprocess(
        """
import os, sys
import numpy as np
from aicc.loader import load
exe = load(sys.argv[1], num_threads=3)
x = np.random.rand(4096, 8).astype(np.float32)
y = exe(x)
child = os.fork()
if child == 0:
    same = all(np.array_equal(exe(x), y) for _ in range(20))
    alive = len(os.listdir("/proc/self/task"))
    exe.num_threads = 2
    exe(x)
    exe.close()
    os._exit(0 if same and alive == 3 else 1)
assert os.waitpid(child, 0)[1] == 0
assert np.array_equal(exe(x), y)
""",
        fake("affine"),
    )
