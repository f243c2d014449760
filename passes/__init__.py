"""The passes, in the order of the pipeline: graph, linalg, kernels, buffers, schedules, loops, llvm."""
