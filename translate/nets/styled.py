"""A picture's decoder that a label or a style vector steers: adaptive instance normalisation (Huang 2017, arXiv:1703.06868, eq. 8),
as in MUNIT's (arXiv:1804.04732, figure 3). Label planes joined to the picture would be erased by the first norm.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..sample import Sample
from .layers import InstanceNorm, Reflected, Style, init_gan
from .resnet import Residual


class AdaIN(nn.Module):
    """x [B,C,H,W] normalised, then scaled by 1 + gamma and shifted by beta, which are read from h [B,D]."""

    def __init__(self, channels: int, width: int):
        super().__init__()
        self.norm, self.scale_shift = InstanceNorm(channels), nn.Linear(width, 2 * channels)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        gamma, beta = self.scale_shift(h)[..., None, None].chunk(2, 1)
        return self.norm(x) * (1 + gamma) + beta


class StyledConv(nn.Module):
    """Convolution, AdaIN."""

    def __init__(self, channels: int, out: int, style: int):
        super().__init__()
        self.conv = init_gan(Reflected(channels, out, 3, bias=False))
        self.norm = AdaIN(out, style)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        return self.norm(self.conv(x), h)


class StyledBlock(nn.Module):
    """Two of them around which the input is added."""

    def __init__(self, channels: int, style: int):
        super().__init__()
        self.first, self.second = StyledConv(channels, channels, style), StyledConv(channels, channels, style)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        return x + self.second(F.relu(self.first(x, h)), h)


class StyledDecoder(nn.Module):
    """Code whose label names one of `styles`, or is a vector [B,styles] -> picture [B,C,H,W] in [-1, 1]."""

    def __init__(
        self, channels: int = 3, width: int = 64, down: int = 2, blocks: int = 4, styles: int = 8, hidden: int = 64
    ):
        super().__init__()
        self.style = nn.Sequential(Style(styles, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.blocks = nn.ModuleList(StyledBlock(width * 2**down, hidden) for _ in range(blocks))
        self.ups = nn.ModuleList(StyledConv(width * 2 ** (i + 1), width * 2**i, hidden) for i in reversed(range(down)))
        self.out = init_gan(Reflected(width, channels, 7))

    def forward(self, s: Sample, like: Sample | None = None) -> Sample:
        return Sample(torch.tanh(self.drawn(s).float()), label=s.label)

    def drawn(self, s: Sample) -> Tensor:
        """Ahead of the tanh."""
        x, h = s.x, self.style(s.label)
        for block in self.blocks:
            x = block(x, h)
        for up in self.ups:
            x = F.relu(up(F.interpolate(x, scale_factor=2), h))
        return self.out(x)


class StyleBody(nn.Module):
    """Picture of any size -> features [B,features]: convolutions without a norm, which would erase the style, and the mean over
    places (MUNIT, figure 3)."""

    def __init__(self, channels: int = 3, width: int = 64, down: int = 2):
        super().__init__()
        widths = [width * 2**i for i in range(down + 1)]
        layers = [Reflected(channels, width, 7), nn.ReLU(True)]
        for c, o in zip(widths, widths[1:]):
            layers += [nn.Conv2d(c, o, 4, 2, 1), nn.ReLU(True)]
        self.layers, self.features = nn.Sequential(*layers), widths[-1]

    def forward(self, s: Sample) -> Tensor:
        return self.layers(s.x).mean((2, 3))


class StyledResidual(Residual):
    def forward(self, s: Sample, like: Sample | None = None) -> Sample:
        return Sample(torch.tanh((self.skip(s.x) + self.decoder.drawn(self.encoder(s))).float()), label=s.label)
