"""The last step: weights to a blob, the model's description, one shared library."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aicc.codegen.cache import ObjectCache
from aicc.codegen.jobs import KernelResult
from aicc.codegen.link import Weights, link, sidecar
from aicc.codegen.model_info import KernelInfo, ModelInfo, SymbolInfo, TensorInfo, model_info_source
from aicc.errors import CompileError
from aicc.passes.base import PassContext
from aicc.signature import Port, Signature

if TYPE_CHECKING:
    from aicc.driver import Options

_PRODUCER = "aicc 0.1"


def link_model(
    results: Sequence[KernelResult],
    host: bytes,
    signature: Signature,
    ctx: PassContext,
    out: Path,
    options: Options,
) -> Path:
    """Writes the library `out` (and its sidecar). Raises CompileError AICC-3003, AICC-3004, AICC-4001."""
    unique = {r.symbol: r.built.object for r in results}
    try:
        with tempfile.TemporaryDirectory(prefix=".aicc-weights-", dir=out.resolve().parent) as folder:
            blob = Path(folder) / "weights.bin"
            size, identity = 0, ""
            if signature.weights:
                with blob.open("wb") as file:
                    size = ctx.weights.write_blob(signature.weights, file)
            external = options.weights == "external" and size > 0
            if external:
                identity = _identity(blob)
            info = ModelInfo(
                name=out.stem,
                producer=_PRODUCER,
                target=ctx.target,
                inputs=tuple(_tensor(p) for p in signature.inputs),
                outputs=tuple(_tensor(p) for p in signature.outputs),
                symbols=tuple(SymbolInfo(s) for s in _symbols(signature)),
                kernels=tuple(KernelInfo(r.name, r.symbol) for r in results),
                arena_bytes=signature.arena_bytes,
                weights_bytes=size,
                weights_file=sidecar(out).name if external else None,
                weights_id=identity if external else None,
                has_shapes=signature.has_shapes,
            )
            ctx.stats["blob_bytes"] = size
            weights = Weights(blob, "external" if external else "embedded", identity) if size else None
            cache = ObjectCache.from_knobs() if options.cache else None
            link(
                [host, *unique.values()],
                model_info_source(info),
                out,
                ctx.target,
                weights,
                options.linker,
                cache,
            )
    except OSError as error:
        raise CompileError(
            "AICC-4001", f"{out} cannot be written: {error.strerror or error}.", stage="link"
        ) from error
    return out


def _identity(blob: Path) -> str:
    """A name for the blob's contents: two trainings of a model differ in nothing else."""
    with blob.open("rb") as file:
        digest = hashlib.blake2b(digest_size=8)
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _tensor(port: Port) -> TensorInfo:
    return TensorInfo(port.name, port.dtype, port.dims)


def _symbols(signature: Signature) -> list[str]:
    """The names of the inputs' dynamic dims, in order of appearance."""
    names = [d for p in signature.inputs for d in p.dims if isinstance(d, str)]
    return list(dict.fromkeys(names))
