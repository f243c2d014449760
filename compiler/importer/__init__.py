"""ONNX to the aicc dialect: one file per op family; `model.import_model` is the entry."""

from aicc.importer.model import import_model

__all__ = ["import_model"]
