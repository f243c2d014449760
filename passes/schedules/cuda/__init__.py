"""Schedules for GPUs: kernels become `gpu.launch` ops (contract 5, devices). NVIDIA's and AMD's share them."""
