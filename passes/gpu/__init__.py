"""From kernels with `gpu.launch` to device code and the host code that starts it (contract 5, devices)."""
