"""The last step: weights to a blob, the model's description, one shared library."""

from __future__ import annotations

import hashlib
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aicc.codegen.cache import ObjectCache
from aicc.codegen.jobs import KernelResult
from aicc.codegen.link import External, link, sidecar, writing
from aicc.codegen.link_weights import Embedded
from aicc.codegen.model_info import (
    DefaultInfo,
    KernelInfo,
    ModelInfo,
    ProgramInfo,
    SymbolInfo,
    TensorInfo,
    model_info_source,
)
from aicc.kernel_facts import KernelFacts
from aicc.passes.base import PassContext
from aicc.signature import Port, Signature
from aicc.weights import Writable

if TYPE_CHECKING:
    from aicc.driver import Options

_PRODUCER = "aicc 0.1"
_PIECE = 1 << 20


def link_model(
    results: Sequence[KernelResult],
    host: bytes,
    signature: Signature,
    programs: Mapping[str, Signature],
    facts: Mapping[str, KernelFacts],
    ctx: PassContext,
    out: Path,
    options: Options,
    parts: Sequence[str] = (),
) -> Path:
    """Writes the library `out` (and its sidecar), with these parts of the runtime.

    Raises CompileError AICC-3003, AICC-3004, AICC-4001.

    In `ctx.stats["seconds"]`, "blob" is the time weights took to compute and write, "link" all the rest.
    """
    objects = [host, *{r.symbol: r.built.object for r in results}.values()]
    offsets, size = ctx.weights.layout(signature.blob)
    ctx.stats["blob_bytes"] = size
    info = ModelInfo(
        name=out.stem,
        producer=_PRODUCER,
        target=ctx.target,
        inputs=tuple(_tensor(p) for p in signature.inputs),
        outputs=tuple(_tensor(p) for p in signature.outputs),
        symbols=tuple(SymbolInfo(s, *signature.bounds.get(s, ())) for s in signature.symbols),
        kernels=tuple(_kernel(r, facts[r.name]) for r in results),
        arena_bytes=signature.arena_bytes,
        weights_bytes=size,
        has_shapes=signature.has_shapes,
        strings=signature.strings,
        programs=tuple(_program(name, s) for name, s in programs.items()),
        values=signature.values,
        input_values=signature.input_values,
        aliases=signature.aliases,
        defaults=tuple(
            DefaultInfo(offsets[p.default], ctx.weights.shape(p.default))
            for p in signature.inputs
            if p.default is not None
        ),
    )

    def write(file: Writable) -> None:
        with _timed(ctx, "blob"):
            ctx.weights.write_blob(signature.blob, file)

    def finish(info: ModelInfo, weights: Embedded | External | None) -> None:
        cache = ObjectCache.from_knobs() if options.cache else None
        link(objects, model_info_source(info), out, ctx.target, weights, options.linker, cache, parts)

    with _timed(ctx, "link"), writing(out):
        if options.weights == "external" and size:
            with _external(out, write) as (external, identity):
                finish(replace(info, weights_file=sidecar(out).name, weights_id=identity), external)
        else:
            finish(info, Embedded(size, write) if size else None)
    ctx.stats["seconds"]["link"] -= ctx.stats["seconds"].get("blob", 0.0)
    return out


@contextmanager
def _external(out: Path, write: Callable[[Writable], None]) -> Iterator[tuple[External, str]]:
    """Writes the weights to a file near `out`, gone after the block unless moved, and a name for their contents.

    Two trainings of one model differ in nothing but these: the name, at the file's end, tells them apart.
    """
    with tempfile.TemporaryDirectory(prefix=".aicc-weights-", dir=out.resolve().parent) as folder:
        path = Path(folder) / "weights.bin"
        with path.open("wb") as file:
            hashed = _Hashed(file)
            write(hashed)
            identity = hashed.digest()
            file.write(identity.encode())
        yield External(path), identity


class _Hashed:
    """Writes to `file` and hashes what it writes: CRC-32 of small pieces, for speed, and a hash of these."""

    def __init__(self, file: Writable) -> None:
        self.file = file
        self.hash = hashlib.blake2b(digest_size=8)

    def write(self, data: memoryview, /) -> int:
        for start in range(0, len(data), _PIECE):
            self.hash.update(zlib.crc32(data[start : start + _PIECE]).to_bytes(4, "little"))
        return self.file.write(data)

    def digest(self) -> str:
        return self.hash.hexdigest()


@contextmanager
def _timed(ctx: PassContext, name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    ctx.stats["seconds"][name] = time.perf_counter() - start


def _kernel(result: KernelResult, facts: KernelFacts) -> KernelInfo:
    """Predicted is what the schedule said that was built, which is not always the chosen one."""
    built = result.built
    return KernelInfo(
        name=result.name,
        symbol=result.symbol,
        schedule=f"{built.schedule}({built.config})",
        nodes=facts.nodes,
        calls=facts.calls,
        seconds=facts.costs.get(built.schedule),
        read=facts.read,
        written=facts.written,
    )


def _program(name: str, signature: Signature) -> ProgramInfo:
    return ProgramInfo(
        name,
        tuple(_tensor(p) for p in signature.inputs),
        tuple(_tensor(p) for p in signature.outputs),
        signature.arena_bytes,
        signature.has_shapes,
    )


def _tensor(port: Port) -> TensorInfo:
    return TensorInfo(port.name, port.dtype, port.dims)
