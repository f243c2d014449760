"""Convolutions by cuDNN on the stand-ins for the driver and the library: what is kept, graphs, errors, and the
declarations against NVIDIA's own."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
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
from test.cuda.cases import expected, make_constant, model_of, pipeline_for, random_inputs, tolerance
from test.runtime.conftest import cc

from .conftest import Driver

TEXT = (
    "(float16[n,1,6,7] X, float16[16,1,3,3] W, float16[16] B, float16[1,16,2,2] V) => (float16[n,1,5,6] Y)"
    " { [wide] T = Conv<pads=[1,1,1,1]>(X,W,B) U = Relu(T) [narrow] Y = Conv(U,V) }"
)
"""Nothing but calls of the library: the stand-in for the driver runs no kernels. One channel is in any layout."""
VALUES = random_inputs(model_of(TEXT), {"n": 3})


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A model for CUDA, by the library where it can."""
    target, model = Target.cuda("sm_80"), model_of(TEXT)
    make_constant(model, {name: VALUES[name] for name in "WBV"})
    library = tmp_path_factory.mktemp("cudnn_model") / "model.so"
    options = Options(target, pipeline=pipeline_for(target, "cudnn"), vendor_libraries=("cudnn",), jobs=0)
    compile_model(model.SerializeToString(), library, options)
    yield library


def check(exe: Executable, images: int = 3) -> None:
    values = {**VALUES, "X": VALUES["X"][:images]}
    (wanted,) = expected(TEXT, values)
    assert (
        np.abs(exe(values["X"]).astype(np.float64) - wanted).max() <= tolerance(TEXT) * np.abs(wanted).max()
    )


def test_graphs_and_plans(driver: Driver, cudnn: Any, path: Path) -> None:
    """The first run plans and calls the library, the second one is captured, later ones are replayed: without a call of
    it. Sizes of the run have plans of their own, which are kept; so is memory."""
    exe = load(path)
    for _ in range(4):
        check(exe)
    state = cudnn.state
    assert (driver.state.captures, driver.state.replays) == (1, 3)
    assert (state.executions, state.graphs, state.created) == (4, 2, 1)
    blocks = driver.state.blocks
    for images in (1, 3, 1):
        check(exe, images)
    assert (state.graphs, state.last.x[0]) == (4, 1)
    assert driver.state.blocks <= blocks + 2
    exe.close()


def test_contexts(driver: Driver, cudnn: Any, path: Path) -> None:
    """Each has a handle and plans of its own, on its device."""
    driver.state.devices = 2
    executables = [load(path), load(path), load(path, device=1)]
    for exe in executables:
        check(exe)
    assert (cudnn.state.created, cudnn.state.handles, cudnn.state.graphs) == (3, 3, 6)
    for exe in executables:
        exe.close()
    assert cudnn.left() == {}


@pytest.mark.parametrize(
    ("setting", "value"),
    [("proposals", 0), ("graph_status", 3001), ("graph_status", 2000), ("workspace_wanted", 1 << 40)],
)
def test_no_plan(driver: Driver, cudnn: Any, path: Path, setting: str, value: int) -> None:
    """Kernels of aicc's are launched instead; the library is not asked again."""
    setattr(cudnn.state, setting, value)
    if setting == "workspace_wanted":
        cudnn.state.proposals = 1
    exe = load(path)
    for _ in range(3):
        exe(VALUES["X"])
    assert (cudnn.state.executions, cudnn.state.graphs) == (0, 2)
    assert driver.state.launches > 0
    exe.close()


def test_the_next_proposal(driver: Driver, cudnn: Any, path: Path) -> None:
    """A proposal whose plan cannot be made is passed over."""
    cudnn.state.plan_status = 4001
    exe = load(path)
    check(exe)
    assert cudnn.state.last.engine == 1
    with exe.profile() as profile:
        check(exe)
    assert any("conv" in kernel.name and kernel.calls == 1 for kernel in profile.kernels)
    exe.close()


# Errors ---------------------------------------------------------------------------------------------


def fails(path: Path, message: str) -> None:
    with pytest.raises(RuntimeError_, match=f"AICC-5006.*{message}"):
        load(path)


def test_statuses(driver: Driver, cudnn: Any, path: Path) -> None:
    """The message has the status, what the library says, and the node."""
    exe = load(path)
    for setting, status, message in (
        ("graph_status", 4000, r"cannot plan a convolution: CUDNN_STATUS_4000 \(some reason\)"),
        ("execute_status", 5000, r"cannot compute a convolution: CUDNN_STATUS_5000 \(some reason\)"),
    ):
        setattr(cudnn.state, setting, status)
        with pytest.raises(RuntimeError_, match=f"AICC-5006.*ode 'wide': cuDNN {message}"):
            exe(VALUES["X"])
        setattr(cudnn.state, setting, 0)
    check(exe)
    exe.close()
    cudnn.state.create_status = 1001
    fails(path, "cannot be used on this device: CUDNN_STATUS_1001")


