"""Products by cuBLASLt on the stand-ins for the driver and the library: numbers, what is kept, graphs, errors."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aicc import runtime
from aicc.driver import Options, compile_model
from aicc.errors import RuntimeError_
from aicc.executable import Executable
from aicc.loader import load
from aicc.runtime import vendor_packages
from aicc.target import Target
from benchmarks.cuda import report, speed
from test.cuda.cases import CASES, model_of, pipeline_for, random_inputs, tolerance, worst_error
from test.runtime.conftest import cc

from .conftest import Driver

FREE = (
    "(float16[n,72] X, float16[72,152] W, float16[152] B) => (float16[n,152] Y)"
    " { T = MatMul(X,W) S = Add(T,B) Y = Relu(S) }"
)
TWO = (
    "(float[33,64] X, float[64,64] W, float[64,48] V) => (float[33,48] Y)"
    " { T = MatMul(X,W) U = Relu(T) Y = MatMul(U,V) }"
)


@pytest.fixture
def build(tmp_path: Path) -> Any:
    """Compiles a graph for CUDA, by the library where it can."""

    def compiled(text: str, arch: str = "sm_80", name: str = "model.so") -> Path:
        target = Target.cuda(arch)
        options = Options(
            target, pipeline=pipeline_for(target, "cublaslt"), vendor_libraries=("cublaslt",), jobs=0
        )
        compile_model(model_of(text).SerializeToString(), tmp_path / name, options)
        return tmp_path / name

    return compiled


def check(exe: Executable, text: str, sizes: dict[str, int] | None = None) -> None:
    assert worst_error(exe, text, random_inputs(model_of(text), sizes or {})) <= tolerance(text)


def test_numbers_and_graphs(driver: Driver, cublaslt: Any, build: Any) -> None:
    """The first run calls the library, the second one is captured, later ones are replayed: without a call of it."""
    exe = load(build(CASES["half_matmul"]))
    for _ in range(4):
        check(exe, CASES["half_matmul"])
    state = cublaslt.state
    assert driver.state.captures == 1 and driver.state.replays == 3
    assert (state.matmuls, state.heuristics, state.created) == (2, 1, 1)
    assert driver.state.launches == 0
    assert state.last.workspace == 4 << 20
    exe.close()


def test_every_call_site_is_planned_once(driver: Driver, cublaslt: Any, build: Any) -> None:
    exe = load(build(TWO))
    for _ in range(5):
        check(exe, TWO)
    assert (cublaslt.state.matmuls, cublaslt.state.heuristics) == (4, 2)
    blocks = driver.state.blocks
    check(exe, TWO)
    assert driver.state.blocks == blocks, "workspaces are kept"
    exe.close()


def test_sizes_of_the_run(driver: Driver, cublaslt: Any, build: Any) -> None:
    """A plan for each, which is kept."""
    exe = load(build(FREE))
    for rows in (40, 3, 40, 3):
        exe(dict(random_inputs(model_of(FREE), {"n": rows})))
        assert cublaslt.state.last.columns == rows
    assert cublaslt.state.heuristics == 2
    assert driver.state.captures == 2
    exe.close()


def test_workspace_of_later_devices(driver: Driver, cublaslt: Any, build: Any) -> None:
    exe = load(build(CASES["half_matmul"], "sm_90"))
    check(exe, CASES["half_matmul"])
    assert cublaslt.state.last.workspace == 32 << 20
    assert driver.state.bytes >= 32 << 20
    exe.close()


def test_contexts_share_a_handle(driver: Driver, cublaslt: Any, build: Any) -> None:
    """One for each device, given back with the last context; plans are each context's own."""
    driver.state.devices = 2
    path = build(CASES["matmul"])
    executables = [load(path), load(path), load(path, device=1)]
    for exe in executables:
        check(exe, CASES["matmul"])
    assert (cublaslt.state.created, cublaslt.state.handles) == (2, 2)
    assert (cublaslt.state.heuristics, cublaslt.state.descs) == (3, 3)
    for exe in executables:
        exe.close()
    assert cublaslt.state.handles == 0


