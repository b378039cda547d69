"""ACGAN: the critic names the class too, and both players want the name to be right (Odena 2017, arXiv:1610.09585).

Of conditions that are no classes, such as sentences, the name is whose condition it is among those of the batch (`Contrast`).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..adv import Adv, non_saturating
from ..domain import Domain
from ..modules.conditional import AuxiliaryClass, Contrast, Critic
from ..sample import Sample
from ..system import Losses, Update
from .generative import Generative


class ACGAN(Generative):
    """g: (noise, c) -> Sample. d: a Critic with an AuxiliaryClass head, or a Contrast.

    fakes: weight of the critic's naming of fakes; 0: it learns names from data alone (arXiv:2101.04702, section 4.2).
    """

    updates = (Update("d"), Update("g"))

    def __init__(self, X: Domain, g, d: Critic, adv: Adv = non_saturating, fakes: float = 1.0):
        super().__init__(X, g)
        assert isinstance(d.head, AuxiliaryClass | Contrast)
        self.d, self.adv, self.fakes = d, adv, fakes

    def players(self):
        return {"g": [self.g], "d": [self.d]}

    def look(self, s: Sample, c: Sample) -> tuple[list[Tensor], Tensor]:
        """(scores: L_S's arguments, cross-entropy of the class in nats: -L_C), eq. 2 and 3."""
        h = self.d.body(s)
        return self.d.head(h), self.d.head.misnamed(h, c)

    def loss_d(self, x: Sample, c: Sample) -> Losses:
        with torch.no_grad():
            fake = self.draw(len(x), c)
        (real_scores, class_x), (fake_scores, class_fake) = self.look(x, c), self.look(fake, c)
        named = dict(class_fake=self.fakes * class_fake) if self.fakes else {}
        return dict(d_x=self.adv.d(real_scores, fake_scores), class_x=class_x) | named

    def loss_g(self, x: Sample, c: Sample) -> Losses:
        scores, named = self.look(self.draw(len(x), c), c)
        return dict(adv_x=self.adv.g(scores), class_g=named)
