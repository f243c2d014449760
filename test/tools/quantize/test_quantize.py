"""`aicc.quantize`: what it writes runs in ONNX Runtime and in aicc alike, and stays near the f32 model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import aicc
from aicc.errors import AiccError
from aicc.tools import aicc_quantize
from aicc.tools.quantize.bodies import all_graphs
from aicc.tools.quantize.options import QuantizeOptions
from aicc.tools.quantize.ranges import Observed, parameters

Array = np.ndarray[Any, Any]


def a_model() -> onnx.ModelProto:
    """Conv, Relu, a sum over pixels, MatMul, Gemm with a transposed weight, and MatMul with that weight again."""
    rng = np.random.default_rng(5)
    weights = {
        "c": rng.normal(size=(48, 3, 3, 3)) / 5,
        "cb": rng.normal(size=48),
        "m": rng.normal(size=(48, 64)) / 7,
        "g": rng.normal(size=(80, 64)) / 8,
        "gb": rng.normal(size=80),
        "t": rng.normal(size=(80, 40)) / 9,
    }
    nodes = [
        helper.make_node("Conv", ["x", "c", "cb"], ["a"], "conv"),
        helper.make_node("Relu", ["a"], ["r"]),
        helper.make_node("ReduceMean", ["r", "axes"], ["p"], keepdims=0),
        helper.make_node("MatMul", ["p", "m"], ["h"], "first"),
        helper.make_node("Relu", ["h"], ["hr"]),
        helper.make_node("Gemm", ["hr", "g", "gb"], ["k"], "second", transB=1),
        helper.make_node("MatMul", ["k", "t"], ["y"], "third"),
        helper.make_node("MatMul", ["k", "t"], ["z"], "fourth"),
    ]
    initializers = [numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()]
    initializers.append(numpy_helper.from_array(np.array([2, 3]), "axes"))
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3, 8, 8])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, [2, 40]) for n in ("y", "z")],
        initializers,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def samples(count: int = 6) -> list[dict[str, Array]]:
    rng = np.random.default_rng(7)
    return [{"x": rng.normal(size=(2, 3, 8, 8)).astype(np.float32)} for _ in range(count)]


def static(data: Any) -> Any:
    return aicc.quantize(a_model(), mode="static", data=data)


def by_peer(model: onnx.ModelProto, sample: dict[str, Array]) -> list[Array]:
    """ONNX Runtime, op by op; where it multiplies bytes, which saturates on x86 without VNNI, ONNX's reference."""
    if any(n.op_type == "MatMulInteger" for graph in all_graphs(model.graph) for n in graph.node):
        computed: list[Array] = ReferenceEvaluator(model).run(None, sample)
        return computed
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    results: list[Array] = onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, sample)
    return results


CASES = [
    ({"mode": "weights"}, 12.0),
    ({"mode": "weights", "symmetric": False, "block": 16}, 14.0),
    ({"mode": "weights", "bits": 8}, 35.0),
    ({"mode": "weights", "bits": 8, "block": 0}, 35.0),
    ({"mode": "weights", "format": "nbits"}, 12.0),
    ({"mode": "weights", "format": "nbits", "symmetric": False, "bits": 8}, 35.0),
    ({"mode": "static"}, 25.0),
    ({"mode": "static", "per_channel": False, "calibration": "percentile", "percentile": 99.9}, 20.0),
    ({"mode": "static", "calibration": "entropy"}, 20.0),
    ({"mode": "dynamic"}, 30.0),
]


@pytest.mark.parametrize(
    ("options", "snr"), CASES, ids=lambda c: "-".join(map(str, c.values())) if isinstance(c, dict) else ""
)
def test_near_the_model_and_the_same_elsewhere(options: dict[str, Any], snr: float):
    result = aicc.quantize(a_model(), data=samples(), **options)
    onnx.checker.check_model(result.model)
    assert result.errors and all(row.snr > snr and row.cosine > 0.95 for row in result.errors)
    assert result.bytes_after < result.bytes_before
    sample = samples(1)[0]
    ours, theirs = aicc.compile(result.model)(sample), by_peer(result.model, sample)
    plain = by_peer(a_model(), sample)
    for got, wanted, real in zip(ours, theirs, plain, strict=True):
        # one step of a rounded activation where both sum in another order
        np.testing.assert_allclose(got, wanted, atol=2e-5 if options["mode"] == "weights" else 0.1)
        assert np.linalg.norm(got - real) < 0.3 * np.linalg.norm(real)


