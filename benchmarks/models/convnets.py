"""Convolutional networks written out in torch: ResNet-50, MobileNetV2, a YOLOv8n-like detector.

Architectures follow the papers (arXiv:1512.03385 with the stride on the 3x3 convolution; arXiv:1801.04381;
YOLOv8's published n-size layout). Weights are random: see `realistic.calibrated`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv_bn(cin: int, cout: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(cin, cout, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(cout))


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions around a shortcut; `stride` on the middle one."""

    def __init__(self, cin: int, width: int, stride: int) -> None:
        super().__init__()
        cout = 4 * width
        self.a, self.b = conv_bn(cin, width, 1), conv_bn(width, width, 3, stride)
        self.c = conv_bn(width, cout, 1)
        self.shortcut = conv_bn(cin, cout, 1, stride) if stride > 1 or cin != cout else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.c(F.relu(self.b(F.relu(self.a(x)))))
        return F.relu(y + self.shortcut(x))


class ResNet50(nn.Module):
    """f32[n, 3, 224, 224] -> logits f32[n, 1000]."""

    def __init__(self) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        cin = 64
        for width, count, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
            for i in range(count):
                blocks.append(Bottleneck(cin, width, stride if i == 0 else 1))
                cin = 4 * width
        self.stem, self.blocks = conv_bn(3, 64, 7, 2), nn.Sequential(*blocks)
        self.head = nn.Linear(cin, 1000)

    def forward(self, image: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.stem(image)), 3, 2, 1)
        x = F.adaptive_avg_pool2d(self.blocks(x), 1)
        return self.head(torch.flatten(x, 1))


class InvertedResidual(nn.Module):
    def __init__(self, cin: int, cout: int, stride: int, expand: int) -> None:
        super().__init__()
        hidden = cin * expand
        layers = [] if expand == 1 else [conv_bn(cin, hidden, 1), nn.ReLU6()]
        layers += [conv_bn(hidden, hidden, 3, stride, hidden), nn.ReLU6(), conv_bn(hidden, cout, 1)]
        self.layers, self.residual = nn.Sequential(*layers), stride == 1 and cin == cout

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.residual else self.layers(x)


class MobileNetV2(nn.Module):
    """f32[n, 3, 224, 224] -> logits f32[n, 1000]."""

    SETTINGS = (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    )

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv_bn(3, 32, 3, 2), nn.ReLU6()]
        cin = 32
        for expand, cout, count, stride in self.SETTINGS:
            for i in range(count):
                layers.append(InvertedResidual(cin, cout, stride if i == 0 else 1, expand))
                cin = cout
        layers += [conv_bn(cin, 1280, 1), nn.ReLU6()]
        self.features, self.head = nn.Sequential(*layers), nn.Linear(1280, 1000)

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.features(image).mean((2, 3)))


class ConvSilu(nn.Sequential):
    def __init__(self, cin: int, cout: int, kernel: int, stride: int = 1) -> None:
        super().__init__(conv_bn(cin, cout, kernel, stride), nn.SiLU())


class C2f(nn.Module):
    """Splits the channels, runs `count` bottlenecks on one half and concatenates every step."""

    def __init__(self, cin: int, cout: int, count: int, shortcut: bool) -> None:
        super().__init__()
        half = cout // 2
        self.first, self.last = ConvSilu(cin, cout, 1), ConvSilu((2 + count) * half, cout, 1)
        self.steps = nn.ModuleList(
            nn.Sequential(ConvSilu(half, half, 3), ConvSilu(half, half, 3)) for _ in range(count)
        )
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        parts = list(self.first(x).chunk(2, 1))
        for step in self.steps:
            y = step(parts[-1])
            parts.append(parts[-1] + y if self.shortcut else y)
        return self.last(torch.cat(parts, 1))


class SpatialPyramid(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.last = ConvSilu(channels, channels // 2, 1), ConvSilu(2 * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.first(x)]
        for _ in range(3):
            parts.append(F.max_pool2d(parts[-1], 5, 1, 2))
        return self.last(torch.cat(parts, 1))


class YoloV8n(nn.Module):
    """f32[n, 3, 640, 640] -> boxes and scores f32[n, 4 + 80, 8400]; decoded, without non-maximum suppression."""

    STRIDES = (8, 16, 32)

    def __init__(self, classes: int = 80, bins: int = 16, size: int = 640) -> None:
        super().__init__()
        self.classes, self.bins = classes, bins
        self.stem = nn.Sequential(ConvSilu(3, 16, 3, 2), ConvSilu(16, 32, 3, 2), C2f(32, 32, 1, True))
        self.p3 = nn.Sequential(ConvSilu(32, 64, 3, 2), C2f(64, 64, 2, True))
        self.p4 = nn.Sequential(ConvSilu(64, 128, 3, 2), C2f(128, 128, 2, True))
        self.p5 = nn.Sequential(ConvSilu(128, 256, 3, 2), C2f(256, 256, 1, True), SpatialPyramid(256))
        self.up4, self.up3 = C2f(384, 128, 1, False), C2f(192, 64, 1, False)
        self.down4, self.down5 = ConvSilu(64, 64, 3, 2), ConvSilu(128, 128, 3, 2)
        self.out4, self.out5 = C2f(192, 128, 1, False), C2f(384, 256, 1, False)
        self.box = nn.ModuleList(self.head(c, 64, 4 * bins) for c in (64, 128, 256))
        self.score = nn.ModuleList(self.head(c, 80, classes) for c in (64, 128, 256))
        self.register_buffer("bin_values", torch.arange(bins, dtype=torch.float32))
        centres = [self.grid(size // s) * s for s in self.STRIDES]
        self.register_buffer("centres", torch.cat(centres, 1))
        scale = [torch.full((1, (size // s) ** 2), float(s)) for s in self.STRIDES]
        self.register_buffer("scale", torch.cat(scale, 1))

    @staticmethod
    def head(cin: int, hidden: int, cout: int) -> nn.Sequential:
        return nn.Sequential(
            ConvSilu(cin, hidden, 3), ConvSilu(hidden, hidden, 3), nn.Conv2d(hidden, cout, 1)
        )

    @staticmethod
    def grid(cells: int) -> Tensor:
        line = torch.arange(cells, dtype=torch.float32) + 0.5
        return torch.stack((line.repeat(cells), line.repeat_interleave(cells)))

    def forward(self, image: Tensor) -> Tensor:
        c3 = self.p3(self.stem(image))
        c4 = self.p4(c3)
        c5 = self.p5(c4)
        t4 = self.up4(torch.cat((F.interpolate(c5, scale_factor=2.0), c4), 1))
        t3 = self.up3(torch.cat((F.interpolate(t4, scale_factor=2.0), c3), 1))
        t4 = self.out4(torch.cat((self.down4(t3), t4), 1))
        t5 = self.out5(torch.cat((self.down5(t4), c5), 1))
        levels = (t3, t4, t5)
        boxes = torch.cat([h(x).flatten(2) for h, x in zip(self.box, levels, strict=True)], 2)
        scores = torch.cat([h(x).flatten(2) for h, x in zip(self.score, levels, strict=True)], 2)
        n, _, cells = boxes.shape
        spread = boxes.view(n, 4, self.bins, cells).softmax(2)
        sides = (spread * self.bin_values.view(1, 1, -1, 1)).sum(2) * self.scale
        low, high = self.centres - sides[:, :2], self.centres + sides[:, 2:]
        return torch.cat(((low + high) / 2, high - low, scores.sigmoid()), 1)
