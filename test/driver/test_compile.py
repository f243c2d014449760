"""The driver: stages, dumps, resuming, emitted texts, fixed dims, -O1 against -O2."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import onnx
import onnx.reference
import pytest
from onnx import TensorProto, helper

from aicc.driver import Options, compile, compile_model, cpu_pipeline
from aicc.errors import AiccError, AiccWarning
from aicc.loader import load
from aicc.passes.base import Pass
from aicc.passes.schedules import registry
from aicc.pipeline import MODULE_STAGES


def mlp(batch: int | str = 8) -> onnx.ModelProto:
    """x[batch, 64] -> relu(x W1 + b1) W2 -> softmax; big enough for the weight store."""
    rng = np.random.default_rng(0)
    weights = {
        "w1": rng.standard_normal((64, 96)),
        "b1": rng.standard_normal(96),
        "w2": rng.standard_normal((96, 10)),
    }
    nodes = [
        helper.make_node("MatMul", ["x", "w1"], ["a"], name="fc1"),
        helper.make_node("Add", ["a", "b1"], ["b"], name="bias"),
        helper.make_node("Relu", ["b"], ["c"], name="relu"),
        helper.make_node("MatMul", ["c", "w2"], ["d"], name="fc2"),
        helper.make_node("Softmax", ["d"], ["y"], name="softmax", axis=-1),
    ]
    graph = helper.make_graph(
        nodes,
        "mlp",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 10])],
        [onnx.numpy_helper.from_array(w.astype(np.float32), n) for n, w in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def reference(model, x):
    return onnx.reference.ReferenceEvaluator(model).run(None, {"x": x})[0]


@pytest.mark.parametrize("opt_level", [1, 2])
@pytest.mark.parametrize("threads", [1, 2])
def test_compiles_and_matches_the_reference(opt_level, threads):
    model = mlp()
    x = np.random.default_rng(1).standard_normal((8, 64)).astype(np.float32)
    kept = x.copy()
    run = compile(model, opt_level=opt_level)
    run.num_threads = threads
    np.testing.assert_allclose(run(x), reference(model, x), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize("batch", [1, 3, 16, 33])
def test_one_library_serves_every_batch_size(batch, dynamic_mlp):
    model, run = dynamic_mlp
    x = np.random.default_rng(batch).standard_normal((batch, 64)).astype(np.float32)
    np.testing.assert_allclose(run(x), reference(model, x), rtol=1e-4, atol=1e-6)


@pytest.fixture(scope="module")
def dynamic_mlp():
    model = mlp("batch")
    return model, compile(model)


def test_dim_fixes_a_symbolic_size():
    run = compile(mlp("batch"), dims={"batch": 4})
    assert run.inputs[0].shape == (4, 64)
    with pytest.raises(AiccError) as caught:
        compile(mlp("batch"), dims={"nope": 4})
    assert caught.value.code == "AICC-1008" and "batch" in str(caught.value)


@pytest.mark.parametrize("stage", ["graph", "linalg", "kernels", "buffers", "schedule"])
def test_a_dump_resumes_at_every_stage(tmp_path, stage):
    model = mlp()
    whole = tmp_path / "whole.so"
    compile_model(model, whole, Options(dump=tmp_path / "ir"))
    stages = [*MODULE_STAGES, "schedule"]
    before = stages[stages.index(stage) - 1]
    (dumped,) = (tmp_path / "ir").glob(f"*-{before}.mlir")
    again = tmp_path / "again.so"
    compile_model(dumped, again, Options(start_from=stage))
    x = np.random.default_rng(1).standard_normal((8, 64)).astype(np.float32)
    np.testing.assert_array_equal(load(again)(x), load(whole)(x))


def test_the_ir_never_holds_the_weights(tmp_path):
    compile_model(mlp(), None, Options(dump=tmp_path / "ir", stop_after="buffers"))
    for dump in (tmp_path / "ir").glob("*.mlir"):
        assert dump.stat().st_size < 30_000, dump.name


@pytest.mark.parametrize("stage", MODULE_STAGES)
def test_stop_after_gives_the_ir_of_the_stage(stage):
    text = compile_model(mlp(), None, Options(stop_after=stage, check_ir=True)).text
    assert "func.func" in text
    assert ("aicc.matmul" in text) == (stage in ("import", "graph"))


def test_emitted_assembly_and_llvm_ir():
    assert "aicc_model_main" in compile_model(mlp(), None, Options(emit="asm")).text
    assert "define" in compile_model(mlp(), None, Options(emit="llvm")).text


def test_an_emitted_object_is_relocatable(tmp_path):
    out = tmp_path / "model.o"
    compile_model(mlp(), out, Options(emit="obj"))
    header = out.read_bytes()[:18]
    assert header[:4] == b"\x7fELF" and header[16] == 1  # ET_REL


@dataclass(frozen=True)
class CountMatmuls(Pass):
    """A user's own pass."""

    pass_name: ClassVar[str] = "count-matmuls"
    scale: int = 1

    def run(self, module, ctx):
        ctx.stats["matmuls"] = self.scale * str(module).count("aicc.matmul")


