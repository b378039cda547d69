"""Generators and encoders of codes out of a domain's own halves."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from ..sample import Sample


class FromNoise(nn.Module):
    """A domain's decoder as a generator: noise [B,noise] -> code [B,*shape] -> sample. shape: (C,H,W), or (T,D) of sequences."""

    def __init__(self, decoder: nn.Module, noise: int, shape: tuple[int, ...]):
        super().__init__()
        self.noise, self.shape, self.decoder = noise, shape, decoder
        self.deep = ("fc", *(f"decoder.{name}" for name in decoder.deep))
        self.fc = nn.Linear(noise, math.prod(shape))

    def forward(self, z: Sample, like: Sample | None = None) -> Sample:
        code = self.fc(z.x).unflatten(1, self.shape)
        everywhere = torch.ones(code.shape[:2], dtype=torch.bool, device=code.device) if len(self.shape) == 2 else None
        return self.decoder(Sample(code, everywhere), like=like)


class Loud(nn.Module):
    """A generator that hears the first `code` numbers of its noise `gain` times as large, lest they be lost among the others."""

    def __init__(self, net: nn.Module, code: int, gain: float):
        super().__init__()
        self.net, self.noise = net, net.noise
        self.register_buffer("gain", torch.ones(net.noise).index_fill(0, torch.arange(code), gain), persistent=False)

    def forward(self, z: Sample, like: Sample | None = None) -> Sample:
        return self.net(Sample(z.x * self.gain), like=like)


class ToCode(nn.Module):
    """Sample -> its code, a vector [B,width], out of a body's features."""

    def __init__(self, body: nn.Module, width: int):
        super().__init__()
        self.body, self.out = body, nn.Linear(body.features, width)

    def forward(self, s: Sample) -> Sample:
        return Sample(self.out(self.body(s)).float())


class OnSphere(nn.Module):
    """A network's vectors [B,N], their length 1 (ARAE, arXiv:1706.04223, section 4). noise: numbers that it reads, where it draws."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net, self.noise = net, getattr(net, "noise", 0)

    def forward(self, s: Sample) -> Sample:
        return Sample(F.normalize(self.net(s).x))
