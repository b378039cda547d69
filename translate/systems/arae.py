"""Auto-encoders whose codes are such as a generator draws out of noise. ARAE (Zhao 2018, arXiv:1706.04223), for any domain.

Code to paper: e_a, e_b = enc, of each domain here; g_a, g_b = dec of each style; d_z = the classifier of styles (section 5);
prior = g and d_prior = f, generator and critic of codes (section 3).
"""

from __future__ import annotations

import torch
from torch import nn

from ..adv import wasserstein
from ..modules.pieces import InPieces
from ..sample import Sample
from ..system import Losses
from .aligned import Aligned


class ARAE(Aligned):
    """Codes [B,N] of both domains that neither d_z can tell from each other nor d_prior from drawn ones.

    prior: noise [B,prior.noise] -> code. blur: deviation of the noise on a code ahead of its decoder, so that codes nearby say the
    same. match: weight of what d_prior says, Wasserstein's distance: whoever makes the network limits its slope.
    """

    def __init__(self, *networks, prior: nn.Module, d_prior: nn.Module, blur: float = 0.05, match: float = 1.0, **kw):
        super().__init__(*networks, **kw)
        self.prior, self.d_prior, self.blur, self.match = prior, d_prior, blur, match

    def players(self):
        players = super().players()
        return {"g": [*players["g"], self.prior], "d": [*players["d"], self.d_prior]}

    def restoring(self, z_a: Sample, a: Sample, z_b: Sample, b: Sample) -> Losses:
        blurred = (Sample(z.x + self.blur * torch.randn_like(z.x)) for z in (z_a, z_b))
        return super().restoring(next(blurred), a, next(blurred), b)

    def confusing(self, z_a: Sample, z_b: Sample) -> Losses:
        apart = self.match * wasserstein.d(*reversed(self.judged(z_a, z_b)))
        return super().confusing(z_a, z_b) | dict(adv_prior=apart)

    def telling(self, z_a: Sample, z_b: Sample) -> Losses:
        return super().telling(z_a, z_b) | dict(d_prior=wasserstein.d(*self.judged(z_a, z_b)))

    def judged(self, z_a: Sample, z_b: Sample) -> tuple:
        """The critic's scores of both domains' codes, and of as many drawn ones."""
        codes = torch.cat([z_a.x, z_b.x])
        noise = torch.randn(len(codes), self.prior.noise, device=codes.device)
        return self.d_prior(Sample(codes)), self.d_prior(Sample(self.prior(Sample(noise)).x))

    def translator(self, to: str) -> nn.Module:
        return InPieces(self.B if to == "a" else self.A, super().translator(to))
