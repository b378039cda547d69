"""PatchGAN critics (Isola 2017, arXiv:1611.07004): each score judges one overlapping patch, 70x70 pixels with 3 layers."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ..sample import Sample
from .layers import InstanceNorm


class Patches(nn.Module):
    """C64-C128-C256-C512 (CycleGAN section 7.2); [B,C,H,W] -> scores [B,N].

    layers: stride-2 convolutions; the receptive field is 16, 34, 70, 142 pixels for 1, 2, 3, 4.
    spectral: spectral normalisation (arXiv:1802.05957) in place of instance norm. classes: scores of each of so many, [B,classes N].
    """

    def __init__(self, channels: int = 3, width: int = 64, layers: int = 3, spectral: bool = False, classes: int = 1):
        super().__init__()
        wrap = spectral_norm if spectral else lambda conv: conv
        stack: list[nn.Module] = [wrap(nn.Conv2d(channels, width, 4, 2, 1)), nn.LeakyReLU(0.2, True)]
        for i in range(layers):
            c, o = width * min(2**i, 8), width * min(2 ** (i + 1), 8)
            stack.append(wrap(nn.Conv2d(c, o, 4, 2 if i < layers - 1 else 1, 1, bias=spectral)))
            stack.append(nn.LeakyReLU(0.2, True) if spectral else InstanceNorm(o, slope=0.2))
        self.body = nn.Sequential(*stack)
        self.head, self.features = wrap(nn.Conv2d(o, classes, 4, 1, 1)), o

    def forward(self, x: Tensor) -> Tensor:
        return self.look(x)[0]

    def look(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.body(x)
        return self.head(h).flatten(1).float(), h.mean((2, 3))


class PatchCritic(nn.Module):
    """Sample -> list of scores [B,N], one entry a scale. scales > 1: also judges the picture at 1/2, 1/4 ... (pix2pixHD).
    classes: as of Patches."""

    def __init__(
        self,
        channels: int = 3,
        width: int = 64,
        layers: int = 3,
        spectral: bool = False,
        scales: int = 1,
        classes: int = 1,
    ):
        super().__init__()
        self.scales = nn.ModuleList(Patches(channels, width, layers, spectral, classes) for _ in range(scales))
        self.features = sum(critic.features for critic in self.scales)

    def forward(self, s: Sample) -> list[Tensor]:
        return self.look(s)[0]

    def look(self, s: Sample) -> tuple[list[Tensor], Tensor]:
        """(scores, features [B,features]: the means over places)"""
        x, found = s.x, []
        for i, critic in enumerate(self.scales):
            x = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False) if i else x
            found.append(critic.look(x))
        scores, h = zip(*found)
        return list(scores), torch.cat(h, 1)
