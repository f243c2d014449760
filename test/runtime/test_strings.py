"""Strings through the C interface: what the caller owns, what the library owns, and what is refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from onnx import helper
from onnx.onnx_pb import TensorProto

from aicc import runtime
from aicc.driver import Options, compile_model

from .conftest import WARNINGS, cc

PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "aicc.h"

#define CHECK(x) if (!(x)) { printf("line %d: %s: %s\n", __LINE__, #x, aicc_last_error()); return 1; }

int main(void) {
  aicc_context *ctx;
  CHECK(aicc_context_create(&ctx) == AICC_OK);
  CHECK(aicc_input_info(0)->dtype.code == kDLOpaqueHandle && aicc_input_info(0)->dtype.bits == 128);
  int64_t shape[] = {3}, out_shape[] = {4};
  for (int round = 0; round < 3; round++) {
    char *bytes = malloc(16); /* gone before the outputs are read */
    memcpy(bytes, "xy\0zlongabc", 12);
    aicc_string in[] = {{bytes, 4}, {NULL, 0}, {bytes + 4, 4 + round}}, given[4];
    DLTensor x = aicc_tensor(in, aicc_strings, 1, shape);
    DLTensor y = aicc_tensor(round == 1 ? given : NULL, aicc_strings, 1, out_shape);
    CHECK(aicc_run(ctx, &x, 1, &y, 1) == AICC_OK);
    memset(bytes, '?', 16);
    free(bytes);
    aicc_string *out = y.data;
    CHECK(round != 1 || out == given);
    CHECK(y.ndim == 1 && y.shape[0] == 4 && y.dtype.bits == 128);
    CHECK(out[0].size == 4 && !memcmp(out[0].data, "xy\0z", 5));
    CHECK(out[1].size == 0 && out[1].data[0] == 0);
    CHECK(out[2].size == 4 + round && !strncmp(out[2].data, "longabc", (size_t)out[2].size));
    CHECK(out[2].data[out[2].size] == 0);
    CHECK(out[3].size == 3 && !strcmp(out[3].data, "end"));
  }
  CHECK(aicc_memory_bytes(ctx) > 0);
  aicc_string bad[] = {{"a", 1}, {NULL, 2}, {"b", 1}};
  DLTensor x = aicc_tensor(bad, aicc_strings, 1, shape), y = aicc_tensor(NULL, aicc_strings, 1, out_shape);
  CHECK(aicc_run(ctx, &x, 1, &y, 1) == AICC_ERROR_INPUT && strstr(aicc_last_error(), "string 1 has no data"));
  bad[1] = (aicc_string){"c", -1};
  CHECK(aicc_run(ctx, &x, 1, &y, 1) == AICC_ERROR_INPUT);
  int64_t numbers[] = {1, 2, 3};
  x = aicc_tensor(numbers, aicc_int64, 1, shape);
  CHECK(aicc_run(ctx, &x, 1, &y, 1) == AICC_ERROR_INPUT && strstr(aicc_last_error(), "the model wants strings"));
  aicc_context_destroy(ctx);
  return 0;
}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`y[4] = concat(x[3], ["end"])`."""
    kind = TensorProto.STRING
    graph = helper.make_graph(
        [helper.make_node("Concat", ["x", "end"], ["y"], axis=0)],
        "strings",
        [helper.make_tensor_value_info("x", kind, [3])],
        [helper.make_tensor_value_info("y", kind, [4])],
        initializer=[helper.make_tensor("end", kind, [1], [b"end"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    path = tmp_path_factory.mktemp("strings") / "libstrings.so"
    compile_model(model, path, Options(jobs=0, cache=False))
    return path


@pytest.mark.parametrize("flags", [[], ["-fsanitize=address,undefined"]], ids=["plain", "sanitized"])
def test_c_program(library: Path, tmp_path: Path, flags: list[str]) -> None:
    source = tmp_path / "program.c"
    source.write_text(PROGRAM)
    program = tmp_path / "program"
    include = f"-I{runtime.include_dir()}"
    rpath = f"-Wl,-rpath,{library.parent}"
    try:
        cc("-std=gnu11", *WARNINGS, "-g", *flags, include, source, library, rpath, "-o", program)
    except AssertionError:
        if flags:
            pytest.skip("this compiler has no sanitizers")
        raise
    done = subprocess.run([program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
