"""aicc: an ONNX compiler built on MLIR."""
