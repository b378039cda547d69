"""U-GAT-IT: attention to what tells the domains apart (Kim 2020, arXiv:1907.10830).

Code to paper: a2b = G_s->t, cam = lambda_4, of `nets.attention`; the auxiliary classifier of a direction says whether an item is
from the domain that it translates (eq. 5); a critic's is one more scale of its scores (eq. 6).
"""

from __future__ import annotations

from ..adv import non_saturating
from ..modules.cycle import restored
from ..sample import Sample
from ..system import Losses
from .cyclegan import CycleGAN


class UGATIT(CycleGAN):
    """Of translators that are `nets.attention.Attending`."""

    def __init__(self, *networks, cam: float = 1000.0, **cyclegan):
        super().__init__(*networks, **cyclegan)
        self.cam = cam

    def loss_g(self, a: Sample, b: Sample) -> Losses:
        fake_b, is_a = self.a2b.attended(a)
        fake_a, is_b = self.b2a.attended(b)
        same_b, not_a = self.a2b.attended(b, like=b)
        same_a, not_b = self.b2a.attended(a, like=a)
        losses = self.deceive(fake_b, fake_a) | dict(
            cycle_a=self.cycle * restored(self.far_a, self.b2a, fake_b, a),
            cycle_b=self.cycle * restored(self.far_b, self.a2b, fake_a, b),
            cam_a=self.cam * non_saturating.d([is_a], [not_a]),  # source or target, by logits
            cam_b=self.cam * non_saturating.d([is_b], [not_b]),
        )
        if self.identity:
            losses["identity_a"] = self.identity * self.far_a(same_a, a)
            losses["identity_b"] = self.identity * self.far_b(same_b, b)
        return losses
