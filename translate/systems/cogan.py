"""CoGAN: two generators of one noise and two critics, what is far from the data shared (Liu 2016, arXiv:1606.07536).

Code to paper: g_a, g_b = g_1, g_2, d_a, d_b = f_1, f_2; their layers are shared by `modules.shared.share`. The encoders e_a, e_b are
not the paper's: they learn which noise a drawn pair came from, and its search for the noise of an input (section 5) starts there.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..adv import Adv, non_saturating
from ..domain import Domain
from ..modules.pieces import InPieces
from ..sample import Sample
from ..system import Losses, Update
from .plain import Plain


class Inversion(nn.Module):
    """A direction: the noise out of which `here` makes what is nearest to the input, and what `there` makes of it.

    descent: Adam's steps from the encoder's guess down the domain's distance, in inference too.
    """

    def __init__(
        self, domain: Domain, encoder: nn.Module, here: nn.Module, there: nn.Module, descent: int = 30, lr: float = 0.1
    ):
        super().__init__()
        self.domain, self.encoder, self.here, self.there, self.descent, self.lr = (
            domain, encoder, here, there, descent, lr,
        )  # fmt: skip

    def forward(self, s: Sample, like: Sample | None = None) -> Sample:
        with torch.inference_mode(False), torch.enable_grad():
            s = self.domain.harden(s.map(torch.clone))  # an inference tensor takes no part in a gradient
            return self.there(Sample(self.noise_of(s))).detach()

    def noise_of(self, s: Sample) -> Tensor:
        """[B,noise] for items of the generators' shape."""
        z = self.encoder(s).x.detach().requires_grad_()
        adam = torch.optim.Adam([z], self.lr)
        for _ in range(self.descent):
            (z.grad,) = torch.autograd.grad(self.domain.distance(self.here(Sample(z), like=s), s), z)
            adam.step()
        return z.detach()


class CoGAN(Plain):
    """Joint pairs from one noise; nobody is shown which items of both sides belong together."""

    ema = ("g", "e")

    def __init__(
        self,
        A: Domain,
        B: Domain,
        g_a: nn.Module,
        g_b: nn.Module,
        d_a: nn.Module,
        d_b: nn.Module,
        e_a: nn.Module,
        e_b: nn.Module,
        adv: Adv = non_saturating,
        descent: int = 30,
        **plain,
    ):
        a2b = InPieces(A, Inversion(A, e_a, g_a, g_b, descent))
        b2a = InPieces(B, Inversion(B, e_b, g_b, g_a, descent))
        super().__init__(A, B, a2b, b2a, d_a, d_b, adv=adv, **plain)
        self.g_a, self.g_b, self.e_a, self.e_b = g_a, g_b, e_a, e_b
        self.updates = (*self.updates, Update("e"))
        self.register_buffer("looked_at", torch.randn(self.shown, g_a.noise))  # the same noise each time

    def players(self):
        return {"g": [self.g_a, self.g_b], "d": [self.d_a, self.d_b], "e": [self.e_a, self.e_b]}

    def noise(self, n: int) -> Sample:
        """From the prior, [n,noise]."""
        return Sample(torch.randn(n, self.looked_at.shape[1], device=self.looked_at.device))

    def loss_g(self, a: Sample, b: Sample) -> Losses:
        z = self.noise(len(a))
        return self.deceive(self.g_b(z), self.g_a(z))

    def loss_e(self, a: Sample, b: Sample) -> Losses:
        z = self.noise(len(a))
        with torch.no_grad():
            drawn_a, drawn_b = self.A.harden(self.g_a(z)), self.B.harden(self.g_b(z))
        return dict(noise_a=F.mse_loss(self.e_a(drawn_a).x, z.x), noise_b=F.mse_loss(self.e_b(drawn_b).x, z.x))

    def sample(self, a: Sample, b: Sample) -> dict[str, Sample]:
        """Translations, and pairs drawn from one noise."""
        z = Sample(self.looked_at[: len(a)])
        drawn = dict(a_drawn=self.g_a(z), a_drawn_b=self.g_b(z))
        return dict(a=a, a_b=self.a2b(a), b=b, b_a=self.b2a(b)) | drawn
