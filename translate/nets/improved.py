"""Tricks against collapse and oscillation, as layers (Salimans 2016, arXiv:1606.03498; Karras 2018, arXiv:1710.10196)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..sample import Sample


class MinibatchDiscrimination(nn.Module):
    """Features [B,features] -> [B,features + kernels]: how near each row's projections are to those of the others (section 3.2)."""

    def __init__(self, features: int, kernels: int = 16, width: int = 8):
        super().__init__()
        self.features, self.kernels = features + kernels, kernels
        self.project = nn.Linear(features, kernels * width, bias=False)

    def forward(self, h: Tensor) -> Tensor:
        m = self.project(h).float().unflatten(1, (self.kernels, -1))  # [B,K,W]
        near = (-(m[:, None] - m[None]).abs().sum(3)).exp()  # [B,B,K]
        return torch.cat([h, near.sum(1) - 1], 1)  # without itself


class MinibatchStd(nn.Module):
    """x [B,C,...] -> [B,C+1,...]: a plane of the mean deviation over the batch (arXiv:1710.10196, section 3)."""

    def forward(self, x: Tensor) -> Tensor:
        spread = x.float().var(0, unbiased=False).add(1e-8).sqrt().mean().to(x.dtype)
        return torch.cat([x, spread.expand(len(x), 1, *x.shape[2:])], 1)


class VirtualBatchNorm(nn.Module):
    """Each row is normalised by the statistics of a reference batch and itself (section 3.5). The reference stands in the first rows."""

    def __init__(self, channels: int, reference: int):
        super().__init__()
        self.reference = reference
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        moments = torch.stack([x.float().mean((2, 3)), x.float().square().mean((2, 3))])  # [2,B,C]
        common = moments[:, : self.reference].mean(1, keepdim=True)
        own = (self.reference * common + moments[:, self.reference :]) / (self.reference + 1)
        mean, square = torch.cat([common.expand(-1, self.reference, -1), own], 1)[..., None, None]
        y = (x.float() - mean) * (square - mean.square() + 1e-5).rsqrt()
        return (y * self.weight[:, None, None] + self.bias[:, None, None]).to(x.dtype)


class WithReference(nn.Module):
    """A generator with virtual batch norms: fixed noise goes ahead of each batch and is dropped behind."""

    def __init__(self, net: nn.Module, reference: int):
        super().__init__()
        self.net, self.noise = net, net.noise
        self.register_buffer("fixed", torch.randn(reference, net.noise))

    def forward(self, z: Sample, like: Sample | None = None) -> Sample:
        return self.net(Sample(torch.cat([self.fixed, z.x])))[len(self.fixed) :]


class HistoricalAverage(nn.Module):
    """|theta - mean of theta so far|^2 of a network's parameters; each call is a step (section 3.3)."""

    def __init__(self, of: nn.Module):
        super().__init__()
        self.of = (of,)  # in a tuple: its parameters stay the network's own
        self.register_buffer("steps", torch.zeros(()))
        for i, p in enumerate(of.parameters()):
            self.register_buffer(f"mean_{i}", torch.zeros_like(p))

    def forward(self) -> Tensor:
        self.steps += 1
        away = 0.0
        for i, p in enumerate(self.of[0].parameters()):
            mean = getattr(self, f"mean_{i}")
            mean += (p.detach() - mean) / self.steps
            away = away + (p - mean).square().sum()
        return away
