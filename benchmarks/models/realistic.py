"""Random weights that keep activations in the range of a trained network.

Timings depend on weights through denormals and branches, agreement through magnitudes: a network whose
activations explode or die says nothing about either.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


@torch.no_grad()
def initialized(model: nn.Module, seed: int, std: float = 0.02) -> nn.Module:
    """Transformer-like weights: normal of deviation `std`, norms around one, small biases, nothing exactly zero."""
    torch.manual_seed(seed)
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            parameter.normal_(0.0, 0.02)
        elif parameter.ndim == 1:
            parameter.normal_(1.0, 0.1)
        else:
            parameter.normal_(0.0, std)
    return model.eval()


@torch.no_grad()
def calibrated(model: nn.Module, *examples: Tensor, seed: int, steps: int = 4) -> nn.Module:
    """He-initialized convolutions, then batch norms whose running statistics are those of real activations."""
    torch.manual_seed(seed)
    for module in model.modules():
        if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                module.bias.normal_(0.0, 0.1)
        elif isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # a plain average over the steps
            module.weight.normal_(1.0, 0.1).clamp_(0.5, 1.5)
            module.bias.normal_(0.0, 0.1)
    model.train()
    for _ in range(steps):
        model(*(torch.randn_like(example) for example in examples))
    return model.eval()
