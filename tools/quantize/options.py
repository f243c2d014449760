"""What is to be quantized, and how."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass

import onnx

from aicc.dialects.packed_weights import LEVELS
from aicc.errors import CompileError

MODES = ("weights", "static", "dynamic")
CALIBRATIONS = ("minmax", "percentile", "entropy")
FORMATS = ("qdq", "nbits")


@dataclass(frozen=True)
class QuantizeOptions:
    """`mode`: weights alone (`bits` 4 or 8), or activations of 8 bits as well, their ranges from data (static) or from
    each run's own numbers (dynamic).

    `block` numbers of a column share a scale in mode weights (0: the whole column); `symmetric`: without zero points;
    `per_channel`: a scale for each output channel in modes static and dynamic; `reduce_range`: weights there have 7
    bits, from -64 to 64, whose products CPUs with AVX2 and no VNNI sum sooner. `exclude` holds patterns of node names
    and operators that stay as they are. `format` of mode weights: qdq, which is standard ONNX, or nbits, which is
    com.microsoft's MatMulNBits, and there `accuracy_level` is how accurate runtimes have to multiply at least: 4 lets
    them round activations to bytes (0: as they like). Raises CompileError AICC-4002.
    """

    mode: str = "weights"
    bits: int = 4
    block: int = 32
    symmetric: bool = True
    per_channel: bool = True
    reduce_range: bool = False
    calibration: str = "minmax"
    percentile: float = 99.99
    format: str = "qdq"
    accuracy_level: int = 0
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, value, known in (
            ("mode", self.mode, MODES),
            ("calibration", self.calibration, CALIBRATIONS),
            ("format", self.format, FORMATS),
            ("bits", self.bits, (4, 8)),
            ("accuracy level", self.accuracy_level, LEVELS),
        ):
            if value not in known:
                raise CompileError(
                    "AICC-4002", f"{name} {value}: expected {', '.join(str(k) for k in known)}."
                )
        if self.block < 0 or (self.block and (self.block < 16 or self.block & (self.block - 1))):
            raise CompileError("AICC-4002", f"block {self.block}: expected 0, or a power of two from 16 on.")
        if self.mode != "weights" and (self.format == "nbits" or not self.symmetric):
            what = "format nbits is" if self.format == "nbits" else "weights with zero points are"
            raise CompileError("AICC-4002", f"{what} of mode weights, and the mode is {self.mode}.")
        if self.mode == "weights" and self.reduce_range:
            raise CompileError("AICC-4002", "weights of 7 bits are of modes static and dynamic.")
        if self.format == "nbits" and not self.block:
            raise CompileError("AICC-4002", "format nbits needs blocks: block 0 is one scale for a column.")
        if self.accuracy_level and self.format != "nbits":
            raise CompileError("AICC-4002", "accuracy levels are of format nbits: qdq has no place for them.")
        if not 50 < self.percentile <= 100:
            raise CompileError(
                "AICC-4002", f"percentile {self.percentile}: expected more than 50, up to 100."
            )

    @property
    def largest(self) -> int:
        """The largest weight in modes static and dynamic."""
        return 64 if self.reduce_range else 127

    def excludes(self, node: onnx.NodeProto) -> bool:
        """Whether a node stays as it is."""
        return any(self.fits(pattern, node) for pattern in self.exclude)

    @staticmethod
    def fits(pattern: str, node: onnx.NodeProto) -> bool:
        """Whether a pattern of `exclude` is about this node."""
        return any(fnmatch.fnmatchcase(text, pattern) for text in (node.name, node.op_type))
