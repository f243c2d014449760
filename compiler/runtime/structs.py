"""The structs of `aicc.h` for ctypes."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_char_p, c_double, c_int32, c_int64, c_uint8, c_uint16, c_uint64, c_void_p

ABI_VERSION = 1

CPU, CUDA_HOST = 1, 3
"""DLPack device types whose memory the host can read."""

CUDA, CUDA_MANAGED = 2, 13
"""DLPack device types whose memory NVIDIA GPUs can read."""


class DLDevice(ctypes.Structure):
    _fields_ = [("device_type", c_int32), ("device_id", c_int32)]


class DLDataType(ctypes.Structure):
    _fields_ = [("code", c_uint8), ("bits", c_uint8), ("lanes", c_uint16)]


class DLTensor(ctypes.Structure):
    _fields_ = [
        ("data", c_void_p),
        ("device", DLDevice),
        ("ndim", c_int32),
        ("dtype", DLDataType),
        ("shape", POINTER(c_int64)),
        ("strides", POINTER(c_int64)),
        ("byte_offset", c_uint64),
    ]


class DLManagedTensor(ctypes.Structure):
    _fields_ = [("tensor", DLTensor), ("context", c_void_p), ("deleter", c_void_p)]


class TensorInfo(ctypes.Structure):
    _fields_ = [
        ("name", c_char_p),
        ("dtype", DLDataType),
        ("ndim", c_int32),
        ("dims", POINTER(c_int64)),
        ("dim_names", POINTER(c_char_p)),
    ]


class Kernel(ctypes.Structure):
    _fields_ = [
        ("name", c_char_p),
        ("schedule", c_char_p),
        ("nodes", c_char_p),
        ("seconds", c_double),
        ("calls", c_int64),
        ("read", c_int64),
        ("written", c_int64),
    ]


class String(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("size", c_int64)]


class Value(ctypes.Structure):
    _fields_ = [
        ("name", c_char_p),
        ("kind", c_int32),
        ("type", c_char_p),
        ("first", c_int32),
        ("count", c_int32),
        ("n_keys", c_int64),
        ("int_keys", POINTER(c_int64)),
        ("string_keys", POINTER(String)),
    ]


class ProfileEntry(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("calls", c_int64), ("nanoseconds", c_int64), ("tiles", c_int64)]


STATUS: dict[int, str] = {
    1: "AICC-5002",  # AICC_ERROR_ARGUMENT
    2: "AICC-5002",  # AICC_ERROR_INPUT
    3: "AICC-5002",  # AICC_ERROR_OUTPUT
    4: "AICC-5003",  # AICC_ERROR_MEMORY
    5: "AICC-5004",  # AICC_ERROR_WEIGHTS
    6: "AICC-5001",  # AICC_ERROR_CPU
    7: "AICC-5003",  # AICC_ERROR_MODEL
    8: "AICC-5003",  # AICC_ERROR_BUSY
    9: "AICC-5001",  # AICC_ERROR_ABI
    10: "AICC-5005",  # AICC_ERROR_DEVICE
    11: "AICC-5006",  # AICC_ERROR_LIBRARY
}
"""The catalogue's code for each `aicc_status`."""
