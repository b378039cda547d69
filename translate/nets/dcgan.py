"""DCGAN (Radford 2016, arXiv:1511.06434, figure 1): from noise to a picture, and from a picture to features.

At 64 pixels: fc to 4x4, four transposed convolutions; four convolutions back. No pooling, no hidden fully connected layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from einops import rearrange
from torch import Tensor, nn

from ..sample import Sample


def halvings(size: int) -> int:
    """How often a side is halved until it is 4 to 7 pixels: 28 -> 7, 32 -> 4, 64 -> 4."""
    return max(size // 4, 1).bit_length() - 1


class Generator(nn.Module):
    """Noise [B,noise] -> picture [B,channels,size,size] in [-1, 1]. size: any multiple of 2**halvings(size)."""

    def __init__(
        self,
        channels: int = 3,
        size: int = 64,
        noise: int = 100,
        width: int = 64,
        norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
    ):
        super().__init__()
        n = halvings(size)
        self.noise, self.side = noise, size >> n
        widths = [width << i for i in reversed(range(n))]  # 512, 256, 128, 64 at 64 pixels
        self.fc = nn.Linear(noise, widths[0] * self.side**2, bias=False)
        layers: list[nn.Module] = [norm(widths[0]), nn.ReLU(True)]
        for i, o in zip(widths, widths[1:]):
            layers += [nn.ConvTranspose2d(i, o, 4, 2, 1, bias=False), norm(o), nn.ReLU(True)]
        private = max(1, n // 2)  # of the doublings
        self.deep = (
            "fc",
            *(f"layers.{i}" for i in range(2 + 3 * (n - private))),
        )  # far from the picture: what domains may share
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1))

    def forward(self, z: Sample, like: Sample | None = None) -> Sample:
        x = rearrange(self.fc(z.x), "b (c h w) -> b c h w", h=self.side, w=self.side)
        return Sample(torch.tanh(self.layers(x).float()))


class Body(nn.Module):
    """Picture [B,channels,size,size] -> features [B,self.features]: what a critic's head, a code's head or a probe reads.

    norm: of the inner layers; None where spectral normalisation or a gradient penalty stands in for it (batch norm would make
    one row's slope depend on the others). dropout: after each layer, for WGAN-CT.
    """

    def __init__(
        self,
        channels: int = 3,
        size: int = 64,
        width: int = 64,
        norm: Callable[[int], nn.Module] | None = None,
        dropout: float = 0.0,
    ):
        super().__init__()
        n = halvings(size)
        self.stages, i = nn.ModuleList(), channels
        for k in range(n):
            o = width << k
            inner = norm is not None and k > 0
            conv = nn.Conv2d(i, o, 4, 2, 1, bias=not inner)
            self.stages.append(
                nn.Sequential(
                    conv,
                    *([norm(o)] if inner else []),
                    nn.LeakyReLU(0.2, True),
                    *([nn.Dropout(dropout)] if dropout else []),
                )
            )
            i = o
        self.features = i * (size >> n) ** 2
        self.deep = tuple(f"stages.{k}" for k in range(max(1, n // 2), n))

    def maps(self, s: Sample) -> Iterator[Tensor]:
        """What each layer sees, [B,C,H,W]."""
        x = s.x
        for stage in self.stages:
            x = stage(x)
            yield x

    def forward(self, s: Sample) -> Tensor:
        *_, last = self.maps(s)
        return last.flatten(1).float()
