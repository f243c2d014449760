"""From loops to the LLVM dialect."""
