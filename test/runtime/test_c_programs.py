"""The C interface, used by C programs: no Python in the process."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from aicc import runtime

from .conftest import WARNINGS, Fake, cc

EXAMPLES = Path(__file__).parents[2] / "examples" / "c"
INCLUDE = f"-I{runtime.include_dir()}"


def run(program: Path, *arguments: object, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(program), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **env},
        check=False,
    )


@pytest.fixture(scope="module")
def run_model(fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("example") / "run_model"
    cc("-std=c11", *WARNINGS, INCLUDE, EXAMPLES / "run_model.c", fake("affine"), "-o", program)
    return program


def test_example_runs_the_model_it_is_linked_with(run_model: Path) -> None:
    done = run(run_model, 3, "batch=2", AICC_NUM_THREADS="2")
    assert done.returncode == 0, done.stderr
    assert "input x: dtype code 2, 32 bits, [batch, 8]" in done.stdout
    assert "y [2, 8]: 2 3 4 5 6 7 8 9 ..." in done.stdout
    assert "2 threads, best of 3 runs" in done.stdout


def test_example_has_no_python_in_it(run_model: Path) -> None:
    needed = subprocess.run(["ldd", str(run_model)], capture_output=True, text=True, check=True).stdout
    assert "libaffine" in needed
    assert "python" not in needed


def test_example_runs_two_models(fake: Fake, tmp_path: Path) -> None:
    program = tmp_path / "two_models"
    cc("-std=gnu11", *WARNINGS, INCLUDE, EXAMPLES / "two_models.c", "-pthread", "-ldl", "-o", program)
    done = run(program, fake("affine"), fake("pair"), fake("nonzero"), fake("affine", "SCALE=3"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("affine gives y with rank 2") == 2
    assert "pair gives total with rank 1" in done.stdout
    assert "nonzero gives indices with rank 1" in done.stdout


def test_a_linked_model_does_not_disturb_an_opened_one(fake: Fake, tmp_path: Path) -> None:
    """The linked model's names are global: the opened one must not use them."""
    source = tmp_path / "both.c"
    source.write_text("""
        #include <dlfcn.h>
        #include <string.h>
        #include "aicc.h"
        int main(int argc, char **argv) {
          if (strcmp(aicc_model_name(), "pair")) return 1;
          void *library = dlopen(argv[argc - 1], RTLD_NOW | RTLD_GLOBAL);
          aicc_get_api_fn get = (aicc_get_api_fn)dlsym(library, "aicc_get_api");
          const aicc_api *other = get();
          aicc_context *ctx, *mine;
          if (strcmp(other->model_name(), "affine")) return 2;
          if (other->context_create(&ctx) || aicc_context_create(&mine)) return 6;
          float x[8] = {1, 1, 1}, y[8];
          int64_t shape[] = {1, 8};
          DLTensor in = aicc_tensor(x, aicc_float32, 2, shape), out = aicc_tensor(y, aicc_float32, 2, shape);
          if (other->run(ctx, &in, 1, &out, 1) || y[0] != 2 || y[7] != 7) return 3;
          if (aicc_run(mine, &in, 1, &out, 1) == AICC_OK) return 4;
          if (!strstr(aicc_last_error(), "the model has 2") || *other->last_error()) return 5;
          other->context_destroy(ctx);
          aicc_context_destroy(mine);
          return 0;
        }""")
    program = tmp_path / "both"
    cc("-std=gnu11", *WARNINGS, INCLUDE, source, fake("pair"), "-ldl", "-o", program)
    done = run(program, fake("affine"))
    assert done.returncode == 0, done.stderr