def test_missing_and_too_old(
    driver: Driver, cudnn: Any, path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also found where the package nvidia-cudnn-cu12 has it."""
    monkeypatch.setenv("AICC_CUDNN", "/nowhere/libcudnn.so.9")
    fails(
        path,
        "call cuDNN, which is not here: /nowhere/libcudnn.so.9.*nvidia-cudnn-cu12, set AICC_CUDNN.*--vendor-libr",
    )
    monkeypatch.setenv("AICC_CUDNN", str(cudnn.folder / "cudnn_old.so"))
    fails(path, "is too old: it has no cudnnGetErrorString .cuDNN 9.0")
    monkeypatch.setenv("AICC_CUDNN", str(cudnn.path))
    cudnn.state.version = 80907
    fails(path, "is too old: it is of version 8.9")
    cudnn.reset()
    cudnn.state.cuda = 14000
    fails(path, "needs libcublasLt.so.14, which is not here; install the package nvidia-cublas-cu14")
    cudnn.reset()
    folder = tmp_path / "site" / "nvidia" / "cudnn" / "lib"
    folder.mkdir(parents=True)
    (folder / "libcudnn.so.9").symlink_to(cudnn.path)
    monkeypatch.delenv("AICC_CUDNN")
    monkeypatch.setenv("AICC_CUDNN_FOLDER", "")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    vendor_packages.package_folder.cache_clear()
    try:
        exe = load(path)
        check(exe)
        assert cudnn.state.executions == 2
        exe.close()
    finally:
        vendor_packages.package_folder.cache_clear()


# NVIDIA's own ---------------------------------------------------------------------------------------

FOLDER = vendor_packages.package_folder("cudnn")
NEEDS_PACKAGE = pytest.mark.skipif(
    FOLDER is None, reason="needs headers and library: pip install nvidia-cudnn-cu12"
)

STUBS = """
#include <stddef.h>
#define CUDART_VERSION 12000
typedef struct CUstream_st *cudaStream_t;
typedef struct CUgraph_st *cudaGraph_t;
typedef enum { MAJOR_VERSION, MINOR_VERSION, PATCH_LEVEL } libraryPropertyType;
"""
"""What the header takes of CUDA's, which other packages have."""


@NEEDS_PACKAGE
def test_declarations_are_those_of_the_header(tmp_path: Path) -> None:
    """Every number, and the types of functions, as NVIDIA's header has them."""
    assert FOLDER is not None
    api = runtime.include_dir() / "cudnn" / "api.h"
    names = re.findall(r"^  (CUDNN_\w+) = ", api.read_text(), re.MULTILINE)
    (tmp_path / "cuda_runtime_api.h").write_text(STUBS)
    (tmp_path / "library_types.h").touch()
    ours, theirs = tmp_path / "ours.c", tmp_path / "theirs.c"
    ours.write_text(
        f'#include <stdio.h>\n#include "{api}"\nint main(void) {{\n'
        + "\n".join(
            f'  printf("_Static_assert({name} == %d, \\"{name}\\");\\n", (int){name});' for name in names
        )
        + "\n}\n"
    )
    cc(ours, "-o", tmp_path / "ours")
    checks = subprocess.run([tmp_path / "ours"], capture_output=True, text=True, check=True).stdout
    assert len(checks.splitlines()) == len(names) > 80
    # Enumerations are int in C; the table's types are written with the header's names of them.
    declared = re.search(r"#define AICC_CUDNN_FUNCTIONS.*?(?=\n\n)", api.read_text(), re.DOTALL)
    assert declared is not None
    theirs.write_text(
        f"#include <cudnn_graph.h>\n{declared[0]}\n{checks}"
        "#define CHECK(name, symbol, result, parameters) \\\n"
        "  _Static_assert(_Generic(&symbol, result(*) parameters: 1, default: 0), #symbol);\n"
        "AICC_CUDNN_FUNCTIONS(CHECK)\n"
        '_Static_assert(sizeof(cudnnStatus_t) == sizeof(int) && sizeof(cudnnPointwiseMode_t) == sizeof(int), "int");\n'
    )
    include = FOLDER.parent / "include"
    cc("-std=gnu11", "-w", f"-I{tmp_path}", f"-I{include}", "-c", theirs, "-o", tmp_path / "theirs.o")


@NEEDS_PACKAGE
@pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="there is a GPU")
def test_the_library_itself(driver: Driver, path: Path) -> None:
    """NVIDIA's own is opened and of a version that will do; it finds no GPU behind the stand-in for the driver."""
    fails(path, "cannot be used on this device: CUDNN_STATUS_NOT_INITIALIZED")
