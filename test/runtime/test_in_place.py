"""Outputs in the memory of inputs: the same numbers as with memory of their own, and nothing else of a cache moved."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest

import aicc
from aicc import runtime
from aicc.executable import Executable
from test.ops.contrib import by_ort, node_model

from .conftest import HERE, WARNINGS, cc

Array = np.ndarray[Any, Any]
B, N, G, ROOM, H = 2, 4, 2, 9, 16


def parsed(text: str) -> onnx.ModelProto:
    head = '<ir_version: 10, opset_import: ["": 24]>\n'
    model: onnx.ModelProto = onnx.parser.parse_model(head + text)
    return model


def in_place(exe: Executable, feeds: dict[str, Array]) -> tuple[list[Array], dict[str, Array]]:
    """The outputs, those with an alias in the memory of (copies of) inputs; and these."""
    given = {name: value.copy() for name, value in feeds.items()}
    got = exe(given, out={o.name: given[o.alias] for o in exe.outputs if o.alias})
    results = list(got) if isinstance(got, tuple) else [got]
    for output, array in zip(exe.outputs, results, strict=True):
        assert output.alias is None or array is given[output.alias]
    return results, given


def agree(exe: Executable, feeds: dict[str, Array]) -> list[Array]:
    """Asserts that one buffer and two give the same, bit for bit, and that two leave the input as it was."""
    before = {name: value.copy() for name, value in feeds.items()}
    want = exe(feeds)
    want = list(want) if isinstance(want, tuple) else [want]
    assert all(np.array_equal(feeds[name], value) for name, value in before.items())
    got, _ = in_place(exe, feeds)
    for a, b in zip(got, want, strict=True):
        assert a.tobytes() == b.tobytes()
    return got


# --- models -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [1, 2])
def test_attention_with_a_buffer_for_more(level: int, rng: np.random.Generator) -> None:
    """Samples of their own length; three tokens one after the other, in one buffer."""
    cache = [np.zeros((B, G, ROOM, H), np.float32) for _ in range(2)]
    for x in cache:
        x[:, :, :5] = rng.standard_normal((B, G, 5, H))
    tokens = [rng.standard_normal((B, 1, heads * H)).astype(np.float32) for heads in (N, G, G)]
    lengths = np.array([3, 5], np.int32)
    inputs = (*tokens, *cache, lengths, np.array(6, np.int32))
    attrs = {"num_heads": N, "kv_num_heads": G}
    model, feeds = node_model(
        "GroupQueryAttention", inputs, ["y", "k", "v"], attrs, "com.microsoft", constant=(6,)
    )
    exe = aicc.compile(model, opt_level=level)
    assert [o.alias for o in exe.outputs] == [None, "x3", "x4"]
    for step in range(3):
        feeds["x5"] = lengths + step
        want = by_ort(model, feeds)
        y, k, v = agree(exe, feeds)
        np.testing.assert_allclose(y, want[0], rtol=1e-5, atol=1e-5)
        feeds |= {"x3": k, "x4": v}


def test_scatters(rng: np.random.Generator) -> None:
    """Parts of an input written over, by index; the rest of it is not touched."""
    exe = aicc.compile(
        parsed(
            "g (float[2,6,4] cache, float[2,1,4] new, int64[2] at, float[8,3] table, int64[2,1] rows, float[2,3] put)"
            " => (float[2,6,4] written, float[8,3] changed) {"
            ' written = TensorScatter<axis=1, mode="circular">(cache, new, at)'
            ' changed = ScatterND<reduction="add">(table, rows, put) }'
        )
    )
    assert [o.alias for o in exe.outputs] == ["cache", "table"]
    shapes = {"cache": (2, 6, 4), "new": (2, 1, 4), "table": (8, 3), "put": (2, 3)}
    feeds: dict[str, Array] = {k: rng.standard_normal(s).astype(np.float32) for k, s in shapes.items()}
    feeds |= {"at": np.array([2, 7]), "rows": np.array([[3], [3]])}
    written, changed = agree(exe, feeds)
    cache, table = feeds["cache"].copy(), feeds["table"].copy()
    cache[0, 2], cache[1, 1] = feeds["new"][:, 0]
    table[3] += feeds["put"][0]
    table[3] += feeds["put"][1]
    np.testing.assert_array_equal(written, cache)
    np.testing.assert_allclose(changed, table, rtol=1e-6)


def test_not_in_place(rng: np.random.Generator) -> None:
    """Of an input that is read afterwards, and of a cache that grows, no output can have the memory."""
    exe = aicc.compile(
        parsed(
            "g (float[8,3] x, int64[2,1] rows, float[2,3] put, float[4,3] past)"
            " => (float[8,3] y, float[8,3] z, float[6,3] p)"
            " { y = ScatterND(x, rows, put)  z = Sub(y, x)  p = Concat<axis=0>(past, put) }"
        )
    )
    assert [o.alias for o in exe.outputs] == [None, None, None]
    x = rng.standard_normal((8, 3)).astype(np.float32)
    others = (np.array([[0], [5]]), np.ones((2, 3), np.float32), np.ones((4, 3), np.float32))
    with pytest.raises(
        aicc.AiccError, match=r"AICC-5002.*Output 'y' is in the memory of input 'x'; it needs memory"
    ):
        exe(x, *others, out={"y": x})
    with pytest.raises(aicc.AiccError, match=r"(?s)AICC-5002.*no output 'w'.*y, z, p"):
        exe(x, *others, out={"w": x})


def test_session(rng: np.random.Generator) -> None:
    """As onnxruntime's programs do it."""
    model = parsed(
        "g (float[8,3] x, int64[2,1] rows, float[2,3] put) => (float[8,3] y) { y = ScatterND(x, rows, put) }"
    )
    session = aicc.InferenceSession(model.SerializeToString())
    binding = session.io_binding()
    x, put = (rng.standard_normal(shape).astype(np.float32) for shape in ((8, 3), (2, 3)))
    want = x.copy()
    want[[1, 6]] = put
    binding.bind_input("x", "cpu", 0, np.float32, x.shape, x.ctypes.data)
    binding.bind_cpu_input("rows", np.array([[1], [6]]))
    binding.bind_cpu_input("put", put)
    binding.bind_output("y")
    session.run_with_iobinding(binding)
    np.testing.assert_array_equal(binding.copy_outputs_to_cpu()[0], want)
    assert not np.array_equal(x, want)
    binding.bind_output("y", "cpu", 0, np.float32, x.shape, x.ctypes.data)
    session.run_with_iobinding(binding)
    np.testing.assert_array_equal(x, want)
    with pytest.raises(aicc.AiccError, match=r"AICC-5002.*'y' is bound on device 'cuda'"):
        binding.bind_output("y", "cuda")
    binding.bind_output("z")
    with pytest.raises(aicc.AiccError, match=r"AICC-5002.*no output 'z'"):
        session.run_with_iobinding(binding)


