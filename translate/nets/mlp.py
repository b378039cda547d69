"""Fully connected networks: the first GAN's (Goodfellow 2014, arXiv:1406.2661, section 5), and those of vectors."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ..sample import Sample


class Maxout(nn.Module):
    """[B,i] -> [B,o], each the largest of `pieces` linear ones (Goodfellow 2013, arXiv:1302.4389)."""

    def __init__(self, i: int, o: int, pieces: int = 5):
        super().__init__()
        self.pieces, self.linear = pieces, nn.Linear(i, o * pieces)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).unflatten(1, (-1, self.pieces)).amax(2)


class Generator(nn.Module):
    """Noise [B,noise] -> x [B,*shape]: ReLU inside; into [-1, 1] where it is bounded (the paper's sigmoid, stretched)."""

    def __init__(self, shape: tuple[int, ...], noise: int = 100, width: int = 256, bounded: bool = True):
        super().__init__()
        self.shape, self.noise, self.bounded = shape, noise, bounded
        self.layers = nn.Sequential(
            nn.Linear(noise, width),
            nn.ReLU(True),
            nn.Linear(width, width),
            nn.ReLU(True),
            nn.Linear(width, math.prod(shape)),
        )

    def forward(self, z: Sample, like: Sample | None = None) -> Sample:
        x = self.layers(z.x).float().unflatten(1, self.shape)
        return Sample(torch.tanh(x) if self.bounded else x)


class MaxoutBody(nn.Module):
    """x [B,...] of `size` numbers -> features [B,width]: dropout and maxout, as the first GAN's critic."""

    def __init__(self, size: int, width: int = 128, dropout: float = 0.3):
        super().__init__()
        self.features = width
        self.layers = nn.Sequential(
            nn.Flatten(), Maxout(size, width), nn.Dropout(dropout), Maxout(width, width), nn.Dropout(dropout)
        )

    def forward(self, s: Sample) -> Tensor:
        return self.layers(s.x).float()


class Body(nn.Module):
    """x [B,...] of `size` numbers -> features [B,width]."""

    def __init__(self, size: int, width: int = 128):
        super().__init__()
        self.features = width
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(size, width),
            nn.LeakyReLU(0.2, True),
            nn.Linear(width, width),
            nn.LeakyReLU(0.2, True),
        )

    def forward(self, s: Sample) -> Tensor:
        return self.layers(s.x).float()
