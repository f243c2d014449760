"""Generates `model_info.c`, the description of a compiled model that the runtime reads (compiler/runtime/model.h)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from aicc.dialects.types import DType
from aicc.passes.llvm.programs import descriptor, entry_names
from aicc.passes.schedules.registry import TILE_SCHEDULES
from aicc.target import Target
from aicc.values import Value

DISTANCE = "AICC_WEIGHTS_DISTANCE"
"""Macro: how many bytes above the library's first byte its weights lie; undefined, they are a symbol of some object."""

SPARE_NOTE = ".note.aicc"
"""Section whose program header is given up for the weights'."""

# A note of its own alignment has a program header of its own. Alike with 4 and 8 byte padding: namesz 11.
_WEIGHTS = f"""
#ifdef {DISTANCE}
extern __attribute__((visibility("hidden"))) const char __ehdr_start[];
#define WEIGHTS (__ehdr_start + {DISTANCE})
__asm__(".pushsection {SPARE_NOTE},\\"a\\",%note\\n.balign 8\\n.long 11, 0, 1\\n"
        ".asciz \\"aicc.model\\"\\n.balign 8\\n.popsection");
#else
extern __attribute__((visibility("hidden"))) const char aicc_weights_begin[];
#define WEIGHTS aicc_weights_begin
#endif
"""

# DLPack's type codes.
_CODES = {"f": "kDLFloat", "bf": "kDLBfloat", "i": "kDLInt", "u": "kDLUInt", "bool": "kDLBool"}
_OTHER_CODES = {
    DType.F8E4M3FN: ("kDLFloat8_e4m3fn", 8),
    DType.F8E4M3FNUZ: ("kDLFloat8_e4m3fnuz", 8),
    DType.F8E5M2: ("kDLFloat8_e5m2", 8),
    DType.F8E5M2FNUZ: ("kDLFloat8_e5m2fnuz", 8),
    DType.F8E8M0: ("kDLFloat8_e8m0fnu", 8),
    DType.F4E2M1: ("kDLFloat4_e2m1fn", 4),
    DType.I4: ("kDLInt", 4),
    DType.U4: ("kDLUInt", 4),
    DType.I2: ("kDLInt", 2),
    DType.U2: ("kDLUInt", 2),
    DType.C64: ("kDLComplex", 64),
    DType.C128: ("kDLComplex", 128),
    DType.STRING: ("kDLOpaqueHandle", 128),
}


@dataclass(frozen=True)
class TensorInfo:
    """An input or output. A dim is a size, the name of a symbol, or None: dynamic without a name."""

    name: str
    dtype: DType
    dims: tuple[int | str | None, ...]


@dataclass(frozen=True)
class DefaultInfo:
    """What an input is when the caller gives none: a weight, so many bytes from the first, and its sizes."""

    offset: int
    dims: tuple[int, ...]


@dataclass(frozen=True)
class SymbolInfo:
    """A named dynamic dim and the sizes it may have, both ends included; `max` None: no bound."""

    name: str
    min: int = 0
    max: int | None = None


@dataclass(frozen=True)
class KernelInfo:
    """A kernel for profiles: its readable name, the symbol of its object (`k_…`), and what was known of it when it
    was compiled: the ONNX nodes it computes, calls per run, predicted seconds and bytes of one call."""

    name: str
    symbol: str
    schedule: str = ""
    nodes: tuple[str, ...] = ()
    calls: int | None = None
    seconds: float | None = None
    read: int | None = None
    written: int | None = None


@dataclass(frozen=True)
class ProgramInfo:
    """A branch or the body of a loop; `has_shapes`: some size of a result follows from those of inputs."""

    name: str
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    arena_bytes: int
    has_shapes: bool


@dataclass(frozen=True)
class ModelInfo:
    """What the runtime knows of a model; sizes in bytes.

    `weights_file` is set for external weights: the file's name beside the library. `has_shapes` says that the
    host object defines `aicc_model_shapes` (some output dim is dynamic). `strings` are those that the model names;
    `values` are what its outputs are made of, where not all are tensors, `input_values` the same of its inputs.
    `defaults` are those of the last inputs. `aliases` are per output the number of the input whose buffer it may be
    given, or -1; empty: none may.
    """

    name: str
    producer: str
    target: Target
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    symbols: tuple[SymbolInfo, ...] = ()
    kernels: tuple[KernelInfo, ...] = field(default=())
    arena_bytes: int = 0
    weights_bytes: int = 0
    weights_file: str | None = None
    weights_id: str | None = None
    has_shapes: bool = False
    strings: tuple[str, ...] = ()
    programs: tuple[ProgramInfo, ...] = ()
    values: tuple[Value, ...] = ()
    input_values: tuple[Value, ...] = ()
    defaults: tuple[DefaultInfo, ...] = ()
    aliases: tuple[int, ...] = ()

    @property
    def cpu_features(self) -> frozenset[str]:
        """What the CPU must have: of the target's features those that the code may use. Tile registers are used by few
        schedules only, and a process has to ask the system for them."""
        features = self.target.host_side.features
        if any(kernel.schedule.partition("(")[0] in TILE_SCHEDULES for kernel in self.kernels):
            return features
        return frozenset(name for name in features if not name.startswith("amx-"))


