"""The weight store: everything big stays here, the IR holds only symbols.

An entry is a *source* (a tensor of the ONNX file, a range of an external data file, an array) or a
*recipe*: an op of the dialect, or a pack, applied to other entries. Recipes are data; they are
computed one at a time when the blob is written, so memory stays near the size of the largest weight.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from aicc.dialects import OPS
from aicc.dialects.types import DType, TensorType
from aicc.errors import CompileError, ImportError_
from aicc.weight_packing import rounded_weights, words_of_bytes
from aicc.weight_transforms import winograd_weights

ALIGNMENT = 64
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class FrozenArray:
    """A small array as a recipe's attribute: hashable, and text in the manifest."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes

    @staticmethod
    def of(array: Array) -> FrozenArray:
        return FrozenArray(DType.from_numpy(array.dtype).name, array.shape, array.tobytes())

    def thaw(self) -> Array:
        return np.frombuffer(self.data, DType[self.dtype].numpy).reshape(self.shape)


class Writable(Protocol):
    """As much of a file as it takes to write a blob."""

    def write(self, data: memoryview, /) -> int: ...


@dataclass(frozen=True)
class Recipe:
    """`op` of `OPS` (or of `LAYOUT_OPS`) with `attrs` on the entries `inputs` (None: absent); `result` of several."""

    op: str
    attrs: tuple[tuple[str, Any], ...]
    inputs: tuple[str | None, ...]
    result: int = 0


@dataclass(frozen=True)
class Entry:
    """A weight: its type and how to get it. `origin` is JSON-able: where to find it again on resuming."""

    type: TensorType
    load: Callable[[], Array] | Recipe
    origin: dict[str, Any] = field(default_factory=dict)


