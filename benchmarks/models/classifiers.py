"""Image classifiers beside ResNet-50 and MobileNetV2: what their blocks add is named with each class.

Architectures follow the papers: EfficientNet-B0 (arXiv:1905.11946), ConvNeXt-T (arXiv:2201.03545), ResNeXt-50 32x4d
(arXiv:1611.05431), ShuffleNetV2 x1 (arXiv:1807.11164), RegNetY-800MF (arXiv:2003.13678). `scale` divides widths and
`depth` block counts, for tests.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.models.convnets import conv_bn


class SqueezeExcite(nn.Module):
    """Channels multiplied by a gate computed from their means."""

    def __init__(self, channels: int, hidden: int, activation: nn.Module) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, hidden, 1),
            activation,
            nn.Conv2d(hidden, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x)


class MbConv(nn.Module):
    """Expand, depthwise, squeeze and excite, project."""

    def __init__(self, cin: int, cout: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        hidden = cin * expand
        layers: list[nn.Module] = [] if expand == 1 else [conv_bn(cin, hidden, 1), nn.SiLU()]
        layers += [conv_bn(hidden, hidden, kernel, stride, hidden), nn.SiLU()]
        layers += [SqueezeExcite(hidden, max(cin // 4, 1), nn.SiLU()), conv_bn(hidden, cout, 1)]
        self.layers, self.residual = nn.Sequential(*layers), stride == 1 and cin == cout

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.residual else self.layers(x)


class EfficientNetB0(nn.Module):
    """f32[n, 3, s, s] -> logits f32[n, 1000]: gates per channel, SiLU, 5x5 depthwise convolutions."""

    SETTINGS = (
        (1, 16, 1, 1, 3),
        (6, 24, 2, 2, 3),
        (6, 40, 2, 2, 5),
        (6, 80, 3, 2, 3),
        (6, 112, 3, 1, 5),
        (6, 192, 4, 2, 5),
        (6, 320, 1, 1, 3),
    )

    def __init__(self, scale: int = 1, depth: int = 9) -> None:
        super().__init__()
        cin = 32 // scale
        layers: list[nn.Module] = [conv_bn(3, cin, 3, 2), nn.SiLU()]
        for expand, cout, count, stride, kernel in self.SETTINGS:
            for i in range(min(count, depth)):
                layers.append(MbConv(cin, cout // scale, kernel, stride if i == 0 else 1, expand))
                cin = cout // scale
        layers += [conv_bn(cin, 1280 // scale, 1), nn.SiLU()]
        self.features, self.head = nn.Sequential(*layers), nn.Linear(1280 // scale, 1000)

    def forward(self, image: Tensor) -> Tensor:
        return self.head(torch.flatten(F.adaptive_avg_pool2d(self.features(image), 1), 1))


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of NCHW."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNextBlock(nn.Module):
    """7x7 depthwise, layer norm, two linear layers with GELU on channels last."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.up, self.down = nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, channels)
        self.gamma = nn.Parameter(torch.full((channels,), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.down(F.gelu(self.up(y))) * self.gamma
        return x + y.permute(0, 3, 1, 2)


class ConvNextT(nn.Module):
    """f32[n, 3, s, s] -> logits f32[n, 1000]: layer norms between convolutions, large depthwise kernels."""

    def __init__(self, scale: int = 1, depth: int = 9) -> None:
        super().__init__()
        widths = [w // scale for w in (96, 192, 384, 768)]
        layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 4, 4), ChannelNorm(widths[0])]
        for i, (width, count) in enumerate(zip(widths, (3, 3, 9, 3), strict=True)):
            if i > 0:
                layers += [ChannelNorm(widths[i - 1]), nn.Conv2d(widths[i - 1], width, 2, 2)]
            layers += [ConvNextBlock(width) for _ in range(min(count, depth))]
        self.features = nn.Sequential(*layers)
        self.norm, self.head = nn.LayerNorm(widths[-1]), nn.Linear(widths[-1], 1000)

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.norm(self.features(image).mean((2, 3))))


