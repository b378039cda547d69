"""StarGAN: one generator for any number of domains, told which one is wanted (Choi 2018, arXiv:1711.09020).

Code to paper: g = G, d.look = (D_src, D_cls), named = lambda_cls, cycle = lambda_rec. The paper's objective is WGAN-GP: adv wasserstein,
penalty 10, critic_steps 5. identity is StarGAN-VC's (arXiv:1806.02169, eq. 6): told its own domain, an input stays as it is.

Two things are not the paper's. Realism is judged for the wanted domain (StarGAN v2, arXiv:1912.01865, section 2.1). And the cycle joins
in after `warm` steps: one generator comes back most easily by one change for all domains, undone by itself (of dark and light digits,
the negative), and does not leave that again; without a cycle it first learns what each input has to become.
"""

from __future__ import annotations

from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from .. import penalty
from ..adv import Adv, hinge
from ..domain import Domain
from ..modules.conditional import Naming
from ..modules.cycle import Towards, everywhere, labelled, others, restored
from ..pool import Pool
from ..sample import Sample
from ..system import Losses, System, Update


class StarGAN(System):
    """domains: by their data keys, of one kind. g: a Sample labelled with the wanted domain -> Sample."""

    def __init__(
        self,
        domains: dict[str, Domain],
        g: nn.Module,
        d: Naming,
        adv: Adv = hinge,
        cycle: float = 10.0,
        identity: float = 0.0,
        named: float = 1.0,
        penalty: float = 0.0,
        critic_steps: int = 1,
        warm: int = 0,
        pool: int = 50,
        batch: int = 1,
    ):
        super().__init__()
        self.keys, self.first = list(domains), next(iter(domains.values()))
        self.g, self.d = g, d
        self.adv, self.cycle, self.identity, self.named, self.penalty = adv, cycle, identity, named, penalty
        self.pool = Pool(self.first, pool, batch * len(domains), labelled=True)
        first = (Update("g", "loss_free", stop=warm),) if warm else ()
        self.updates = (*first, Update("g", start=warm), Update("d", repeat=critic_steps))

    def players(self):
        return {"g": [self.g], "d": [self.d]}

    def together(self, batch: dict[str, Sample]) -> tuple[Sample, Tensor]:
        """(all domains' rows in one batch, whose each of them is [B])"""
        parts = [labelled(s, self.keys.index(key)) for key, s in batch.items()]
        whole = Sample.cat(parts)
        return Sample(whole.x, whole.mask), whole.label

    def told(self, wanted: Tensor):
        """g as a function (Sample, like=None), each row told its domain."""
        return lambda s, like=None: self.g(labelled(s, wanted), like=like)

    def loss_g(self, /, **batch: Sample) -> Losses:
        x, own = self.together(batch)
        fake, losses = self.become(x, others(own, len(self.keys)))
        back = partial(restored, self.first.distance, self.told(own), target=x)
        losses["cycle"] = self.cycle * back(given=fake)  # eq. 4
        return losses | (dict(identity=self.identity * back(given=x)) if self.identity else {})

    def loss_free(self, /, **batch: Sample) -> Losses:
        """Ahead of the cycle."""
        x, own = self.together(batch)
        return self.become(x, others(own, len(self.keys)))[1]

    def become(self, x: Sample, wanted: Tensor) -> tuple[Sample, Losses]:
        fake = labelled(self.told(wanted)(x), wanted)
        self.pool.put(fake)
        scores, names = self.d.look(fake)
        class_fake = self.named * F.cross_entropy(names, wanted)  # eq. 3
        return fake, dict(adv=self.adv.g(scores), class_fake=class_fake)

    def loss_d(self, /, **batch: Sample) -> Losses:
        x, own = self.together(batch)
        fake = self.pool.get(len(x))
        scores, names = self.d.look(labelled(x, own))
        losses = dict(d=self.adv.d(scores, self.d(fake)), class_real=self.named * F.cross_entropy(names, own))  # eq. 2
        if self.penalty:
            ends = (self.first.relax(s) for s in (x, fake))
            losses["penalty"] = self.penalty * penalty.gradient(self.d, *ends, fake)
        return losses

    def sample(self, **batch: Sample) -> dict[str, Sample]:
        return everywhere(self.direction, batch)

    def translator(self, to: str) -> nn.Module:
        return Towards(self.g, self.keys.index(to))
