"""InfoGAN: a part of the noise, the code, can be told from the sample (Chen 2016, arXiv:1606.03657).

Code to paper: code = c, q = Q, which shares the critic's body; both players raise the bound L_I, eq. 5 and 6.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..adv import Adv, non_saturating
from ..domain import Domain
from ..modules.conditional import Critic
from ..sample import Sample
from ..system import Losses, Update
from .generative import Generative


def information(log_q: Tensor, entropy: float) -> Tensor:
    """L_I = E log Q(c | x) + H(c), eq. 4: at most I(c; x), and equal to it where Q is the posterior. In nats, log_q [B]."""
    return log_q.mean() + entropy


class Posterior(nn.Module):
    """Q: features -> log Q(code | x) [B] of the categorical code, and of the continuous ones, Gaussians of learned width."""

    def __init__(self, features: int, categories: int, continuous: int, width: int = 128):
        super().__init__()
        self.sizes = categories, continuous, continuous
        self.out = nn.Sequential(nn.Linear(features, width), nn.LeakyReLU(0.2, True), nn.Linear(width, sum(self.sizes)))

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(logits [B,categories], means [B,continuous], log standard deviations)"""
        logits, mean, log_sd = self.out(h).float().split(self.sizes, 1)
        return logits, mean, log_sd.clamp(-3, 3)

    def log_q(self, h: Tensor, code: Tensor) -> tuple[Tensor, Tensor]:
        """Of code [B,categories + continuous], one-hot ahead."""
        logits, mean, log_sd = self(h)
        one_hot, values = code.split(self.sizes[:2], 1)
        gauss = -0.5 * ((values - mean) / log_sd.exp()).square() - log_sd - 0.5 * math.log(2 * math.pi)
        return (F.log_softmax(logits, 1) * one_hot).sum(1), gauss.sum(1)


class InfoGAN(Generative):
    """g.noise: the code's numbers, then what is left to chance. continuous codes are uniform on [-1, 1].

    weights: lambda of the categorical and of the continuous bound (appendix C: 1, and smaller for what is continuous).
    """

    updates = (Update("d"), Update("g"))
    ema = ("g", "d")  # both are used: g draws, Q names what it is shown

    def __init__(
        self,
        X: Domain,
        g,
        d: Critic,
        q: Posterior,
        adv: Adv = non_saturating,
        weights: tuple[float, float] = (1.0, 0.1),
    ):
        super().__init__(X, g)
        self.d, self.q, self.adv, self.weights = d, q, adv, weights
        self.categories, self.continuous, _ = q.sizes
        self.looked_at = self.noise(len(self.looked_at)).x

    def players(self):
        return {"g": [self.g], "d": [self.d, self.q]}

    def noise(self, n: int) -> Sample:
        z = super().noise(n).x
        one_hot = F.one_hot(torch.randint(self.categories, (n,), device=z.device), self.categories)
        values = torch.rand(n, self.continuous, device=z.device) * 2 - 1
        return Sample(torch.cat([one_hot, values, z[:, self.categories + self.continuous :]], 1))

    def look(self, fake: Sample, z: Sample) -> tuple[list[Tensor], Losses]:
        """The critic's scores, and minus the bounds."""
        h = self.d.body(fake)
        category, values = self.q.log_q(h, z.x[:, : self.categories + self.continuous])
        bounds = information(category, math.log(self.categories)), information(values, self.continuous * math.log(2))
        return self.d.head(h), {
            f"information_{name}": -weight * bound
            for name, weight, bound in zip(("category", "values"), self.weights, bounds)
        }

    def loss_d(self, x: Sample) -> Losses:
        z = self.noise(len(x))
        with torch.no_grad():
            fake = self.g(z)
        scores, unknown = self.look(fake, z)
        return dict(d_x=self.adv.d(self.d(x), scores)) | unknown

    def loss_g(self, x: Sample) -> Losses:
        z = self.noise(len(x))
        scores, unknown = self.look(self.g(z), z)
        return dict(adv_x=self.adv.g(scores)) | unknown

    def categorise(self, x: Sample) -> Tensor:
        """The category that Q finds in samples, data too, [B]: clusters that nobody named."""
        return self.q(self.d.body(x))[0].argmax(1)

    def sample(self, x: Sample) -> dict[str, Sample]:
        """A column a category; what is left to chance is the same along a line."""
        z = self.looked_at[: len(x)]
        rows = {}
        for i, one_hot in enumerate(torch.eye(self.categories, device=z.device)):
            code = one_hot.expand(len(z), -1)
            rows[f"x_{i}"] = self.g(Sample(torch.cat([code, z[:, self.categories :]], 1)))
        return rows
