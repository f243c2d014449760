"""Passes on the aicc dialect, and the order they run in.

`graph_passes(target)` is the stage `graph`: what an imported model becomes before it is lowered to linalg.
"""

from __future__ import annotations

from aicc.passes.base import Pass
from aicc.passes.graph.assign_layout import AssignLayout
from aicc.passes.graph.canonicalize import Canonicalize
from aicc.passes.graph.cleanup import EliminateCommon, EliminateDead
from aicc.passes.graph.fold_batchnorm import FoldBatchNorm
from aicc.passes.graph.fold_constants import FoldConstants
from aicc.passes.graph.fold_quantized import FoldQuantized
from aicc.passes.graph.merge_matmuls import MergeMatmuls
from aicc.passes.graph.pack_weights import PackWeights
from aicc.passes.graph.propagate_quantization import PropagateQuantization
from aicc.passes.graph.quantize_activations import QuantizeActivations
from aicc.passes.graph.recognize_activations import RecognizeActivations
from aicc.passes.graph.recognize_attention import RecognizeAttention
from aicc.passes.graph.recognize_norms import RecognizeNorms
from aicc.passes.graph.simplify_shapes import SimplifyShapes
from aicc.passes.graph.split_zero_points import SplitZeroPoints
from aicc.target import Target


def graph_passes(target: Target) -> list[Pass]:
    """The passes of the stage `graph`, in order."""
    return [
        # what is computed in integers, while weights are still seen to be dequantized
        PropagateQuantization(),
        FoldQuantized(),
        SplitZeroPoints(),
        # what stays in few bits
        PackWeights(),
        # what constants and shapes decide
        FoldConstants(),
        EliminateCommon(),
        SimplifyShapes(),
        Canonicalize(),
        # what exporters took apart
        RecognizeActivations(),
        RecognizeNorms(),
        FoldBatchNorm(),
        FoldConstants(),
        RecognizeAttention(),
        # what is multiplied in bytes
        QuantizeActivations(),
        # what is one product
        MergeMatmuls(),
        # where tensors lie
        AssignLayout(),
        Canonicalize(),
        FoldConstants(),
        EliminateCommon(),
        EliminateDead(),
    ]


__all__ = ["MergeMatmuls", "graph_passes"]
