"""Random weights that keep activations in the range of a trained network.

Timings depend on weights through denormals and branches, agreement through magnitudes: a network whose
activations explode or die says nothing about either.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import torch
from torch import Tensor, nn

_SMALL = 0.3


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
def calibrated(
    model: nn.Module,
    *examples: Tensor,
    seed: int,
    steps: int = 4,
    draw: Callable[[Tensor], Tensor] = torch.randn_like,
    small: Collection[nn.Module] = (),
    lift: float = 0.0,
) -> nn.Module:
    """He-initialized convolutions, then batch norms whose running statistics are those of real activations.

    `draw` makes an input like an example; norms in `small` give numbers of `_SMALL` the usual size; `lift` is the mean
    of norms' biases.
    """
    torch.manual_seed(seed)
    for module in model.modules():
        if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                module.bias.normal_(0.0, 0.1)
        elif isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # a plain average over the steps
            module.weight.normal_(1.0, 0.1).clamp_(0.5, 1.5).mul_(_SMALL if module in small else 1.0)
            module.bias.normal_(lift, 0.1)
    model.train()
    for _ in range(steps):
        model(*(draw(example) for example in examples))
    return model.eval()
