"""Random programs of aicc ops, for comparing what they compute before and after passes."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from aicc.bindings import func, ir
from aicc.dialects import OPS
from aicc.dialects.op import TypeRuleError
from aicc.dialects.shapes import Shapes
from aicc.dialects.symbolic import Dim, substitute
from aicc.dialects.types import DType, TensorType
from aicc.weights import WeightStore

Array = np.ndarray[Any, Any]
SIZES = {"n": 3, "s": 5, "t": 4}
"""What the symbolic sizes are in a run."""
UNARY = ("relu", "tanh", "sigmoid", "neg", "abs", "gelu", "silu", "erf", "sin")
BINARY = ("add", "sub", "mul", "max", "min")


def symbols(d: Any) -> list[str]:
    """The names in a size."""
    return [] if isinstance(d, int) else re.findall(r"%?\w+", str(d))


def _dims_attribute(t: TensorType) -> Any:
    i64 = ir.IntegerType.get_signless(64)
    dims = [ir.IntegerAttr.get(i64, d) if isinstance(d, int) else ir.StringAttr.get(str(d)) for d in t.shape]
    return ir.DictAttr.get({"aicc.name": ir.StringAttr.get("x"), "aicc.dims": ir.ArrayAttr.get(dims)})


class Program:
    """A module with a random `main` of about `length` ops on f32, and inputs for it.

    With `dynamic`, some sizes of the inputs are symbolic, and shapes are computed the way exporters do it.
    """

    def __init__(self, seed: int, length: int, weights: WeightStore, dynamic: bool = False) -> None:
        self.dynamic = dynamic
        self.rng = np.random.default_rng(seed)
        self.weights = weights
        self.shapes = Shapes()
        self.inputs: list[Array] = []
        self.values: list[Any] = []
        types = [self._input() for _ in range(int(self.rng.integers(1, 4)))]
        self.module = ir.Module.create(ir.Location.unknown())
        with ir.InsertionPoint(self.module.body):
            main = func.FuncOp("main", ([t.mlir() for t in types], []))
        main.attributes["arg_attrs"] = ir.ArrayAttr.get([_dims_attribute(t) for t in types])
        block = main.add_entry_block()
        self.values = list(block.arguments)
        with ir.InsertionPoint(block), ir.Location.unknown():
            while len(self.values) < length:
                self._step()
            count = int(self.rng.integers(1, 4))
            chosen = [self.values[-1], *(self._pick() for _ in range(count))]
            func.ReturnOp(chosen)
        main.attributes["function_type"] = ir.TypeAttr.get(
            ir.FunctionType.get([t.mlir() for t in types], [v.type for v in chosen])
        )

    def _input(self) -> TensorType:
        shape: list[Any] = [
            int(d) for d in self.rng.choice([1, 2, 3, 4, 6], size=self.rng.choice([2, 3, 4, 4, 4]))
        ]
        if self.dynamic:
            for i in self.rng.permutation(len(shape))[: int(self.rng.integers(1, 3))]:
                shape[i] = Dim.symbol(str(self.rng.choice(list(SIZES))))
        concrete = [substitute(d, SIZES) for d in shape]
        self.inputs.append(self.rng.standard_normal(concrete).astype(np.float32))
        return TensorType(tuple(shape), DType.F32)

    def _pick(self) -> Any:
        """A value, the newest ones more often."""
        n = len(self.values)
        return self.values[n - 1 - min(n - 1, int(self.rng.geometric(0.4)) - 1)]

    def _build(self, name: str, *operands: Any, **attrs: Any) -> Any:
        out = OPS[name].build(*operands, shapes=self.shapes, **attrs)
        return out[0] if isinstance(out, list) else out

    def _shape(self, value: Any) -> tuple[int, ...]:
        """The sizes in this run."""
        return tuple(int(substitute(d, SIZES)) for d in self.shapes.shape(value))

    def _static(self, value: Any, axis: int) -> bool:
        return isinstance(self.shapes.shape(value)[axis], int)

    def _sizes(self, wanted: list[tuple[Any, ...]]) -> Any:
        """A shape operand: per dim a product of numbers and of (value, axis) pairs."""
        if not self.dynamic:
            return self._ints(
                [
                    int(np.prod([f if isinstance(f, int) else self._shape(f[0])[f[1]] for f in d]))
                    for d in wanted
                ]
            )
        parts = []
        for factors in wanted:
            total = None
            for f in factors:
                if isinstance(f, int) or self._static(*f):
                    one = self._ints([f if isinstance(f, int) else self._shape(f[0])[f[1]]])
                else:
                    whole = self._build("shape", f[0])
                    one = self._build(
                        "unsqueeze", self._build("gather", whole, self._ints(f[1]), axis=0), axes=(0,)
                    )
                total = one if total is None else self._build("mul", total, one)
            parts.append(total)
        return self._build("concat", *parts, dim=0) if parts else self._ints([])

    def _ints(self, values: Any) -> Any:
        return self._build("constant", value=np.asarray(values, np.int64))

    def _weight(self, *shape: int) -> Any:
        array = self.rng.standard_normal(shape).astype(np.float32)
        if array.nbytes <= 1024 and self.rng.random() < 0.5:
            return self._build("constant", value=array)
        sym = self.weights.add_array("w", array)
        return self._build("weight", sym=sym, shape=array.shape, dtype=DType.F32)

    def _scalar(self) -> Any:
        number = self.rng.choice([0.0, 1.0, 2.0, 0.5, -1.0, 3.0])
        return self._build("constant", value=np.full((1,) * int(self.rng.integers(0, 2)), number, np.float32))

    def _step(self) -> None:
        steps = [m for m in dir(self) if m.startswith("step_")]
        x = self._pick()
        try:
            made = getattr(self, str(self.rng.choice(steps)))(x, self._shape(x))
        except TypeRuleError:
            return
        if made is not None and any(
            str(a).startswith("%") for d in self.shapes.shape(made) for a in symbols(d)
        ):
            return
        if made is not None and np.prod(self._shape(made)) <= 4096:
            self.values.append(made)

    def step_unary(self, x: Any, shape: tuple[int, ...]) -> Any:
        return self._build(str(self.rng.choice(UNARY)), x)

    def step_binary(self, x: Any, shape: tuple[int, ...]) -> Any:
        other = self._pick() if self.rng.random() < 0.6 else self._scalar()
        if not self._broadcasts(x, other):
            return None
        pair = (x, other) if self.rng.random() < 0.7 else (other, x)
        return self._build(str(self.rng.choice(BINARY)), *pair)

    def _broadcasts(self, a: Any, b: Any) -> bool:
        """Whether sizes that differ are 1: what is equal only in this run does not count."""
        pairs = zip(reversed(self.shapes.shape(a)), reversed(self.shapes.shape(b)), strict=False)
        return all(m == n or 1 in (m, n) for m, n in pairs)

    def step_scale(self, x: Any, shape: tuple[int, ...]) -> Any:
        size = [d if self.rng.random() < 0.4 and self._static(x, i) else 1 for i, d in enumerate(shape)]
        return self._build(str(self.rng.choice(BINARY)), x, self._weight(*size))

    def step_power(self, x: Any, shape: tuple[int, ...]) -> Any:
        base = self._build("tanh", x)
        exponent = self._build("constant", value=np.float32(self.rng.choice([1, 2, 3])).reshape(()))
        return self._build("pow", base, exponent)

    def step_clip(self, x: Any, shape: tuple[int, ...]) -> Any:
        bounds = [
            self._build("constant", value=np.float32(v).reshape(())) if self.rng.random() < 0.7 else None
            for v in (self.rng.choice([-1, 0]), self.rng.choice([1, 6]))
        ]
        return self._build("clip", x, *bounds)

    def step_transpose(self, x: Any, shape: tuple[int, ...]) -> Any:
        n = len(shape)
        usual = [(0, *range(2, n), 1), (0, n - 1, *range(1, n - 1))] if n > 2 else [(1, 0)]
        perm = usual[self.rng.integers(len(usual))] if self.rng.random() < 0.5 else self.rng.permutation(n)
        return self._build("transpose", x, perm=tuple(int(p) for p in perm)) if n > 1 else None

    def step_reshape(self, x: Any, shape: tuple[int, ...]) -> Any:
        out: list[tuple[Any, ...]] = [((x, i),) for i in range(len(shape))]
        for _ in range(2):
            i = int(self.rng.integers(len(out))) if out else 0
            if i + 1 < len(out) and self.rng.random() < 0.5:
                out[i : i + 2] = [(*out[i], *out[i + 1])]
            elif out and len(out[i]) == 1 and len(out) < 5 and self._is_even(out[i][0]):
                out[i : i + 1] = [(2,), (self._shape(x)[out[i][0][1]] // 2,)]
        if out and self.rng.random() < 0.4:
            out[self.rng.integers(len(out))] = (-1,)
        return self._build("reshape", x, self._sizes(out))

    def _is_even(self, factor: Any) -> bool:
        if isinstance(factor, int) or not self._static(*factor):
            return False
        return self._shape(factor[0])[factor[1]] % 2 == 0

    def step_unsqueeze(self, x: Any, shape: tuple[int, ...]) -> Any:
        return (
            self._build("unsqueeze", x, axes=(int(self.rng.integers(len(shape) + 1)),))
            if len(shape) < 5
            else None
        )

    def step_squeeze(self, x: Any, shape: tuple[int, ...]) -> Any:
        ones = [i for i, d in enumerate(shape) if d == 1 and self._static(x, i)]
        return self._build("squeeze", x, axes=tuple(ones[:1])) if ones else None

    def step_expand(self, x: Any, shape: tuple[int, ...]) -> Any:
        grows = [d == 1 and self._static(x, i) and self.rng.random() < 0.5 for i, d in enumerate(shape)]
        grown: list[tuple[Any, ...]] = [(3,) if g else ((x, i),) for i, g in enumerate(grows)]
        return self._build("expand", x, self._sizes(grown))

    def step_concat(self, x: Any, shape: tuple[int, ...]) -> Any:
        if not shape:
            return None
        same = [v for v in self.values if self.shapes.shape(v) == self.shapes.shape(x)]
        parts = [x, *(same[self.rng.integers(len(same))] for _ in range(int(self.rng.integers(1, 3))))]
        return self._build("concat", *parts, dim=int(self.rng.integers(len(shape))))

    def step_slice(self, x: Any, shape: tuple[int, ...]) -> Any:
        if not shape:
            return None
        axis = int(self.rng.integers(len(shape)))
        bounds = sorted(int(b) for b in self.rng.integers(0, shape[axis] + 1, 2))
        if bounds[0] == bounds[1]:
            bounds = [0, 1 << 40]
        steps = self._ints([-1]) if self.rng.random() < 0.2 and bounds[0] == 0 else None
        if steps is not None:
            bounds = [-1, -(1 << 40)]
        return self._build("slice", x, self._ints(bounds[:1]), self._ints(bounds[1:]), steps, axes=(axis,))

    def step_gather(self, x: Any, shape: tuple[int, ...]) -> Any:
        if not shape:
            return None
        axis = int(self.rng.integers(len(shape)))
        at = self.rng.integers(-shape[axis], shape[axis], size=self.rng.choice([1, 2]))
        at = at[0] if self.rng.random() < 0.4 else at
        return self._build("gather", x, self._ints(at), axis=axis)

    def step_reduce(self, x: Any, shape: tuple[int, ...]) -> Any:
        axes = tuple(i for i in range(len(shape)) if self.rng.random() < 0.4)
        name = str(self.rng.choice(["reduce_mean", "reduce_sum", "reduce_max"]))
        return self._build(name, x, axes=axes, keepdims=bool(self.rng.random() < 0.6))

    def step_softmax(self, x: Any, shape: tuple[int, ...]) -> Any:
        return self._build("softmax", x, axis=int(self.rng.integers(len(shape)))) if shape else None

    def step_norm(self, x: Any, shape: tuple[int, ...]) -> Any:
        """A layer norm or RMS norm spelled out."""
        if not shape:
            return None
        axes = (len(shape) - 1,) if self.rng.random() < 0.6 or len(shape) < 3 else (1,)
        d = x
        if self.rng.random() < 0.6:
            d = self._build("sub", x, self._build("reduce_mean", x, axes=axes, keepdims=True))
        variance = self._build("reduce_mean", self._build("mul", d, d), axes=axes, keepdims=True)
        small = self._build("constant", value=np.float32(1e-2).reshape(()))
        y = self._build("div", d, self._build("sqrt", self._build("add", variance, small)))
        channels = [shape[i] if i in axes and self._static(x, i) else 1 for i in range(len(shape))]
        return self._build("add", self._build("mul", y, self._weight(*channels)), self._weight(*channels))

    def step_matmul(self, x: Any, shape: tuple[int, ...]) -> Any:
        if len(shape) < 2 or not self._static(x, -1):
            return None
        y = self._build("matmul", x, self._weight(shape[-1], int(self.rng.choice([2, 3, 8]))))
        return self._build("add", y, self._weight(self._shape(y)[-1])) if self.rng.random() < 0.5 else y

    def step_attention(self, x: Any, shape: tuple[int, ...]) -> Any:
        if len(shape) not in (3, 4):
            return None
        last = len(shape) - 1
        swapped = (*range(last - 1), last, last - 1)
        scores = self._build(
            "matmul", self._build("mul", x, self._scalar()), self._build("transpose", x, perm=swapped)
        )
        p = self._build("softmax", scores, axis=last)
        return self._build("matmul", p, x)

    def step_conv(self, x: Any, shape: tuple[int, ...]) -> Any:
        if len(shape) not in (3, 4) or not self._static(x, 1):
            return None
        n = len(shape) - 2
        depthwise = self.rng.random() < 0.3
        k = int(self.rng.choice([1, 3]))
        out = shape[1] if depthwise else int(self.rng.choice([2, 4, 8]))
        w = self._weight(out, 1 if depthwise else shape[1], *[k] * n)
        bias = self._weight(out) if self.rng.random() < 0.5 else None
        attrs = {
            "strides": (int(self.rng.choice([1, 2])),) * n,
            "pads": (k // 2,) * 2 * n,
            "dilations": (1,) * n,
        }
        y = self._build("conv", x, w, bias, group=shape[1] if depthwise else 1, **attrs)
        if self.rng.random() < 0.4:
            parameters = [self._weight(out) for _ in range(3)]
            variance = self._build("constant", value=np.full(out, 0.7, np.float32))
            y = self._build("batch_norm", y, *parameters, variance)
        return y

    def step_pool(self, x: Any, shape: tuple[int, ...]) -> Any:
        if len(shape) not in (3, 4) or min(shape[2:]) < 2:
            return None
        n = len(shape) - 2
        attrs = {"kernel": (2,) * n, "strides": (int(self.rng.choice([1, 2])),) * n, "pads": (0,) * 2 * n}
        return self._build(str(self.rng.choice(["max_pool", "average_pool"])), x, dilations=(1,) * n, **attrs)

    def step_pad(self, x: Any, shape: tuple[int, ...]) -> Any:
        if not shape:
            return None
        axes = tuple(i for i in range(len(shape)) if self.rng.random() < 0.5) or (0,)
        pads = self.rng.integers(0, 2, 2 * len(axes))
        return self._build(
            "pad", x, self._ints(pads), None, axes=axes, mode=str(self.rng.choice(["constant", "edge"]))
        )