def test_misuse_is_a_status(fake: Fake, tmp_path: Path) -> None:
    source = tmp_path / "misuse.c"
    source.write_text("""
        #include "aicc.h"
        #define EXPECT(condition) if (!(condition)) return __LINE__
        int main(void) {
          float x[16] = {0}, y[16];
          int64_t shape[] = {1, 8}, strides[] = {16, 2}, compact[] = {99, 1}, dims[2];
          DLTensor in = aicc_tensor(x, aicc_float32, 2, shape), out = aicc_tensor(y, aicc_float32, 2, shape);
          aicc_context *ctx;
          aicc_profile_entry entry;
          EXPECT(aicc_context_create(0) == AICC_ERROR_ARGUMENT);
          EXPECT(aicc_context_create(&ctx) == AICC_OK);
          EXPECT(aicc_run(0, &in, 1, &out, 1) == AICC_ERROR_ARGUMENT);
          EXPECT(aicc_run(ctx, &in, 2, &out, 1) == AICC_ERROR_ARGUMENT);
          EXPECT(aicc_run(ctx, 0, 1, &out, 1) == AICC_ERROR_ARGUMENT);
          EXPECT(aicc_run(ctx, &in, 1, 0, 1) == AICC_ERROR_ARGUMENT);
          EXPECT(aicc_run(ctx, &in, 1, &out, 0) == AICC_ERROR_ARGUMENT);
          EXPECT(aicc_output_dims(ctx, &in, 1, 0) == AICC_ERROR_ARGUMENT);
          EXPECT(aicc_output_dims(ctx, &in, 1, dims) == AICC_OK && dims[0] == 1 && dims[1] == 8);
          in.strides = strides;
          EXPECT(aicc_run(ctx, &in, 1, &out, 1) == AICC_ERROR_INPUT);
          in.strides = compact; /* of a dim of size 1: does not matter */
          EXPECT(aicc_run(ctx, &in, 1, &out, 1) == AICC_OK);
          in.byte_offset = 2;
          EXPECT(aicc_run(ctx, &in, 1, &out, 1) == AICC_ERROR_INPUT);
          in.byte_offset = 32;
          EXPECT(aicc_run(ctx, &in, 1, &out, 1) == AICC_OK);
          in.device.device_type = kDLCUDA;
          EXPECT(aicc_run(ctx, &in, 1, &out, 1) == AICC_ERROR_INPUT);
          in = aicc_tensor(0, aicc_float32, 2, shape);
          EXPECT(aicc_run(ctx, &in, 1, &out, 1) == AICC_ERROR_INPUT);
          in = aicc_tensor(x, aicc_float32, 2, 0);
          EXPECT(aicc_run(ctx, &in, 1, &out, 1) == AICC_ERROR_INPUT);
          int64_t huge[] = {(int64_t)1 << 60, 8}, negative[] = {-1, 8};
          in = aicc_tensor(x, aicc_float32, 2, huge);
          EXPECT(aicc_run(ctx, &in, 1, &out, 1) == AICC_ERROR_INPUT);
          in = aicc_tensor(x, aicc_float32, 2, negative);
          EXPECT(aicc_run(ctx, &in, 1, &out, 1) == AICC_ERROR_INPUT);
          in = aicc_tensor(x, aicc_float32, 2, shape);
          int64_t other[] = {2, 8};
          out = aicc_tensor(y, aicc_float32, 2, other);
          EXPECT(aicc_run(ctx, &in, 1, &out, 1) == AICC_ERROR_OUTPUT);
          out = aicc_tensor(y, aicc_float64, 2, shape);
          EXPECT(aicc_run(ctx, &in, 1, &out, 1) == AICC_ERROR_OUTPUT);
          EXPECT(!aicc_input_info(1) && !aicc_input_info(-1) && !aicc_output_info(1));
          EXPECT(aicc_kernel_count() == 2 && !aicc_kernel_info(2) && !aicc_kernel_info(-1));
          EXPECT(aicc_value_count() == 0 && !aicc_value_info(0));
          EXPECT(aicc_input_value_count() == 0 && !aicc_input_value_info(0));
          EXPECT(aicc_kernel_info(0)->calls == 1 && aicc_kernel_info(1)->seconds < 0);
          EXPECT(aicc_get_api()->kernel_info(1) == aicc_kernel_info(1));
          EXPECT(aicc_profile_get(ctx, 99, &entry) == AICC_ERROR_ARGUMENT);
          EXPECT(aicc_set_num_threads(0, 1) == AICC_ERROR_ARGUMENT);
          EXPECT(aicc_get_num_threads(0) == 0 && aicc_memory_bytes(0) == 0);
          out = aicc_tensor(y, aicc_float32, 2, shape);
          EXPECT(aicc_run(ctx, &in, 1, &out, 1) == AICC_OK && y[3] == 3);
          aicc_context_destroy(ctx);
          aicc_context_destroy(0);
          return 0;
        }""")
    program = tmp_path / "misuse"
    cc("-std=gnu11", *WARNINGS, INCLUDE, source, fake("affine"), "-o", program)
    assert run(program).returncode == 0


@pytest.mark.parametrize("language", ["c", "c++"])
@pytest.mark.parametrize("with_dlpack", [False, True])
def test_header_stands_alone_and_beside_dlpack(language: str, with_dlpack: bool, tmp_path: Path) -> None:
    """With dlpack.h included first its definitions are used (here: one with a field fewer would not compile)."""
    source = tmp_path / f"use.{language}"
    dlpack = """
        #ifndef DLPACK_DLPACK_H_
        #define DLPACK_DLPACK_H_
        #include <stdint.h>
        typedef enum { kDLCPU = 1, kDLCUDA = 2, kDLCUDAHost = 3, kDLROCM = 10 } DLDeviceType;
        typedef struct { DLDeviceType device_type; int32_t device_id; } DLDevice;
        typedef enum { kDLInt, kDLUInt, kDLFloat, kDLOpaqueHandle, kDLBfloat, kDLComplex, kDLBool } DLDataTypeCode;
        typedef struct { uint8_t code; uint8_t bits; uint16_t lanes; } DLDataType;
        typedef struct { void *data; DLDevice device; int32_t ndim; DLDataType dtype; int64_t *shape;
                         int64_t *strides; uint64_t byte_offset; } DLTensor;
        #endif
    """
    source.write_text(
        (dlpack if with_dlpack else "") + '#include "aicc.h"\n' + (dlpack if not with_dlpack else "")
    )
    standard = "-std=c11" if language == "c" else "-std=c++17"
    cc("-x", language, standard, "-pedantic", *WARNINGS, INCLUDE, "-c", source, "-o", tmp_path / "use.o")


def test_only_the_documented_functions_are_exported(fake: Fake) -> None:
    header = (runtime.include_dir() / "aicc.h").read_text()
    symbols = subprocess.run(
        ["nm", "-D", "--defined-only", fake("affine")], capture_output=True, text=True, check=True
    ).stdout
    exported = {line.split()[-1] for line in symbols.splitlines()}
    assert exported == {name for name in exported if f" {name}(" in header or f"*{name}(" in header}
    assert {"aicc_run", "aicc_get_api", "aicc_last_error"} <= exported
    assert not {"aicc_parallel_for", "aicc_model", "aicc_buffer_acquire"} & exported