def test_profiles(driver: Driver, cublaslt: Any, build: Any) -> None:
    """The time of a call is its kernel's."""
    exe = load(build(CASES["matmul"]))
    with exe.profile() as profile:
        check(exe, CASES["matmul"])
    assert any("matmul" in kernel.name and kernel.calls == 1 for kernel in profile.kernels)
    exe.close()


def test_no_algorithm(driver: Driver, cublaslt: Any, build: Any) -> None:
    """A kernel of aicc's is launched instead; the library is not asked again."""
    cublaslt.state.no_algorithm = 1
    exe = load(build(CASES["half_matmul"]))
    inputs = random_inputs(model_of(CASES["half_matmul"]))
    for _ in range(3):
        exe(dict(inputs))
    assert cublaslt.state.matmuls == 0 and cublaslt.state.heuristics == 1
    assert driver.state.launches == 2, "a run, and a capture"
    exe.close()


def test_measured_in_turns(
    driver: Driver, cublaslt: Any, build: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make bench-cuda` has a column for it, which is empty where the library is missing."""
    text = "(float[33,64] X, float[64,48] W) => (float[33,48] Y) { Y = MatMul(X,W) }"
    compile_model(
        model_of(text).SerializeToString(), tmp_path / "speed_p.so", Options(Target.cuda("sm_80"), jobs=0)
    )
    build(text, name="speed_p_cublaslt.so")
    case = {"name": "p", "flops": 1e10, "bytes": 1.0}
    found = speed.measured(tmp_path, case, None, None)
    assert found["kernels"] == found["cublaslt"] == 0.25e-3
    assert cublaslt.state.matmuls >= speed.TURNS * speed.PROFILED
    assert re.search(r"0\.250 ms +40\.0 +0 +0\.250 ms +1\.00$", speed.line_of("p", found))
    assert "| p | 40 | 40 | 1.00 |" in "\n".join(report.products({"p": found}))
    monkeypatch.setenv("AICC_CUBLASLT", "/nowhere/libcublasLt.so.12")
    build(text, name="speed_q_cublaslt.so")
    (tmp_path / "speed_p.so").rename(tmp_path / "speed_q.so")
    assert "cublaslt" not in speed.measured(tmp_path, {**case, "name": "q"}, None, None)


# Errors ---------------------------------------------------------------------------------------------


def fails(path: Path, message: str) -> None:
    with pytest.raises(RuntimeError_, match=f"AICC-5006.*{message}"):
        load(path)


def test_statuses(driver: Driver, cublaslt: Any, build: Any) -> None:
    """The message has the status, what it means, and the node."""
    path = build("(float[33,64] X, float[64,48] W) => (float[33,48] Y) { [product] Y = MatMul(X,W) }")
    exe = load(path)
    inputs = {"X": np.ones((33, 64), np.float32), "W": np.ones((64, 48), np.float32)}
    for setting, status, message in (
        ("heuristic_status", 3, r"cannot plan a product of matrices: CUBLAS_STATUS_3 \(no memory\)"),
        ("matmul_status", 13, r"cannot compute a product of matrices: CUBLAS_STATUS_13 \(some status\)"),
    ):
        setattr(cublaslt.state, setting, status)
        with pytest.raises(RuntimeError_, match=f"AICC-5006.*ode 'product': cuBLASLt {message}"):
            exe(dict(inputs))
        setattr(cublaslt.state, setting, 0)
    np.testing.assert_array_equal(exe(dict(inputs)), np.full((33, 48), 64, np.float32))
    exe.close()
    cublaslt.state.create_status = 1
    fails(path, "cannot be used on this device: CUBLAS_STATUS_1")


def test_missing_and_too_old(
    driver: Driver, cublaslt: Any, build: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver comes first: without a device that is what is said. Each library opens cuBLASLt once."""
    monkeypatch.setenv("AICC_CUBLASLT", "/nowhere/libcublasLt.so.12")
    path = build(CASES["matmul"])
    fails(path, "not here: /nowhere/libcublasLt.so.12.*nvidia-cublas-cu12.*--vendor-libraries")
    monkeypatch.setenv("AICC_CUBLASLT", str(cublaslt.folder / "cublaslt_old.so"))
    fails(path, "too old: it has no cublasLtGetStatusName .CUDA 12.0")
    monkeypatch.setenv("AICC_CUBLASLT", str(cublaslt.path))
    cublaslt.state.version = 110502
    fails(path, "too old: it is of version 11.5")
    cublaslt.reset()
    exe = load(path)
    check(exe, CASES["matmul"])
    exe.close()


def test_without_a_driver(cublaslt: Any, build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AICC_CUDA_DRIVER", "/nowhere/libcuda.so.1")
    with pytest.raises(RuntimeError_, match="AICC-5005.*no NVIDIA driver"):
        load(build(CASES["matmul"]))


def test_found_in_the_package(
    driver: Driver,
    cublaslt: Any,
    build: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Loading from Python says where the package nvidia-cublas-cu12 has the library."""
    folder = tmp_path / "site" / "nvidia" / "cublas" / "lib"
    folder.mkdir(parents=True)
    (folder / "libcublasLt.so.12").symlink_to(cublaslt.path)
    monkeypatch.delenv("AICC_CUBLASLT")
    monkeypatch.setenv("AICC_CUBLASLT_FOLDER", "")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    vendor_packages.package_folder.cache_clear()
    try:
        exe = load(build(CASES["matmul"]))
        check(exe, CASES["matmul"])
        assert cublaslt.state.matmuls == 1
        exe.close()
    finally:
        vendor_packages.package_folder.cache_clear()


@pytest.mark.skipif(
    vendor_packages.package_folder("cublaslt") is None or Path("/dev/nvidia0").exists(),
    reason="needs nvidia-cublas-cu12, and no GPU",
)
def test_the_library_itself(driver: Driver, build: Any) -> None:
    """NVIDIA's own is opened and of a version that will do; it finds no GPU behind the stand-in for the driver."""
    fails(build(CASES["matmul"]), "cannot be used on this device: CUBLAS_STATUS_NOT_INITIALIZED")


# Declarations -----------------------------------------------------------------------------------------


def header_folders() -> list[Path]:
    """The headers of installed packages: cuBLAS's, and what they include of the CUDA runtime's."""
    folder = vendor_packages.package_folder("cublaslt")
    if folder is None or not (folder.parent / "include" / "cublasLt.h").exists():
        return []
    spec = importlib.util.find_spec("nvidia")
    places = spec.submodule_search_locations if spec is not None else None
    return [path for place in places or () for path in sorted(Path(place).glob("*/include"))]


@pytest.mark.skipif(
    not header_folders(),
    reason="needs headers: pip install nvidia-cublas-cu12 nvidia-cuda-runtime-cu12 nvidia-cuda-nvcc-cu12",
)
def test_declarations_are_those_of_the_header(tmp_path: Path) -> None:
    """Every number, and where the fields of a result are, as NVIDIA's header has them."""
    api = (runtime.include_dir() / "cublaslt" / "api.h").read_text()
    names = [
        line.split("=")[0].strip() for line in api.splitlines() if " = " in line and line.startswith("  CU")
    ]
    body = "\n".join(f'  printf("{name} %d\\n", (int){name});' for name in names)
    for field in ("algo", "workspaceSize", "state", "wavesCount", "reserved"):
        body += f'\n  printf("{field} %zu\\n", offsetof(cublasLtMatmulHeuristicResult_t, {field}));'
    body += '\n  printf("result %zu\\n", sizeof(cublasLtMatmulHeuristicResult_t));'
    main = f"#include <stddef.h>\n#include <stdio.h>\nint main(void) {{\n{body}\n  return 0;\n}}\n"
    texts = []
    for name in ("cuda_fp16.h", "cuda_bf16.h", "cuda_fp8.h"):
        (tmp_path / name).touch()  # for C++, and they need another package
    for name, header in (("ours", runtime.include_dir() / "cublaslt" / "api.h"), ("theirs", "cublasLt.h")):
        source, program = tmp_path / f"{name}.c", tmp_path / name
        source.write_text(f'#include "{header}"\n{main}')
        cc(f"-I{tmp_path}", *(f"-I{folder}" for folder in header_folders()), source, "-o", program)
        texts.append(subprocess.run([program], capture_output=True, text=True, check=True).stdout)
    assert texts[0] == texts[1] and len(texts[0].splitlines()) > 30
