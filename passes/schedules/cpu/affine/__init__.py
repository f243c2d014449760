"""The schedule that matches every kernel: linalg to affine loops, vectors left to LLVM.

It is `-O1`, the last resort when another schedule fails, and the reference every other schedule is tested
against; so it takes each step with a pass that knows nothing of the kernel's kind:

1. packed operands become index maps, elementwise producers fuse into their readers;
2. one-shot bufferization, epilogues in the buffer they read;
3. per nest, the loop with unit strides goes innermost, where LLVM's loop vectorizer finds it;
4. when all nests agree on an outer parallel dimension, its slices are the tiles;
5. temporaries become places in the kernel's scratch.
"""

from __future__ import annotations

from aicc.passes.schedules.cpu.affine.schedule import SCHEDULE, Affine, AffineConfig

__all__ = ["SCHEDULE", "Affine", "AffineConfig"]
