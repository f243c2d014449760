"""Products whose rows are rounded to bytes: MatMulNBits of accuracy level 4, against its definition in float64 and
ONNX Runtime at the same level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import aicc
from aicc.driver import Options, compile_model
from aicc.target import Target
from aicc.weight_packing import Rounding, quantize_blocks

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(11)
X86, ARM = "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"


def nibbles(packed: Array) -> Array:
    """Both numbers of each byte, the lower first."""
    return np.stack([packed & 15, packed >> 4], -1).reshape(*packed.shape[:-1], -1)


@dataclass(frozen=True)
class Product:
    """A MatMulNBits of `level`; `weights` and zero points are random, or all of one byte."""

    depth: int
    columns: int
    block: int
    bits: int = 4
    zeros: bool = False
    level: int | None = 4
    byte: int | None = None

    def constants(self) -> dict[str, Array]:
        rng, blocks = np.random.default_rng(5), self.depth // self.block
        sizes = [(self.columns, blocks, self.block * self.bits // 8)]
        sizes += [(self.columns * ((blocks * self.bits + 7) // 8),)] if self.zeros else []
        given = [rng.integers(0, 256, s, np.uint8) for s in sizes]
        if self.byte is not None:
            given = [np.full_like(a, self.byte) for a in given[:1]] + given[1:]
        scale = rng.uniform(0.5, 1.5, self.columns * blocks).astype(np.float32)
        return dict(zip("wsz", (given[0], scale, *given[1:]), strict=False))

    def model(self, rows: list[Any]) -> onnx.ModelProto:
        """The product and a ReLU of its result less 1."""
        attributes = {"K": self.depth, "N": self.columns, "bits": self.bits, "block_size": self.block}
        if self.level is not None:
            attributes["accuracy_level"] = self.level
        constants = self.constants()
        nodes = [
            helper.make_node("MatMulNBits", ["x", *constants], ["p"], domain="com.microsoft", **attributes),
            helper.make_node("Sub", ["p", "one"], ["d"]),
            helper.make_node("Relu", ["d"], ["y"]),
        ]
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [*rows, self.depth])
        y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [*rows, self.columns])
        tensors = [numpy_helper.from_array(a, n) for n, a in (constants | {"one": np.float32(1)}).items()]
        tensors[-1] = numpy_helper.from_array(np.asarray(1, np.float32), "one")
        graph = helper.make_graph(nodes, "g", [x], [y], tensors)
        imports = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=imports, ir_version=10)

    def weights(self) -> Array:
        """The numbers less their zero points, `[columns, blocks, block]`, exact."""
        constants, blocks = self.constants(), self.depth // self.block
        q = constants["w"] if self.bits == 8 else nibbles(constants["w"])
        zero: Array = np.full((self.columns, blocks), 1 << (self.bits - 1))
        if self.zeros:
            stored = constants["z"].reshape(self.columns, -1)
            zero = (stored if self.bits == 8 else nibbles(stored))[:, :blocks]
        q = q.reshape(self.columns, blocks, self.block)
        return q.astype(np.int64) - zero.astype(np.int64)[..., None]

    def expected(self, x: Array) -> Array:
        """The definition: rows rounded block by block in f32, sums of integers, the rest in float64."""
        blocks = self.depth // self.block
        split = x.reshape(-1, blocks, self.block)
        most = np.maximum(np.abs(split).max(-1, keepdims=True), np.float32(2.0**-119))
        q = np.rint(split * (np.float32(127) / most)).astype(np.int64)
        scale = (most / np.float32(127)).astype(np.float64)[..., 0]
        sums = np.einsum("mbk,nbk->mbn", q, self.weights())
        of_weights = self.constants()["s"].reshape(self.columns, blocks).T.astype(np.float64)
        y = (sums * scale[..., None] * of_weights).sum(1)
        return np.maximum(y - 1, 0).reshape(*x.shape[:-1], self.columns)


def schedules(m: onnx.ModelProto, **options: Any) -> set[str]:
    found = compile_model(m, None, Options(stop_after="kernels", **options)).stats["schedules"]
    return {text.split("(")[0] for text in found.values()}


INTEGER = ({"rows"}, {"rows", "pointwise"})
"""What rounds rows: of several rows blocks are moved to the front."""


def in_integers(m: onnx.ModelProto, **options: Any) -> bool:
    """Whether rows are rounded, and a schedule of integer products takes them."""
    found = schedules(m, **options)
    return found - {"integer_blocks", "integer_tiles"} in INTEGER and not found <= {"rows", "pointwise"}


def check(got: Array, want: Array) -> None:
    """To the rounding of sums in f32."""
    np.testing.assert_allclose(got, want, atol=1e-6 * np.abs(want).max(), rtol=1e-5)


def normal(*shape: int) -> Array:
    return RNG.standard_normal(shape).astype(np.float32)


PRODUCTS = [
    ([1], Product(256, 96, 32)),
    ([1, 1], Product(64, 40, 16, zeros=True)),
    ([2], Product(320, 33, 64, zeros=True)),
    ([3], Product(96, 100, 16)),
    ([5], Product(128, 64, 64, bits=8, zeros=True)),
    ([7], Product(1152, 48, 128)),
    ([8], Product(512, 17, 256, zeros=True)),
    ([1], Product(2048, 70, 32, bits=8)),
    ([13], Product(512, 80, 256, bits=8, zeros=True)),
    ([2, 9], Product(256, 200, 32, zeros=True)),
    ([40], Product(512, 96, 512)),
    ([70], Product(128, 50, 64, bits=8)),
    (["n"], Product(256, 130, 32, zeros=True)),
    (["n"], Product(4160, 16, 16)),
    (["n"], Product(96, 40, 32, bits=8)),
    # whole tiles of AMX and parts of them, long blocks, an odd number of blocks
    ([17], Product(160, 72, 32)),
    ([32], Product(1536, 64, 512, zeros=True)),
    ([49], Product(384, 33, 128, zeros=True)),
    ([16], Product(256, 48, 64, bits=8, zeros=True)),
    ([12], Product(4096, 40, 256)),
]


@pytest.mark.parametrize(("rows", "product"), PRODUCTS)
def test_the_definition_and_the_peer(rows: list[Any], product: Product):
    m = product.model(rows)
    assert in_integers(m)
    exe, peer = aicc.compile(m), onnxruntime.InferenceSession(m.SerializeToString())
    for count in (1, 2, 5, 11, 70) if rows == ["n"] else (0,):
        x = normal(*[count if d == "n" else d for d in rows], product.depth)
        want, got = product.expected(x), exe(x)
        check(got, want)
        if product.block <= 256:  # ONNX Runtime rounds no larger ones
            check(got, peer.run(None, {"x": x})[0])


@pytest.mark.parametrize("target", ["cpu", "simt"])
def test_schedules_that_match_every_kernel(target: str):
    product = Product(192, 24, 64, zeros=True)
    m, x = product.model([3]), normal(3, 192)
    options: dict[str, Any] = {"opt_level": 1} if target == "cpu" else {"target": target}
    np.testing.assert_allclose(aicc.compile(m, **options)(x), product.expected(x), atol=1e-5 * 192, rtol=1e-5)


CPUS = ["x86-64", "x86-64-v2", "x86-64-v3", "alderlake", "x86-64-v4", "icelake-server"]


@pytest.mark.parametrize("cpu", CPUS)
def test_other_cpus(cpu: str):
    target, host = Target.named("cpu", cpu), Target.host()
    if not target.features <= host.features:
        pytest.skip(f"this CPU is no {cpu}")
    for rows, product in (
        (1, Product(320, 70, 32)),
        (6, Product(256, 33, 64, zeros=True)),
        (19, Product(96, 40, 16)),
        (3, Product(128, 40, 64, bits=8, zeros=True)),
    ):
        m, x = product.model([rows]), normal(rows, product.depth)
        assert in_integers(m, target=target)
        check(aicc.compile(m, target=target)(x), product.expected(x))


@pytest.mark.parametrize("cpu", ["x86-64-v2", "x86-64-v3", "native"])
@pytest.mark.parametrize("byte", [0x00, 0xFF])
@pytest.mark.parametrize("bits", [4, 8])
def test_extremes_do_not_saturate(bits: int, byte: int, cpu: str):
    product = Product(512, 32, 256, bits=bits, byte=byte)
    x = np.stack([np.full(512, 3.0), np.full(512, -3.0), np.tile([-1.0, 1.0], 256)]).astype(np.float32)
    check(aicc.compile(product.model([3]), target=Target.named("cpu", cpu))(x), product.expected(x))


def test_every_number_of_rows():
    product = Product(160, 48, 32, zeros=True)
    exe = aicc.compile(product.model(["n"]))
    for count in range(71):
        x = normal(count, 160)
        got = exe(x)
        assert got.shape == (count, 48)
        if count:
            check(got, product.expected(x))


@pytest.mark.parametrize("cpu", ["native", "icelake-server"])
def test_threads_agree(cpu: str):
    target = Target.named("cpu", cpu)
    if not target.features <= Target.host().features:
        pytest.skip(f"this CPU is no {cpu}")
    product, x = Product(512, 1040, 32), normal(70, 512)
    exe = aicc.compile(product.model([70]), target=target)
    exe.num_threads = 1
    one = exe(x).copy()
    exe.num_threads = 2
    np.testing.assert_array_equal(exe(x), one)


@pytest.mark.parametrize("rows", [6, 20])
def test_rows_of_all_magnitudes(rows: int):
    product = Product(128, 32, 32)
    x = normal(rows, 128)
    x[0] = 0
    x[1, :32] = 0
    x[2] *= 1e-42
    x[3] *= 1e34
    x[4, 32:64] *= 1e-30
    exe = aicc.compile(product.model([rows]))
    check(exe(x), product.expected(x))
    # what is not finite spreads over its row alone
    for value in (np.inf, -np.inf, np.nan):
        bad = x.copy()
        bad[5, 3] = value
        got, want = exe(bad), product.expected(x)
        others = np.arange(rows) != 5
        check(got[others], want[others])
        assert np.isnan(got[5]).all()


@pytest.mark.parametrize("level", [None, 0, 1, 2, 3])
def test_other_levels_round_no_rows(level: int | None):
    product = Product(256, 64, 32, level=level)
    m, x = product.model([4]), normal(4, 256)
    assert schedules(m) == {"packed"}
    of_weights = product.constants()["s"].reshape(64, 8, 1).astype(np.float64)
    plain = x @ (product.weights() * of_weights).reshape(64, 256).T
    check(aicc.compile(m)(x), np.maximum(plain - 1, 0))


def test_a_level_for_all_products():
    said, unsaid = Product(256, 64, 32), Product(256, 64, 32, level=None)
    assert schedules(said.model([4]), accuracy_level=1) == {"packed"}
    assert in_integers(unsaid.model([4]), accuracy_level=4)
    x = normal(4, 256)
    check(aicc.compile(unsaid.model([4]), accuracy_level=4)(x), unsaid.expected(x))


@pytest.mark.parametrize(("precision", "rounding"), [("int4-weights", (4, 32)), ("int8-weights", (8, 0))])
def test_rounded_weights(precision: str, rounding: tuple[int, int]):
    w, x = normal(256, 72), normal(5, 256)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [5, 256])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [5, 72])],
        [numpy_helper.from_array(w, "w")],
    )
    m = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    options = {"precision": precision, "accuracy_level": 4}
    assert in_integers(m, **options)
    assert schedules(m, precision=precision) == {"packed"}
    blocks = quantize_blocks(w, Rounding(*rounding))
    block = rounding[1] or 256
    split = x.reshape(5, -1, block)
    most = np.abs(split).max(-1, keepdims=True)
    rounded = np.rint(split * (np.float32(127) / most)) * (most.astype(np.float64) / 127)
    want = rounded.reshape(5, 256) @ blocks.dequantized().astype(np.float64)
    check(aicc.compile(m, **options)(x), want)


def test_products_of_one_input_round_it_once():
    product = Product(256, 64, 32)
    m = product.model([4])
    again = helper.make_node(
        "MatMulNBits",
        ["x", "w", "s"],
        ["z"],
        domain="com.microsoft",
        K=256,
        N=64,
        bits=4,
        block_size=32,
        accuracy_level=4,
    )
    m.graph.node.append(again)
    m.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [4, 64]))
    text = compile_model(m, None, Options(stop_after="graph")).text
    assert text.count("aicc.quantize_rows") == 1


INSTRUCTIONS = [
    ("znver5", X86, "vpdpbusd"),
    ("alderlake", X86, "vpdpbusd"),
    ("x86-64-v4", X86, "vpmaddubsw"),
    ("x86-64-v3", X86, "vpmaddubsw"),
    ("x86-64-v2", X86, "pmaddubsw"),
    ("neoverse-n1", ARM, "sdot"),
    ("neoverse-v1", ARM, "usdot"),
    ("cortex-a53", ARM, "mla"),
]


@pytest.mark.parametrize(("cpu", "triple", "instruction"), INSTRUCTIONS)
def test_instructions(cpu: str, triple: str, instruction: str):
    options = Options(target=Target.cpu_named(cpu, triple), emit="asm")
    text = compile_model(Product(256, 64, 32).model([4]), None, options).text
    assert f"\t{instruction}\t" in text


@pytest.mark.parametrize("level", [-1, 5])
def test_levels_that_are_none(level: int):
    with pytest.raises(aicc.AiccError, match="AICC-4002"):
        Options(accuracy_level=level)
    with pytest.raises(aicc.AiccError, match=r"AICC-1006.*MatMulNBits.*accuracy_level"):
        compile_model(Product(256, 64, 32, level=level).model([4]), None, Options(stop_after="graph"))
