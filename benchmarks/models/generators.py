"""Networks whose result is an image, a map or a sound: upsampling, transposed and dilated convolutions.

A DeepLabV3-like segmenter (arXiv:1706.05587), U-Net (arXiv:1505.04597), a DCGAN generator (arXiv:1511.06434), a block
stack of a latent diffusion U-Net (arXiv:2112.10752), a WaveNet-like stack (arXiv:1609.03499). `scale` divides widths.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.models.convnets import conv_bn


def conv_bn_relu(cin: int, cout: int, dilation: int = 1, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(cin, cout, 3, stride, dilation, dilation, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(cout), nn.ReLU())


class DeepLab(nn.Module):
    """f32[n, 3, s, s] -> classes f32[n, 21, s, s]: residual blocks, dilated pyramid, bilinear upsampling."""

    def __init__(self, scale: int = 1) -> None:
        super().__init__()
        a, b, c = 64 // scale, 128 // scale, 256 // scale
        self.stem = nn.Sequential(conv_bn_relu(3, a, stride=2), conv_bn_relu(a, a), nn.MaxPool2d(3, 2, 1))
        self.body = nn.Sequential(conv_bn_relu(a, b, stride=2), conv_bn_relu(b, b), conv_bn_relu(b, c))
        self.dilated = nn.ModuleList(conv_bn_relu(c, c, d) for d in (2, 2, 4))
        self.pyramid = nn.ModuleList(conv_bn_relu(c, b, d) for d in (6, 12, 18))
        self.point, self.pooled = conv_bn(c, b, 1), nn.Conv2d(c, b, 1)
        self.merge = nn.Sequential(conv_bn(5 * b, c, 1), nn.ReLU(), conv_bn_relu(c, c), nn.Conv2d(c, 21, 1))

    def forward(self, image: Tensor) -> Tensor:
        x = self.body(self.stem(image))
        for layer in self.dilated:
            x = x + layer(x)
        size = list(x.shape[2:])
        pooled = F.relu(self.pooled(F.adaptive_avg_pool2d(x, 1)))
        parts = [F.relu(self.point(x)), *(layer(x) for layer in self.pyramid), F.interpolate(pooled, size)]
        y = self.merge(torch.cat(parts, 1))
        return F.interpolate(y, list(image.shape[2:]), mode="bilinear", align_corners=False)


class UNet(nn.Module):
    """f32[n, 3, s, s] -> classes f32[n, 2, s, s]: a transposed 2x2 convolution and a concatenation at each level."""

    def __init__(self, width: int = 32, levels: int = 4) -> None:
        super().__init__()
        widths = [width << i for i in range(levels + 1)]
        self.first = self.double(3, width)
        self.down = nn.ModuleList(self.double(a, b) for a, b in zip(widths, widths[1:], strict=False))
        pairs = list(zip(widths, widths[1:], strict=False))[::-1]
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, 2) for a, b in pairs)
        self.join = nn.ModuleList(self.double(b, a) for a, b in pairs)
        self.last = nn.Conv2d(width, 2, 1)

    @staticmethod
    def double(cin: int, cout: int) -> nn.Sequential:
        return nn.Sequential(conv_bn_relu(cin, cout), conv_bn_relu(cout, cout))

    def forward(self, image: Tensor) -> Tensor:
        levels = [self.first(image)]
        for layer in self.down:
            levels.append(layer(F.max_pool2d(levels[-1], 2)))
        x = levels.pop()
        for up, join in zip(self.up, self.join, strict=True):
            x = join(torch.cat((levels.pop(), up(x)), 1))
        return self.last(x)


class Generator(nn.Module):
    """f32[n, 100, 1, 1] -> image f32[n, 3, 64, 64]: 4x4 transposed convolutions only."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        cin = 100
        for i, factor in enumerate((8, 4, 2, 1)):
            conv = nn.ConvTranspose2d(
                cin, width * factor, 4, 1 if i == 0 else 2, 0 if i == 0 else 1, bias=False
            )
            layers += [conv, nn.BatchNorm2d(width * factor), nn.ReLU()]
            cin = width * factor
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(cin, 3, 4, 2, 1), nn.Tanh())

    def forward(self, noise: Tensor) -> Tensor:
        return self.layers(noise)


