"""Device code without a device: numbers by running it on the CPU thread by thread, PTX by NVIDIA's assembler."""
