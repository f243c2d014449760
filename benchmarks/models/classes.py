"""Networks of random weights that nevertheless recognize something: their answers have a margin, as trained ones' do.

With random weights alone the largest of a thousand logits is decided by less than rounding, and a deep network of
norms and ReLUs is chaotic: what differs a little at its input has nothing in common at its end. Both say nothing about
a compiler. So, of architectures that stay as they are,

* residual branches are small beside what they are added to, as trained ones are (batch norms that start near zero:
  arXiv:1706.02677, 5.1), statistics of norms are those of the inputs' distribution, and norms' biases are about one
  deviation: most units are on, so that differences between inputs neither grow nor vanish from layer to layer;
* the last layer is imprinted (arXiv:1712.07136): its row for a class is the direction of the features of that class's
  example from the mean of all. `benchmarks.class_examples` has the examples, and inputs near them.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks import class_examples
from benchmarks.models import convnets, transformers
from benchmarks.models.realistic import calibrated, initialized

_SHARPNESS = 20.0
"""Logit of an input whose features lie just where those of a class's example do."""
_BATCH = 4
_LIFT = 1.0


def convnet(build: Callable[[], convnets.ResNet50 | convnets.MobileNetV2], seed: int) -> nn.Module:
    """Logits `[n, 1000]`, of which the first `CLASSES` are of classes that have examples."""
    model = build()
    ends = [block.c for block in model.modules() if isinstance(block, convnets.Bottleneck)]
    for block in model.modules():
        if isinstance(block, convnets.InvertedResidual) and block.residual:
            ends.append(block.layers[-1])
    labels = count(class_examples.CLASSES)  # of nobody's class

    def draw(example: Tensor) -> Tensor:
        return torch.cat([_tensor(class_examples.image(next(labels))) for _ in range(len(example))])

    example = torch.zeros(_BATCH, 3, 224, 224)
    calibrated(model, example, seed=seed, draw=draw, small={norm for _, norm in ends}, lift=_LIFT)
    return imprinted(model, model.head, class_examples.image)


class BertClassifier(nn.Module):
    """BERT, the mean of its last states, and logits `[n, CLASSES]`."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = transformers.Bert(), nn.Linear(768, class_examples.CLASSES)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        states, _ = self.body(input_ids, attention_mask, token_type_ids)
        return self.head(states.mean(1))


def bert(seed: int) -> nn.Module:
    """`BertClassifier` for texts of full length."""
    model = BertClassifier()
    initialized(model, seed=seed)
    return imprinted(model, model.head, class_examples.tokens)


@torch.no_grad()
def imprinted(model: nn.Module, head: nn.Linear, example: Callable[[int], np.ndarray]) -> nn.Module:
    """`model` with the first rows of `head` set; the others keep directions at random, of the same length."""
    seen: list[Tensor] = []
    hook = head.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    for first in range(0, class_examples.CLASSES, _BATCH):
        x = torch.cat([_tensor(example(first + i)) for i in range(_BATCH)])
        model(*((x,) if x.is_floating_point() else (x, torch.ones_like(x), torch.zeros_like(x))))
    hook.remove()
    features = torch.cat(seen)
    mean = features.mean(0)
    apart = features - mean
    weight = F.normalize(head.weight)
    weight[: len(apart)] = F.normalize(apart)
    weight *= _SHARPNESS / apart.norm(dim=1).mean()
    head.weight.copy_(weight)
    head.bias.copy_(-weight @ mean)
    return model


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))