class NormSiluConv(nn.Sequential):
    def __init__(self, cin: int, cout: int) -> None:
        super().__init__(nn.GroupNorm(16, cin), nn.SiLU(), nn.Conv2d(cin, cout, 3, padding=1))


class TimedBlock(nn.Module):
    """Two normalized convolutions with the embedding of the time step between them, and a shortcut."""

    def __init__(self, cin: int, cout: int, embedding: int) -> None:
        super().__init__()
        self.a, self.b = NormSiluConv(cin, cout), NormSiluConv(cout, cout)
        self.time = nn.Linear(embedding, cout)
        self.shortcut = nn.Conv2d(cin, cout, 1) if cin != cout else nn.Identity()

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        y = self.a(x) + self.time(F.silu(time))[:, :, None, None]
        return self.b(y) + self.shortcut(x)


class SpatialAttention(nn.Module):
    """Self-attention of all positions around a group norm."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(16, channels)
        self.qkv, self.out = nn.Conv2d(channels, 3 * channels, 1), nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        q, k, v = self.qkv(self.norm(x)).view(n, 3, self.heads, c // self.heads, h * w).unbind(1)
        y = F.scaled_dot_product_attention(*(t.transpose(2, 3) for t in (q, k, v)))
        return x + self.out(y.transpose(2, 3).reshape(n, c, h, w))


class DiffusionUNet(nn.Module):
    """latents f32[n, 4, s, s], embedding of the step f32[n, 4 * width] -> noise f32[n, 4, s, s]."""

    def __init__(self, width: int = 128, heads: int = 4) -> None:
        super().__init__()
        e = 4 * width
        self.first = nn.Conv2d(4, width, 3, padding=1)
        self.a1, self.a2 = TimedBlock(width, width, e), TimedBlock(width, width, e)
        self.down = nn.Conv2d(width, width, 3, 2, 1)
        self.b1, self.b2 = TimedBlock(width, 2 * width, e), TimedBlock(2 * width, 2 * width, e)
        self.b_attention = SpatialAttention(2 * width, heads)
        self.middle = TimedBlock(2 * width, 2 * width, e)
        self.c1, self.c_attention = TimedBlock(4 * width, 2 * width, e), SpatialAttention(2 * width, heads)
        self.up = nn.Conv2d(2 * width, 2 * width, 3, padding=1)
        self.d1, self.d2 = TimedBlock(3 * width, width, e), TimedBlock(2 * width, width, e)
        self.last = NormSiluConv(width, 4)

    def forward(self, latents: Tensor, time: Tensor) -> Tensor:
        a1 = self.a1(self.first(latents), time)
        a2 = self.a2(a1, time)
        b = self.b_attention(self.b2(self.b1(self.down(a2), time), time))
        c = self.c_attention(self.c1(torch.cat((self.middle(b, time), b), 1), time))
        d = self.up(F.interpolate(c, scale_factor=2.0))
        d = self.d1(torch.cat((d, a2), 1), time)
        return self.last(self.d2(torch.cat((d, a1), 1), time))


class WaveNet(nn.Module):
    """Sound f32[n, 1, t] -> f32[n, 1, t]: gated convolutions along time whose dilation doubles, skips summed."""

    def __init__(self, width: int = 64, layers: int = 10) -> None:
        super().__init__()
        self.first = nn.Conv1d(1, width, 3, padding=1)
        self.gates = nn.ModuleList(
            nn.Conv1d(width, 2 * width, 3, padding=1 << i, dilation=1 << i) for i in range(layers)
        )
        self.rest = nn.ModuleList(nn.Conv1d(width, 2 * width, 1) for _ in range(layers))
        self.last = nn.Sequential(nn.ReLU(), nn.Conv1d(width, width, 1), nn.ReLU(), nn.Conv1d(width, 1, 1))

    def forward(self, sound: Tensor) -> Tensor:
        x = self.first(sound)
        skips = torch.zeros_like(x)
        for gate, rest in zip(self.gates, self.rest, strict=True):
            a, b = gate(x).chunk(2, 1)
            y, skip = rest(torch.tanh(a) * torch.sigmoid(b)).chunk(2, 1)
            x, skips = x + y, skips + skip
        return self.last(skips)