class GroupedBottleneck(nn.Module):
    """1x1, grouped 3x3, optional gate, 1x1, around a shortcut."""

    def __init__(self, cin: int, width: int, cout: int, stride: int, groups: int, gate: int = 0) -> None:
        super().__init__()
        self.a, self.b = conv_bn(cin, width, 1), conv_bn(width, width, 3, stride, groups)
        self.gate = SqueezeExcite(width, gate, nn.ReLU()) if gate else nn.Identity()
        self.c = conv_bn(width, cout, 1)
        self.shortcut = conv_bn(cin, cout, 1, stride) if stride > 1 or cin != cout else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.c(self.gate(F.relu(self.b(F.relu(self.a(x))))))
        return F.relu(y + self.shortcut(x))


class ResNext50(nn.Module):
    """f32[n, 3, s, s] -> logits f32[n, 1000]: 3x3 convolutions in 32 groups."""

    def __init__(self, scale: int = 1, depth: int = 9) -> None:
        super().__init__()
        cin = 64 // scale
        layers: list[nn.Module] = [conv_bn(3, cin, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
        for width, count, stride in ((128, 3, 1), (256, 4, 2), (512, 6, 2), (1024, 3, 2)):
            for i in range(min(count, depth)):
                w, cout = width // scale, 2 * width // scale
                layers.append(GroupedBottleneck(cin, w, cout, stride if i == 0 else 1, 32 // scale))
                cin = cout
        self.features, self.head = nn.Sequential(*layers), nn.Linear(cin, 1000)

    def forward(self, image: Tensor) -> Tensor:
        return self.head(torch.flatten(F.adaptive_avg_pool2d(self.features(image), 1), 1))


class RegNetY(nn.Module):
    """f32[n, 3, s, s] -> logits f32[n, 1000]: groups of 16 channels and gates."""

    def __init__(self, depth: int = 9) -> None:
        super().__init__()
        cin = 32
        layers: list[nn.Module] = [conv_bn(3, cin, 3, 2), nn.ReLU()]
        for width, count in ((64, 1), (144, 3), (320, 8), (784, 2)):
            for i in range(min(count, depth)):
                stride = 2 if i == 0 else 1
                layers.append(GroupedBottleneck(cin, width, width, stride, width // 16, max(cin // 4, 1)))
                cin = width
        self.features, self.head = nn.Sequential(*layers), nn.Linear(cin, 1000)

    def forward(self, image: Tensor) -> Tensor:
        return self.head(torch.flatten(F.adaptive_avg_pool2d(self.features(image), 1), 1))


def shuffle(x: Tensor) -> Tensor:
    """Interleaves the two halves of the channels."""
    n, c, h, w = x.shape
    return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


class ShuffleBlock(nn.Module):
    """One half of the channels goes through 1x1, depthwise, 1x1; a block of stride 2 takes all of them twice."""

    def __init__(self, cin: int, cout: int, stride: int) -> None:
        super().__init__()
        half = cout // 2
        self.stride = stride
        self.main = nn.Sequential(
            conv_bn(cin if stride > 1 else half, half, 1),
            nn.ReLU(),
            conv_bn(half, half, 3, stride, half),
            conv_bn(half, half, 1),
            nn.ReLU(),
        )
        self.side = (
            nn.Sequential(conv_bn(cin, cin, 3, stride, cin), conv_bn(cin, half, 1), nn.ReLU())
            if stride > 1
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.stride > 1:
            return shuffle(torch.cat((self.side(x), self.main(x)), 1))
        kept, changed = x.chunk(2, 1)
        return shuffle(torch.cat((kept, self.main(changed)), 1))


class ShuffleNetV2(nn.Module):
    """f32[n, 3, s, s] -> logits f32[n, 1000]: channels split, concatenated and shuffled in every block."""

    def __init__(self, depth: int = 9) -> None:
        super().__init__()
        cin = 24
        layers: list[nn.Module] = [conv_bn(3, cin, 3, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
        for width, count in ((116, 4), (232, 8), (464, 4)):
            for i in range(min(count, depth)):
                layers.append(ShuffleBlock(cin, width, 2 if i == 0 else 1))
                cin = width
        layers += [conv_bn(cin, 1024, 1), nn.ReLU()]
        self.features, self.head = nn.Sequential(*layers), nn.Linear(1024, 1000)

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.features(image).mean((2, 3)))
