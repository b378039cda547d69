"""Sentences out of nothing, taught by a critic of whole sentences (SeqGAN, Yu 2017, arXiv:1609.05473).

Code to paper: g = G_theta, d = D_phi, value = Q, rollouts = N of the Monte Carlo search (eq. 4); the first updates pre-train, algorithm 1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..adv import Adv, non_saturating
from ..domain import Domain
from ..nets.sequence import END
from ..sample import Sample
from ..system import Losses, Update
from .generative import Generative
from .styletransformer import reinforce, scaled


class SeqGAN(Generative):
    """g: nets.sequence.Writer. warm: steps of maximum likelihood alone, in whose last `ahead` the critic learns too.

    rollouts: sentences that go on behind each word, whose mean score is the word's value. likelihood: weight of maximum likelihood
    beside the reward, in nats a token: without it what is rarely drawn is forgotten.
    """

    def __init__(
        self,
        X: Domain,
        g: nn.Module,
        d: nn.Module,
        adv: Adv = non_saturating,
        warm: int = 0,
        ahead: int = 0,
        rollouts: int = 4,
        likelihood: float = 0.0,
    ):
        super().__init__(X, g)
        self.d, self.adv, self.rollouts, self.likelihood = d, adv, rollouts, likelihood
        self.updates = (
            Update("g", "loss_likelihood", stop=warm),
            Update("d", start=max(0, warm - ahead)),
            Update("g", start=warm),
        )

    def players(self):
        return {"g": [self.g], "d": [self.d]}

    def loss_likelihood(self, x: Sample) -> Losses:
        return dict(likelihood_x=self.X.distance(self.g(self.noise(len(x)), like=x), x))

    def loss_d(self, x: Sample) -> Losses:
        with torch.no_grad():
            fake = self.draw(len(x))
        return dict(d_x=self.adv.d(self.d(x), self.d(fake)))

    def loss_g(self, x: Sample) -> Losses:
        fake = self.draw(len(x))
        value = self.value(fake)  # [B,T]
        count = fake.mask.sum(0).clamp(min=1)
        advantage = value - value.where(fake.mask, 0).sum(0) / count  # against what is usual at this place
        losses = dict(policy_x=reinforce(fake, scaled(advantage, fake.mask)) * len(fake) / fake.mask.sum())
        if self.likelihood:
            losses["likelihood_x"] = self.likelihood * self.X.distance(self.g(self.noise(len(x)), like=x), x)
        return losses

    @torch.no_grad()
    def value(self, fake: Sample) -> Tensor:
        """[B,T]: how real the critic finds, on average, what begins with the words up to and with this one (eq. 4)."""
        ids = fake.x.argmax(-1)
        n, length = ids.shape
        ahead = self.g.rollouts(ids.repeat(self.rollouts, 1)).flatten(0, 1)  # [(T-1) N B, T]
        scores = [self._real(part) for part in ahead.split(1024)]
        means = torch.cat(scores).view(length - 1, self.rollouts, n).mean(1)
        return torch.cat([means, self._real(ids)[None]]).T

    def _real(self, ids: Tensor) -> Tensor:
        """[N,T] -> [N] in [0, 1]"""
        ends = (ids == END).long()
        mask = ends.cumsum(1) - ends == 0
        return self.d(Sample(ids.where(mask, 0), mask))[0][:, 0].sigmoid()