def model_info_source(info: ModelInfo) -> str:
    """The text of `model_info.c`."""
    embedded = info.weights_bytes > 0 and info.weights_file is None
    hidden = 'extern __attribute__((visibility("hidden")))'
    lines = ['#include "model.h"', "#include <stddef.h>", ""]
    lines += [f"{hidden} int aicc_model_main(void *, void **, const int64_t *, const char *, char *);"]
    if info.has_shapes:
        lines += [f"{hidden} void aicc_model_shapes(const int64_t *, int64_t *);"]
    if embedded:
        lines += _WEIGHTS.splitlines()
    for symbol in dict.fromkeys(kernel.symbol for kernel in info.kernels):
        lines += [f"{hidden} void {symbol}_range(void **, int64_t, int64_t, void *);"]

    symbols = {symbol.name: number for number, symbol in enumerate(info.symbols)}
    for prefix, tensors in (("in", info.inputs), ("out", info.outputs)):
        for number, tensor in enumerate(tensors):
            lines += _tensor_tables(f"{prefix}{number}", tensor, symbols)
    lines += _array(
        "static const struct aicc_tensor_desc inputs",
        [_tensor(f"in{i}", t) for i, t in enumerate(info.inputs)],
    )
    lines += _array(
        "static const struct aicc_tensor_desc outputs",
        [_tensor(f"out{i}", t) for i, t in enumerate(info.outputs)],
    )
    lines += _array(
        "static const struct aicc_symbol_desc symbols",
        [f"{{{_string(s.name)}, {s.min}, {-1 if s.max is None else s.max}}}" for s in info.symbols],
    )
    lines += _array(
        "static const struct aicc_kernel_desc kernels",
        [_kernel(kernel) for kernel in info.kernels],
    )
    lines += _array(
        "static const char *const cpu_features",
        [*(_string(f) for f in sorted(info.cpu_features)), "NULL"],
    )
    lines += _array("static const aicc_string strings", [_text(s) for s in info.strings])
    for table, values in (("values", info.values), ("input_values", info.input_values)):
        for number, value in enumerate(values):
            kind = "aicc_string" if any(isinstance(k, str) for k in value.keys) else "int64_t"
            spelled = [_text(k) if isinstance(k, str) else str(k) for k in value.keys]
            lines += _array(f"static const {kind} {table}_keys{number}", spelled)
        described = [_value(f"{table}_keys{i}", v) for i, v in enumerate(values)]
        lines += _array(f"static const aicc_value {table}", described)
    for number, default in enumerate(info.defaults):
        lines += _array(f"static const int64_t default{number}_dims", [str(d) for d in default.dims])
    lines += _array(
        "static const struct aicc_default_desc defaults",
        [f"{{{d.offset}, {len(d.dims)}, default{i}_dims}}" for i, d in enumerate(info.defaults)],
    )
    if info.aliases:
        lines += _array("static const int32_t aliases", [str(n) for n in info.aliases])
    fields = {
        "magic": "AICC_MODEL_MAGIC",
        "version": "AICC_MODEL_VERSION",
        "name": _string(info.name),
        "producer": _string(info.producer),
        "target": _string(_target_text(info.target)),
        "n_inputs": len(info.inputs),
        "n_outputs": len(info.outputs),
        "n_symbols": len(info.symbols),
        "n_kernels": len(info.kernels),
        "inputs": "inputs",
        "outputs": "outputs",
        "symbols": "symbols",
        "kernels": "kernels",
        "cpu_features": "cpu_features",
        "arena_bytes": info.arena_bytes,
        "weights": "WEIGHTS" if embedded else "NULL",
        "weights_file": _string(info.weights_file),
        "weights_id": _string(info.weights_id),
        "weights_bytes": info.weights_bytes,
        "main": "aicc_model_main",
        "shapes": "aicc_model_shapes" if info.has_shapes else "NULL",
        "n_strings": len(info.strings),
        "strings": "strings",
        "n_values": len(info.values),
        "values": "values",
        "n_defaults": len(info.defaults),
        "defaults": "defaults",
        "n_input_values": len(info.input_values),
        "input_values": "input_values",
        "aliases": "aliases" if info.aliases else "NULL",
    }
    for program in info.programs:
        lines += _program(program, hidden)
    lines += ["const struct aicc_model_desc aicc_model = {"]
    lines += [f"  .{name} = {value}," for name, value in fields.items()]
    return "\n".join([*lines, "};", ""])


