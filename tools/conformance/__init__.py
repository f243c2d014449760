"""`make conformance`: the official ONNX backend tests, all of them, through `aicc.backend`."""
