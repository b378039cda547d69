"""Directions, and the terms that tie two of them together (Zhu 2017, arXiv:1703.10593, sections 3.2 and 5.2)."""

from __future__ import annotations

import torch
from torch import nn

from ..sample import Sample


class Pair(nn.Module):
    """A direction: the encoder of one domain, then the decoder of the other."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    @property
    def multiple(self) -> int:
        return self.encoder.multiple

    def forward(self, s: Sample, like: Sample | None = None) -> Sample:
        return self.decoder(self.encoder(s), like=like)


class Towards(nn.Module):
    """A direction of a network that serves several: the input is labelled with the domain that is wanted."""

    def __init__(self, net: nn.Module, label: int):
        super().__init__()
        self.net, self.label = net, label

    def forward(self, s: Sample, like: Sample | None = None) -> Sample:
        return self.net(Sample(s.x, s.mask, torch.full((len(s),), self.label, device=s.x.device)), like=like)