def _program(program: ProgramInfo, hidden: str) -> list[str]:
    """The descriptor of a program, by which the host program knows it."""
    main, shapes = entry_names(program.name)
    lines = [f"{hidden} int {main}(void *, void **, const int64_t *, const char *, char *);"]
    if program.has_shapes:
        lines += [f"{hidden} void {shapes}(const int64_t *, int64_t *);"]
    tables: dict[str, list[str]] = {}
    for kind, tensors in (("inputs", program.inputs), ("outputs", program.outputs)):
        names = [f"{program.name}_{kind}{i}" for i in range(len(tensors))]
        for name, tensor in zip(names, tensors, strict=True):
            lines += _tensor_tables(name, tensor, {})
        tables[kind] = [_tensor(name, t) for name, t in zip(names, tensors, strict=True)]
        lines += _array(f"static const struct aicc_tensor_desc {program.name}_{kind}", tables[kind])
    fields = {
        "name": _string(program.name),
        "n_inputs": len(program.inputs),
        "n_outputs": len(program.outputs),
        "inputs": f"{program.name}_inputs",
        "outputs": f"{program.name}_outputs",
        "arena_bytes": program.arena_bytes,
        "main": main,
        "shapes": shapes if program.has_shapes else "NULL",
    }
    lines += [
        f"{hidden.removeprefix('extern ')} const struct aicc_program_desc {descriptor(program.name)} = {{"
    ]
    return [*lines, *(f"  .{name} = {value}," for name, value in fields.items()), "};"]


def _target_text(target: Target) -> str:
    host = f"{target.host_side.triple} {target.host_side.cpu}"
    return f"{target.kind} {target.cpu}, {host}" if target.is_device else host


def _tensor_tables(prefix: str, tensor: TensorInfo, symbols: dict[str, int]) -> list[str]:
    sizes = [str(d) if isinstance(d, int) else "-1" for d in tensor.dims]
    names = [_string(d) if isinstance(d, str) else "NULL" for d in tensor.dims]
    numbers = [str(symbols.get(d, -1)) if isinstance(d, str) else "-1" for d in tensor.dims]
    return [
        *_array(f"static const int64_t {prefix}_dims", sizes),
        *_array(f"static const char *const {prefix}_names", names),
        *_array(f"static const int32_t {prefix}_symbols", numbers),
    ]


def _tensor(prefix: str, tensor: TensorInfo) -> str:
    code, bits = _OTHER_CODES.get(tensor.dtype) or (
        _CODES[tensor.dtype.name.rstrip("0123456789").lower()],
        tensor.dtype.bits,
    )
    dtype = f"{{{code}, {bits}, 1}}"
    rank = len(tensor.dims)
    return f"{{{{{_string(tensor.name)}, {dtype}, {rank}, {prefix}_dims, {prefix}_names}}, {prefix}_symbols}}"


def _value(keys_name: str, value: Value) -> str:
    keys = [keys_name if value.keys and isinstance(value.keys[0], kind) else "NULL" for kind in (int, str)]
    kind = f"AICC_VALUE_{value.kind.upper()}"
    fields = [
        _string(value.name),
        kind,
        _string(value.type),
        value.first,
        value.count,
        len(value.keys),
        *keys,
    ]
    return f"{{{', '.join(map(str, fields))}}}"


def _kernel(kernel: KernelInfo) -> str:
    texts = [_string(text) for text in (kernel.name, kernel.schedule, "\n".join(kernel.nodes))]
    seconds = repr(-1.0 if kernel.seconds is None else float(kernel.seconds))
    numbers = [str(-1 if n is None else n) for n in (kernel.calls, kernel.read, kernel.written)]
    return f"{{{{{', '.join([*texts, seconds, *numbers])}}}, {kernel.symbol}_range}}"


def _array(declaration: str, items: Sequence[str]) -> list[str]:
    """A table; C knows no empty ones, so those hold one zero that nobody reads."""
    if not items:
        head, _, name = declaration.rpartition(" ")
        return [f"{head} {name}[1];"]
    return [f"{declaration}[] = {{{', '.join(items)}}};"]


def _text(text: str) -> str:
    return f"{{{_string(text)}, {len(text.encode())}}}"


def _string(text: str | None) -> str:
    """A C string literal of the UTF-8 bytes; NULL for None."""
    if text is None:
        return "NULL"
    plain = set(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-+./:;,()[]{}<>=*@!#$%&|^~")
    return '"' + "".join(chr(b) if b in plain else f"\\{b:03o}" for b in text.encode()) + '"'