def model_of_other_layers() -> onnx.ModelProto:
    """A table, recurrent layers of every kind, in both directions and one, a transposed convolution in groups."""
    rng = np.random.default_rng(5)
    shapes = {
        "table": (50, 16),
        "lw": (2, 64, 16),
        "lr": (2, 64, 16),
        "gw": (1, 48, 32),
        "gr": (1, 48, 16),
        "gb": (1, 96),
        "rw": (1, 16, 32),
        "rr": (1, 16, 16),
        "t": (8, 6, 3, 3),
        "tb": (12,),
    }
    weights = {k: rng.normal(size=v) / np.sqrt(v[-1]) for k, v in shapes.items()}
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["e"]),
        helper.make_node("LSTM", ["e", "lw", "lr"], ["l"], hidden_size=16, direction="bidirectional"),
        helper.make_node("Transpose", ["l"], ["lt"], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", ["lt", "flat"], ["lf"]),
        helper.make_node("GRU", ["lf", "gw", "gr", "gb"], ["", "h"], hidden_size=16, linear_before_reset=1),
        helper.make_node("GRU", ["lf", "gw", "gr"], ["", "h2"], hidden_size=16),
        helper.make_node("RNN", ["lf", "rw", "rr"], ["", "h3"], hidden_size=16),
        helper.make_node("Sum", ["h", "h2", "h3"], ["hs"]),
        helper.make_node("Reshape", ["hs", "image"], ["i"]),
        helper.make_node(
            "ConvTranspose", ["i", "t", "tb"], ["y"], group=2, strides=[2, 2], pads=[1, 1, 1, 1]
        ),
    ]
    initializers = [numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()]
    for name, sizes in (("flat", [7, 4, 32]), ("image", [1, 8, 2, 4])):
        initializers.append(numpy_helper.from_array(np.array(sizes), name))
    graph = helper.make_graph(
        nodes,
        "layers",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, [7, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 12, 3, 7])],
        initializers,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


@pytest.mark.parametrize("mode", ["weights", "static", "dynamic"])
def test_tables_recurrent_layers_and_transposed_convolutions(mode: str, tmp_path: Path):
    data = [{"ids": np.random.default_rng(i).integers(0, 50, (7, 4))} for i in range(4)]
    result = aicc.quantize(model_of_other_layers(), mode=mode, data=data, errors=mode == "weights")
    model = result.model
    floats = [
        t for t in model.graph.initializer if t.data_type == TensorProto.FLOAT and np.prod(t.dims) > 128
    ]
    assert [t.name for t in floats] == (["t"] if mode == "dynamic" else [])
    if mode == "weights":  # the recurrent layers have two weights each
        assert [e.op for e in result.errors] == ["Gather", "LSTM", "GRU", "GRU", "RNN", "ConvTranspose"]
        assert all(e.snr > 30 for e in result.errors)
    executable = aicc.compile(model)
    assert sum(k.schedule.startswith("recurrent") for k in executable.kernels) == 5
    (got,) = executable.run([data[0]["ids"]])
    (plain,) = by_peer(model_of_other_layers(), data[0])
    if mode != "dynamic":  # ONNX Runtime rounds the states of DynamicQuantizeLSTM, and saturates its sums
        np.testing.assert_allclose(got, by_peer(model, data[0])[0], atol=2e-5)
    assert np.linalg.norm(got - plain) < 0.05 * np.linalg.norm(plain)


