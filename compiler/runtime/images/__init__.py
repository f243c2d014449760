"""C sources of the image decoders, a part of the runtime that only models with `ImageDecoder` have."""
