"""Single operators at the shapes that networks have them in: what `benchmarks.ops` measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = np.ndarray[Any, Any]
OPSET = 20


@dataclass(frozen=True)
class OpCase:
    """`op` on inputs of `shapes` (f32, or `integer` indices below that bound for the last one) and `constants`."""

    op: str
    shapes: tuple[tuple[int, ...], ...]
    constants: tuple[Any, ...] = ()
    attributes: tuple[tuple[str, Any], ...] = ()
    integer: int = 0
    outputs: int = 1
    note: str = ""

    @property
    def name(self) -> str:
        """`Softmax 12x128x128`; unique."""
        parts = [self.op, " ".join("x".join(map(str, shape)) for shape in self.shapes)]
        parts += [self.note or " ".join(f"{k}={_text(v)}" for k, v in self.attributes)]
        return " ".join(part for part in parts if part)

    def model(self) -> onnx.ModelProto:
        """The operator alone."""
        names = [f"x{i}" for i in range(len(self.shapes))]
        constants = []
        for i, value in enumerate(self.constants):
            if value is None:
                names.append("")
                continue
            names.append(f"c{i}")
            constants.append(numpy_helper.from_array(np.asarray(value), names[-1]))
        outs = [f"y{i}" for i in range(self.outputs)]
        node = helper.make_node(self.op, names, outs, **dict(self.attributes))
        kinds = [TensorProto.FLOAT] * len(self.shapes)
        if self.integer:
            kinds[-1] = TensorProto.INT64
        inputs = [
            helper.make_tensor_value_info(n, k, s) for n, k, s in zip(names, kinds, self.shapes, strict=False)
        ]
        graph = helper.make_graph(
            [node], "op", inputs, [onnx.ValueInfoProto(name=y) for y in outs], constants
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
        return onnx.shape_inference.infer_shapes(model)

    def feeds(self) -> dict[str, Array]:
        """Inputs of a fixed seed."""
        rng = np.random.default_rng(0)
        found: dict[str, Array] = {}
        for i, shape in enumerate(self.shapes):
            if self.integer and i == len(self.shapes) - 1:
                found[f"x{i}"] = rng.integers(0, self.integer, shape)
            else:
                found[f"x{i}"] = rng.standard_normal(shape, np.float32)
        return found


def _text(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def _f32(*shape: int) -> Array:
    return np.random.default_rng(1).standard_normal(shape, np.float32)


def _i64(*values: int) -> Array:
    return np.array(values, np.int64)


def _reduce(op: str, shape: tuple[int, ...], axes: Sequence[int]) -> OpCase:
    note = "axes=" + "x".join(map(str, axes))
    return OpCase(op, (shape,), (_i64(*axes),), (("keepdims", 0),), note=note)


def _norm(op: str, shape: tuple[int, ...], **attributes: Any) -> OpCase:
    channels = shape[-1] if op == "LayerNormalization" else shape[1]
    return OpCase(op, (shape,), (_f32(channels), _f32(channels)), tuple(attributes.items()))


def _unary(op: str, shape: tuple[int, ...] = (128, 3072)) -> OpCase:
    return OpCase(op, (shape,))


def _transpose(shape: tuple[int, ...], perm: tuple[int, ...]) -> OpCase:
    return OpCase("Transpose", (shape,), (), (("perm", perm),))


def _top_k(rows: int, n: int, k: int) -> OpCase:
    return OpCase("TopK", ((rows, n),), (_i64(k),), (("axis", -1),), outputs=2, note=f"k={k}")


def _resize(mode: str) -> OpCase:
    scales = np.array([1, 1, 2, 2], np.float32)
    return OpCase("Resize", ((1, 64, 40, 40),), (None, scales), (("mode", mode),))


CASES: tuple[OpCase, ...] = (
    *(
        _unary(op)
        for op in ("Exp", "Log", "Tanh", "Erf", "Sigmoid", "Gelu", "Sqrt", "Relu", "HardSwish", "Softplus")
    ),
    *(_unary(op) for op in ("Sin", "Cos", "Elu", "Neg")),
    OpCase("Softmax", ((12, 128, 128),)),
    OpCase("Softmax", ((12, 384, 384),)),
    OpCase("Softmax", ((1, 50257),)),
    OpCase("Softmax", ((1, 21, 64, 64),), (), (("axis", 1),)),
    OpCase("LogSoftmax", ((128, 1000),)),
    _norm("LayerNormalization", (128, 768)),
    _norm("LayerNormalization", (16, 4096)),
    _norm("InstanceNormalization", (1, 64, 56, 56)),
    OpCase("GroupNormalization", ((1, 64, 56, 56),), (_f32(32), _f32(32)), (("num_groups", 32),)),
    OpCase("LpNormalization", ((128, 768),), (), (("axis", -1),)),
    OpCase("MeanVarianceNormalization", ((4, 64, 28, 28),)),
    _reduce("ReduceSum", (128, 3072), (1,)),
    _reduce("ReduceSum", (128, 3072), (0,)),
    _reduce("ReduceSum", (128, 3072), (0, 1)),
    _reduce("ReduceSum", (1, 4000000), (1,)),
    _reduce("ReduceMax", (3, 640, 640), (1, 2)),
    _reduce("ReduceMean", (1, 64, 56, 56), (2, 3)),
    _reduce("ReduceMean", (1, 64, 56, 56), (1,)),
    _reduce("ReduceMax", (32, 64, 768), (1,)),
    _reduce("ReduceL2", (128, 3072), (1,)),
    OpCase("ArgMax", ((128, 1000),), (), (("axis", -1), ("keepdims", 0))),
    OpCase("ArgMax", ((1, 50257),), (), (("axis", -1), ("keepdims", 0))),
    OpCase("ArgMax", ((1, 21, 128, 128),), (), (("axis", 1), ("keepdims", 0))),
    _top_k(16, 1000, 1),
    _top_k(16, 1000, 5),
    _top_k(16, 1000, 100),
    _top_k(1, 50257, 1),
    _top_k(1, 50257, 5),
    _top_k(1, 50257, 100),
    OpCase("CumSum", ((128, 1024),), (np.array(1),), note="axis=1"),
    OpCase("CumSum", ((1024, 128),), (np.array(0),), note="axis=0"),
    _transpose((1, 128, 12, 64), (0, 2, 1, 3)),
    _transpose((1, 12, 128, 64), (0, 1, 3, 2)),
    _transpose((1, 64, 56, 56), (0, 2, 3, 1)),
    _transpose((1, 56, 56, 64), (0, 3, 1, 2)),
    _transpose((1024, 1024), (1, 0)),
    OpCase("Concat", ((1, 64, 56, 56), (1, 64, 56, 56)), (), (("axis", 1),)),
    OpCase("Concat", ((128, 768), (128, 768)), (), (("axis", 1),)),
    OpCase("Split", ((128, 2304),), (), (("axis", 1), ("num_outputs", 3)), outputs=3),
    OpCase("Gather", ((30522, 768), (1, 128)), integer=30522),
    OpCase("GatherElements", ((512, 512), (512, 512)), (), (("axis", 1),), integer=512),
    OpCase(
        "ScatterElements",
        ((512, 512),),
        (np.random.default_rng(2).integers(0, 512, (512, 64)), _f32(512, 64)),
        (("axis", 1),),
    ),
    OpCase(
        "ScatterND", ((1024, 256),), (np.random.default_rng(2).permutation(1024)[:256, None], _f32(256, 256))
    ),
    OpCase("OneHot", ((512,),), (np.array(1000), np.array([0, 1], np.float32)), integer=1000),
    _resize("nearest"),
    _resize("linear"),
    OpCase(
        "MaxPool",
        ((1, 64, 112, 112),),
        (),
        (("kernel_shape", (3, 3)), ("strides", (2, 2)), ("pads", (1, 1, 1, 1))),
    ),
    OpCase("MaxPool", ((1, 128, 20, 20),), (), (("kernel_shape", (5, 5)), ("pads", (2, 2, 2, 2)))),
    OpCase("AveragePool", ((1, 64, 56, 56),), (), (("kernel_shape", (2, 2)), ("strides", (2, 2)))),
    OpCase("GlobalAveragePool", ((1, 2048, 7, 7),)),
    OpCase("GlobalMaxPool", ((1, 256, 28, 28),)),
    OpCase("Pad", ((1, 64, 56, 56),), (_i64(0, 0, 1, 1, 0, 0, 1, 1),), note="1"),
    OpCase("Slice", ((128, 3072),), (_i64(0), _i64(1536), _i64(1)), note="half"),
    OpCase("Cast", ((128, 3072),), (), (("to", TensorProto.FLOAT16),)),
    OpCase("Cast", ((128, 3072),), (), (("to", TensorProto.INT32),), note="i32"),
    OpCase("Add", ((128, 3072), (128, 3072))),
    OpCase("Mul", ((128, 3072), (3072,))),
    OpCase("Div", ((128, 3072), (128, 1))),
    OpCase("Pow", ((128, 3072),), (np.float32(3),), note="3"),
    OpCase("Clip", ((128, 3072),), (np.float32(0), np.float32(6)), note="0 6"),
    OpCase("PRelu", ((1, 64, 56, 56),), (_f32(64, 1, 1),)),
)
