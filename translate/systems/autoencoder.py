"""Auto-encoders whose decoder is used as a generator: stable, and blurred. The baselines of the adversarial systems."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..domain import Domain
from ..sample import Sample
from ..system import Losses, Update
from .generative import Generative


class AutoEncoder(Generative):
    """e: Sample -> code, x [B,g.noise]; codes lie on the sphere of radius sqrt(noise), about where Gaussian noise lies."""

    updates = (Update("g"),)

    def __init__(self, X: Domain, g: nn.Module, e: nn.Module):
        super().__init__(X, g)
        self.e = e

    def players(self):
        return {"g": [self.g, self.e]}

    def encode(self, x: Sample) -> Tensor:
        return F.normalize(self.e(x).x) * math.sqrt(self.g.noise)

    def loss_g(self, x: Sample) -> Losses:
        return dict(reconstruction_x=self.X.distance(self.g(Sample(self.encode(x)), like=x), x))

    def sample(self, x: Sample) -> dict[str, Sample]:
        return dict(x_real=x, x_again=self.g(Sample(self.encode(x)))) | super().sample(x)


class VAE(AutoEncoder):
    """Kingma 2014, arXiv:1312.6114. e: Sample -> x [B, 2 g.noise], mean and log variance.

    kl: weight of the divergence from the prior, in the domain's distance a nat: for pictures, whose distance is the mean of |error|,
    b / (numbers a picture) makes the sum the bound of eq. 7 under Laplace noise of scale b.
    """

    def __init__(self, X: Domain, g: nn.Module, e: nn.Module, kl: float):
        super().__init__(X, g, e)
        self.kl = kl

    def encode(self, x: Sample) -> Tensor:
        return self.e(x).x.chunk(2, 1)[0]

    def loss_g(self, x: Sample) -> Losses:
        mean, log_variance = self.e(x).x.chunk(2, 1)
        z = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        return dict(
            reconstruction_x=self.X.distance(self.g(Sample(z), like=x), x),
            prior_x=self.kl * divergence_from_prior(mean, log_variance).mean(),
        )


def divergence_from_prior(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, 1)) in nats, [B,D] -> [B] (arXiv:1312.6114, appendix B)."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