def test_a_pass_of_ones_own_runs_in_the_pipeline():
    pipeline = cpu_pipeline()
    pipeline.insert_before("lower-to-linalg", CountMatmuls(scale=10))
    result = compile_model(mlp(), None, Options(pipeline=pipeline, stop_after="linalg"))
    assert result.stats["matmuls"] == 20


def test_nothing_is_left_when_a_compile_fails(tmp_path):
    bad = mlp()
    bad.graph.node[1].op_type = "NoSuchOp"
    with pytest.raises(AiccError) as caught:
        compile_model(bad, tmp_path / "model.so")
    assert caught.value.code == "AICC-1003" and "bias" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_output_is_refused_before_any_work(tmp_path):
    with pytest.raises(AiccError) as caught:
        compile_model(mlp(), tmp_path / "no" / "model.so")
    assert caught.value.code == "AICC-4001"


def test_external_weights_lie_beside_the_library(tmp_path):
    out = tmp_path / "model.so"
    compile_model(mlp(), out, Options(weights="external"))
    x = np.ones((8, 64), np.float32)
    np.testing.assert_allclose(load(out)(x), reference(mlp(), x), rtol=1e-4, atol=1e-6)
    (sidecar,) = (p for p in tmp_path.iterdir() if p != out)
    sidecar.unlink()
    with pytest.raises(AiccError) as caught:
        load(out)(x)
    assert caught.value.code == "AICC-5004"


def test_a_schedule_that_fails_is_warned_of_and_replaced(tmp_path, monkeypatch):
    def broken(*_: object) -> None:
        raise TypeError("boom")

    monkeypatch.setattr(type(registry.get("contraction")), "lower", broken)
    model, out = mlp(), tmp_path / "m.so"
    with pytest.warns(AiccWarning, match=r"schedule 'contraction' raised \(TypeError: boom\); compiled by"):
        compile_model(model, out, Options(jobs=0, cache=False))
    x = np.ones((8, 64), np.float32)
    np.testing.assert_allclose(load(out)(x=x), reference(model, x), rtol=1e-5, atol=1e-6)


def test_bounds_of_a_symbolic_size_are_checked_in_each_run(tmp_path):
    run = compile(mlp("n"), dims={"n": (2, 8)})
    x = np.ones((8, 64), np.float32)
    np.testing.assert_allclose(run(x), reference(mlp("n"), x), rtol=1e-5, atol=1e-6)
    with pytest.raises(AiccError, match="'n'.* is 9, the model was compiled for 2 to 8"):
        run(np.ones((9, 64), np.float32))


def test_a_dump_of_a_bounded_size_resumes(tmp_path):
    options = Options(dims={"n": (2, 8)}, dump=tmp_path / "dump")
    onnx.save(mlp("n"), tmp_path / "m.onnx")
    compile_model(tmp_path / "m.onnx", tmp_path / "m.so", options)
    last = sorted((tmp_path / "dump").glob("*-buffers.mlir"))[0]
    compile_model(last, tmp_path / "again.so", Options(start_from="schedule"))
    with pytest.raises(AiccError, match="compiled for 2 to 8"):
        load(tmp_path / "again.so")(np.ones((1, 64), np.float32))


def test_an_empty_range_is_refused():
    with pytest.raises(AiccError, match="AICC-1008.*'n' cannot be 9..2"):
        compile(mlp("n"), dims={"n": (9, 2)})
