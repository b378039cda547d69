"""SPADE, small: the map of a condition scales and shifts every layer, place by place (Park 2019, arXiv:1903.07291, eq. 1, 2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ..sample import Sample
from .dcgan import halvings


class Spade(nn.Module):
    """x [B,C,h,w] normalised, then scaled by 1 + gamma(c) and shifted by beta(c), both convolved from the map c [B,K,H,W]."""

    def __init__(self, channels: int, condition: int, hidden: int = 32):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.shared = nn.Conv2d(condition, hidden, 3, padding=1)
        self.scale_shift = nn.Conv2d(hidden, 2 * channels, 3, padding=1)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        c = F.adaptive_avg_pool2d(c, x.shape[2:])  # edges are thin: every second pixel would lose them
        gamma, beta = self.scale_shift(F.relu(self.shared(c))).chunk(2, 1)
        return self.norm(x) * (1 + gamma) + beta


class Generator(nn.Module):
    """(noise [B,noise], picture c [B,condition,size,size]) -> picture [B,channels,size,size]: DCGAN's sizes, Spade for its norms."""

    def __init__(self, channels: int, size: int, condition: int, noise: int = 64, width: int = 32):
        super().__init__()
        n = halvings(size)
        self.noise, self.side = noise, size >> n
        widths = [width << i for i in reversed(range(n))]
        self.fc = nn.Linear(noise, widths[0] * self.side**2)
        self.spades = nn.ModuleList(Spade(w, condition, width) for w in widths)
        self.convs = nn.ModuleList(
            nn.Conv2d(i, o, 3, padding=1, bias=o == channels) for i, o in zip(widths, [*widths[1:], channels])
        )

    def forward(self, z: Sample, c: Sample) -> Sample:
        x = rearrange(self.fc(z.x), "b (c h w) -> b c h w", h=self.side, w=self.side)
        for spade, conv in zip(self.spades, self.convs):
            x = conv(F.interpolate(F.leaky_relu(spade(x, c.x), 0.2), scale_factor=2))
        return Sample(torch.tanh(x.float()))
