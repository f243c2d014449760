"""The models of `make test-cuda` and `make bench-cuda`: compiled here, run where the GPU is."""
