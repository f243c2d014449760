"""Executable: calls, zero-copy, outputs given by the caller, dtypes, threads, profiles."""

from __future__ import annotations

import ctypes
import threading
import timeit
from typing import Any

import numpy as np
import pytest

from aicc.errors import RuntimeError_
from aicc.loader import load
from aicc.runtime import structs
from aicc.runtime.profile import KernelInfo
from aicc.runtime.tensors import as_input

from .conftest import Fake

W = np.arange(8, dtype=np.float32)


def test_metadata(fake: Fake) -> None:
    exe = load(fake("affine"))
    assert (exe.name, exe.producer, exe.target) == ("affine", "aicc test", "anything")
    (x,), (y,) = exe.inputs, exe.outputs
    assert (x.name, x.shape, x.dtype, x.static) == ("x", ("batch", 8), np.dtype(np.float32), False)
    assert str(y) == "y: float32[batch, 8]"
    assert repr(exe) == "<Executable affine(x: float32[batch, 8]) -> (y: float32[batch, 8])>"
    assert load(fake("pair")).outputs[1].shape == ()


def test_ways_to_call(fake: Fake, rng: np.random.Generator) -> None:
    exe = load(fake("affine"))
    x = rng.random((3, 8), np.float32)
    for y in (exe(x), exe(x=x), exe({"x": x}), exe.run([x])[0], exe(x.tolist())):
        np.testing.assert_array_equal(y, 2 * x + W)
        assert y.dtype == np.float32
    total, count = load(fake("pair"))([[1, 2]], mask=[[3, 4]])
    assert (total.tolist(), count.tolist(), count.shape) == ([11], 2, ())


def test_shapes_may_change_from_call_to_call(fake: Fake, rng: np.random.Generator) -> None:
    exe = load(fake("affine"))
    for batch in (1, 7, 0, 1000, 7, 1, *range(2, 300)):
        x = rng.random((batch, 8), np.float32)
        np.testing.assert_array_equal(exe(x), 2 * x + W)


def test_inputs_are_unchanged_and_layouts_are_understood(fake: Fake, rng: np.random.Generator) -> None:
    exe = load(fake("affine"))
    base = rng.random((16, 16), np.float32)
    before = base.copy()
    read_only = base[:, :8].copy()
    read_only.flags.writeable = False
    bytes_ = bytearray(1 + 4 * 8)
    misaligned = np.frombuffer(bytes_, np.float32, 8, offset=1).reshape(1, 8)
    for x in (base[:, :8], base[::2, 8:], base.T[:, 8:], base[:8, ::-2], read_only, misaligned, base[:0, :8]):
        np.testing.assert_array_equal(exe(x), 2 * x + W)
    np.testing.assert_array_equal(base, before)


def test_outputs_given_by_the_caller(fake: Fake, rng: np.random.Generator) -> None:
    exe = load(fake("affine"))
    x, y = rng.random((3, 8), np.float32), np.empty((3, 8), np.float32)
    assert exe(x, out=y) is y
    np.testing.assert_array_equal(y, 2 * x + W)
    y[:] = 0
    assert exe(x, out=[y]) is y
    np.testing.assert_array_equal(y, 2 * x + W)
    pair, count = load(fake("pair")), np.empty((), np.int64)
    total, given = pair([[1, 2]], [[3, 4]], out=[None, count])
    assert given is count
    assert (total.tolist(), count.tolist()) == ([11], 2)


def test_data_dependent_outputs(fake: Fake) -> None:
    exe = load(fake("nonzero"))
    results = [exe(np.array(x, np.float32)) for x in ([0, 1, 0, 2], [0, 0], [5] * 1000, [0, 3])]
    assert [r[0].tolist() for r in results] == [[1, 3], [], list(range(1000)), [1]]
    assert results[0][1].tolist() == [0, 2, 0, 4]  # earlier results are not overwritten by later calls


class Dlpack:
    """Nothing but the protocol, as another framework would."""

    def __init__(self, array: np.ndarray[Any, Any], device: int = 1) -> None:
        self._array, self._device = array, device

    def __dlpack__(self, **_: Any) -> Any:
        return self._array.__dlpack__()

    def __dlpack_device__(self) -> tuple[int, int]:
        return (self._device, 0)


def test_dlpack(fake: Fake, rng: np.random.Generator) -> None:
    exe = load(fake("affine"))
    x = rng.random((3, 16), np.float32)
    for value in (x[:, :8].copy(), x[:, ::2], x[:0, :8]):
        np.testing.assert_array_equal(exe(Dlpack(value)), 2 * value + W)
    whole = x.reshape(6, 8)
    assert np.shares_memory(as_input(Dlpack(whole), exe.inputs[0]), whole)  # not copied
    y = np.zeros((6, 8), np.float32)
    exe(Dlpack(whole), out=Dlpack(y))
    np.testing.assert_array_equal(y, 2 * whole + W)
    with pytest.raises(RuntimeError_, match=r"Input 'x' is on a device \(DLPack type 2\)"):
        exe(Dlpack(whole, device=2))
    with pytest.raises(RuntimeError_, match="Input 'x' is float64, the model wants float32"):
        exe(Dlpack(whole.astype(np.float64)))


