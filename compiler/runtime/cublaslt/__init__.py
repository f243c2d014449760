"""C sources of the calls of cuBLASLt, a part of the runtime that only models compiled to call it have."""
