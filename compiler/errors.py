"""Errors a user can meet: a stable code, where it happened, and what to do next.

Every code has one entry in `CATALOGUE`, from which docs/errors.md is generated.
"""

from __future__ import annotations

from dataclasses import dataclass, field

CATALOGUE: dict[str, str] = {
    "AICC-1001": "The model file cannot be read or is not a valid ONNX model.",
    "AICC-1002": "External data of the model is missing or shorter than the model says.",
    "AICC-1003": "The model uses an operator that aicc does not support (yet).",
    "AICC-1004": "An operator is used with a dtype that aicc does not support for it.",
    "AICC-1005": "Shapes or dtypes of a node's inputs do not fit together.",
    "AICC-1006": "An attribute of a node is missing, of the wrong kind or out of range.",
    "AICC-1007": "The model's opset or IR version is outside the supported range.",
    "AICC-1008": "A --dim argument names no symbolic dimension of the model, or its value does not fit.",
    "AICC-2001": "Invalid IR: the text does not parse or does not verify.",
    "AICC-2002": "A pass failed or left IR that breaks its stage's contract.",
    "AICC-2003": "A pipeline text, pass name or pass option is unknown or malformed.",
    "AICC-3001": "A kernel could not be compiled by any schedule.",
    "AICC-3002": "The code generator rejected LLVM IR or knows no such target or CPU.",
    "AICC-3003": "No linker was found.",
    "AICC-3004": "The linker failed.",
    "AICC-4001": "The output cannot be written.",
    "AICC-4002": "A command line argument is wrong.",
    "AICC-4003": "A runtime to measure against is not installed and cannot be.",
    "AICC-4004": "A model cannot be quantized as asked, or its calibration data cannot be read.",
    "AICC-5001": "A shared library is not an aicc model, or was built for another CPU or ABI version.",
    "AICC-5002": "An input is missing, unknown, or has the wrong dtype, rank or size.",
    "AICC-5003": "The compiled model reported a failure while running.",
    "AICC-5004": "External weights of a compiled model are missing or of the wrong size.",
    "AICC-5005": "The GPU or its driver is missing, too old for the compiled model, or failed.",
    "AICC-5006": "A vendor's library that the model was compiled to call is missing, too old, or failed.",
    "AICC-6001": "A PyTorch module or graph cannot be exported, or asks for what a compiled model does not do.",
    "AICC-9001": "A defect of aicc itself: something that should not happen did.",
}


@dataclass
class AiccError(Exception):
    """One paragraph for the user.

    `code` is a key of `CATALOGUE`; `node` the ONNX node ("name (Op)"); `stage` the pipeline stage;
    `hint` the next step: what is supported, the dump's path, a reproducer command.
    """

    code: str
    message: str
    node: str | None = None
    stage: str | None = None
    hint: str | None = None
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        assert self.code in CATALOGUE, self.code
        super().__init__(str(self))

    def __str__(self) -> str:
        where = "".join(
            [f" at node {self.node}" if self.node else "", f" in stage '{self.stage}'" if self.stage else ""]
        )
        text = f"error[{self.code}]{where}: {self.message}"
        for note in self.notes:
            text += f"\n  note: {note}"
        if self.hint:
            text += f"\n  help: {self.hint}"
        return text


class AiccWarning(UserWarning):
    """The result is right, but not what it could be: a defect of aicc cost speed."""


class ImportError_(AiccError):
    """The model cannot be imported (codes 1xxx)."""


class CompileError(AiccError):
    """The compiler failed (codes 2xxx, 3xxx, 4xxx)."""


class RuntimeError_(AiccError):
    """A compiled model cannot be loaded or run (codes 5xxx)."""