_KINDS = {"int": 0, "uint": 1, "float": 2, "complex": 5}
NATIVE = [
    (_KINDS[kind], bits, f"{kind}{bits}")
    for kind, sizes in {
        "int": (8, 16, 32, 64),
        "uint": (8, 16, 32, 64),
        "float": (16, 32, 64),
        "complex": (64, 128),
    }.items()
    for bits in sizes
] + [(6, 8, "bool")]
FOREIGN = [
    (4, 16, "bfloat16"),
    (10, 8, "float8_e4m3fn"),
    (12, 8, "float8_e5m2"),
    (0, 4, "int4"),
    (1, 4, "uint4"),
]


@pytest.mark.parametrize(("code", "bits", "name"), NATIVE + FOREIGN, ids=[n for *_, n in NATIVE + FOREIGN])
def test_dtypes(fake: Fake, code: int, bits: int, name: str) -> None:
    if (code, bits, name) in FOREIGN:
        x = np.arange(5).astype(getattr(pytest.importorskip("ml_dtypes"), name))
    else:
        x = np.arange(5).astype(name)
    exe = load(fake("echo", f"CODE={code}", f"BITS={bits}"))
    y = exe(x)
    assert y.dtype == x.dtype == exe.inputs[0].dtype
    np.testing.assert_array_equal(y, x)
    if (code, bits, name) in FOREIGN:  # raw bits are accepted too
        np.testing.assert_array_equal(exe(x.view(f"u{x.itemsize}")), x)


class Bfloat16:
    """What NumPy's own capsules cannot be: bfloat16, with a byte offset and strides, as PyTorch gives."""

    def __init__(
        self, bits: np.ndarray[Any, Any], shape: tuple[int, ...], strides: tuple[int, ...], offset: int
    ) -> None:
        self._bits, rank = bits, len(shape)
        self._shape, self._strides = (ctypes.c_int64 * rank)(*shape), (ctypes.c_int64 * rank)(*strides)
        pointer = ctypes.POINTER(ctypes.c_int64)
        self._tensor = structs.DLTensor(
            bits.ctypes.data, structs.DLDevice(1, 0), rank, structs.DLDataType(4, 16, 1),
            ctypes.cast(self._shape, pointer), ctypes.cast(self._strides, pointer), offset,
        )  # fmt: skip

    def __dlpack__(self) -> object:
        new = ctypes.pythonapi.PyCapsule_New
        new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        return new(ctypes.addressof(self._tensor), b"dltensor", None)


def test_dlpack_of_types_numpy_lacks(fake: Fake) -> None:
    exe = load(fake("echo", "CODE=4", "BITS=16"))
    bits = np.arange(10, dtype=np.uint16)
    for strides, expected in ((1,), [2, 3, 4]), ((2,), [2, 4, 6]):
        y = exe(Bfloat16(bits, (3,), strides, offset=4))
        assert y.view(np.uint16).tolist() == expected
    out = Bfloat16(bits, (2,), (1,), offset=0)
    exe(np.array([7, 8], np.uint16), out=out)
    assert bits.tolist() == [7, 8, *range(2, 10)]


# ---- several threads, profiles -------------------------------------------------------------------


def test_calls_from_several_threads(fake: Fake, rng: np.random.Generator) -> None:
    exe = load(fake("affine"), num_threads=2)
    inputs = [rng.random((100 * (n + 1), 8), np.float32) for n in range(4)]
    wrong: list[int] = []

    def work(n: int) -> None:
        for _ in range(100):
            if not np.array_equal(exe(inputs[n]), 2 * inputs[n] + W):
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_profile(fake: Fake) -> None:
    exe = load(fake("affine"))
    x = np.ones((1000, 8), np.float32)
    with exe.profile() as profile:
        for _ in range(10):
            exe(x)
    exe(x)
    kernels = {k.name: k for k in profile}
    assert {name: (k.calls, k.tiles) for name, k in kernels.items()} == {
        "k0_copy": (10, 10000),
        "k1_affine": (10, 10000),
    }
    assert profile.runs == 10
    assert 0 < sum(k.seconds for k in profile) <= profile.seconds
    table = str(profile)
    assert all(word in table for word in ("k0_copy", "k1_affine", "(host)", "10 runs", "2.00", "/copy"))
    known, unknown = kernels["k0_copy"].info, kernels["k1_affine"].info
    assert known == KernelInfo("k0_copy", "pointwise()", ("/copy",), 2e-6, 1, 96, 96)
    assert known.bytes == 192 and kernels["k0_copy"].ratio == kernels["k0_copy"].seconds / 10 / 2e-6
    assert unknown == KernelInfo("k1_affine") and unknown.bytes is None and kernels["k1_affine"].ratio is None
    assert exe.kernels == (known, unknown)
    with exe.profile() as profile:
        exe(x)
    assert (profile.runs, set(kernels)) == (1, {k.name for k in profile})


def test_dynamic_buffers_are_reused_and_given_back(fake: Fake) -> None:
    exe = load(fake("affine"))
    small, big = np.ones((2, 8), np.float32), np.ones((100_000, 8), np.float32)
    exe(small)
    before = exe.memory_bytes
    exe(big)
    held = exe.memory_bytes
    assert held > before + big.nbytes - 1
    exe(big)
    assert exe.memory_bytes == held
    for _ in range(40):
        exe(small)
    assert exe.memory_bytes < held - big.nbytes + 1


def test_a_call_from_python_costs_microseconds(fake: Fake) -> None:
    exe = load(fake("affine", "BATCH=4"), num_threads=1)
    x = np.ones((4, 8), np.float32)
    exe(x)
    best = min(timeit.repeat(lambda: exe(x), number=500, repeat=10)) / 500
    assert best < 40e-6  # about 3 on an idle machine
