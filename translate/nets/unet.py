"""The U-Net generator of pix2pix (Isola 2017, arXiv:1611.07004, section 6.1.1). Its skips cross the halves: one whole network."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from ..sample import Sample
from .layers import InstanceNorm


class UNet(nn.Module):
    """Picture [B,channels,H,W] -> picture [B,out,H,W] in [-1, 1], out: as many where None. H and W: multiples of 2**depth."""

    def __init__(self, channels: int = 3, width: int = 64, depth: int = 5, out: int | None = None):
        super().__init__()
        self.multiple = 2**depth
        widths = [width * min(2**i, 8) for i in range(depth)]
        self.downs = nn.ModuleList(
            nn.Conv2d(i, o, 4, 2, 1, bias=i == channels) for i, o in zip([channels, *widths], widths)
        )
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(i, o, 4, 2, 1, bias=False)
            for i, o in zip([widths[-1], *(2 * w for w in widths[-2:0:-1])], widths[-2::-1])
        )
        self.norms = nn.ModuleList(InstanceNorm(w) for w in widths)
        self.last = nn.ConvTranspose2d(2 * width, out or channels, 4, 2, 1)

    def forward(self, s: Sample, like: Sample | None = None) -> Sample:
        x, skips = s.x, []
        for i, down in enumerate(self.downs):
            x = down(F.leaky_relu(x, 0.2) if i else x)
            innermost = i == len(self.downs) - 1
            x = (
                self.norms[i](x) if i and not innermost else x
            )  # no norm on the first; the last may be 1x1, which a norm zeroes
            skips.append(x)
        x = skips.pop()
        for up, norm in zip(self.ups, self.norms[-2::-1]):
            x = torch.cat([skips.pop(), norm(up(F.relu(x)))], 1)
        return Sample(torch.tanh(self.last(F.relu(x)).float()), label=s.label)