@pytest.mark.parametrize("level", [0, 4])
def test_accuracy_levels_are_on_the_nodes(level: int):
    model = aicc.quantize(a_model(), errors=False, format="nbits", accuracy_level=level).model
    nodes = [n for n in model.graph.node if n.op_type == "MatMulNBits"]
    found = [a.i for n in nodes for a in n.attribute if a.name == "accuracy_level"]
    assert nodes and found == ([level] * len(nodes) if level else [])


def test_excluded_nodes_stay():
    result = aicc.quantize(a_model(), errors=False, exclude=("second", "Conv"))
    initializers = {t.name for t in result.model.graph.initializer}
    assert {"c", "g"} <= initializers and not {"m", "t"} & initializers


def test_a_shared_weight_is_stored_once():
    result = aicc.quantize(a_model(), errors=False)
    stored = [t for t in result.model.graph.initializer if t.data_type == TensorProto.INT4]
    assert len(stored) == 3


def model_with_branches() -> onnx.ModelProto:
    """If, whose branches multiply with a matrix of the model, and with one of their own under the same name; one of
    them in a loop inside."""
    rng = np.random.default_rng(5)

    def matrix(name: str) -> onnx.TensorProto:
        return numpy_helper.from_array((rng.normal(size=(32, 32)) / 6).astype(np.float32), name)

    def value(name: str, kind: int = TensorProto.FLOAT, shape: Any = (2, 32)) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, shape)

    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["state", "own"], ["product"], "in_loop"),
            helper.make_node("Tanh", ["product"], ["next"]),
            helper.make_node("Identity", ["go"], ["on"]),
        ],
        "body",
        [value("i", TensorProto.INT64, ()), value("go", TensorProto.BOOL, ()), value("state")],
        [value("on", TensorProto.BOOL, ()), value("next")],
    )
    then = [
        helper.make_node("MatMul", ["x", "shared"], ["h"], "then_first"),
        helper.make_node("Loop", ["three", "", "h"], ["t"], body=body),
    ]
    otherwise = [
        helper.make_node("MatMul", ["x", "shared"], ["h"], "else_first"),
        helper.make_node("Constant", [], ["own"], value=matrix("")),
        helper.make_node("MatMul", ["h", "own"], ["e"], "else_second"),
    ]
    nodes = [
        helper.make_node(
            "If",
            ["choice"],
            ["y"],
            then_branch=helper.make_graph(then, "then", [], [value("t")], [matrix("own")]),
            else_branch=helper.make_graph(otherwise, "else", [], [value("e")]),
        )
    ]
    graph = helper.make_graph(
        nodes,
        "branches",
        [value("x"), value("choice", TensorProto.BOOL, ())],
        [value("y")],
        [matrix("shared"), numpy_helper.from_array(np.array(3), "three")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


@pytest.mark.parametrize(
    ("options", "snr"),
    [
        ({"mode": "weights"}, 13),
        ({"mode": "weights", "format": "nbits"}, 13),
        ({"mode": "weights", "bits": 8, "block": 0}, 37),
        ({"mode": "dynamic", "reduce_range": True}, 28),  # ONNX Runtime's sums of 8 bits may saturate
    ],
    ids=str,
)
def test_layers_of_branches_and_loops(options: dict[str, Any], snr: float):
    model = model_with_branches()
    result = aicc.quantize(model, **options)
    assert [(row.layer, row.op) for row in result.errors] == [("y", "If")]
    stored = [t for graph in all_graphs(result.model.graph) for t in graph.initializer]
    large = [t for t in stored if np.prod(t.dims) >= 512]
    assert all(t.data_type != TensorProto.FLOAT for t in large)
    local = options["mode"] == "weights" and "format" not in options
    assert len(large) == 3 + local  # what both branches read is there once, but for DequantizeLinear
    x = np.random.default_rng(1).normal(size=(2, 32)).astype(np.float32)
    executables = aicc.compile(model), aicc.compile(result.model)
    session = onnxruntime.InferenceSession(result.model.SerializeToString())
    for choice in (True, False):
        given = {"x": x, "choice": np.array(choice)}
        wanted, got = (exe(dict(given)) for exe in executables)
        assert 10 * np.log10((wanted**2).sum() / ((wanted - got) ** 2).sum()) > snr
        np.testing.assert_allclose(got, session.run(None, given)[0], rtol=0, atol=2e-2)


def test_layers_that_no_range_is_known_of():
    with pytest.raises(AiccError, match=r"AICC-4004.*branches and loops.*weights and dynamic"):
        aicc.quantize(model_with_branches(), mode="static", data=samples())


def test_layers_of_functions():
    """The first product is a function's; the file's opset is older than blocks of 4 bits."""
    model = a_model()
    first = next(n for n in model.graph.node if n.name == "first")
    function = helper.make_function(
        "local",
        "Product",
        ["a", "b"],
        ["c"],
        [helper.make_node("MatMul", ["a", "b"], ["c"])],
        model.opset_import,
    )
    model.functions.append(function)
    model.opset_import.append(helper.make_opsetid("local", 1))
    first.op_type, first.domain = "Product", "local"
    result = aicc.quantize(model, errors=False)
    assert sum(t.data_type == TensorProto.INT4 for t in result.model.graph.initializer) == 3
    got, wanted = (
        m(samples(1)[0]) for m in (aicc.compile(result.model), aicc.compile(aicc.quantize(a_model()).model))
    )
    assert all(np.array_equal(a, b) for a, b in zip(got, wanted, strict=True))
    by_peer(result.model, samples(1)[0])


def test_a_product_of_constants_is_left_alone():
    """It has no activations whose range could be known."""
    model = a_model()
    model.graph.node.insert(0, helper.make_node("MatMul", ["m", "gt"], ["folded"], "constants"))
    model.graph.initializer.append(numpy_helper.from_array(np.ones((64, 4), np.float32), "gt"))
    model.graph.output.append(helper.make_tensor_value_info("folded", TensorProto.FLOAT, [48, 4]))
    result = aicc.quantize(model, data=samples(1), mode="static", errors=False)
    kept = next(n for n in result.model.graph.node if n.name == "constants")
    assert list(kept.input) == ["m", "gt"]


def test_weights_of_4_bits_in_a_file(tmp_path: Path):
    """Large constants stay in the file until they are needed, two numbers in a byte."""
    aicc.quantize(a_model(), tmp_path / "q.onnx", errors=False)
    sample = samples(1)[0]
    got, wanted = (
        aicc.compile(str(tmp_path / "q.onnx"))(sample),
        by_peer(onnx.load(tmp_path / "q.onnx"), sample),
    )
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)


def test_ranges():
    seen = Observed()
    rng = np.random.default_rng(0)
    for part in np.split(rng.normal(size=100_000).astype(np.float32), 10):
        seen.see(part)
    seen.see(np.array([50.0, np.inf, np.nan], np.float32))
    assert seen.range("minmax", 0)[1] == 50
    low, high = seen.range("percentile", 99.0)
    assert -2.8 < low < -2.3 and 2.3 < high < 2.8
    assert seen.range("entropy", 0)[1] < 50
    scale, zero = parameters(-1.0, 3.0)
    assert abs(float(scale) - 4 / 255) < 1e-8 and int(zero) == 64


@pytest.mark.parametrize(
    ("code", "call"),
    [
        ("AICC-4002", lambda: QuantizeOptions(bits=3)),
        ("AICC-4002", lambda: QuantizeOptions(block=20)),
        ("AICC-4002", lambda: QuantizeOptions(mode="half")),
        ("AICC-4002", lambda: QuantizeOptions(accuracy_level=4)),
        ("AICC-4002", lambda: QuantizeOptions(accuracy_level=5, format="nbits")),
        ("AICC-4004", lambda: aicc.quantize(a_model(), mode="static")),
        ("AICC-4004", lambda: aicc.quantize(a_model(), exclude=("*",))),
        ("AICC-4002", lambda: aicc.quantize(a_model(), exclude=("secnd",))),
        ("AICC-4002", lambda: QuantizeOptions(mode="dynamic", format="nbits")),
        ("AICC-4002", lambda: QuantizeOptions(mode="static", symmetric=False)),
        ("AICC-4004", lambda: aicc.quantize(aicc.quantize(a_model(), errors=False).model)),
        ("AICC-4004", lambda: static([{"x": np.full((2, 3, 8, 8), np.nan, np.float32)}])),
        ("AICC-4004", lambda: static([np.zeros((2, 3, 8, 8), np.float32)])),
        ("AICC-4004", lambda: static(samples(1)[0])),
        ("AICC-4004", lambda: static([])),
        ("AICC-1001", lambda: aicc.quantize("no-such-model.onnx")),
    ],
)
def test_errors_have_codes(code: str, call: Any):
    with pytest.raises(AiccError) as caught:
        call()
    assert caught.value.code == code


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "name": ({"z": np.zeros((2, 3, 8, 8), np.float32)}, "no array 'x'"),
    "dtype": ({"x": np.zeros((2, 3, 8, 8))}, "float64, the model wants float32"),
    "size": ({"x": np.zeros((2, 3, 8, 9), np.float32)}, "[2, 3, 8, 9]"),
    "batch": ({"x": np.zeros((5, 3, 8, 8), np.float32)}, "[5, 3, 8, 8]"),
    "rank": ({"x": np.zeros((3, 8, 8), np.float32)}, "[3, 8, 8]"),
    "objects": ({"x": np.array([object()])}, "cannot be read"),
    "nothing": ({}, "no array 'x'"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_samples_are_named(tmp_path: Path, case: str):
    """Before anything is compiled, and nothing is written."""
    arrays, said = BROKEN[case]
    file, out = tmp_path / "broken.npz", tmp_path / "q.onnx"
    np.savez(file, allow_pickle=True, **arrays)
    with pytest.raises(AiccError, match="broken.npz") as caught:
        aicc.quantize(a_model(), out, mode="static", data=tmp_path)
    assert caught.value.code == "AICC-4004" and said in str(caught.value) and not out.exists()


@pytest.mark.parametrize("kind", ["cut", "text", "npy", "missing"])
def test_files_that_are_no_samples(tmp_path: Path, kind: str):
    file = tmp_path / "broken.npz"
    np.savez(file, **samples(1)[0])
    whole = file.read_bytes()
    if kind == "npy":
        np.save(tmp_path / "a.npy", samples(1)[0]["x"])
        whole = (tmp_path / "a.npy").read_bytes()
    file.write_bytes({"cut": whole[:200], "text": b"hello", "npy": whole, "missing": b""}[kind])
    if kind == "missing":
        file.unlink()
    with pytest.raises(AiccError, match="broken.npz") as caught:
        aicc.quantize(a_model(), mode="static", data=file)
    assert caught.value.code == "AICC-4004"


def test_initializers_of_old_models_are_constants():
    """Until IR 3 all of them are inputs too, which no caller gives."""
    model = a_model()
    model.ir_version = 3
    for tensor in model.graph.initializer:
        model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    result = aicc.quantize(model, errors=False)
    assert [v.name for v in result.model.graph.input] == ["x"]
    assert not {"c", "m", "g", "t"} & {t.name for t in result.model.graph.initializer}
    assert aicc.quantize(a_model(), errors=False).model.graph.node == result.model.graph.node


def test_command(tmp_path: Path):
    source, out = tmp_path / "m.onnx", tmp_path / "q.onnx"
    onnx.save(a_model(), str(source))
    for number, sample in enumerate(samples(2)):
        np.savez(tmp_path / f"{number}.npz", **sample)
    arguments = [str(source), "-o", str(out), "--mode", "static", "--data", str(tmp_path)]
    done = CliRunner().invoke(aicc_quantize.main, arguments)
    assert done.exit_code == 0, done.output
    assert "second" in done.output and "SNR" in done.output and "MB" in done.output
    assert any(n.op_type == "QuantizeLinear" for n in onnx.load(str(out)).graph.node)
    assert [p.name for p in tmp_path.glob(".aicc-*")] == []
