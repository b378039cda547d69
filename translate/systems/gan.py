"""The adversarial family (Goodfellow 2014, arXiv:1406.2661): who its members are is a matter of networks, objective and penalty.

Conditional where the data has a key `c`; matching-aware where it has a key `wrong` too (Reed 2016, arXiv:1605.05396, algorithm 1).
"""

from __future__ import annotations

import torch
from torch import nn

from ..adv import Adv, non_saturating
from ..domain import Domain
from ..nets.improved import HistoricalAverage
from ..penalty import Penalty
from ..pool import Pool
from ..sample import Sample
from ..system import Losses, Update
from .generative import Generative


class GAN(Generative):
    """
    penalties: on the critic, with their weights; paid at each `every`-th step (lazy regularisation, arXiv:1912.04958, appendix B).
    critic_steps: of the critic to one of the generator, each on a fresh batch.
    pack: samples that are judged together (PacGAN, arXiv:1712.04086); divides the batch.
    matching: weight of feature matching (arXiv:1606.03498, 3.1); the critic then has a `body`.
    history: weight of historical averaging of both players (3.3).
    paired: weight of the distance from the sample that the condition belongs to (pix2pix, arXiv:1611.07004, eq. 3, 4).
    pool: earlier fakes that the critic is shown again; where there is no condition, for theirs would be an earlier one.
    """

    def __init__(
        self,
        X: Domain,
        g: nn.Module,
        d: nn.Module,
        adv: Adv = non_saturating,
        penalties: dict[Penalty, float] | None = None,
        every: int = 1,
        critic_steps: int = 1,
        pack: int = 1,
        matching: float = 0.0,
        history: float = 0.0,
        paired: float = 0.0,
        pool: int = 0,
        batch: int = 1,
    ):
        super().__init__(X, g)
        self.d, self.adv, self.penalties, self.together = d, adv, penalties or {}, pack
        self.matching, self.paired = matching, paired
        self.pool = Pool(X, pool, batch) if pool else None
        self.history, self.past = history, nn.ModuleDict()
        if history:
            self.past.update({player: HistoricalAverage(net) for player, net in (("g", g), ("d", d))})
        self.lazy = bool(penalties) and every > 1
        self.updates = (Update("d", repeat=critic_steps), Update("g"))
        if self.lazy:
            self.updates += (Update("d", loss="loss_penalty", every=every),)

    def players(self):
        return {"g": [self.g], "d": [self.d]}

    def judge(self, s: Sample, c: Sample | None) -> list[torch.Tensor]:
        s = packed(s, self.together)
        return self.d(s) if c is None else self.d(s, c)

    def loss_d(self, x: Sample, c: Sample | None = None, wrong: Sample | None = None) -> Losses:
        with torch.no_grad():
            fake = self.draw(len(x), c)
        if self.pool:
            assert c is None
            self.pool.put(fake)
            fake = self.pool.get(len(x))
        real_scores = self.judge(x, c)
        loss = self.adv.d(real_scores, self.judge(fake, c))
        if wrong is not None:  # the scores that read the condition also see a real one beside a wrong condition
            loss = (loss + self.adv.d(real_scores[-1:], self.judge(x, wrong)[-1:])) / 2
        return dict(d_x=loss) | self.remembered("d") | ({} if self.lazy else self.penalised(x, fake, c))

    def loss_penalty(self, x: Sample, c: Sample | None = None, wrong: Sample | None = None) -> Losses:
        with torch.no_grad():
            fake = self.draw(len(x), c)
        return self.penalised(x, fake, c)

    def penalised(self, x: Sample, fake: Sample, c: Sample | None) -> Losses:
        real, fake = (packed(self.X.relax(s), self.together) for s in (x, fake))
        return {f"penalty_{f.__name__}": weight * f(self.d, real, fake, c) for f, weight in self.penalties.items()}

    def remembered(self, player: str) -> Losses:
        return {f"history_{player}": self.history * self.past[player]()} if self.history else {}

    def loss_g(self, x: Sample, c: Sample | None = None, wrong: Sample | None = None) -> Losses:
        fake = self.draw(len(x), c)
        seen = [self.judge(s, c) for s in ((fake, x) if self.adv.relativistic else (fake,))]
        losses = dict(adv_x=self.adv.g(*seen)) | self.remembered("g")
        if self.paired:
            losses["paired_x"] = self.paired * self.X.distance(fake, x)
        if self.matching:
            typical = [self.d.body(packed(s, self.together)).mean(0) for s in (fake, x)]
            losses["matching_x"] = self.matching * (typical[0] - typical[1]).square().mean()
        return losses


def packed(s: Sample, n: int) -> Sample:
    """Neighbouring rows as one: pictures lie in its channels, vectors in its numbers, sentences follow each other."""
    if n == 1:
        return s
    return Sample(*(None if t is None else t.reshape(len(t) // n, n * t.shape[1], *t.shape[2:]) for t in (s.x, s.mask)))
