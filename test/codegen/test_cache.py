"""The object cache: what changes a key and what does not, eviction, damage, writers side by side."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aicc.codegen.cache import ObjectCache, cache_key
from aicc.codegen.jobs import KernelJob
from aicc.codegen.workers import job_key
from aicc.knobs import knobs
from aicc.target import Target
from test.codegen.kernel_text import MATMUL_BIAS_RELU as TEXT

V3 = Target.cpu_named("x86-64-v3")


def key(text: str = TEXT, schedules: tuple[str, ...] = ("affine",), target: Target = V3, opt: int = 2) -> str:
    return job_key(KernelJob(text, schedules, target, opt))


def test_the_kernels_name_is_no_part_of_the_key() -> None:
    assert key() == key(TEXT.replace("@k0_matmul", "@k17_gemm"))
    assert KernelJob(TEXT, (), V3).symbol == KernelJob(TEXT.replace("@k0_matmul", "@other"), (), V3).symbol


def test_everything_else_is() -> None:
    keys = {
        key(),
        key(TEXT.replace("maximumf", "minimumf")),
        key(schedules=("contraction", "affine")),
        key(schedules=("affine{tiles=0}",)),
        key(target=Target.cpu_named("x86-64-v4")),
        key(target=V3.with_cores(64)),
        key(opt=3),
    }
    assert len(keys) == 7


def test_keys_are_the_same_in_every_process() -> None:
    code = "from test.codegen.test_cache import key; print(key())"
    for seed in ("1", "2"):
        environment = os.environ | {
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
        }
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[2],
        )
        assert done.stdout.strip() == key()


def test_round_trip(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, 1 << 20)
    k = cache_key("a")
    assert cache.get(k) is None
    cache.put(k, {"schedule": "affine"}, b"\n\0bytes\n")
    found = cache.get(k)
    assert found is not None
    assert found[0]["schedule"] == "affine"
    assert found[1] == b"\n\0bytes\n"
    assert (cache.hits, cache.misses) == (1, 1)


@pytest.mark.parametrize(
    "damage",
    [b"", b"aicc object 1\n", b"garbage", b'aicc object 1\n{"size": 9}\nshort', b"aicc object 1\n[]\n"],
)
def test_a_damaged_entry_is_a_miss_and_can_be_written_again(tmp_path: Path, damage: bytes) -> None:
    cache = ObjectCache(tmp_path, 1 << 20)
    k = cache_key("a")
    cache.put(k, {}, b"body")
    next(tmp_path.glob("*/*")).write_bytes(damage)
    assert cache.get(k) is None
    cache.put(k, {}, b"body")
    assert cache.get(k) is not None


def test_the_longest_unused_entries_go_first(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, 1 << 20)
    keys = [cache_key(i) for i in range(20)]
    for age, k in enumerate(keys):
        cache.put(k, {}, bytes(1000))
        os.utime(cache._path(k), (age, age))
    cache.get(keys[0])  # used now: the youngest
    cache.limit = 10_000
    cache.trim()
    left = [i for i, k in enumerate(keys) if cache.get(k) is not None]
    assert 0 in left
    assert left[1:] == list(range(20 - len(left) + 1, 20))
    assert sum(path.stat().st_size for path in tmp_path.glob("*/*")) <= 8_000


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = ObjectCache(tmp_path / "file" / "below", 1 << 20)
    cache.put(cache_key("a"), {}, b"x")
    assert cache.get(cache_key("a")) is None


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, 1 << 20)
    cache.put(cache_key("a"), {}, b"x")
    folder = next(tmp_path.iterdir())
    (folder / ".new-old").write_bytes(b"partial")
    (folder / ".new-fresh").write_bytes(b"being written")
    os.utime(folder / ".new-old", (0, 0))
    cache.trim()
    assert {path.name for path in folder.glob(".new-*")} == {".new-fresh"}


def test_knobs_choose_folder_and_size(tmp_path: Path) -> None:
    with knobs.scope(cache_dir=tmp_path, cache_size=123, cache=True):
        cache = ObjectCache.from_knobs()
        assert cache is not None
        assert (cache.folder, cache.limit) == (tmp_path, 123)
    with knobs.scope(cache=False):
        assert ObjectCache.from_knobs() is None


def test_writers_and_readers_side_by_side(tmp_path: Path) -> None:
    keys = [cache_key(i) for i in range(30)]

    def work(seed: int) -> int:
        cache = ObjectCache(tmp_path, 40_000)  # of 60 000: entries go while others read them
        for i in range(90):
            number = (i * 7 + seed) % 30
            found = cache.get(keys[number])
            assert found is None or found[1] == bytes([number]) * 2000
            cache.put(keys[number], {"number": number}, bytes([number]) * 2000)
            if i % 10 == 0:
                cache.trim()
        return cache.hits

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(work, range(4))) > 0
    assert not list(tmp_path.glob("*/.new-*"))
