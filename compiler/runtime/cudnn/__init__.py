"""C sources of the calls of cuDNN, a part of the runtime that only models compiled to call it have."""
