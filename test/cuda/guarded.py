"""Runs the cases named on the command line with inputs that end where readable memory does.

A kernel that reads past an argument ends the process.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from test.cuda.cases import CASES, compiled, model_of, random_inputs, tolerance, worst_error

_PAGE = mmap.PAGESIZE


def at_the_end(array: NDArray[Any]) -> NDArray[Any]:
    """A copy that ends right before a page that nobody may touch."""
    pages = -(-array.nbytes // _PAGE)
    memory = mmap.mmap(-1, (pages + 1) * _PAGE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(start + pages * _PAGE), _PAGE, 0) != 0:
        raise OSError(ctypes.get_errno(), "mprotect")
    view = np.frombuffer(memory, array.dtype, array.size, pages * _PAGE - array.nbytes).reshape(array.shape)
    view[...] = array
    return view


def main() -> None:
    """`only` schedule, then names of cases."""
    only, *names = sys.argv[1:]
    for name in names:
        text = CASES[name]
        inputs = {key: at_the_end(value) for key, value in random_inputs(model_of(text)).items()}
        assert worst_error(compiled(model_of(text), only), text, inputs) <= tolerance(text), name
        print(name, flush=True)


if __name__ == "__main__":
    main()
