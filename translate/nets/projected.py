"""Critics on the features of a frozen, pretrained network (Projected GANs, Sauer 2021, arXiv:2111.01007).

A critic that starts from pixels needs hundreds of steps before it tells a brush stroke from fur; a small head on such
features needs a few. The paper's random projections between the layers are left out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ..sample import Sample


def head(channels: int, width: int, classes: int) -> nn.Sequential:
    """Feature map [B,C,h,w] -> scores [B,classes,h/4,w/4]; spectral normalisation (arXiv:1802.05957)."""
    return nn.Sequential(
        spectral_norm(nn.Conv2d(channels, width, 4, 2, 1)),
        nn.LeakyReLU(0.2, True),
        spectral_norm(nn.Conv2d(width, width, 4, 2, 1)),
        nn.LeakyReLU(0.2, True),
        spectral_norm(nn.Conv2d(width, classes, 3, 1, 1)),
    )


class ProjectedCritic(nn.Module):
    """Sample -> list of scores [B,N], one entry a feature map.

    network: [B,C,H,W] in [0, 1] -> its feature maps; frozen, so it holds buffers and no parameters. channels: of each map. scales: their
    root mean squares over pictures; layers differ by orders of magnitude. classes: scores of each of so many, [B,classes N].
    """

    def __init__(
        self,
        network: nn.Module,
        channels: tuple[int, ...],
        scales: tuple[float, ...],
        width: int = 64,
        classes: int = 1,
    ):
        super().__init__()
        self.network, self.scales = network, scales
        self.heads = nn.ModuleList(head(c, width, classes) for c in channels)
        self.features = sum(channels)

    def forward(self, s: Sample) -> list[Tensor]:
        return self.look(s)[0]

    def look(self, s: Sample) -> tuple[list[Tensor], Tensor]:
        """(scores, features [B,features]: the frozen network's, means over places)"""
        maps = [bounded(x / scale) for x, scale in zip(self.network(s.x * 0.5 + 0.5), self.scales)]
        scores = [judge(x).flatten(1).float() for judge, x in zip(self.heads, maps)]
        return scores, torch.cat([x.mean((2, 3)) for x in maps], 1)


class Features(nn.Module):
    """Sample -> the last of a frozen network's feature maps, as a code."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, s: Sample) -> Sample:
        *_, last = self.network(s.x * 0.5 + 0.5)
        return Sample(unit(last))


def bounded(x: Tensor) -> Tensor:
    """[B,C,h,w]: no place is louder than a root mean square of 1 over its channels, nor can it quieten the others.

    Where it could, a generator scattered bright dots over painted skies in place of strokes.
    """
    return x * (1 + x.float().square().mean(1, keepdim=True)).rsqrt().to(x.dtype)


def unit(x: Tensor) -> Tensor:
    """Each item's map divided by its root mean square: layers differ by orders of magnitude."""
    return x * x.float().square().mean((1, 2, 3), keepdim=True).rsqrt().to(x.dtype)