class WeightStore:
    """Named tensors that are computed when asked for."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self._recipes: dict[Recipe, str] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def unique(self, name: str) -> str:
        """`name`, or the first `name.N` that is free."""
        if name not in self.entries:
            return name
        n = 1
        while f"{name}.{n}" in self.entries:
            n += 1
        return f"{name}.{n}"

    def add(self, name: str, t: TensorType, load: Callable[[], Array], origin: dict[str, Any]) -> str:
        name = self.unique(name)
        self.entries[name] = Entry(t.plain(), load, origin)
        return name

    def add_array(self, name: str, array: Array) -> str:
        t = TensorType(array.shape, DType.from_numpy(array.dtype))
        return self.add(name, t, lambda: array, {})

    def add_recipe(self, name: str, t: TensorType, recipe: Recipe) -> str:
        """A derived weight; the same recipe is stored once."""
        if recipe in self._recipes:
            return self._recipes[recipe]
        name = self.unique(name)
        self.entries[name] = Entry(t.plain(), recipe)
        self._recipes[recipe] = name
        return name

    def type(self, name: str) -> TensorType:
        return self.entries[name].type

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(d for d in self.type(name).shape if isinstance(d, int))

    def load(self, name: str) -> Array:
        """The array of an entry, computed anew: callers should not hold many."""
        entry = self.entries[name]
        array = _evaluate(self, entry.load) if isinstance(entry.load, Recipe) else entry.load()
        want = entry.type
        if array.shape != want.shape or array.dtype != want.dtype.numpy:
            raise CompileError(
                "AICC-2002",
                f"weight '{name}' was to be {want}, but is {array.dtype}{list(array.shape)}.",
                hint="please report this with the model.",
            )
        return array

    def nbytes(self, name: str) -> int:
        t = self.type(name)
        return t.size * t.dtype.numpy.itemsize

    def roots(self, name: str) -> frozenset[str]:
        """The weights of the model that an entry is made from: itself, or what its recipe reads."""
        load = self.entries[name].load
        if not isinstance(load, Recipe):
            return frozenset({name})
        return frozenset(root for i in load.inputs if i is not None for root in self.roots(i))

    def layout(self, names: Iterable[str]) -> tuple[dict[str, int], int]:
        """Offsets in bytes of `names` in the blob, and the blob's size; each is 64-byte aligned, and has 64 bytes at
        least: there is something to read where an empty one lies."""
        offsets: dict[str, int] = {}
        end = 0
        for name in names:
            offsets[name] = end
            end += _room(self.nbytes(name))
        return offsets, end

    def write_blob(self, names: Iterable[str], file: Writable) -> int:
        """Writes `names` in the order and at the offsets of `layout`; returns the size in bytes."""
        end = 0
        for name in names:
            array = np.ascontiguousarray(self.load(name))
            file.write(memoryview(array.reshape(-1).view(np.uint8)))
            pad = _room(array.nbytes) - array.nbytes
            file.write(memoryview(bytes(pad)))
            end += array.nbytes + pad
            del array
        return end

    def save(self, path: Path) -> None:
        """Writes the manifest (JSON) from which `restore` finds every entry again.

        What no file holds yet (constants, initializers of a model given in memory) goes beside it as `.npy`.
        """
        rows = {}
        for number, (name, e) in enumerate(self.entries.items()):
            row: dict[str, Any] = {"shape": list(e.type.shape), "dtype": e.type.dtype.name}
            if isinstance(e.load, Recipe):
                r = e.load
                row["recipe"] = {"op": r.op, "attrs": [[k, _to_json(v)] for k, v in r.attrs]}
                row["recipe"] |= {"inputs": list(r.inputs), "result": r.result}
            elif e.origin:
                row["origin"] = e.origin
            else:
                file = path.with_name(f"weight-{number}.npy")
                if not file.exists():
                    np.save(file, e.load().reshape(-1).view(np.uint8))
                row["file"] = file.name
            rows[name] = row
        path.write_text(json.dumps(rows, indent=0))

    @staticmethod
    def restore(
        path: Path, open_origin: Callable[[dict[str, Any], TensorType], Callable[[], Array]]
    ) -> WeightStore:
        """Reads a manifest; `open_origin` turns an origin into a loader. Raises ImportError_ AICC-1002."""
        store = WeightStore()
        try:
            rows = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise ImportError_("AICC-1002", f"the weight manifest {path} cannot be read: {error}") from error
        for name, row in rows.items():
            t = TensorType(tuple(row["shape"]), DType[row["dtype"]])
            if "recipe" in row:
                r = row["recipe"]
                attrs = tuple((k, _from_json(v)) for k, v in r["attrs"])
                recipe = Recipe(r["op"], attrs, tuple(r["inputs"]), r["result"])
                store.entries[name] = Entry(t, recipe)
                store._recipes[recipe] = name
            elif "file" in row:
                store.entries[name] = Entry(t, _NpyFile(path.with_name(row["file"]), t))
            else:
                store.entries[name] = Entry(t, open_origin(row["origin"], t), row["origin"])
        return store


def _room(size: int) -> int:
    """The bytes of the blob for a weight of `size` bytes."""
    return max(math.ceil(size / ALIGNMENT), 1) * ALIGNMENT


@dataclass(frozen=True)
class _NpyFile:
    """Loads an entry from the bytes `save` wrote."""

    path: Path
    type: TensorType

    def __call__(self) -> Array:
        raw: Array = np.load(self.path)
        return raw.view(self.type.dtype.numpy).reshape(self.type.shape)


def _to_json(value: Any) -> Any:
    if isinstance(value, FrozenArray):
        return {"array": value.dtype, "shape": list(value.shape), "data": value.data.hex()}
    return {"dtype": value.name} if isinstance(value, DType) else value


def _from_json(value: Any) -> Any:
    if isinstance(value, dict) and "array" in value:
        return FrozenArray(value["array"], tuple(value["shape"]), bytes.fromhex(value["data"]))
    if isinstance(value, dict):
        return DType[value["dtype"]]
    return tuple(value) if isinstance(value, list) else value


def _evaluate(store: WeightStore, recipe: Recipe) -> Array:
    arrays = [None if n is None else store.load(n) for n in recipe.inputs]
    attrs = {k: v.thaw() if isinstance(v, FrozenArray) else v for k, v in recipe.attrs}
    if recipe.op in LAYOUT_OPS:
        return LAYOUT_OPS[recipe.op](arrays[0], **attrs)
    fold = OPS[recipe.op].fold
    assert fold is not None, recipe.op
    out = fold(*arrays, **attrs)
    picked: Array = out[recipe.result] if isinstance(out, tuple) else out
    return picked


def pack(
    array: Array,
    outer_dims_perm: tuple[int, ...],
    inner_dims_pos: tuple[int, ...],
    inner_tiles: tuple[int, ...],
) -> Array:
    """`linalg.pack` with zero padding: `A[K, N] --> [N/t][K][t]` for perm [1, 0], pos [1], tiles [t]."""
    tiles = dict(zip(inner_dims_pos, inner_tiles, strict=True))
    padding = [(0, -n % tiles.get(i, 1)) for i, n in enumerate(array.shape)]
    if any(hi for _, hi in padding):
        array = np.pad(array, padding)
    split: list[int] = []
    outer: list[int] = []
    inner: dict[int, int] = {}
    for i, n in enumerate(array.shape):
        outer.append(len(split))
        if i in tiles:
            split += [n // tiles[i], tiles[i]]
            inner[i] = len(split) - 1
        else:
            split.append(n)
    order = [outer[i] for i in outer_dims_perm] + [inner[i] for i in inner_dims_pos]
    return np.ascontiguousarray(array.reshape(split).transpose(order))


def phase_weights(array: Array, cuts: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    """Taps of phases of a transposed convolution: `[*k, IC/g, OC] --> [*taps, IC/g, *phases, OC]`, as `shape`.

    `cuts` are four numbers for each dim of the kernel: phase j of `phases` takes taps `first - j + t * stride`
    for t below `taps`.
    """
    for d in range(len(cuts) // 4):
        first, phases, taps, stride = cuts[4 * d : 4 * d + 4]
        chosen = np.arange(first, first - phases, -1)[:, None] + stride * np.arange(taps)
        array = np.moveaxis(np.take(array, chosen, axis=d), d, -2)  # phases before the output channels
    return np.ascontiguousarray(array).reshape(shape)


LAYOUT_OPS: dict[str, Callable[..., Array]] = {
    "pack": pack,
    "view": lambda a, shape: a.reshape(shape),
    "permute": lambda a, perm: np.ascontiguousarray(a.transpose(perm)),
    "phase_weights": phase_weights,
    "winograd_weights": winograd_weights,
    "rounded": rounded_weights,
    "words_of_bytes": words_of_bytes,
}
"""What kernels ask of weights below the level of the dialect."""
