"""Reading a file without its weights gives the model that the protocol buffers' parser gives."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from aicc.errors import ImportError_
from aicc.importer.lazy import MalformedFile, read_without_weights
from aicc.importer.model import load_model, tensor_loader


def model(**initializers: np.ndarray) -> onnx.ModelProto:
    """Two additions; `raw_data` of the initializers lies at whatever byte it happens to."""
    nodes = [helper.make_node("Add", ["x", "small"], ["y"]), helper.make_node("Neg", ["y"], ["z"], name="é")]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["batch", 4])],
        [numpy_helper.from_array(a, n) for n, a in initializers.items()],
    )
    graph.initializer.append(helper.make_tensor("floats", TensorProto.FLOAT, [600], [0.5] * 600))
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    made.metadata_props.add(key="k", value="v" * 300)
    return made


def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "small": rng.standard_normal(4).astype(np.float32),
        "large": rng.standard_normal((33, 77)).astype(np.float32),
        "bytes": rng.integers(-128, 127, 5001).astype(np.int8),
        "longs": rng.integers(-(2**60), 2**60, (20, 30)),
        "doubles": rng.standard_normal((400, 3)),
    }


def test_everything_but_large_weights_is_as_it_was(tmp_path):
    want = model(**arrays())
    onnx.save(want, tmp_path / "m.onnx")
    got = load_model(tmp_path / "m.onnx")
    assert got.ByteSize() < want.ByteSize() - 25_000
    for a, b in zip(got.graph.initializer, want.graph.initializer, strict=True):
        assert (a.data_location == TensorProto.EXTERNAL) == (a.name in ("large", "bytes", "longs", "doubles"))
        np.testing.assert_array_equal(tensor_loader(a, tmp_path)(), numpy_helper.to_array(b))
    for m in (got, want):
        del m.graph.initializer[:]
    assert got == want


def test_data_said_to_be_in_the_model(tmp_path):
    """ONNX Runtime's quantization tools write that default out, after the data."""
    want = model(**arrays())
    for initializer in want.graph.initializer:
        initializer.data_location = TensorProto.DEFAULT
    onnx.save(want, tmp_path / "m.onnx")
    got = load_model(tmp_path / "m.onnx")
    for a, b in zip(got.graph.initializer, want.graph.initializer, strict=True):
        np.testing.assert_array_equal(tensor_loader(a, tmp_path)(), numpy_helper.to_array(b))


def test_external_data_stays_where_it_is(tmp_path):
    onnx.save(
        model(**arrays()),
        tmp_path / "m.onnx",
        save_as_external_data=True,
        location="m.data",
        size_threshold=1024,
    )
    places = {
        t.name: next(e.value for e in t.external_data if e.key == "location")
        for t in load_model(tmp_path / "m.onnx").graph.initializer
        if t.data_location == TensorProto.EXTERNAL
    }
    assert set(places.values()) == {"m.data"} and "large" in places


def test_a_link_to_a_model(tmp_path):
    (tmp_path / "there").mkdir()
    onnx.save(model(**arrays()), tmp_path / "there" / "real.onnx")
    (tmp_path / "link.onnx").symlink_to(tmp_path / "there" / "real.onnx")
    large = next(t for t in load_model(tmp_path / "link.onnx").graph.initializer if t.name == "large")
    np.testing.assert_array_equal(tensor_loader(large, tmp_path / "there")(), arrays()["large"])


def test_text_is_read_as_its_suffix_says(tmp_path):
    want = model(**arrays())
    onnx.save(want, tmp_path / "m.textproto")
    assert load_model(tmp_path / "m.textproto") == want


@pytest.mark.parametrize("data", [b"", b"hello", b"\x3a\xff", b"\xff" * 20])
def test_what_is_no_model(tmp_path, data):
    (tmp_path / "m.onnx").write_bytes(data)
    with pytest.raises(ImportError_) as caught:
        load_model(tmp_path / "m.onnx")
    assert caught.value.code == "AICC-1001"


def test_weights_of_another_size_than_their_shape_says(tmp_path):
    wrong = model(**arrays())
    wrong.graph.initializer[1].dims[0] = 34
    onnx.save(wrong, tmp_path / "m.onnx")
    proto = load_model(tmp_path / "m.onnx").graph.initializer[1]
    with pytest.raises(ImportError_, match="AICC-1001.*'large' has 10164 bytes"):
        tensor_loader(proto, tmp_path)


@given(cut=st.integers(0, 40_000), at=st.integers(0, 400), byte=st.integers(0, 255))
def test_damaged_files_end_in_one_error(tmp_path_factory, cut, at, byte):
    path = tmp_path_factory.getbasetemp() / "damaged.onnx"
    data = bytearray(model(**arrays()).SerializeToString())[: max(cut, 1)]
    data[min(at, len(data) - 1)] = byte
    path.write_bytes(data)
    with suppress(MalformedFile):
        read_without_weights(path)
    try:
        load_model(path)
    except ImportError_ as error:
        assert error.code in ("AICC-1001", "AICC-1007")


@pytest.mark.parametrize("kind", ["INT4", "UINT4", "INT2", "UINT2", "FLOAT4E2M1"])
def test_elements_of_less_than_a_byte(tmp_path, kind):
    """Several lie in a byte of the file, the last of which may be half empty."""
    code = TensorProto.DataType.Value(kind)
    dtype = helper.tensor_dtype_to_np_dtype(code)
    numbers = np.random.default_rng(0).integers(0, 2, (1023, 9)).astype(np.float32).astype(dtype)
    want = model(small=np.zeros(3, np.float32))
    want.graph.initializer.append(numpy_helper.from_array(numbers, "many"))
    assert want.graph.initializer[-1].data_type == code
    onnx.save(want, tmp_path / "m.onnx")
    got = load_model(tmp_path / "m.onnx").graph.initializer[-1]
    assert got.data_location == TensorProto.EXTERNAL
    np.testing.assert_array_equal(tensor_loader(got, tmp_path)(), numbers)