# --- the C interface ------------------------------------------------------------------------------------

PROGRAM = """
#include <stdio.h>
#include <string.h>
#include "aicc.h"
#define EXPECT(condition) if (!(condition)) return fprintf(stderr, "line %d: %s\\n", __LINE__, aicc_last_error()), 1
#define FAILS(text) (aicc_run(ctx, in, 3, out, 2) == AICC_ERROR_OUTPUT && strstr(aicc_last_error(), text))
int main(void) {
  float room[16] = {0}, own[12], sum[4], row[] = {1, 2, 3, 4};
  int64_t at = 1, shape[] = {3, 4}, four[] = {4};
  DLTensor in[] = {aicc_tensor(room, aicc_float32, 2, shape), aicc_tensor(row, aicc_float32, 1, four),
                   aicc_tensor(&at, aicc_int64, 0, 0)};
  DLTensor out[] = {aicc_tensor(own, aicc_float32, 2, shape), aicc_tensor(sum, aicc_float32, 1, four)};
  aicc_context *ctx;
  EXPECT(aicc_context_create(&ctx) == AICC_OK);
  EXPECT(aicc_output_alias(0) == 0 && aicc_output_alias(1) == -1);
  EXPECT(aicc_output_alias(-1) == -1 && aicc_output_alias(2) == -1 && aicc_get_api()->output_alias(0) == 0);
  EXPECT(aicc_run(ctx, in, 3, out, 2) == AICC_OK && own[4] == 1 && !room[4] && sum[3] == 4);
  out[0].data = room;
  EXPECT(aicc_run(ctx, in, 3, out, 2) == AICC_OK && room[4] == 1 && room[7] == 4);
  out[0].byte_offset = 16; /* half of it is the input */
  EXPECT(FAILS("output 'grown' overlaps input 'cache' in part"));
  in[0].byte_offset = 16;
  EXPECT(aicc_run(ctx, in, 3, out, 2) == AICC_OK && room[8] == 1);
  in[0].byte_offset = out[0].byte_offset = 0;
  out[1].data = room + 4;
  EXPECT(FAILS("output 'sum' is in the memory of input 'cache'; it needs memory of its own"));
  out[0].data = own, out[1].data = row;
  EXPECT(FAILS("output 'sum' is in the memory of input 'row'"));
  out[1].data = own + 8;
  EXPECT(FAILS("outputs 'grown' and 'sum' overlap"));
  out[1].data = sum, in[1].data = own + 4;
  EXPECT(FAILS("output 'grown' is in the memory of input 'row'; it may be in that of input 'cache' alone"));
  in[1].data = row, out[0].data = 0, out[1].data = own; /* one of the library's */
  EXPECT(aicc_run(ctx, in, 3, out, 2) == AICC_OK && out[0].data != room && own[3] == 8);
  aicc_context_destroy(ctx);
  return 0;
}
"""


def test_c_program(tmp_path: Path) -> None:
    """With sanitizers, the runtime included."""
    program, sources = tmp_path / "program", [*runtime.runtime_sources(), HERE / "models" / "append.c"]
    (tmp_path / "program.c").write_text(PROGRAM)
    flags = ["-std=gnu11", "-g", "-pthread", *WARNINGS, f"-I{runtime.include_dir()}"]
    sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    probe = ["cc", *sanitize, "-x", "c", "-", "-o", str(tmp_path / "probe")]
    if subprocess.run(probe, input="int main(void) { return 0; }", text=True, check=False).returncode:
        sanitize = []
    cc(*flags, *sanitize, tmp_path / "program.c", *sources, "-o", program, *runtime.LDFLAGS)
    done = subprocess.run([program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_older_library() -> None:
    """One made before outputs could be in place says of none that it may."""
    exe = aicc.compile(parsed("g (float[2] x) => (float[2] y) { y = Identity(x) }"))
    assert exe.outputs[0].alias == "x"
    del exe._library.functions["output_alias"]
    assert exe._library._info("output", 0).alias is None
