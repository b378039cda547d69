"""An auto-encoder whose code does not say who speaks (Chou 2018, arXiv:1804.02812), for any number of speakers.

Code to paper: e = Enc, g = Dec, c = the classifier of stage one, hide = lambda; the speaker is a label, its row among the data keys.
Stage one: each voice is decoded from its own code and label, while c guesses the speaker from the code and e makes it a guess.
Stage two: codes are decoded with *another* label too, as in use; d must take that for real speech, and w must hear the label's speaker.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..adv import Adv, least_squares
from ..domain import Domain
from ..modules.cycle import Pair, Towards, labelled, others
from ..pool import Pool
from ..sample import Sample
from ..system import Losses, System, Update


class DisentangleAE(System):
    def __init__(
        self,
        domains: dict[str, Domain],
        e: nn.Module,
        g: nn.Module,
        c: nn.Module,
        d: nn.Module,
        w: nn.Module,
        adv: Adv = least_squares,
        hide: float = 0.1,
        real: float = 0.1,
        hear: float = 0.1,
        second: int = 0,
        pool: int = 0,
        batch: int = 1,
    ):
        """e: Sample -> code; g: code with label -> Sample; c, w: code, Sample -> logits [B,N]; d: Sample -> scores.

        hide, real, hear: weights beside reconstruction. second: the step at which stage two begins.
        """
        super().__init__()
        self.domains = domains
        self.e, self.g, self.c, self.d, self.w = e, g, c, d, w
        self.adv, self.hide, self.real, self.hear = adv, hide, real, hear
        self.pools = nn.ModuleList(Pool(domain, pool, batch) for domain in domains.values())
        self.updates = (
            Update("g", stop=second),
            Update("g", "loss_swapped", start=second),
            Update("c"),
            Update("d", start=second),
        )

    def players(self):
        return {"g": [self.e, self.g], "c": [self.c], "d": [self.d, self.w]}

    def speakers(self, key: str, s: Sample) -> Tensor:
        """[B], the label of a side."""
        return torch.full((len(s),), list(self.domains).index(key), device=s.x.device)

    def pool(self, key: str) -> Pool:
        return self.pools[list(self.domains).index(key)]

    def decode(self, code: Sample, speakers: Tensor, like: Sample | None = None) -> Sample:
        return self.g(labelled(code, speakers), like=like)

    def loss_g(self, **batch: Sample) -> Losses:
        return self.losses_of_one(batch, {key: self.e(s) for key, s in batch.items()})

    def loss_swapped(self, **batch: Sample) -> Losses:
        codes = {key: self.e(s) for key, s in batch.items()}
        losses = self.losses_of_one(batch, codes)
        for key, code in codes.items():
            another = others(self.speakers(key, code), len(self.domains))
            fake = self.decode(code, another)
            self.pool(key).put(fake)
            losses[f"adv_{key}"] = self.real * self.adv.g(self.d(fake))
            losses[f"hear_{key}"] = self.hear * F.cross_entropy(self.w(fake), another)
        return losses

    def losses_of_one(self, batch: dict[str, Sample], codes: dict[str, Sample]) -> Losses:
        """Of stage one. The code hides the speaker when every guess is as likely as any other: cross-entropy to the uniform guess."""
        losses = {}
        for key, s in batch.items():
            again = self.decode(codes[key], self.speakers(key, s), like=s)
            losses[f"reconstruction_{key}"] = self.domains[key].distance(again, s)
            losses[f"hide_{key}"] = -self.hide * self.c(codes[key]).log_softmax(1).mean()
        return losses

    def loss_c(self, **batch: Sample) -> Losses:
        return {
            f"c_{key}": F.cross_entropy(self.c(self.e(s).detach()), self.speakers(key, s)) for key, s in batch.items()
        }

    def loss_d(self, **batch: Sample) -> Losses:
        losses = {}
        for key, s in batch.items():
            losses[f"d_{key}"] = self.adv.d(self.d(s), self.d(self.pool(key).get(len(s))))
            losses[f"w_{key}"] = F.cross_entropy(self.w(s), self.speakers(key, s))
        return losses

    def sample(self, **batch: Sample) -> dict[str, Sample]:
        """Each side, decoded as itself, and as the next one."""
        keys, rows = list(self.domains), {}
        for key, following in zip(keys, keys[1:] + keys[:1]):
            s = batch[key]
            rows |= {
                key: s,
                f"{key}_again": self.translator(key)(s),
                f"{key}_{following}": self.translator(following)(s),
            }
        return rows

    def translator(self, to: str) -> nn.Module:
        return Towards(Pair(self.e, self.g), list(self.domains).index(to))
