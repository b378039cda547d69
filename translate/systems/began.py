"""BEGAN: the critic is an auto-encoder, its energy the error (Berthelot 2017, arXiv:1703.10717).

Code to paper: energy = L, k = k_t, gain = lambda_k, diversity = gamma. Not for domains whose real samples are discrete: the energy of
a fake has to be differentiable in the fake.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..domain import Domain
from ..sample import Sample
from ..system import Losses, Update
from .generative import Generative


class BEGAN(Generative):
    """d: Sample -> Sample, an auto-encoder."""

    updates = (Update("d"), Update("g"))

    def __init__(self, X: Domain, g: nn.Module, d: nn.Module, diversity: float = 0.5, gain: float = 0.001):
        super().__init__(X, g)
        self.d, self.diversity, self.gain = d, diversity, gain
        self.register_buffer("k", torch.zeros(()))

    def players(self):
        return {"g": [self.g], "d": [self.d]}

    def energy(self, s: Sample) -> Tensor:
        return self.X.distance(self.d(s), s)

    def loss_d(self, x: Sample) -> Losses:
        with torch.no_grad():
            fake = self.draw(len(x))
        real, generated, k = self.energy(x), self.energy(fake), self.k.clone()
        with torch.no_grad():  # section 3.3: the balance gamma = L(G(z)) / L(x) is held by k
            self.k.add_(self.gain * (self.diversity * real - generated)).clamp_(0, 1)
        return dict(d_x=real, d_fake=-k * generated)

    def loss_g(self, x: Sample) -> Losses:
        return dict(adv_x=self.energy(self.draw(len(x))))
