"""ONNX to the aicc dialect."""
