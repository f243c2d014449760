"""Products of few rows: how fast they read weights, beside how fast the machine reads memory.

python -m benchmarks.weight_bandwidth build [NAME…]   the models and the libraries, into the cache
python -m benchmarks.weight_bandwidth run   [NAME…]   times on one thread and on two; kept with the results
python -m benchmarks.weight_bandwidth page            the sections of docs/quantized.md from the results

A model multiplies its rows by several matrices one after another, about 400 MiB of them in all, so that every run reads
them from beyond the caches of a core. *GB/s* are bytes of weights, scales included, over the time of a run. *memory* is
what a loop that only adds vectors reads of 400 MiB meanwhile, on as many threads, in one stream or in eight, whichever
is faster (`benchmarks/read.c`); runs take turns; medians; others use the machine's memory as well. 4 bits: MatMulNBits,
blocks of 32, symmetric; 8 bits: a scale for each column. ONNX Runtime runs the same file with its defaults. From four
rows on weights of few bits are bound by arithmetic in f32, of which large f32 products of aicc reach about 160 GFLOP/s
on a core of the quiet machine.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.sections import renewed
from benchmarks.zoo import CACHE

Array = np.ndarray[Any, Any]
PAGE = Path("docs/quantized.md")
RESULTS = CACHE / "weight-bandwidth.json"
BEGIN, END = "<!-- bandwidth: begin -->", "<!-- bandwidth: end -->"
LEVEL_BEGIN, LEVEL_END = "<!-- accuracy-level: begin -->", "<!-- accuracy-level: end -->"
LEVEL_TEXT = """\
As above, but rows are rounded to bytes, block by block: MatMulNBits of accuracy level 4 in both runtimes, which compute
the same integers. 8 bits, a scale for each column, are compiled with `--accuracy-level 4`. The error is that of the
level, against rows in full; `test/ops/test_accuracy_level.py` has the error against its definition."""
_SOURCE = Path(__file__).with_name("read.c")
_BYTES = 400 << 20
_BLOCK = 32
_ROUNDS = 9
_THREADS = (1, 2)
_STREAMS = (1, 8)
_VECTOR = 64
# threads of the one before still spin for a while
_PAUSE = 0.015

BITS = {"int4": 4.0, "int8": 8.0, "f16": 16.0, "bf16": 16.0, "f32": 32.0}
"""Of a weight as it is stored, without scales."""
PEERS = ("int4", "f32")
"""What ONNX Runtime multiplies as it is stored."""


@dataclass(frozen=True)
class Case:
    """`rows` of K = `depth` numbers times matrices `[depth, columns]` stored as `kind`; `level` of accuracy."""

    kind: str
    rows: int
    depth: int
    columns: int
    level: int = 0

    @property
    def name(self) -> str:
        """As the command line takes it."""
        level = f"-level{self.level}" if self.level else ""
        return f"{self.kind}{level}-{self.rows}x{self.depth}x{self.columns}"

    @property
    def bytes(self) -> int:
        """Of a matrix and its scales."""
        scales = {"int4": self.depth // _BLOCK, "int8": 1}.get(self.kind, 0)
        return int(self.columns * (self.depth * BITS[self.kind] / 8 + 4 * scales))

    @property
    def count(self) -> int:
        """Matrices of a model."""
        return -(-_BYTES // self.bytes)

    def path(self, end: str) -> Path:
        """A file of it in the cache."""
        return CACHE / "bandwidth" / f"{self.name}.{end}"

    def feed(self) -> Array:
        """The rows, the same in every run."""
        rows = np.random.default_rng(1).standard_normal((self.rows, self.depth)).astype(np.float32)
        half = {"f16": np.float16, "bf16": ml_dtypes.bfloat16}.get(self.kind)
        return rows if half is None else rows.astype(half)


_SHAPES = ((4096, 11008), (4096, 4096))
_ROWS = (1, 4, 8, 16)
_MANY_ROWS = (1, 4, 8, 16, 32, 128)
_BYTES_LEVEL = 4
CASES = [
    *(Case("int4", rows, *shape) for shape in _SHAPES for rows in _ROWS),
    *(Case(kind, rows, *_SHAPES[0]) for kind in ("int8", "f16", "bf16", "f32") for rows in _ROWS),
]
LEVEL_CASES = [
    *(Case("int4", rows, *_SHAPES[1], _BYTES_LEVEL) for rows in _MANY_ROWS),
    *(Case(kind, rows, *_SHAPES[0], _BYTES_LEVEL) for kind in ("int4", "int8") for rows in (1, 8)),
]


class Reader:
    """Reads memory as fast as the machine does."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads)
        # touched, and with room to start at a whole vector
        self._memory = np.ones(_BYTES // 4 + _VECTOR, np.float32)
        with tempfile.TemporaryDirectory() as folder:
            library = Path(folder) / "read.so"
            flags = ["-O3", "-march=native", "-shared", "-fPIC"]
            subprocess.run([os.environ.get("CC", "cc"), *flags, str(_SOURCE), "-o", str(library)], check=True)
            self._read = ctypes.CDLL(str(library)).aicc_read
        self._read.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t]
        self._read.restype = ctypes.c_float

    def __call__(self, streams: int) -> None:
        """Reads all of it, each thread a part of its own."""
        start = -(-self._memory.ctypes.data // _VECTOR) * _VECTOR
        count = _BYTES // _VECTOR // self._threads
        parts = range(start, start + self._threads * count * _VECTOR, count * _VECTOR)
        list(self._pool.map(lambda at: self._read(at, count, streams), parts))


def matrix(case: Case, number: int) -> tuple[Array, dict[str, Array]]:
    """Matrix `number` of a model, in float64 `[depth, columns]`, and what the model stores of it, by name."""
    rng = np.random.default_rng(number)
    shape = (case.depth, case.columns)
    if case.kind == "int4":
        packed = rng.integers(0, 256, (case.columns, case.depth // _BLOCK, _BLOCK // 2), np.uint8)
        scale = rng.uniform(0.01, 0.1, (case.columns, case.depth // _BLOCK)).astype(np.float32)
        numbers = np.stack([packed & 15, packed >> 4], -1).reshape(case.columns, -1, _BLOCK) - 8.0
        plain = (numbers * scale[..., None]).reshape(case.columns, -1).T
        return plain, {"w": packed, "s": scale.reshape(-1)}
    if case.kind == "int8":
        q = rng.integers(-128, 128, shape, np.int8)
        scale = rng.uniform(0.01, 0.1, case.columns).astype(np.float32)
        return q * scale.astype(np.float64), {"w": q, "s": scale}
    kind = {"f16": np.float16, "bf16": ml_dtypes.bfloat16}.get(case.kind, np.float32)
    w = rng.standard_normal(shape, np.float32).astype(kind)
    return w.astype(np.float64), {"w": w}


def model(case: Case) -> onnx.ModelProto:
    """The products, an output each."""
    element = {"f16": TensorProto.FLOAT16, "bf16": TensorProto.BFLOAT16}.get(case.kind, TensorProto.FLOAT)
    nodes, tensors, outputs = [], [], []
    attributes = {"K": case.depth, "N": case.columns, "bits": 4, "block_size": _BLOCK}
    if case.level:
        attributes["accuracy_level"] = case.level
    for i in range(case.count):
        stored = {f"{name}{i}": array for name, array in matrix(case, i)[1].items()}
        tensors += [numpy_helper.from_array(array, name) for name, array in stored.items()]
        given, y = list(stored), f"y{i}"
        if case.kind == "int4":
            node = helper.make_node("MatMulNBits", ["x", *given], [y], domain="com.microsoft", **attributes)
            nodes.append(node)
        elif case.kind == "int8":
            nodes.append(helper.make_node("DequantizeLinear", given, [f"f{i}"], axis=1))
            nodes.append(helper.make_node("MatMul", ["x", f"f{i}"], [y]))
        else:
            nodes.append(helper.make_node("MatMul", ["x", *given], [y]))
        outputs.append(helper.make_tensor_value_info(y, element, [case.rows, case.columns]))
    x = helper.make_tensor_value_info("x", element, [case.rows, case.depth])
    graph = helper.make_graph(nodes, case.name, [x], outputs, tensors)
    imports = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


def build(cases: list[Case]) -> None:
    """Writes the models that are not there yet, and the libraries."""
    import aicc

    for case in cases:
        path = case.path("onnx")
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_bytes(model(case).SerializeToString())
        aicc.compile_model(path, case.path("so"), aicc.Options(accuracy_level=case.level or None))
        if case.kind not in PEERS:
            path.unlink()
        print(case.name, flush=True)


def run(case: Case, threads: int, reader: Reader) -> dict[str, Any]:
    """Medians in seconds of aicc, ONNX Runtime and of reading in each number of streams, and the error of aicc."""
    import aicc

    x = case.feed()
    executable = aicc.load(case.path("so"))
    executable.num_threads = threads
    calls: dict[str, Callable[[], Any]] = {f"memory {n}": lambda n=n: reader(n) for n in _STREAMS}  # type: ignore[misc]
    calls["aicc"] = lambda: executable.run([x])
    if case.kind in PEERS:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(str(case.path("onnx")), options)
        calls["onnxruntime"] = lambda: session.run(None, {"x": x})
    last = case.count - 1
    want = x.astype(np.float64) @ matrix(case, last)[0]
    error = float(np.abs(np.asarray(calls["aicc"]()[last], np.float64) - want).max() / np.abs(want).max())
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(_ROUNDS + 1):
        for name, call in calls.items():
            time.sleep(_PAUSE)
            start = time.perf_counter()
            call()
            if turn:
                times[name].append(time.perf_counter() - start)
    seconds = {name: statistics.median(t) for name, t in times.items()}
    return {"seconds": seconds, "bytes": case.count * case.bytes, "error": error}


def section(results: dict[str, Any]) -> str:
    """The part of the page between the marks."""
    text = "\n".join((__doc__ or "").strip().splitlines()[6:])
    return _section(results, CASES, (BEGIN, END), "Bytes of weights a second", text)


def level_section(results: dict[str, Any]) -> str:
    """The part of the page about rows in bytes, between marks of its own."""
    marks = (LEVEL_BEGIN, LEVEL_END)
    return _section(results, LEVEL_CASES, marks, "Bytes of weights a second, rows in bytes", LEVEL_TEXT)


def _section(
    results: dict[str, Any], cases: list[Case], marks: tuple[str, str], title: str, text: str
) -> str:
    lines = [
        marks[0],
        f"## {title}",
        "",
        text,
        "",
        "| weights | rows x K x N | threads | memory, GB/s | aicc, GB/s | of memory | aicc, GFLOP/s "
        "| onnxruntime, GB/s | over onnxruntime | error |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for case in cases:
        for threads in _THREADS:
            row = results.get(f"{case.name}|{threads}")
            if row is None:
                continue
            seconds, rate = row["seconds"], row["bytes"] / 1e9
            memory = max(_BYTES / 1e9 / seconds[f"memory {n}"] for n in _STREAMS)
            ours = rate / seconds["aicc"]
            flops = 2e-9 * case.count * case.rows * case.depth * case.columns / seconds["aicc"]
            theirs = seconds.get("onnxruntime")
            peer = "- | -" if theirs is None else f"{rate / theirs:.1f} | {theirs / seconds['aicc']:.2f}x"
            lines.append(
                f"| {case.kind} | {case.rows}x{case.depth}x{case.columns} | {threads} | {memory:.1f} | {ours:.1f} "
                f"| {ours / memory:.0%} | {flops:.0f} | {peer} | {row['error']:.1e} |"
            )
    return "\n".join([*lines, marks[1]])


def write_page(results: dict[str, Any]) -> None:
    """Replaces the sections in the page that there are results of, or appends them."""
    for cases, written in ((CASES, section), (LEVEL_CASES, level_section)):
        if any(f"{case.name}|{threads}" in results for case in cases for threads in _THREADS):
            PAGE.write_text(renewed(PAGE.read_text(), written(results)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("build", "run", "page"))
    parser.add_argument("names", nargs="*", help="cases whose name holds one of these")
    given = parser.parse_args()
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    cases = [c for c in (*CASES, *LEVEL_CASES) if not given.names or any(n in c.name for n in given.names)]
    if given.what == "build":
        build(cases)
    elif given.what == "page":
        write_page(results)
    else:
        for threads in _THREADS:
            reader = Reader(threads)
            for case in cases:
                row = run(case, threads, reader)
                results[f"{case.name}|{threads}"] = row
                print(case.name, threads, json.dumps(row), flush=True)
                RESULTS.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
